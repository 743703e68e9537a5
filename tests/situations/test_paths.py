"""Paths that clients write in another way: an SDK that encodes the @, and a base URL that ends in a slash."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.testing import ExpectationFailed, Flaresend
from tests.defaults import ANN, PROJECT

INFO = f"/groups/{PROJECT}"


class Sdk:
    """A client library, as many people write it: it encodes each part of a path, as encodeURIComponent does."""

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        self.base_url = base_url
        self.headers = headers

    def group(self, group_id: str) -> requests.Response:
        return self._call("GET", f"/groups/{quote(group_id, safe='')}")

    def send(self, to: str, text: str) -> requests.Response:
        return self._call("POST", "/send-message", {"recipients": [to], "type": "text", "text": text})

    def _call(self, method: str, path: str, body: object = None) -> requests.Response:
        url = self.base_url + path
        return requests.request(method, url, json=body, headers=self.headers, timeout=10)


class CarefulSdk(Sdk):
    """It takes a base URL with and without a slash at its end."""

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        super().__init__(base_url.rstrip("/"), headers)


def name_of(response: requests.Response) -> str:
    """Return a group's name, as naive code does: an error has no data."""
    name: str = response.json()["data"]["name"]
    return name


def test_a_bot_that_does_not_expect_errors_meets_the_fault_of_a_group_whose_id_is_encoded(
    flaresend_mock: Flaresend,
) -> None:
    sdk = Sdk(flaresend_mock.url, flaresend_mock.headers)
    assert name_of(sdk.group(PROJECT)) == "Project Team"
    with flaresend_mock.fault(match={"path": INFO}, respond={"status": 503}, times=2):
        with pytest.raises(KeyError):
            name_of(sdk.group(PROJECT))
        response = sdk.group(PROJECT)
        careful = name_of(response) if response.ok else "a group"

    assert careful == "a group"
    assert [one.raw_path for one in flaresend_mock.requests(path=INFO)] == [INFO.replace("@", "%40")] * 3


def test_a_call_whose_path_is_encoded_does_not_hide_from_a_verification(flaresend_mock: Flaresend) -> None:
    Sdk(flaresend_mock.url, flaresend_mock.headers).group(PROJECT)

    flaresend_mock.verify(path=INFO, exactly=1)
    flaresend_mock.verify(path=INFO.replace("@", "%40"), exactly=1)
    with pytest.raises(ExpectationFailed):
        flaresend_mock.verify(path=INFO, never=True)


@pytest.mark.parametrize("strict", [False, True])
def test_a_base_url_that_ends_in_a_slash_sends_nothing_unless_the_client_strips_it(strict: bool) -> None:
    with FlaresendMock(strict=strict, log_level="warning") as emulator:
        naive = Sdk(f"{emulator.url}/", emulator.headers).send(ANN, "Hello")
        careful = CarefulSdk(f"{emulator.url}/", emulator.headers).send(ANN, "Hello")

        with Flaresend(emulator.url, emulator.api_key) as kit:
            calls = [(one.path, one.status) for one in kit.requests()]
            sent = kit.messages(direction="outbound")

    assert naive.status_code == 404
    assert naive.json() == {"success": False, "message": "Cannot POST //send-message"}
    assert careful.ok
    assert calls == [("//send-message", 404), ("/send-message", 200)]
    assert len(sent) == 1


def test_a_trailing_slash_is_found_out_in_strict_mode_alone() -> None:
    for strict, status in ((False, 200), (True, 404)):
        with FlaresendMock(strict=strict, log_level="warning") as emulator:
            response = requests.get(f"{emulator.url}/groups/", headers=emulator.headers, timeout=10)
            assert response.status_code == status
