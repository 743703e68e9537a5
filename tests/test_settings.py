"""Options: where their values come from, and that what is written about them is true."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from runpy import run_path
from typing import Any, get_type_hints

import pytest
from click import BOOL, IntRange

from flaresend_mock import FlaresendMock
from flaresend_mock.settings import SettingError, Settings, flag, resolve, strange_variables, texts, variable
from tests.support import REPOSITORY


def test_nothing_set_means_the_defaults() -> None:
    assert resolve({}, {}) == Settings()
    assert Settings().host == "127.0.0.1"
    assert Settings().port == 3577


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "0", 0),
        ("seed", "-7", -7),
        ("strict", "Yes", True),
        ("strict", "0", False),
        ("max_body_size", "2MiB", 2 * 1024**2),
        ("max_body_size", "1000", 1000),
        ("time_zone", "Africa/Nairobi", "Africa/Nairobi"),
        ("log_format", "JSON", "json"),
        ("tls_name", "WA.test., 10.1.2.3 [FD00:0::5],wa.test", "wa.test,10.1.2.3,fd00::5"),
        ("tls_port", "0", 0),
        ("proxy_others", "PASS", "pass"),
    ],
)
def test_a_value_means_the_same_from_a_flag_and_from_a_variable(name: str, text: str, value: object) -> None:
    by_flag = resolve({name: text}, {})
    by_variable = resolve({}, {f"FLARESEND_MOCK_{name.upper()}": text})

    assert getattr(by_flag, name) == value
    assert by_flag == by_variable


def test_a_variable_that_is_no_option_is_named_with_the_one_that_is_meant() -> None:
    known = {"FLARESEND_MOCK_URL": "x", "FLARESEND_MOCK_REDIRECT": "x", "FLARESEND_MOCK_SEED": "1", "PORT": "1"}

    assert strange_variables(known) == []
    assert strange_variables({**known, "FLARESEND_MOCK_SEDE": "7"}) == [
        "the variable 'FLARESEND_MOCK_SEDE' is not known; did you mean 'FLARESEND_MOCK_SEED'?"
    ]


SECRETS = {"api_key": "key-of-file", "webhook_secret": "whsec_c2VjcmV0", "control_token": "t0k3n"}


@pytest.mark.parametrize(("name", "secret"), SECRETS.items())
def test_a_file_has_a_secret_in_place_of_a_flag(name: str, secret: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f" {secret}\r\n")

    for settings in (
        resolve({f"{name}_file": str(file)}, {}),
        resolve({}, {f"FLARESEND_MOCK_{name.upper()}_FILE": str(file)}),
        resolve({f"{name}_file": str(file)}, {f"FLARESEND_MOCK_{name.upper()}": secret}),
    ):
        assert getattr(settings, name) == secret
        assert settings == Settings(**{name: secret})


@pytest.mark.parametrize("name", SECRETS)
def test_a_file_with_a_secret_is_read_once(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRETS[name])
    settings = resolve({f"{name}_file": str(file)}, {})
    file.unlink()

    assert getattr(replace(settings, port=1), name) == SECRETS[name]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    ("data", "given", "problem"),
    [
        (b"other-secret", "secret", "give it or the value, not both"),
        (b" \n", None, r".* is empty"),
        (b"s\xffcret", None, r"the given value is not text in UTF-8"),
        (None, None, r".*: No such file or directory"),
    ],
)
def test_a_file_without_the_secret_is_refused_and_its_text_is_not_shown(
    name: str, data: bytes | None, given: str | None, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "of-the-secret"
    if data is not None:
        file.write_bytes(data)

    with pytest.raises(SettingError, match=rf"^{name}_file: {problem}$") as refused:
        resolve({f"{name}_file": str(file), name: given}, {})
    assert "other-secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["api_key", "control_token"])
def test_a_file_with_what_is_no_secret_is_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("two words")

    with pytest.raises(SettingError, match=rf"^{name}: the given value is not a (key|token) of printable"):
        Settings(**{f"{name}_file": file})


def test_every_secret_has_a_file() -> None:
    """Flags are seen by every user of the machine."""
    names = {option.name for option in fields(Settings)}

    secret = {name for name in names if re.search(r"token|secret|key|password", name) and name != "with_secrets"}
    assert {name for name in secret if not name.endswith("_file")} == set(SECRETS)
    assert {f"{name}_file" for name in SECRETS} <= names


def test_an_error_names_the_flag_or_the_variable() -> None:
    with pytest.raises(SettingError, match=r"^--port: 'x' is not"):
        resolve({"port": "x"}, {"FLARESEND_MOCK_PORT": "y"})
    with pytest.raises(SettingError, match=r"^FLARESEND_MOCK_PORT: 'y' is not"):
        resolve({}, {"FLARESEND_MOCK_PORT": "y"})


@pytest.mark.parametrize(
    "option", [one for one in fields(Settings) if one.default in (None, "") or one.name == "world"]
)
def test_what_is_not_text_is_refused_wherever_it_comes_from(option: Any) -> None:
    """Python reads the byte 0xff of an argument or a variable as half a character, which no export can have."""
    said = "the given value is not text in UTF-8"
    with pytest.raises(SettingError, match=f"^{flag(option)}: {said}$"):
        resolve({option.name: "a\udcff"}, {})
    with pytest.raises(SettingError, match=f"^{variable(option)}: {said}$"):
        resolve({}, {variable(option): "a\udcff"})
    with pytest.raises(SettingError, match=f"^{option.name}: {said}$"):
        FlaresendMock(**{option.name: "a\ud800"})


def test_the_documentation_has_the_table_of_options() -> None:
    rows = [
        f"| `{flag(option)}` | `{variable(option)}` | {default} | {meaning} |"
        for option in fields(Settings)
        for meaning, default in [texts(option)]
    ]
    table = "\n".join(["| Flag | Variable | Default | Meaning |", "| --- | --- | --- | --- |", *rows])
    assert table in (REPOSITORY / "docs" / "options.md").read_text(encoding="utf-8")


def test_type_checkers_know_the_options() -> None:
    stub = run_path(str(REPOSITORY / "flaresend_mock" / "options.pyi"))["Options"]

    for option, (name, type_) in zip(fields(Settings), get_type_hints(stub).items(), strict=True):
        kind = option.metadata["type"]
        of = bool if kind is BOOL else int if isinstance(kind, IntRange) or kind.name == "size" else str
        assert (name, type_) == (option.name, of if option.default is not None else of | None)


def test_every_option_has_a_meaning_and_a_variable_of_its_own() -> None:
    assert all(texts(option)[0].endswith(".") for option in fields(Settings))
    assert len({variable(option) for option in fields(Settings)}) == len(fields(Settings))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_zone", "Mars"),
        ("history", -1),
        ("max_connections", 0),
        ("port", 99999),
        ("seed", "x"),
        ("api_key", ""),
        ("tls_port", 65536),
        ("proxy_others", "maybe"),
        *(
            ("tls_name", name)
            for name in ("*.wa.test", "https://wa.test", "wa.test:443", "café.test", "a..b", "10.0.0.0/8")
        ),
        ("tls_name", "a." * 127 + "test"),
    ],
)
def test_in_process_an_option_is_held_to_the_same_as_on_the_command_line(name: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"^{name}: "):
        FlaresendMock(**{name: value})


def test_in_process_an_option_may_be_written_as_on_the_command_line() -> None:
    assert Settings(max_body_size="2KiB").max_body_size == 2048  # type: ignore[arg-type]


def exists(emulator: FlaresendMock, number: str, key: str = "YOUR_API_KEY") -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    response = emulator.app.test_client().post("/check-number", headers=headers, json={"number": number})
    found: bool = response.get_json()["exists"]
    return found


def test_the_directory_of_an_option_holds_for_worlds_of_unknown_keys_and_imports(tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    export.write_text('{"instances": [{"number": "254708920430", "api_keys": ["YOUR_API_KEY"]}]}')

    opened = FlaresendMock(auth="open", directory="closed")
    imported = FlaresendMock(import_=str(export), directory="closed")

    assert not exists(opened, "4915112345678", key="worker-1")
    assert exists(opened, "254712345678", key="worker-1")
    assert not exists(imported, "254712345678")
    assert exists(FlaresendMock(import_=str(export)), "254712345678")
