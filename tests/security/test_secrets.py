"""Keys, secrets and tokens are shown once, to who made them, and never again unless asked for by name."""

from __future__ import annotations

import json
import logging
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.app import control_app, dashboard_app
from flaresend_mock.cli.output import TextFormatter
from flaresend_mock.settings import SettingError, Settings
from tests.receiver import Asked, Receiver, Reply
from tests.security.hostile import ANN, CONTROL_BODIES, calls
from tests.security.test_log_lines import Log

API_KEY = "k3y-0f-the-first-instance"
OTHER_KEY = "k3y-0f-another-world"
SECRET = "s3cret-0f-the-webhook"
TOKEN = "t0ken-0f-the-c0ntrol-plane"
VERIFY = "v3rify & t0ken"
ALL = (API_KEY, OTHER_KEY, SECRET, TOKEN, VERIFY, quote(VERIFY), quote_plus(VERIFY))
TOKEN_HEADER = {"X-Control-Token": TOKEN}


@pytest.fixture
def log() -> Iterator[Log]:
    """All that anybody in this process logs, libraries too, set as `--log-level debug` sets it."""
    kept = Log(TextFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(kept.handler)
    root.setLevel(logging.DEBUG)
    yield kept
    root.removeHandler(kept.handler)
    root.setLevel(level)


@pytest.fixture
def guarded(receiver: Receiver) -> Iterator[Client]:
    """An emulator with a secret of every kind in it, and a receiver for its webhook."""
    with FlaresendMock(
        api_key=API_KEY, control_token=TOKEN, webhook_url=receiver.url, webhook_secret=SECRET
    ) as running:
        client = running.app.test_client()
        assert steer(client, "POST", "/_mock/worlds", {"name": "other", "api_key": OTHER_KEY}).status_code == 201
        hook = {"url": receiver.url, "secret": SECRET, "verify_token": VERIFY, "retries": []}
        steer(client, "PUT", "/_mock/instances/default/webhook", hook)
        yield client


def steer(client: Client, method: str, path: str, body: Any = None) -> Any:
    given = {} if body is None else {"json": body}
    return client.open(path, method=method, headers=TOKEN_HEADER, **given)


def busy(client: Client) -> None:
    """Do a little of everything, with secrets wherever they belong."""
    key = {"Authorization": f"Bearer {API_KEY}"}
    client.get("/groups", headers=key)
    client.get("/groups", headers={**key, **TOKEN_HEADER, "X-Webhook-Secret": SECRET, "Cookie": f"a={API_KEY}"})
    client.get("/groups", headers={"Authorization": f"Bearer {OTHER_KEY}"})
    client.get("/groups", headers={"Authorization": f"Basic {API_KEY}", "Proxy-Authorization": API_KEY})
    client.post("/send-message", headers=key, json={"recipients": [ANN], "type": "text", "text": "Hello"})
    fault = {"match": {"key": API_KEY, "path": "/x"}, "preset": "down"}
    assert steer(client, "POST", "/_mock/faults", fault).status_code == 201
    steer(client, "POST", "/_mock/inbound", {"from": ANN, "text": "hi"})
    steer(client, "POST", "/_mock/deliveries/settle")
    steer(client, "POST", "/_mock/instances/default/webhook/test")
    steer(client, "POST", "/_mock/snapshots/one")
    steer(client, "POST", "/_mock/instances/default/disconnect")
    steer(client, "POST", "/_mock/instances/default/reconnect")


def shown_in(text: str) -> list[str]:
    return [secret for secret in ALL if secret in text]


def everything(client: Client) -> Iterator[tuple[str, str]]:
    """Yield every path that can be looked at, and what is there, in both worlds."""
    for method, path in [*calls(control_app(), "default"), *calls(dashboard_app(), "default")]:
        if method == "GET":
            for query in ("", "?world=other"):
                yield path + query, steer(client, method, path + query).text


def test_no_list_and_no_export_shows_one(guarded: Client) -> None:
    busy(guarded)
    for path, text in everything(guarded):
        assert shown_in(text) == [], path
    for one in ("requests", "events", "deliveries"):
        assert "***" in steer(guarded, "GET", f"/_mock/{one}").text or one == "deliveries"


def test_no_error_shows_one(guarded: Client) -> None:
    busy(guarded)
    wrong: list[tuple[str, str, Any]] = [
        ("GET", "/_mock/nope", None),
        ("POST", "/_mock/worlds", {"name": "third", "api_key": OTHER_KEY}),
        ("POST", "/_mock/instances/default/api-keys", {"api_key": API_KEY}),
        ("POST", "/_mock/instances", {"api_key": OTHER_KEY, "number": "254700000001"}),
        ("PUT", "/_mock/instances/default/webhook", {"url": "nope", "secret": SECRET, "verify_token": VERIFY}),
        ("PUT", "/_mock/instances/default/webhook", {"url": "http://a/", "secret": SECRET, "verify_token": [VERIFY]}),
        ("PUT", "/_mock/instances/default/webhook", {"url": f"http://x:{quote(SECRET)}@127.0.0.1/"}),
        ("POST", "/_mock/faults", {"match": {"query": API_KEY}, "preset": "down"}),
        ("POST", "/_mock/requests/verify", {"match": {"path": "/groups"}, "exactly": 99}),
        ("POST", "/_mock/requests/wait", {"match": {"headers": {"user-agent": "x"}}, "timeout": 0}),
        ("POST", "/_mock/requests/search", {"match": {"headers": {"authorization": "x"}}}),
        ("PUT", "/_mock/world", {"version": 1, "instances": [{"number": "254708920430", "api_keys": [OTHER_KEY]}]}),
    ]

    for method, path, body in wrong:
        response = steer(guarded, method, path, body)
        assert response.status_code >= 400, path
        assert shown_in(response.text) == [], (path, response.text)


def test_no_call_without_the_token_tells_what_it_is(guarded: Client) -> None:
    for method, path in [*calls(control_app(), "default"), *calls(dashboard_app(), "default")]:
        for token in ("", TOKEN[:-1], TOKEN.upper(), TOKEN + "x"):
            response = guarded.open(path, method=method, headers={"X-Control-Token": token})
            assert shown_in(response.text) == [], path


def test_no_line_of_the_log_shows_one(log: Log, guarded: Client) -> None:
    busy(guarded)
    for method, path in CONTROL_BODIES:
        steer(guarded, method, path, {"api_key": API_KEY, "secret": SECRET, "verify_token": VERIFY})
    guarded.get(f"/nope/{API_KEY}?api_key={API_KEY}", headers={"Authorization": f"Bearer {API_KEY}"})

    assert any("GET /groups 200" in line for line in log.lines)
    assert any(": 200" in line for line in log.lines)
    assert shown_in("\n".join(log.lines)) == []


def test_no_line_of_the_log_shows_the_token_that_a_webhook_is_verified_with(
    log: Log, guarded: Client, receiver: Receiver
) -> None:
    """urllib3 logs every URL it asks for at DEBUG, and the token is in the query of this one."""
    hook = {"url": receiver.url, "verification": "challenge", "verify_token": VERIFY}
    steer(guarded, "PUT", "/_mock/instances/default/webhook", hook)
    steer(guarded, "POST", "/_mock/instances/default/webhook/verify")

    assert parse_qs(urlsplit(receiver.asked[-1].path).query)["hub.verify_token"] == [VERIFY]
    assert shown_in("\n".join(log.lines)) == []


def test_a_receiver_that_repeats_what_it_was_asked_shows_no_token(guarded: Client) -> None:
    """As a page of errors does. The reason masks the token as it was given, not as it stands in a URL."""

    def repeat(asked: Asked) -> Reply:
        query = urlsplit(asked.path).query
        return Reply(body=json.dumps([query, parse_qs(query).get("hub.verify_token")]).encode())

    with Receiver(repeat) as echo:
        hook = {"url": echo.url, "verification": "challenge", "verify_token": VERIFY}
        steer(guarded, "PUT", "/_mock/instances/default/webhook", hook)
        verified = steer(guarded, "POST", "/_mock/instances/default/webhook/verify")

    assert verified.get_json()["verified"] is False
    assert shown_in(verified.text) == []


@pytest.mark.parametrize("where", ["requests", "events", "world"])
def test_a_key_in_a_path_is_masked_in_the_answer_that_is_kept_too(where: str, guarded: Client) -> None:
    """The path is, in the list and in the log; but the answer says "Cannot GET" and the path again."""
    guarded.get(f"/nope/{API_KEY}", headers={"Authorization": f"Bearer {API_KEY}"})

    shown = steer(guarded, "GET", f"/_mock/{where}").text
    if where == "world":  # where answers are in base64
        responses = [event["subject"].get("response", "") for event in json.loads(shown)["events"]]
        shown += "".join(b64decode(response).decode() for response in responses)

    assert "/nope/***" in shown
    assert "Cannot GET" in shown
    assert shown_in(shown) == []


ODD_KEYS = ("LONGKEY/abcdefghijklmnop+qrstuvw==", "ab/cd+ef==", "APISECRETKEY1")


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize(
    "written",
    [
        lambda key: quote(key, safe=""),
        lambda key: quote(key),
        lambda key: quote(key, safe="/+="),
        lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    ],
)
def test_a_key_is_masked_however_it_is_encoded(key: str, written: Callable[[str], str], log: Log) -> None:
    client = FlaresendMock(api_key=key).app.test_client()
    path = f"/groups/{written(key)}"
    headers = {"Authorization": f"Bearer {key}".encode().decode("latin-1")}
    client.get(path, headers=headers, environ_overrides={"REQUEST_URI": path})
    client.get(f"/groups?x={written(key)}", headers=headers)

    calls = client.get("/_mock/requests").get_json()["requests"]
    assert [(call["path"], call["query"]) for call in calls] == [("/groups/***", ""), ("/groups", "x=***")]
    for shown in (json.dumps(calls, ensure_ascii=False), "\n".join(log.lines)):
        assert key not in shown
        assert written(key) not in shown


def test_a_short_key_is_masked_only_where_it_stands_alone() -> None:
    client = FlaresendMock(api_key="group").app.test_client()
    client.get("/groups/group?a=group&b=groups")

    (call,) = client.get("/_mock/requests").get_json()["requests"]
    assert (call["path"], call["query"]) == ("/groups/***", "a=***&b=groups")


def test_a_control_token_that_is_none_is_refused_without_being_shown() -> None:
    """As for commands (tests/live/test_cli_common.py): most often it is right, but for a line break at its end."""
    with pytest.raises(SettingError) as refused:
        Settings(control_token=f"{TOKEN}\n")

    assert "control_token" in str(refused.value)
    assert shown_in(str(refused.value)) == []


def test_secrets_are_shown_to_those_who_ask_for_them_by_name(guarded: Client) -> None:
    """So that the tests above fail for the right reason."""
    instances = steer(guarded, "GET", "/_mock/instances?with_secrets=true").text
    world = steer(guarded, "GET", "/_mock/world?with_secrets=true").text

    for secret in (API_KEY, SECRET, VERIFY):
        assert secret in json.dumps(json.loads(instances))
        assert secret in json.dumps(json.loads(world))
    assert TOKEN not in instances + world


def test_a_token_is_compared_whole_and_byte_by_byte(guarded: Client) -> None:
    """Neither a part of it nor another spelling opens anything; of how long comparing takes, no test can be sure."""
    wrong = ["", TOKEN[:-1], TOKEN[1:], TOKEN + TOKEN, TOKEN.swapcase(), f"{TOKEN}, {TOKEN}", "*", "\xe9"]

    statuses = [guarded.get("/_mock/clock", headers={"X-Control-Token": one}).status_code for one in wrong]

    assert statuses == [401] * len(wrong)
    assert steer(guarded, "GET", "/_mock/clock").status_code == 200
