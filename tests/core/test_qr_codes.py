"""QR codes that run out: an instance that nobody scans disconnects."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from flaresend_mock.core.errors import NoQrCode, QrCodeExpired
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import INSTANCE
from tests.support import client_of


@pytest.fixture
def shown(world: World) -> World:
    """A world of three QR codes, on a frozen clock, whose instance shows the first one."""
    world.timeline.change(frozen=True)
    world.pairing.change_settings(qr_codes=3)
    start(world)
    return world


def start(world: World) -> None:
    world.pairing.set_status(INSTANCE, "disconnected")
    world.pairing.reconnect(INSTANCE)
    wait(world, 1)
    assert status(world) == "qr"


def wait(world: World, seconds: float) -> None:
    world.timeline.advance(timedelta(seconds=seconds))


def status(world: World) -> str:
    return world.instances.find(INSTANCE).status


def test_each_is_shown_for_a_minute_and_then_the_instance_disconnects(shown: World) -> None:
    codes = []
    for _ in range(3):
        codes.append(shown.pairing.qr(INSTANCE)[1].code)
        wait(shown, 59)
        assert shown.pairing.qr(INSTANCE)[1].code == codes[-1]
        assert status(shown) == "qr"
        wait(shown, 1)

    assert len(set(codes)) == 3
    assert status(shown) == "disconnected"
    with pytest.raises(NoQrCode):
        shown.pairing.qr(INSTANCE)
    with pytest.raises(NoQrCode):
        shown.pairing.scan(INSTANCE, codes[-1])


def test_a_scan_in_time_ends_the_count(shown: World) -> None:
    wait(shown, 179)
    shown.pairing.scan(INSTANCE)
    wait(shown, 600)

    assert status(shown) == "connected"


def test_a_reconnect_starts_again(shown: World) -> None:
    wait(shown, 180)
    start(shown)
    wait(shown, 179)
    assert status(shown) == "qr"
    wait(shown, 1)
    assert status(shown) == "disconnected"


def test_without_the_setting_there_is_no_end(shown: World) -> None:
    shown.pairing.change_settings(qr_codes=None)
    wait(shown, 86_400)

    assert status(shown) == "qr"


@pytest.mark.parametrize(
    ("seconds", "codes", "after", "expected"),
    [
        (30, 1, 30, "connecting"),
        (59, 1, 59, "connecting"),
        (60, 1, 60, "disconnected"),
        (90, 1, 60, "disconnected"),
        (90, 2, 90, "connecting"),
        (120, 2, 120, "disconnected"),
        (0, 1, 0, "connecting"),
    ],
)
def test_what_comes_first_of_a_scan_by_itself_and_the_end_counts(
    seconds: float, codes: int, after: float, expected: str, world: World
) -> None:
    world.timeline.change(frozen=True)
    world.pairing.change_settings(pairing_seconds=seconds, qr_codes=codes)
    world.pairing.set_status(INSTANCE, "disconnected")
    world.pairing.reconnect(INSTANCE)
    wait(world, 1)
    if after:
        assert status(world) == "qr"
    wait(world, after)

    assert status(world) == expected


def test_a_change_counts_from_now_for_codes_that_are_shown(world: World) -> None:
    world.timeline.change(frozen=True)
    start(world)
    wait(world, 600)
    world.pairing.change_settings(qr_codes=2)
    wait(world, 119)
    assert status(world) == "qr"
    wait(world, 1)
    assert status(world) == "disconnected"


def test_another_setting_does_not_start_the_count_again(shown: World) -> None:
    wait(shown, 179)
    shown.pairing.change_settings(directory="closed")
    wait(shown, 1)

    assert status(shown) == "disconnected"


def test_an_instance_that_is_not_pairing_is_not_disconnected(world: World) -> None:
    world.timeline.change(frozen=True)
    world.pairing.change_settings(qr_codes=1)
    wait(world, 600)

    assert status(world) == "connected"


def test_the_end_is_part_of_an_export(shown: World, make_world: Callable[[State], World]) -> None:
    wait(shown, 100)
    second = make_world(load_world(json.loads(export(shown.saved(), secrets=True))))
    wait(second, 79)
    assert status(second) == "qr"
    wait(second, 1)
    assert status(second) == "disconnected"


def test_a_phone_that_opens_the_scan_page_too_late_is_told(shown: World) -> None:
    code = shown.pairing.qr(INSTANCE)[1].code
    wait(shown, 180)
    response = client_of(shown).get(f"/_mock/scan/{code}")

    assert response.status_code == 410
    assert "This QR code has expired" in response.text
    assert status(shown) == "disconnected"


def test_an_expired_code_is_refused_while_others_follow(shown: World) -> None:
    code = shown.pairing.qr(INSTANCE)[1].code
    wait(shown, 61)
    with pytest.raises(QrCodeExpired):
        shown.pairing.scan(INSTANCE, code)


@pytest.mark.parametrize("value", [0, -1, 1001, 1.5, "3", True])
def test_a_count_that_makes_no_sense_is_refused(value: object, world: World) -> None:
    response = client_of(world).patch("/_mock/world", json={"qr_codes": value})

    assert response.status_code == 400
    assert response.get_json()["error"]["message"].startswith("qr_codes:")
