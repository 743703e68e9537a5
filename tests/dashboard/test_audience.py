"""`--lan`: links for phones in the same network, one of which only watches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock, cli
from flaresend_mock.core import hosts
from flaresend_mock.settings import Settings, resolve

SECONDS = 30
ADDRESS = "192.168.7.7"


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaresendMock]:
    monkeypatch.setattr(hosts, "own_address", lambda: ADDRESS)
    with FlaresendMock(demo=True, lan=True, log_level="error") as running:
        yield running


def login(emulator: FlaresendMock, link: str) -> Client:
    """Return a browser that has followed a link of the emulator."""
    client = emulator.app.test_client()
    response = client.post("/_mock/ui/login", data={"token": unquote(urlsplit(link).fragment)})
    assert response.status_code == 303
    return client


@pytest.fixture
def audience(emulator: FlaresendMock) -> Client:
    return login(emulator, emulator.links[1])


def test_the_links_name_the_address_in_the_network(emulator: FlaresendMock) -> None:
    port = urlsplit(emulator.url).port
    assert [urlsplit(link).netloc for link in emulator.links] == [f"{ADDRESS}:{port}"] * 2
    assert emulator.settings.host == "0.0.0.0"
    assert requests.get(f"{emulator.url}/_mock/messages", timeout=SECONDS).status_code == 401


def test_the_links_are_printed_once_with_a_qr_code(
    emulator: FlaresendMock, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    cli._greet(emulator)
    printed, token = capsys.readouterr().out, emulator.settings.control_token or ""

    assert [printed.count(link) for link in emulator.links] == [1, 1]
    assert printed.count(token) == 1
    assert "▄▄▄▄▄" in printed
    assert token not in caplog.text


def test_each_start_has_a_token_of_its_own_unless_one_is_given() -> None:
    tokens = {Settings(lan=True).control_token for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token or "") >= 16 for token in tokens)
    assert Settings(lan=True, control_token="mine").control_token == "mine"
    assert resolve({"lan": "true"}, {}).host == "0.0.0.0"
    assert Settings().control_token is None


def test_a_public_url_wins_over_the_address() -> None:
    emulator = FlaresendMock(lan=True, public_url="https://demo.example.com/x", control_token="a#b?")
    assert emulator.links[0] == "https://demo.example.com/x/_mock/ui/login#a%23b%3F"


def test_the_address_of_this_machine_is_an_address() -> None:
    assert hosts.address_of(hosts.own_address()) is not None


def test_a_machine_without_a_network_has_its_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(hosts.socket, "socket", fail)
    assert hosts.own_address() == "127.0.0.1"


def test_the_first_link_controls(emulator: FlaresendMock) -> None:
    client = login(emulator, emulator.links[0])
    origin = {"Origin": "http://localhost"}
    assert client.post("/_mock/reset", headers=origin).status_code == 200
    assert "/worlds" in client.get("/_mock/ui/w/default/chats").text


def test_an_audience_sees_the_chats(emulator: FlaresendMock, audience: Client) -> None:
    world = emulator.worlds.default()
    chat = f"{world.instances.first().id}/254711000003@s.whatsapp.net"
    image = next(one.content.media for one in world.state.messages if one.content.media)
    message = next(iter(world.state.messages)).id

    for path in (
        f"ui/w/default/chats/{chat}",
        f"ui/w/default/parts/news/{chat}?after=0",
        f"ui/w/default/parts/older/{chat}?before=9",
        f"ui/w/default/parts/why/{message}",
        "ui/w/default/parts/chats",
        "ui/w/default/parts/status",
        "ui/w/default/parts/switcher",
        "ui/w/default/parts/unread",
        "ui/w/default/chats",
        "ui/faces/face/254711000003.svg",
        "ui/assets/chats.js",
        f"media/{image}",
        "events?limit=1",
    ):
        assert audience.get(f"/_mock/{path}").status_code == 200, path
    assert audience.get("/_mock/ui/").status_code == 302
    assert "New demo world" not in audience.get("/_mock/ui/w/default/chats").text
    shown = audience.get(f"/_mock/ui/w/default/chats/{chat}").text
    assert "You are watching" in shown
    assert 'id="composer"' not in shown
    assert 'id="chips"' not in shown
    assert re.findall(r'<a href="[^"]*/(\w+)"', shown[shown.index("<nav") : shown.index("</nav>")]) == ["chats"]


def test_an_audience_sees_no_api_key(emulator: FlaresendMock, audience: Client) -> None:
    world, presenter = emulator.worlds.default(), login(emulator, emulator.links[0])
    chat, messages = f"{world.instances.first().id}/254711000003@s.whatsapp.net", list(world.state.messages)
    paths = ["ui/w/default/chats", f"ui/w/default/chats/{chat}", "events?limit=1000"]
    paths += [f"ui/w/default/parts/why/{one.id}" for one in messages]

    assert sum(emulator.api_key in presenter.get(f"/_mock/{path}").text for path in paths) > 5
    for path in paths:
        shown = audience.get(f"/_mock/{path}").text
        assert emulator.api_key not in shown, path
        assert "data-copy" not in shown, path


def test_the_addresses_that_an_audience_sees_lead_somewhere(emulator: FlaresendMock, audience: Client) -> None:
    """Also where a reply failed, and where the webhook is not configured."""
    world = emulator.worlds.default()
    said = {"recipients": ["254711000003"], "type": "x"}
    audience.post("/send-message", json=said, headers={"Authorization": f"Bearer {emulator.api_key}"})
    chat = f"{world.instances.first().id}/254711000003@s.whatsapp.net"
    path = f"/_mock/ui/w/default/chats/{chat}"
    shown = audience.get(path).text
    assert re.search(r'class="missed" disabled', shown)
    links = re.findall(r'<a (?:[^>]* )?href="([^"]*)"', shown[shown.index('id="bubbles"') :])
    links += re.findall(r'hx-get="([^"]*)"', re.sub(r"<button[^>]* disabled[^>]*>", "", shown))

    assert len(links) > 10
    for link in links:
        if not link.startswith(("http", "#")):
            assert audience.get(urljoin(f"http://localhost{path}", unescape(link))).status_code in (200, 302), link


def routes(emulator: FlaresendMock) -> list[tuple[str, str]]:
    """Return method and path of each call of the control plane and page of the dashboard, with samples in the gaps."""
    from flaresend_mock.app import control_app, dashboard_app

    found = []
    for rule in [*control_app().url_map.iter_rules(), *dashboard_app().url_map.iter_rules()]:
        path = re.sub(r"<(?:[^<>]*:)?world>", "default", rule.rule)
        path = re.sub(r"<any\((\w+)[^)]*\):\w+>", r"\1", path)
        path = re.sub(r"<[^<>]+>", "x", path)
        found += [(method, path) for method in sorted(rule.methods or ()) if method != "OPTIONS"]
    return found


WATCHED = re.compile(
    r"/_mock/(ui/|ui/w/default/(chats|messages|guides|parts/(chats|news|older|why|status|switcher|unread)).*|ui/faces/.*|events|media/x)"
)
OPEN = re.compile(r"/_mock/(health|ca\.pem|openapi\.json|control/openapi\.json|docs.*|scan/x|ui/(login|assets/x))")


def test_an_audience_changes_nothing_and_sees_nothing_else(emulator: FlaresendMock, audience: Client) -> None:
    tried = routes(emulator)
    assert len(tried) > 120
    before = emulator.worlds.default().state.events.last_number
    for method, path in tried:
        status = audience.open(path, method=method, headers={"Origin": "http://localhost"}).status_code
        is_read = method in ("GET", "HEAD") and WATCHED.fullmatch(path)
        assert (status == 403) == (not is_read and not OPEN.fullmatch(path)), (method, path, status)
    for path in ("events", "media/x", "ui/w/default/chats"):
        assert audience.post(f"/_mock/{path}", headers={"Origin": "http://localhost"}).status_code == 403
    assert emulator.worlds.default().state.events.last_number == before
    assert len(emulator.worlds.all()) == 1


def test_what_an_audience_looks_at_stays_unread_for_the_presenter(emulator: FlaresendMock, audience: Client) -> None:
    chat = f"{emulator.worlds.default().instances.first().id}/254711000003@s.whatsapp.net"
    presenter = login(emulator, emulator.links[0])
    body = {"recipients": ["254711000003"], "type": "text", "text": "new"}
    presenter.post("/send-message", json=body, headers=emulator.headers)
    before = presenter.get("/_mock/ui/w/default/parts/chats").text

    assert audience.get(f"/_mock/ui/w/default/chats/{chat}").status_code == 200

    assert presenter.get("/_mock/ui/w/default/parts/chats").text == before
    assert before.count('aria-label="1 unread"') == 1


def test_an_audience_gets_no_code_to_link_a_phone(emulator: FlaresendMock, audience: Client) -> None:
    world = emulator.worlds.default()
    world.pairing.set_status(world.instances.first().id, "qr")
    _, shown = world.pairing.qr(None)

    for path in ("events", "ui/w/default/chats", "ui/w/default/parts/status"):
        assert shown.code not in audience.get(f"/_mock/{path}").text


@pytest.mark.parametrize("others", ["token", "another-audience"])
def test_the_pass_of_an_audience_is_no_token(others: str, emulator: FlaresendMock) -> None:
    watching = urlsplit(emulator.links[1]).fragment
    headers = {"X-Control-Token": watching}
    if others == "token":
        assert requests.get(f"{emulator.url}/_mock/messages", headers=headers, timeout=SECONDS).status_code == 401
    else:
        elsewhere = FlaresendMock(control_token="other").app.test_client()
        assert elsewhere.post("/_mock/ui/login", data={"token": watching}).status_code == 401


def test_a_qr_code_leads_to_where_phones_are(emulator: FlaresendMock) -> None:
    world, token = emulator.worlds.default(), emulator.settings.control_token or ""
    world.pairing.set_status(world.instances.first().id, "qr")
    path, headers = f"/_mock/instances/{world.instances.first().id}/qr", {"X-Control-Token": token}

    shown: Any = requests.get(emulator.url + path, headers=headers, timeout=SECONDS).json()
    page = requests.get(f"{emulator.url}/_mock/ui/w/default/instances", headers=headers, timeout=SECONDS).text

    assert shown["url"].startswith(f"http://{ADDRESS}:")
    assert "Scan it with a phone" in page
    assert "--lan" not in page


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://127.0.0.1:3577", True),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("http://10.0.0.2", False),
    ],
)
def test_the_page_says_how_a_phone_can_open_a_code(url: str, is_local: bool) -> None:
    emulator = FlaresendMock()
    world = emulator.worlds.default()
    world.pairing.set_status(world.instances.first().id, "qr")

    shown = emulator.app.test_client().get("/_mock/ui/w/default/instances", base_url=url).text

    assert ("<code>--lan</code>" in shown) is is_local
    assert ("Scan it with a phone" in shown) is not is_local
    assert ">Scan</button>" in shown


def test_an_audience_reads_no_key_and_makes_no_world(emulator: FlaresendMock, audience: Client) -> None:
    world, presenter = emulator.worlds.default(), login(emulator, emulator.links[0])
    instance, chat = world.instances.first(), "254711000003@s.whatsapp.net"
    sent = [one.id for one in world.state.messages if one.chat == chat]
    body = {"recipients": ["254711000003"], "type": "txt"}
    assert presenter.post("/send-message", json=body, headers=emulator.headers).status_code == 400

    paths = [f"chats/{instance.id}/{chat}", *(f"parts/why/{one}" for one in sent)]
    for client, is_shown in ((presenter, True), (audience, False)):
        shown = "".join(client.get(f"/_mock/ui/w/default/{path}").text for path in paths)
        assert shown.count("Reply refused: 400") == 1
        assert (instance.api_keys[0] in shown) is is_shown
        assert ("New demo world" in client.get("/_mock/ui/w/default/parts/switcher").text) is is_shown
