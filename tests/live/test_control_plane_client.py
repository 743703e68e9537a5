"""The HTTP client of the control plane, which commands and the test kit share."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from select import select

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable, NotAnEmulator
from tests.live.commands import Scripted, answered


@pytest.fixture
def control(flaresend: FlaresendMock) -> Iterator[ControlPlane]:
    with closing(ControlPlane(flaresend.url)) as client:
        yield client


def test_calls_one_after_the_other_share_a_connection(control: ControlPlane) -> None:
    control.call("GET", "/clock")
    (connection,) = control._idle
    socket = connection.sock
    with pytest.raises(ControlPlaneError):
        control.call("GET", "/faults/none")
    control.fetch("/transcript")

    assert [one.sock for one in control._idle] == [socket]
    control.close()
    assert not control._idle
    assert control.call("GET", "/clock")["frozen"] is False


def test_a_connection_that_the_emulator_closed_is_made_anew() -> None:
    with Scripted([answered({"number": 1}), answered({"number": 2})]) as server:
        client = ControlPlane(f"{server.url}/behind/a/proxy", api_key="k", token="t")
        with closing(client):
            assert client.call("GET", "/x", a="b c")["number"] == 1
            (connection,) = client._idle
            assert select([connection.sock], [], [], 20)[0]  # the end of the connection has come
            assert client.call("GET", "/x", a="b c")["number"] == 2

    for asked in server.asked:
        assert asked.startswith("GET /behind/a/proxy/_mock/x?a=b+c HTTP/1.1\r\n")
        assert "\r\nAuthorization: Bearer k\r\n" in asked
        assert "\r\nX-Control-Token: t\r\n" in asked


def test_many_threads_call_at_once(control: ControlPlane) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: control.call("GET", "/clock")["time_zone"], range(200)))

    assert found == ["UTC"] * 200
    assert len(control._idle) <= 16


def test_a_refusal_has_the_status_the_code_and_the_response(control: ControlPlane) -> None:
    with pytest.raises(ControlPlaneError, match="did you mean 'text'") as refusal:
        control.call("POST", "/messages/wait", {"match": {"txt": 1}})

    assert (refusal.value.status, refusal.value.code) == (400, "invalid_matcher")
    assert refusal.value.response["error"]["code"] == "invalid_matcher"


def test_a_list_that_is_missing_tells_that_it_is_no_emulator(control: ControlPlane) -> None:
    for response in ({}, {"worlds": 1}, {"worlds": [1]}):
        with pytest.raises(NotAnEmulator, match=rf"^The server at {control.url} is not a flaresend-mock emulator\.$"):
            control.items(response, "worlds")


def test_a_response_that_never_comes_is_waited_for_as_long_as_the_call_says(control: ControlPlane) -> None:
    with pytest.raises(EmulatorUnreachable, match="no response to POST /messages/wait in time"):
        control.call("POST", "/messages/wait", {"match": {}, "timeout": 0.05, "count": 1}, seconds=-0.04)


@pytest.mark.parametrize("body", [{"a": b"x"}, {"a": float("nan")}, {"a": {1, 2}}])
def test_a_body_that_is_not_json_is_refused(body: object, control: ControlPlane) -> None:
    with pytest.raises(TypeError, match="what is given must be JSON: "):
        control.call("POST", "/faults", body)
