"""--import and --export-on-exit: a world that outlives its emulator."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.server import CannotStart
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.world_format.write import CannotExport
from tests.defaults import ANN, described

MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "demo.json")


def run(**options: object) -> list[str]:
    """Start an emulator, send, stop it, and return the texts it had before."""
    with (
        FlaresendMock(log_level="error", **options) as flaresend,
        closing(Flaresend(flaresend.url, flaresend.api_key)) as kit,
    ):
        before = [message.text or "" for message in kit.messages()]
        call = requests.post(f"{kit.url}/send-message", json=MESSAGE, headers=kit.headers, timeout=10)
        call.raise_for_status()
    return before


def test_a_demonstration_goes_on_where_it_ended(file: str) -> None:
    options = {"import_": file, "export_on_exit": file}

    assert [run(**options), run(**options), run(**options)] == [[], ["Hello"], ["Hello", "Hello"]]


def test_nothing_but_the_export_is_left_behind(file: str) -> None:
    for _ in range(2):
        run(import_=file, export_on_exit=file)

    assert [found.name for found in Path(file).parent.iterdir()] == ["demo.json"]


def test_only_its_owner_may_read_an_export(file: str) -> None:
    run(export_on_exit=file)

    assert Path(file).stat().st_mode & 0o777 == 0o600


def test_an_export_holds_keys_only_if_it_is_to(file: str) -> None:
    run(export_on_exit=file, api_key="my-own-key-1")
    masked = Path(file).read_text()
    run(export_on_exit=file, api_key="my-own-key-1", with_secrets=True)

    assert "my-own-key-1" not in masked
    assert "my-own-key-1" in Path(file).read_text()


def test_a_file_that_was_not_imported_is_kept(file: str) -> None:
    Path(file).write_text("precious")
    run(export_on_exit=file)
    run(export_on_exit=file)

    assert Path(f"{file}.1").read_text() == "precious"
    assert json.loads(Path(f"{file}.2").read_text())["format"] == "flaresend-mock world"
    assert json.loads(Path(file).read_text())["format"] == "flaresend-mock world"


def test_a_file_that_changed_since_it_was_imported_is_kept(file: str) -> None:
    run(export_on_exit=file)
    with FlaresendMock(import_=file, export_on_exit=file):
        Path(file).write_text("changed meanwhile")

    assert Path(f"{file}.1").read_text() == "changed meanwhile"


def test_a_link_is_refused(file: str, tmp_path: Path) -> None:
    """Another user may have laid it in a folder that is shared, as /tmp is."""
    real = tmp_path / "real.json"
    real.write_text("precious")
    for target in (real, tmp_path / "gone.json"):
        Path(file).symlink_to(target)
        with pytest.raises(CannotStart, match=f"^export_on_exit: {file} cannot be replaced: it is a symbolic link"):
            FlaresendMock(export_on_exit=file)
        Path(file).unlink()
    flaresend = FlaresendMock(export_on_exit=file).start()
    Path(file).symlink_to(real)

    with pytest.raises(CannotExport, match=f"^cannot export to {file}: it is a symbolic link; name the file itself$"):
        flaresend.stop()
    assert real.read_text() == "precious"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["demo.json", "real.json"]


def test_a_file_that_others_could_write_is_private_afterwards(file: str) -> None:
    run(export_on_exit=file)
    Path(file).chmod(0o666)
    run(import_=file, export_on_exit=file)

    assert Path(file).stat().st_mode & 0o777 == 0o600


def test_a_place_where_nothing_can_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    missing = tmp_path / "nowhere" / "x.json"
    for place in (missing, loop / "x.json", tmp_path, pipe, Path("/dev/null"), Path("/proc/world.json")):
        with pytest.raises(CannotStart, match=r"^export_on_exit: /.*$"):
            FlaresendMock(export_on_exit=str(place))


def test_a_file_that_is_mounted_is_refused_at_the_start(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's `-v ./world.json:/world.json` mounts a file: it can be read and written, and not be replaced."""
    Path(file).write_text("{}")
    monkeypatch.setattr(os, "link", fails_with(errno.EXDEV))

    with pytest.raises(
        CannotStart, match=f"^export_on_exit: {file} cannot be replaced: it is mounted itself; mount its folder$"
    ):
        FlaresendMock(export_on_exit=file)
    monkeypatch.setattr(os, "link", fails_with(errno.EPERM))
    run(export_on_exit=file)
    assert sorted(found.name for found in Path(file).parent.iterdir()) == ["demo.json", "demo.json.1"]


def test_a_url_file_that_cannot_be_deleted_does_not_cost_the_export(file: str, tmp_path: Path) -> None:
    url_file = tmp_path / "url"
    with FlaresendMock(export_on_exit=file, url_file=str(url_file)):
        url_file.unlink()
        url_file.mkdir()

    assert Path(file).exists()


def fails_with(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_mount_of_the_kernel_is_noticed(file: str, tmp_path: Path) -> None:
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("this user cannot mount")
    source = tmp_path / "elsewhere"
    for place in (source, Path(file)):
        place.write_text("{}")
    command = f"mount --bind {source} {file} && {sys.executable} -m flaresend_mock --port 0 --export-on-exit {file}"
    done = subprocess.run([*unshare, "sh", "-c", command], capture_output=True, text=True, timeout=50)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"flaresend-mock: export_on_exit: {file} cannot be replaced: it is mounted itself")
    assert done.stderr.count("\n") == 1


def test_a_file_of_another_user_in_a_sticky_folder_is_refused(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(file).write_text("{}")
    owner = Path(file).stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    FlaresendMock(export_on_exit=file)

    Path(file).parent.chmod(0o1777)
    with pytest.raises(CannotStart, match=f"^export_on_exit: {file} cannot be replaced: it is another user's$"):
        FlaresendMock(export_on_exit=file)
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    FlaresendMock(export_on_exit=file)


def test_a_folder_of_another_user_is_refused_at_the_start(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", fails_with(errno.EACCES))

    with pytest.raises(CannotStart, match=f"^export_on_exit: {file} cannot be replaced: Permission denied$"):
        FlaresendMock(export_on_exit=file)


def test_an_export_that_fails_is_told_and_leaves_what_was_there(file: str, tmp_path: Path) -> None:
    run(export_on_exit=file)
    before = Path(file).read_bytes()
    flaresend = FlaresendMock(import_=file, export_on_exit=file).start()
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)

    with pytest.raises(CannotExport, match="cannot export to"):
        flaresend.stop()

    assert (moved / "demo.json").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1 column 2"),
        ('{"version": 1, "instances": []}', "instances: A world has at least one instance"),
        ('{"format": "flaresend-mock world", "version": 2}', "reads version 1 of worlds, not 2"),
    ],
)
def test_what_cannot_be_imported_is_refused_at_the_start(text: str, says: str, file: str) -> None:
    Path(file).write_text(text)

    with pytest.raises(CannotStart, match=says):
        FlaresendMock(import_=file)


def test_a_file_that_is_not_there_is_refused_unless_it_is_written_here(file: str) -> None:
    with pytest.raises(CannotStart, match="No such file"):
        FlaresendMock(import_=file)


def test_an_export_is_a_world_to_start_with(file: str) -> None:
    run(export_on_exit=file, with_secrets=True)

    assert run(world=file) == ["Hello"]
    with pytest.raises(CannotStart, match="seed: A world that has events keeps its own seed"):
        FlaresendMock(world=file, seed=7)


def test_a_world_file_is_imported_like_an_export(file: str) -> None:
    Path(file).write_text(json.dumps(described(seed=5)))

    assert run(import_=file) == []


def test_an_import_has_the_key_that_is_set(file: str) -> None:
    run(export_on_exit=file)

    with FlaresendMock(import_=file, api_key="a-new-key") as flaresend:
        response = requests.get(f"{flaresend.url}/groups", headers=flaresend.headers, timeout=10)

    assert flaresend.api_key == "a-new-key"
    assert response.status_code == 200
