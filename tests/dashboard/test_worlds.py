"""The worlds page: what each world holds, and what can be done with it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from html import unescape
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.state import WorldSettings
from tests.defaults import ANN
from tests.support import KEY

PAGE = "/_mock/ui/w/default/worlds"
CARDS = "/_mock/ui/w/default/parts/worlds"


@pytest.fixture
def emulator() -> FlaresendMock:
    """An emulator that is not started."""
    return FlaresendMock()


@pytest.fixture
def client(emulator: FlaresendMock) -> Client:
    return emulator.app.test_client()


def make(client: Client, **given: Any) -> None:
    response = client.post("/_mock/worlds", json=given)
    assert response.status_code == 201, response.text


def cards(client: Client, path: str = CARDS) -> dict[str, str]:
    """Return the HTML of each card, by the world's name, in their order."""
    response = client.get(path)
    assert response.status_code == 200, response.text
    pieces = re.split(r'(?=<li class="box world)', response.text)[1:]
    found = [re.search(r'data-name="([^"]*)"', piece) for piece in pieces]
    return {unescape(name[1]): piece for name, piece in zip(found, pieces, strict=True) if name}


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_a_card_tells_what_a_world_holds(client: Client) -> None:
    make(client, name="t1", fixture="default", seed=77, time_zone="Asia/Tokyo", api_key="t1-key")
    key = {"Authorization": "Bearer t1-key"}
    client.patch("/_mock/clock?world=t1", json={"now": "2025-11-14T13:00:00Z", "frozen": True})
    message = {"recipients": [ANN], "type": "text", "text": "Hello"}
    client.post("/send-message", headers=key, json=message)
    client.post("/schedule-message", headers=key, json=message | {"sendAt": "2025-11-15 08:00:00"})
    client.post("/_mock/faults?world=t1", json={"preset": "slow"})

    said = words(cards(client)["t1"])

    assert "1 message 1 scheduled 1 instance" in said
    assert "Seed 77" in said
    assert "Asia/Tokyo" in said
    assert "Fri 14 Nov 2025, 22:00, frozen" in said
    assert "1 fault armed" in said


def test_other_worlds_are_not_touched_by_what_happens_in_one(client: Client) -> None:
    make(client, name="t1")
    client.post("/send-message", headers=KEY, json={"recipients": [ANN], "type": "text", "text": "Hello"})

    found = cards(client)

    assert "1 message " in words(found["default"])
    assert "0 messages " in words(found["t1"])


def test_the_world_of_the_page_comes_first_and_is_marked(client: Client) -> None:
    for name in ("t1", "t2"):
        make(client, name=name)

    shown = cards(client, "/_mock/ui/w/t2/worlds")

    assert list(shown) == ["t2", "default", "t1"]
    assert ["current" in words(one) for one in shown.values()] == [True, False, False]
    assert list(cards(client)) == ["default", "t1", "t2"]


def test_cards_lead_into_their_worlds(client: Client) -> None:
    make(client, name="t1")

    card = cards(client, PAGE)["t1"]

    assert 'href="../../w/t1/chats"' in card
    assert client.get("/_mock/ui/w/t1/chats").status_code == 200


def test_exports_go_with_secrets_or_without(client: Client) -> None:
    make(client, name="t1", api_key="t1-key")
    card = cards(client, PAGE)["t1"]

    ways = [unescape(way) for way in re.findall(r'href="\.\./\.\./\.\./(world\?[^"]*)" download', card)]

    assert ways == ["world?world=t1", "world?world=t1&with_secrets=true"]
    plain, full = (client.get(f"/_mock/{way}").text for way in ways)
    assert "t1-key" not in plain
    assert "t1-key" in full


def test_snapshots_are_listed_with_what_they_hold(client: Client) -> None:
    make(client, name="t1")
    client.post("/_mock/snapshots/empty?world=t1")
    client.post("/_mock/inbound?world=t1", json={"from": ANN, "text": "Hello"})
    client.post("/_mock/snapshots/one%20%3Cb%3E?world=t1")

    found = cards(client)

    said = words(found["t1"])
    assert "empty 0 messages, 0 scheduled" in said
    assert "one <b> 1 message, 0 scheduled" in said
    assert 'data-restore="one &lt;b&gt;"' in found["t1"]
    assert "None yet." in words(found["default"])


def test_all_but_the_default_world_can_be_deleted(client: Client) -> None:
    make(client, name="t1")

    found = cards(client)

    assert "data-delete" in found["t1"]
    assert "data-delete" not in found["default"]
    assert "data-reset" in found["default"]

    client.delete("/_mock/worlds/t1")

    assert list(cards(client)) == ["default"]


def test_a_name_is_text_and_nothing_else(client: Client, emulator: FlaresendMock) -> None:
    name = "<script>alert(1)</script>"
    emulator.worlds.create(name, emulator.worlds.default().saved(), "other-key")

    response = client.get(PAGE)

    assert "<script>alert" not in response.text
    assert name in cards(client, PAGE)
    assert "/w/%3Cscript%3Ealert%281%29%3C%2Fscript%3E/chats" in response.text


def test_a_world_can_be_made_from_what_is_shipped(client: Client) -> None:
    shown = client.get(PAGE).text

    assert 'id="new-world"' in shown
    assert "<option>default</option><option>demo</option>" in shown
    assert '<option value="Africa/Nairobi">' in shown
    assert 'name="seed"' in shown


def test_of_very_many_worlds_the_first_are_shown(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.dashboard.worlds.MAX_CARDS", 3)
    for number in range(4):
        make(client, name=f"t{number}")

    shown = client.get("/_mock/ui/w/t3/worlds").text

    assert re.findall(r'data-name="([^"]*)"', shown) == ["t3", "default", "t0"]
    assert "2 more worlds" in shown


def test_the_page_has_neither_scripts_nor_styles_within(client: Client) -> None:
    response = client.get(PAGE)

    assert " style=" not in response.text
    assert re.findall(r"<script(?![^>]* src=)", response.text) == []


def test_a_world_that_is_gone_has_no_page(client: Client) -> None:
    assert client.get("/_mock/ui/w/gone/worlds").status_code == 404
    assert client.get("/_mock/ui/w/gone/parts/worlds").status_code == 404


def test_settings_are_shown_and_can_be_changed(client: Client) -> None:
    url = "http://flaresend:3577"
    client.patch("/_mock/world", json={"directory": "closed", "qr_codes": 5, "public_url": url})

    card = cards(client)["default"]
    assert "Directory closed" in words(card)
    shown = re.search(r'data-settings="([^"]*)"', card)
    assert shown is not None
    values = json.loads(unescape(shown[1]))
    assert values == asdict(WorldSettings(directory="closed", qr_codes=5, public_url=url))
    page = client.get(PAGE).text
    assert all(f'name="{name}"' in page for name in values)
    assert "<option>open</option><option>closed</option>" in page
    assert '<input name="qr_codes" type="number" step="1" min="1" max="1000"' in page
    assert '<input name="public_url" type="url"' in page
