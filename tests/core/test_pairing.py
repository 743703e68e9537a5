"""Instances: how they are linked to phones, made, renamed and removed, and their API keys."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from flaresend_mock.core import redaction
from flaresend_mock.core.errors import (
    AlreadyConnected,
    AnotherPhone,
    InstanceNotFound,
    InvalidNumber,
    KeyInUse,
    KeyNotFound,
    LastInstance,
    LidInUse,
    NoQrCode,
    NotReady,
    NumberInUse,
    QrCodeExpired,
    Refusal,
    TooMany,
)
from flaresend_mock.core.instances import MAX_KEYS
from flaresend_mock.core.models import INSTANCE_STATUSES, Change, Instance, Rule, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.redaction import key_id
from flaresend_mock.core.state import BOUNDS, State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.contents import due
from tests.defaults import ANN, ANN_LID, FAMILY, INSTANCE, NOBODY, OUR_NUMBER, described, text
from tests.support import NOW, RealTime, default_state

SHOP = "254700111222"
ANOTHER = "254700333444"


@pytest.fixture
def world(world: World) -> World:
    """The default world, on a clock that stands still."""
    world.timeline.change(frozen=True)
    return world


def shop(world: World, **options: Any) -> Instance:
    """Make a second instance, which can go through what it likes."""
    return world.instances.create(**{"name": "Shop", "number": SHOP, **options})


def status(world: World, instance: Instance) -> str:
    return world.instances.find(instance.id).status


def pass_by(world: World, seconds: float) -> None:
    world.timeline.advance(timedelta(seconds=seconds))


def until_qr(world: World, instance: Instance) -> str:
    """Start an instance up, and return the code it shows."""
    world.pairing.reconnect(instance.id)
    pass_by(world, 1)
    return world.pairing.qr(instance.id)[1].code


def statuses_told(world: World, instance: Instance) -> list[str]:
    changes = [event.subject for event in world.state.events.since(0, "instance")]
    return [
        one.details["status"]
        for one in changes
        if isinstance(one, Change) and one.id == instance.id and one.action == "status"
    ]


# From disconnected to connected


def test_every_status_is_seen_on_a_clock_that_stands_still(world: World) -> None:
    instance = shop(world)
    seen = [status(world, instance)]

    pass_by(world, 1)
    seen.append(status(world, instance))
    world.pairing.scan(instance.id)
    seen.append(status(world, instance))
    pass_by(world, 1)
    seen.append(status(world, instance))
    world.pairing.disconnect(instance.id)
    seen.append(status(world, instance))

    assert seen == ["initializing", "qr", "connecting", "connected", "disconnected"]
    assert statuses_told(world, instance) == seen


def test_nothing_moves_while_the_clock_stands(world: World, real_time: RealTime) -> None:
    instance = shop(world)

    real_time.pass_by(hours=1)
    world.timeline.run_due()

    assert status(world, instance) == "initializing"


def test_no_step_is_taken_early(world: World) -> None:
    instance = shop(world)

    pass_by(world, 0.999)
    assert status(world, instance) == "initializing"
    pass_by(world, 0.001)
    assert status(world, instance) == "qr"
    world.pairing.scan(instance.id)
    pass_by(world, 0.999)
    assert status(world, instance) == "connecting"


def test_a_qr_code_waits_to_be_scanned_for_ever(world: World) -> None:
    instance = shop(world)

    pass_by(world, 10**6)

    assert status(world, instance) == "qr"


def test_what_ran_is_told_by_whoever_advanced(world: World) -> None:
    world.pairing.change_settings(pairing_seconds=5)
    instance = shop(world)

    fired = world.timeline.advance(timedelta(minutes=1))

    assert [(one.kind, one.id, one.result, (one.at - NOW).total_seconds()) for one in fired] == [
        ("pairing", instance.id, "qr", 1),
        ("pairing", instance.id, "connecting", 6),
        ("pairing", instance.id, "connected", 7),
    ]


@pytest.mark.parametrize("where", [one for one in INSTANCE_STATUSES if one != "connected"])
def test_nothing_is_sent_or_received_before_it_is_connected(where: str, world: World) -> None:
    world.pairing.change_settings(offline_messages="drop")
    world.pairing.set_status(INSTANCE, where)

    with pytest.raises(NotReady) as sending:
        world.sending.send(INSTANCE, [ANN], text())
    with pytest.raises(NotReady) as receiving:
        world.inbound.receive(InboundMessage(ANN))

    assert (sending.value.status, receiving.value.status) == (where, where)


@pytest.mark.parametrize("where", [one for one in INSTANCE_STATUSES if one != "disconnected"])
def test_only_what_is_disconnected_can_be_reconnected(where: str, world: World) -> None:
    world.pairing.set_status(INSTANCE, where)

    with pytest.raises(AlreadyConnected) as refusal:
        world.pairing.reconnect(INSTANCE)

    assert refusal.value.status == where


@pytest.mark.parametrize("where", INSTANCE_STATUSES)
@pytest.mark.parametrize("before", INSTANCE_STATUSES)
def test_an_instance_stays_in_the_status_it_is_put_into(before: str, where: str, world: World) -> None:
    world.pairing.change_settings(pairing_seconds=5)
    world.pairing.set_status(INSTANCE, before)

    world.pairing.set_status(INSTANCE, where)
    pass_by(world, 3600)

    assert world.instances.find(INSTANCE).status == where
    assert due(world.state.timers) == []


@pytest.mark.parametrize("steps", [0, 1, 2])
@pytest.mark.parametrize("log_out", [True, False])
def test_an_instance_is_disconnected_wherever_it_is_on_its_way(steps: int, log_out: bool, world: World) -> None:
    instance = shop(world)
    pass_by(world, steps >= 1)
    if steps == 2:
        world.pairing.scan(instance.id)

    world.pairing.disconnect(instance.id, log_out=log_out)
    pass_by(world, 3600)

    assert status(world, instance) == "disconnected"
    assert world.instances.find(instance.id).qr is None
    assert world.instances.find(instance.id).logged_out is log_out


def test_default_names_the_first_instance(world: World) -> None:
    assert world.pairing.disconnect("default").id == INSTANCE
    assert world.pairing.reconnect(None).id == INSTANCE
    with pytest.raises(InstanceNotFound):
        world.pairing.reconnect("nope")


# QR codes


def test_the_same_code_is_shown_until_it_expires_and_then_another(world: World) -> None:
    instance = shop(world)
    pass_by(world, 1)
    first = world.pairing.qr(instance.id)[1]

    pass_by(world, 59.999)
    assert world.pairing.qr(instance.id)[1] == first
    pass_by(world, 0.001)
    second = world.pairing.qr(instance.id)[1]

    assert second.code != first.code
    assert first.expires == NOW + timedelta(seconds=61)
    assert second.expires == NOW + timedelta(seconds=121)


def test_an_expired_code_cannot_be_scanned_but_the_one_that_is_shown_instead(world: World) -> None:
    instance = shop(world)
    pass_by(world, 1)
    old = world.pairing.qr(instance.id)[1].code
    pass_by(world, 60)

    with pytest.raises(QrCodeExpired):
        world.pairing.scan(instance.id, old)

    new = world.pairing.qr(instance.id)[1].code
    assert world.pairing.with_code(old) is None
    assert world.pairing.scan(instance.id, new).status == "connecting"


@pytest.mark.parametrize("code", ["", "nope", "é"])
def test_another_code_is_not_the_one_that_is_shown(code: str, world: World) -> None:
    instance = shop(world)
    pass_by(world, 1)

    with pytest.raises(QrCodeExpired):
        world.pairing.scan(instance.id, code)
    assert status(world, instance) == "qr"


def test_an_instance_is_found_by_the_code_it_was_linked_with_until_it_is_disconnected(world: World) -> None:
    instance = shop(world)
    pass_by(world, 1)
    code = world.pairing.qr(instance.id)[1].code

    found = world.pairing.with_code(code)

    assert found is not None
    assert found.id == instance.id
    world.pairing.scan(instance.id)
    assert world.pairing.with_code(code) == world.instances.find(instance.id)
    world.pairing.disconnect(instance.id)
    assert world.pairing.with_code(code) is None


@pytest.mark.parametrize("where", [one for one in INSTANCE_STATUSES if one != "qr"])
def test_there_is_no_code_where_none_is_shown(where: str, world: World) -> None:
    world.pairing.set_status(INSTANCE, where)

    with pytest.raises(NoQrCode) as refusal:
        world.pairing.qr(INSTANCE)
    with pytest.raises(NoQrCode):
        world.pairing.scan(INSTANCE)

    assert refusal.value.status == where


def test_a_code_is_scanned_once(world: World) -> None:
    instance = shop(world)
    pass_by(world, 1)
    code = world.pairing.qr(instance.id)[1].code
    world.pairing.scan(instance.id, code)

    with pytest.raises(NoQrCode):
        world.pairing.scan(instance.id, code)


def test_codes_come_from_the_seed(make_world: Callable[[State], World]) -> None:
    def code(seed: int) -> str:
        world = make_world(load_world(described(), seed=seed))
        world.pairing.set_status(INSTANCE, "qr")
        return world.pairing.qr(INSTANCE)[1].code

    assert code(1) == code(1)
    assert code(1) != code(2)


# Automatic pairing


@pytest.mark.parametrize("seconds", [0, 0.5, 5, 60, 3600])
def test_a_code_is_scanned_by_itself_after_so_many_seconds(seconds: float, world: World) -> None:
    world.pairing.change_settings(pairing_seconds=seconds)
    instance = shop(world)

    pass_by(world, 1 + seconds)
    assert status(world, instance) == "connecting"
    pass_by(world, 1)
    assert status(world, instance) == "connected"


def test_what_shows_its_code_already_is_scanned_so_many_seconds_from_then(world: World) -> None:
    instance = shop(world)
    pass_by(world, 100)

    world.pairing.change_settings(pairing_seconds=5)
    pass_by(world, 4.9)

    assert status(world, instance) == "qr"
    pass_by(world, 0.1)
    assert status(world, instance) == "connecting"


def test_automatic_pairing_can_be_ended_while_a_code_is_shown(world: World) -> None:
    world.pairing.change_settings(pairing_seconds=5)
    instance = shop(world)
    pass_by(world, 3)

    world.pairing.change_settings(pairing_seconds=None)
    pass_by(world, 3600)

    assert status(world, instance) == "qr"


def test_who_scans_before_is_not_overtaken_by_what_would_come_by_itself(world: World) -> None:
    world.pairing.change_settings(pairing_seconds=5)
    instance = shop(world)
    pass_by(world, 3)

    world.pairing.scan(instance.id)
    pass_by(world, 1)
    world.pairing.disconnect(instance.id)
    pass_by(world, 3600)

    assert status(world, instance) == "disconnected"


# Another phone


def test_another_number_scans_only_after_a_logout(world: World) -> None:
    instance = shop(world, status="connected")
    world.pairing.disconnect(instance.id)
    until_qr(world, instance)

    with pytest.raises(AnotherPhone):
        world.pairing.scan(instance.id, number=ANOTHER)
    assert status(world, instance) == "qr"
    assert world.pairing.scan(instance.id, number=SHOP).number == SHOP


def test_after_a_logout_another_number_is_linked_and_then_it_belongs_to_that(world: World) -> None:
    instance = shop(world, status="connected")
    world.pairing.disconnect(instance.id, log_out=True)
    until_qr(world, instance)

    linked = world.pairing.scan(instance.id, number=ANOTHER)

    assert (linked.number, linked.logged_out) == (ANOTHER, False)
    assert ANOTHER in world.state.people
    world.pairing.disconnect(instance.id)
    until_qr(world, instance)
    with pytest.raises(AnotherPhone):
        world.pairing.scan(instance.id, number=SHOP)


def test_a_logout_is_not_forgotten_by_disconnecting_again(world: World) -> None:
    instance = shop(world, status="connected")
    world.pairing.disconnect(instance.id, log_out=True)
    world.pairing.disconnect(instance.id)
    until_qr(world, instance)

    assert world.pairing.scan(instance.id, number=ANOTHER).number == ANOTHER


def test_a_phone_is_linked_to_one_instance_only(world: World) -> None:
    instance = shop(world, status="connected")
    world.pairing.disconnect(instance.id, log_out=True)
    until_qr(world, instance)

    with pytest.raises(NumberInUse):
        world.pairing.scan(instance.id, number=OUR_NUMBER)
    assert status(world, instance) == "qr"


def test_an_instance_that_is_connected_is_not_logged_out(world: World) -> None:
    world.pairing.disconnect(INSTANCE, log_out=True)

    world.pairing.set_status(INSTANCE, "connected")

    assert not world.instances.find(INSTANCE).logged_out


def test_a_phone_that_scans_is_on_whatsapp(world: World) -> None:
    instance = shop(world, status="connected")
    world.pairing.disconnect(instance.id, log_out=True)
    until_qr(world, instance)

    world.pairing.scan(instance.id, number=NOBODY)

    assert world.people.on_whatsapp(NOBODY)


# Creating, renaming


def test_an_instance_is_made_from_its_number(world: World) -> None:
    instance = shop(world, number="+254 700 111-222", lid="111111111111111@lid", api_key="shop", status="connected")

    assert (instance.number, instance.name, instance.api_keys) == (SHOP, "Shop", ("shop",))
    assert world.instances.find(instance.id) == instance
    assert world.instances.with_key("shop") == instance
    assert world.people.named("111111111111111@lid") == SHOP
    assert world.sending.send(instance.id, [ANN], text()).successful


def test_an_instance_without_a_number_gets_one_that_nobody_has(world: World) -> None:
    instances = [world.instances.create() for _ in range(50)]

    numbers = {instance.number for instance in instances}
    assert len(numbers) == len({instance.id for instance in instances}) == 50
    assert OUR_NUMBER not in numbers
    assert all(len(number) == 12 for number in numbers)


def test_the_first_instance_stays_the_first(world: World) -> None:
    shop(world)
    world.instances.rename(INSTANCE, "Main")

    assert world.instances.first().id == INSTANCE


def test_who_was_not_on_whatsapp_is_so_with_an_instance_and_keeps_lid_and_name(world: World) -> None:
    world.instances.create(number=NOBODY, name="Shop")
    world.people.add(replace(world.people.meet(ANN), name="Ann"))
    world.instances.create(number=ANN, name="Shop")

    assert world.people.on_whatsapp(NOBODY)
    assert (world.state.people[ANN].lid, world.state.people[ANN].name) == (ANN_LID, "Ann")


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"number": "nonsense"}, InvalidNumber),
        ({"number": ""}, InvalidNumber),
        ({"number": OUR_NUMBER}, NumberInUse),
        ({"number": f"+{OUR_NUMBER}"}, NumberInUse),
        ({"lid": ANN_LID}, LidInUse),
        ({"api_key": "YOUR_API_KEY"}, KeyInUse),
    ],
)
def test_an_instance_that_cannot_be_is_refused_and_nothing_changes(
    options: dict[str, Any], refusal: type[Refusal], world: World
) -> None:
    last = world.state.events.last_number
    people = dict(world.state.people)

    with pytest.raises(refusal):
        shop(world, **options)

    assert [instance.id for instance in world.instances.all()] == [INSTANCE]
    assert world.state.people == people
    assert world.state.events.last_number == last


def test_a_number_that_an_instance_gave_up_is_free(world: World) -> None:
    instance = shop(world, status="connected")
    world.pairing.disconnect(instance.id, log_out=True)
    until_qr(world, instance)
    world.pairing.scan(instance.id, number=ANOTHER)

    assert world.instances.create(number=SHOP).id != instance.id


def test_there_are_only_so_many_instances(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BOUNDS, "instances", (2, 1 << 20))  # type: ignore[index]
    shop(world)

    with pytest.raises(TooMany):
        world.instances.create()


def test_an_instance_is_renamed(world: World) -> None:
    assert world.instances.rename("default", "Main").name == "Main"
    assert world.instances.find(INSTANCE).name == "Main"
    with pytest.raises(InstanceNotFound):
        world.instances.rename("nope", "Main")


# API keys


def test_a_key_opens_its_instance_until_it_is_revoked(world: World) -> None:
    key = world.instances.add_key(INSTANCE)

    found = world.instances.with_key(key)
    assert found is not None
    assert found.id == INSTANCE
    world.instances.revoke_key(INSTANCE, key_id(key))
    assert world.instances.with_key(key) is None
    assert world.instances.with_key("YOUR_API_KEY") is not None


def test_keys_that_are_made_differ(world: World) -> None:
    keys = {world.instances.add_key(None) for _ in range(20)}

    assert len(keys) == 20
    assert all(key.startswith("fm_") for key in keys)


def test_a_key_of_ones_own_may_be_given(world: World) -> None:
    assert world.instances.add_key("default", "mine") == "mine"


def test_a_key_that_somebody_has_is_refused(make_world: Callable[[State], World], real_time: RealTime) -> None:
    elsewhere = HostServices(taken_keys=lambda keys, world: keys & {"elsewhere"})
    world = World("default", load_world(described()), real_time, elsewhere)
    instance = shop(world, api_key="shop")

    for key in ("YOUR_API_KEY", "shop", "elsewhere"):
        with pytest.raises(KeyInUse):
            world.instances.add_key(instance.id, key)
    with pytest.raises(KeyInUse):
        world.instances.create(api_key="elsewhere")

    assert world.instances.find(instance.id).api_keys == ("shop",)


@pytest.mark.parametrize("wanted", ["", "nope", "YOUR_API_KEY", key_id("shop")])
def test_only_a_key_that_the_instance_has_is_revoked_by_its_id(wanted: str, world: World) -> None:
    shop(world, api_key="shop")

    with pytest.raises(KeyNotFound):
        world.instances.revoke_key(INSTANCE, wanted)

    assert world.instances.with_key("YOUR_API_KEY") is not None


def test_an_instance_has_only_so_many_keys(world: World) -> None:
    for _ in range(MAX_KEYS - 1):
        world.instances.add_key(INSTANCE)

    with pytest.raises(TooMany):
        world.instances.add_key(INSTANCE)


def test_the_log_names_keys_by_their_ids_only(world: World) -> None:
    key = world.instances.add_key(INSTANCE)
    world.instances.revoke_key(INSTANCE, key_id(key))

    told = [event.subject for event in world.state.events.since(0, "instance")]
    assert [(one.action, one.details) for one in told if isinstance(one, Change)] == [
        ("key made", {"key": key_id(key)}),
        ("key revoked", {"key": key_id(key)}),
    ]
    assert key not in repr(told)


# Removing


@pytest.fixture
def busy(world: World) -> tuple[World, Instance]:
    """A world whose shop has something scheduled, an answer to come, and deliveries of every kind that is open."""
    instance = shop(world, status="connected", api_key="shop")
    world.instances.set_webhook(instance.id, Webhook("http://127.0.0.1:9/"))
    world.schedule.add(instance.id, [ANN], text(), datetime(2025, 11, 14, 11))
    world.people.add(replace(world.people.meet(ANN), rules=(Rule(reply="yes"),)))
    world.sending.send(instance.id, [ANN], text())
    world.inbound.receive(InboundMessage(ANN, text="hi", instance=instance.id))
    world.inbound.receive(InboundMessage(ANN, text="hi", instance=instance.id))
    return world, instance


def test_what_holds_no_key_is_masked_without_a_pattern_for_each_key(world: World) -> None:
    keys = ("50%25-of-all-keys", *(f"key-number-{number}" for number in range(1000, 2500)))
    world.state.instances[INSTANCE] = replace(world.instances.find(INSTANCE), api_keys=keys)
    redaction.pattern_of.cache_clear()

    assert world.instances.masked("/x?a=%41%2525") == "/x?a=%41%2525"
    assert redaction.pattern_of.cache_info().misses <= 1
    assert (
        world.instances.masked("/x?a=k%65y-number-2001&b=%252536%256bey%2Dnumber-200%2537") == "/x?a=***&b=%252536***"
    )
    assert world.instances.masked("/50%2525-of-all-keys") == "/***"


@pytest.mark.parametrize("seed", range(20))
def test_keys_are_masked_however_they_are_encoded_and_whatever_is_before_them(seed: int, world: World) -> None:
    chance = random.Random(seed)
    keys = tuple("".join(chance.choices("25adef%k-", k=chance.choice([4, 13, 16]))) for _ in range(40))
    keys = (*keys, "deadbeefcafe4711", "2525252525252525", "5252525252525252", "25", "a%41b%2525c%de")
    world.state.instances[INSTANCE] = replace(world.instances.find(INSTANCE), api_keys=keys)

    def spelled(key: str) -> str:
        ways = (
            str,
            str,
            lambda one: f"%{ord(one):02x}",
            lambda one: f"%25{ord(one):02X}",
            lambda one: f"%2525{ord(one):X}",
        )
        return "".join(chance.choice(ways)(one) for one in key)

    for key in keys * 5:
        before = "".join(chance.choices(["%", "%25", "%2", "/", "=", "2", "5", "x", "%2525", "&a=", "%d"], k=4))
        written = f"/{before}{spelled(key)}{chance.choice(['', '/', '%', '&b', '%25'])}"
        expected = written
        for one in keys:
            expected = redaction.pattern_of(one).sub(redaction.MASK, expected)
        assert world.instances.masked(written) == expected


def test_a_reset_asks_once_which_of_its_keys_others_have(real_time: RealTime) -> None:
    asked: list[set[str]] = []
    services = HostServices[World](taken_keys=lambda keys, world: (asked.append(keys), keys & {"elsewhere"})[1])
    state = default_state()
    keys = ("mine", "elsewhere", *map(str, range(98)))
    state.instances[INSTANCE] = replace(state.instances[INSTANCE], api_keys=keys)
    world = World("default", state, real_time, services)

    world.reset()

    assert asked == [set(keys)]
    assert world.instances.find(INSTANCE).api_keys == ("mine", *keys[2:])


def test_a_removed_instance_is_gone(busy: tuple[World, Instance]) -> None:
    world, instance = busy

    world.remove_instance(instance.id)

    assert [one.id for one in world.instances.all()] == [INSTANCE]
    assert world.instances.with_key("shop") is None
    assert list(world.state.events.kept)[-1].subject == Change("removed", instance.id)
    with pytest.raises(InstanceNotFound):
        world.instances.find(instance.id)
    with pytest.raises(InstanceNotFound):
        world.remove_instance(instance.id)


def test_what_a_removed_instance_scheduled_is_cancelled(busy: tuple[World, Instance]) -> None:
    world, instance = busy

    world.remove_instance(instance.id)

    assert world.state.tasks == {}
    assert [task.status for task in world.state.ended_tasks] == ["cancelled"]


def test_nobody_answers_a_removed_instance_and_nothing_is_delivered(busy: tuple[World, Instance]) -> None:
    world, instance = busy
    job = world.deliveries.claim(instance.id)
    assert job is not None

    world.remove_instance(instance.id)

    assert world.deliveries.claim(instance.id) is None
    assert world.deliveries.lanes.idle()
    assert world.state.auto_replies == {}
    assert world.state.open_deliveries == {}
    assert world.state.lanes == {}
    assert {one.status for one in world.deliveries.all()} == {"interrupted"}
    assert due(world.state.timers) == []
    assert world.timeline.advance(timedelta(days=1)) == []


@pytest.mark.parametrize("seconds", [0, 1])
def test_an_instance_is_removed_while_it_starts_up(seconds: float, world: World) -> None:
    world.pairing.change_settings(pairing_seconds=5)
    instance = shop(world)
    pass_by(world, seconds)

    world.remove_instance(instance.id)

    assert world.timeline.advance(timedelta(days=1)) == []


def test_the_last_instance_stays(world: World) -> None:
    with pytest.raises(LastInstance):
        world.remove_instance(INSTANCE)

    assert world.instances.first().id == INSTANCE


def test_another_instance_becomes_the_first_one(world: World) -> None:
    instance = shop(world)

    world.remove_instance(INSTANCE)

    assert world.instances.find("default").id == instance.id


def test_a_removed_instance_comes_back_with_a_snapshot(busy: tuple[World, Instance]) -> None:
    world, instance = busy
    world.snapshots.take("before")
    world.remove_instance(instance.id)

    world.restore("before")

    assert world.instances.with_key("shop") is not None
    assert [one.kind for one in world.timeline.advance(timedelta(days=1))] == ["auto_reply", "task", "auto_reply"]
    assert world.deliveries.claim(instance.id) is not None


CALLS: dict[str, Callable[[World, str], object]] = {
    "send": lambda world, id_: world.sending.send(id_, [ANN], text()),
    "group": lambda world, id_: world.groups.create(id_, "Friends", [ANN]),
    "groups": lambda world, id_: world.groups.get(id_, FAMILY),
    "channel": lambda world, id_: world.channels.create(id_, "News"),
    "receive": lambda world, id_: world.inbound.receive(InboundMessage(ANN, instance=id_)),
    "webhook": lambda world, id_: world.instances.set_webhook(id_, None),
    "key": lambda world, id_: world.instances.add_key(id_),
    "status": lambda world, id_: world.pairing.set_status(id_, "qr"),
    "scan": lambda world, id_: world.pairing.scan(id_),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_by_an_instance_that_was_removed_meanwhile_finds_none(call: str, world: World) -> None:
    instance = shop(world, status="connected")
    world.remove_instance(instance.id)
    last = world.state.events.last_number

    with pytest.raises(InstanceNotFound):
        CALLS[call](world, instance.id)

    assert world.state.events.last_number == last


def test_an_instance_that_was_removed_meanwhile_schedules_nothing(world: World) -> None:
    instance = shop(world, status="connected")
    world.remove_instance(instance.id)

    with pytest.raises(InstanceNotFound):
        world.schedule.add(instance.id, [ANN], text(), datetime(2025, 11, 14, 11))
