"""Links lead to where the emulator is reached: media for the application, pages for the user."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.settings import SettingError
from flaresend_mock.testing.server import Server
from tests.defaults import ANN, INSTANCE
from tests.support import KEY

LISTENS = "http://127.0.0.1:3577"
COMPOSE = "http://flaresend:3577"
RANDOM_PORT = "http://localhost:32768"
IMAGE = {"from": ANN, "media": {"sample": "jpeg"}}


@pytest.fixture
def client() -> Client:
    return FlaresendMock().app.test_client()


def call(client: Client, host: str, key: dict[str, str] = KEY, **headers: str) -> None:
    client.get("/groups", headers={**key, "Host": host, **headers})


def write(client: Client, **more: Any) -> dict[str, Any]:
    """Have a person send a picture, and return the event."""
    return dict(client.post("/_mock/inbound", json={**IMAGE, **more}).get_json()["event"])


def base_of(fields: dict[str, str]) -> str:
    assert fields["url"].endswith(fields["directPath"])
    return fields["url"].removesuffix(fields["directPath"])


def link(client: Client, **more: Any) -> str:
    """Return what the link of a picture that a person sends begins with."""
    return base_of(write(client, **more)["data"]["message"]["imageMessage"])


def change(client: Client, url: str | None) -> None:
    response = client.patch("/_mock/world", json={"public_url": url})
    assert (response.status_code, response.get_json()["public_url"]) == (200, url)


def test_a_link_begins_with_what_the_application_called_last(client: Client) -> None:
    found = [link(client)]
    for host in ("flaresend:3577", "localhost:32768", "[::1]:3577", "my_app.default.svc"):
        call(client, host)
        found.append(link(client))

    assert found == [LISTENS, COMPOSE, RANDOM_PORT, "http://[::1]:3577", "http://my_app.default.svc"]


def test_a_link_has_the_scheme_and_the_mount_of_the_call(client: Client) -> None:
    client.get("/groups", headers=KEY, base_url="https://shop.test/flaresend/")

    assert link(client) == "https://shop.test/flaresend"


def test_only_calls_with_the_key_of_an_instance_tell_its_address(client: Client) -> None:
    second = client.post("/_mock/instances", json={"number": "254708920431", "status": "connected"}).get_json()
    key = client.post(f"/_mock/instances/{second['id']}/api-keys", json={}).get_json()["api_key"]
    call(client, "second:1", {"Authorization": f"Bearer {key}"})
    call(client, "unknown:1", {"Authorization": "Bearer of-another"})
    call(client, "stranger:1", {})
    client.get("/_mock/messages", headers={**KEY, "Host": "controlling:1"})

    assert [link(client), link(client, instance=second["id"])] == [LISTENS, "http://second:1"]


def test_a_refused_call_counts(client: Client) -> None:
    client.post("/send-message", json={}, headers={**KEY, "Host": "flaresend:3577"})
    client.get("/nowhere", headers={**KEY, "Host": "localhost:32768"})

    assert link(client) == RANDOM_PORT


@pytest.mark.parametrize("host", ["a b", "evil.test/x", "evil.test?", "evil@test", "a:b", "a" * 600, "ünknown"])
def test_a_malformed_host_is_in_no_link(host: str, client: Client) -> None:
    call(client, host)

    assert link(client) == LISTENS


def test_what_a_proxy_adds_is_not_believed(client: Client) -> None:
    forwarded = {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.test"}
    call(client, "flaresend:3577", **forwarded)

    assert link(client) == COMPOSE


def test_a_path_that_looks_like_a_host_is_none(client: Client) -> None:
    client.get("//evil.test/groups", headers={**KEY, "Host": "flaresend:3577"})

    assert link(client) == COMPOSE


def test_an_option_wins_over_the_world_and_the_world_over_the_call() -> None:
    found = []
    for options in ({"public_url": "https://demo.example.com/x/"}, {}):
        client = FlaresendMock(**options).app.test_client()
        call(client, "flaresend:3577")
        change(client, RANDOM_PORT + "/")
        found.append(link(client))
    change(client, None)

    assert [*found, link(client)] == ["https://demo.example.com/x", RANDOM_PORT, COMPOSE]


def test_a_world_keeps_its_url_in_exports_and_no_address_of_a_call(client: Client) -> None:
    change(client, RANDOM_PORT)
    call(client, "flaresend:3577")
    client.post("/_mock/snapshots/one")
    export = client.get("/_mock/world").get_json()
    events = export.pop("events")
    change(client, None)

    assert "flaresend:3577" not in json.dumps(export)
    assert [one["kind"] for one in events if "flaresend:3577" in json.dumps(one)] == ["request"]
    assert link(client) == COMPOSE
    client.post("/_mock/snapshots/one/restore")
    assert link(client) == RANDOM_PORT
    client.post("/_mock/reset")
    assert link(client) == COMPOSE
    client.put("/_mock/world", json=export)
    assert link(client) == RANDOM_PORT


def test_an_instance_that_is_removed_leaves_no_address() -> None:
    emulator = FlaresendMock()
    client, world = emulator.app.test_client(), emulator.worlds.default()
    second = client.post("/_mock/instances", json={"number": "254708920431", "status": "connected"}).get_json()
    call(client, "flaresend:3577")
    client.delete(f"/_mock/instances/{INSTANCE}")
    assert not world.called_at

    world.called_at[second["id"]] = ("http", "flaresend:3577", "")
    client.put("/_mock/world", json={"instances": [{"number": "254708920499"}]})
    assert not world.called_at


def test_a_host_that_is_longer_than_a_name_is_not_kept(client: Client) -> None:
    call(client, "flaresend:3577")
    call(client, f"{'x' * 60_000}:3577")

    assert link(client) == "http://flaresend:3577"


def test_calls_during_an_import_disturb_nothing() -> None:
    world = FlaresendMock().worlds.default()
    world.called_at = CalledMeanwhile({INSTANCE: ("http", "flaresend:3577", "")})

    world.replace(world.saved())

    assert world.called_at == {INSTANCE: ("http", "flaresend:3577", "")}


class CalledMeanwhile(dict[str, tuple[str, str, str]]):
    """Gets another entry between any two that are read."""

    def items(self) -> Any:
        for one in super().items():
            yield one
            self[f"{len(self)}"] = ("http", "localhost", "")


@pytest.mark.parametrize("url", ["http://a?b", "http://a/#b", "http://u:p@a", "http://a b", "http://a/ ", "http://a:0"])
def test_an_option_that_no_link_can_begin_with_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match=r"^public_url: "):
        FlaresendMock(public_url=url)


@pytest.mark.parametrize(
    "url", ["flaresend:3577", "ftp://a", "http://", "http://a?b", "http://a/#b", "http://u:p@a", 5, ""]
)
def test_a_url_that_no_link_can_begin_with_is_refused(url: object, client: Client) -> None:
    for response in (
        client.patch("/_mock/world", json={"public_url": url}),
        client.post("/_mock/worlds", json={"public_url": url}),
        client.post("/_mock/worlds", json={"world": {"instances": [{"number": ANN}], "public_url": url}}),
    ):
        assert response.status_code == 400
        assert "public_url: " in response.get_json()["error"]["message"]


def test_an_event_that_waits_keeps_its_link(client: Client) -> None:
    client.put("/_mock/instances/default/webhook", json={"url": "http://127.0.0.1:9/", "paused": True})
    call(client, "flaresend:3577")
    write(client)
    call(client, "localhost:32768")

    (waiting,) = client.get("/_mock/deliveries").get_json()["deliveries"]
    assert COMPOSE in json.dumps(waiting)
    assert RANDOM_PORT not in json.dumps(waiting)


def test_a_quoted_file_has_the_same_link(client: Client) -> None:
    image = {"recipients": [ANN], "type": "image", "url": "https://example.com/a.jpg"}
    client.post("/send-message", json=image, headers={**KEY, "Host": "flaresend:3577"})
    (sent,) = client.get("/_mock/messages").get_json()["messages"]
    event = client.post("/_mock/inbound", json={"from": ANN, "text": "nice", "reply_to": sent["id"]}).get_json()[
        "event"
    ]

    quoted = event["data"]["message"]["extendedTextMessage"]["contextInfo"]["quotedMessage"]
    assert base_of(quoted["imageMessage"]) == COMPOSE


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_whole_url_tells_the_scheme(scheme: str) -> None:
    """A client that sends https://api.flaresend.com/… to its proxy reads http://api.flaresend.com from nowhere."""
    with FlaresendMock() as emulator:
        lines = [f"GET {scheme}://api.flaresend.com/groups HTTP/1.1", "Host: api.flaresend.com", "Connection: close"]
        head = [*lines, f"Authorization: {KEY['Authorization']}", "", ""]
        with socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2])), 10) as raw:
            raw.sendall("\r\n".join(head).encode())
            assert raw.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"

        assert link(emulator.app.test_client()) == f"{scheme}://api.flaresend.com"


def test_the_file_is_at_its_link() -> None:
    with FlaresendMock() as emulator:
        url = emulator.url.replace("127.0.0.1", "localhost")
        requests.get(f"{url}/groups", headers=KEY, timeout=10).raise_for_status()
        response = requests.post(f"{emulator.url}/_mock/inbound", json=IMAGE, timeout=10)
        fields = response.json()["event"]["data"]["message"]["imageMessage"]

        assert base_of(fields) == url
        assert len(requests.get(fields["url"], timeout=10).content) > int(fields["fileLength"])


def test_the_kit_tells_an_emulator_elsewhere_how_it_is_reached() -> None:
    with FlaresendMock() as emulator:
        url = emulator.url.replace("127.0.0.1", "localhost")
        servers = [
            (Server(url), {}),
            (Server(url), {"public_url": RANDOM_PORT}),
            (Server(emulator.url, here=emulator), {}),
        ]
        found = []
        for server, wanted in servers:
            with server, server.world(**wanted) as kit:
                requests.get(f"{url}/groups", headers={**kit.headers, "Host": "flaresend:3577"}, timeout=10)
                event = kit.receive(ANN, media=IMAGE["media"])
                found.append(base_of(event["data"]["message"]["imageMessage"]))
                kit.settings(public_url=None)
                assert COMPOSE in json.dumps(kit.receive(ANN, media=IMAGE["media"]))

    assert found == [url, RANDOM_PORT, COMPOSE]


def test_the_kit_leaves_the_url_of_a_world_file(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    file.write_text(json.dumps({"instances": [{"number": "254708920430"}], "public_url": COMPOSE}))
    with FlaresendMock() as emulator, Server(emulator.url) as server, server.world(world=file) as kit:
        event = kit.receive(ANN, media=IMAGE["media"])

    assert base_of(event["data"]["message"]["imageMessage"]) == COMPOSE


@pytest.mark.parametrize(
    ("options", "expected"), [({}, COMPOSE), ({"public_url": "https://a.test/x/"}, "https://a.test/x")]
)
def test_pages_and_documents_lead_to_the_host_of_the_request(options: dict[str, str], expected: str) -> None:
    client = FlaresendMock(**options).app.test_client()
    client.post("/_mock/instances/default/status", json={"status": "qr"})
    call(client, "localhost:32768")
    change(client, RANDOM_PORT)

    def read(path: str) -> Any:
        return client.get(f"/_mock/{path}", headers={"Host": "flaresend:3577"})

    assert read("instances/default/qr").get_json()["url"].startswith(f"{expected}/_mock/scan/")
    for path in ("openapi.json", "control/openapi.json"):
        assert read(path).get_json()["servers"] == [{"url": expected}]
    assert f"<code>{expected}</code>" in read("ui/w/default/traffic").text


def test_a_host_that_the_guard_refuses_is_in_no_document(client: Client) -> None:
    for path in ("openapi.json", "instances/default/qr", "ui/w/default/traffic"):
        assert client.get(f"/_mock/{path}", headers={"Host": "evil.example.com"}).status_code == 403
    documents = FlaresendMock(control_token="a-long-secret").app.test_client()
    served = documents.get("/_mock/openapi.json", headers={"Host": "a/b"})
    assert served.get_json()["servers"] == [{"url": LISTENS}]
