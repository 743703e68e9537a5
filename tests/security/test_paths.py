"""Names are names: none of them is a path, and no file is read or written because of one."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.package_data import FIXTURES
from tests.security.hostile import ANN, messages, raw, status_of
from tests.support import KEY

WORLD = FIXTURES / "worlds" / "default"
CLIMBING = [
    "..",
    "../../../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cboot.ini",
    "%252e%252e%252fetc%252fpasswd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "file:%2f%2f%2fetc%2fpasswd",
    "etc/passwd%00.png",
    "~root",
    str(WORLD) + ".json",
]


@pytest.mark.parametrize("name", CLIMBING)
@pytest.mark.parametrize("under", ["/_mock/media/", "/v/t62.7118-24/", "/v/", "/_mock/docs/", "/_mock/scan/", "/"])
def test_no_path_leads_to_a_file_of_this_machine(under: str, name: str, running: FlaresendMock) -> None:
    call = f"GET {under}{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    response = raw(running, call.encode())

    assert status_of(response) in (404, 410)
    assert b"root:" not in response
    assert b'"version"' not in response


@pytest.mark.parametrize("name", [*CLIMBING, "default/../default", "default.json", "default\n", "default\x00", ".", ""])
def test_a_fixture_is_one_of_those_that_are_shipped(name: str, shared: Client) -> None:
    response = shared.post("/_mock/worlds", json={"fixture": name})

    assert (response.status_code, response.get_json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize("name", [*CLIMBING, "a/b", "a\\b", ".hidden", "a\n", "a\x00", "-rf"])
def test_a_world_has_no_name_that_could_be_a_path(name: str, shared: Client) -> None:
    response = shared.post("/_mock/worlds", json={"name": name})

    assert (response.status_code, response.get_json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize("name", CLIMBING)
def test_a_sample_is_one_of_those_that_are_shipped(name: str, shared: Client) -> None:
    response = shared.post("/_mock/inbound", json={"from": ANN, "media": {"sample": name}})

    assert (response.status_code, response.get_json()["error"]["code"]) == (400, "bad_request")


def test_names_make_no_files(running: FlaresendMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots, uploads and worlds stay in memory, whatever they are called."""
    monkeypatch.chdir(tmp_path)
    control = f"{running.url}/_mock"
    for name in ("inside", str(tmp_path / "absolute"), "../beside"):
        quoted = quote(name, safe="")
        requests.post(f"{control}/snapshots/{quoted}", timeout=10)
        upload = {"file": (name, b"data", "text/plain")}
        form = {"recipients[]": ANN, "type": "document"}
        sent = requests.post(
            f"{running.url}/send-message", headers=running.headers, data=form, files=upload, timeout=10
        )
        assert sent.ok
        media = {"base64": "AAAA", "fileName": name}
        received = requests.post(f"{control}/inbound", json={"from": ANN, "media": media}, timeout=10)
        assert received.status_code == 201

    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent / "beside").exists()


def test_a_url_that_is_sent_is_not_fetched(running: FlaresendMock, tmp_path: Path) -> None:
    """The API takes http and https alone, and asks for neither."""
    secret = tmp_path / "secret"
    secret.write_text("root:")
    for url in (secret.as_uri(), "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "data:text/plain,root:"):
        body = {"recipients": [ANN], "type": "image", "url": url}
        response = requests.post(f"{running.url}/send-message", headers=running.headers, json=body, timeout=10)
        assert response.status_code == 400
        assert "root:" not in response.text


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\boot.ini", "a/b.txt"])
def test_a_file_that_is_downloaded_has_a_name_without_a_way(name: str, client: Client) -> None:
    """What browsers and curl make of it is theirs; that it is one quoted name is ours."""
    form = {"recipients[]": ANN, "type": "document", "file": (BytesIO(b"x"), name)}
    assert client.post("/send-message", headers=KEY, data=form).status_code == 200
    response = client.get(f"/_mock/media/{messages(client)[-1]['media']}")

    disposition = response.headers["Content-Disposition"]

    assert disposition.startswith("attachment; filename=")
    assert ";" not in disposition.removeprefix("attachment; ").partition("filename*=")[0].rstrip("; ")
