"""All worlds of one emulator: made, found by their keys, opened for unknown keys, and given up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import cache
from weakref import WeakSet

import pytest

from flaresend_mock.core.errors import KeyInUse, TooMany, WorldExists, WorldIsGone, WorldIsNeeded, WorldNotFound
from flaresend_mock.core.models import Reply, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.redaction import key_id
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, INSTANCE, described, text
from tests.support import NOW, RealTime

DEFAULT_KEY = "YOUR_API_KEY"
SECOND = {"id": "11111111-2222-4333-8444-555555555555", "number": "254711111111", "api_keys": ["OTHER"]}


class Key(str):
    """An API key of which a test can tell whether it is still kept."""

    __slots__ = ("__weakref__",)


@cache
def first_state() -> State:
    return load_world(described())


def fresh() -> State:
    return first_state().copy()


def of_two_instances() -> State:
    return load_world(described(instances=[*described()["instances"], SECOND]))


@pytest.fixture
def make_worlds(real_time: RealTime) -> Callable[..., Worlds]:
    """Makes the worlds of an emulator; with `open_to` they are open to unknown keys."""

    def make(open_to: Callable[[], State] | None = None) -> Worlds:
        def make_world(name: str, state: State) -> World:
            return World(
                name,
                state,
                real_time,
                HostServices(taken_keys=lambda keys, world: worlds.taken_keys(keys, apart_from=world)),
            )

        worlds = Worlds(make_world("default", fresh()), make_world, open_to)
        return worlds

    return make


@pytest.fixture
def worlds(make_worlds: Callable[..., Worlds]) -> Worlds:
    return make_worlds()


@pytest.fixture
def opened(make_worlds: Callable[..., Worlds]) -> Worlds:
    return make_worlds(fresh)


@pytest.fixture
def at_most_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.core.worlds.MAX_WORLDS", 3)


def names(worlds: Worlds) -> list[str]:
    return [world.name for world in worlds.all()]


def world_of(worlds: Worlds, key: str) -> World:
    found = worlds.with_key(key)
    assert found is not None
    return found[0]


# Made and removed


def test_there_is_always_a_default_world(worlds: Worlds) -> None:
    assert worlds.default() is worlds.get("default")
    assert world_of(worlds, DEFAULT_KEY) is worlds.default()
    with pytest.raises(WorldIsNeeded):
        worlds.remove("default")
    assert not worlds.default().closed


def test_a_world_is_found_by_its_name_and_its_key(worlds: Worlds) -> None:
    world = worlds.create("t1", fresh(), "t1-key")

    assert worlds.get("t1") is world
    assert worlds.with_key("t1-key") == (world, world.instances.first())
    assert names(worlds) == ["default", "t1"]


def test_the_key_of_the_fixture_stays_with_the_default_world(worlds: Worlds) -> None:
    worlds.create("t1", fresh(), "t1-key")

    assert world_of(worlds, DEFAULT_KEY) is worlds.default()


def test_a_key_that_is_not_given_comes_from_name_and_seed(make_worlds: Callable[..., Worlds]) -> None:
    one, other = make_worlds(), make_worlds()

    keys = [worlds.create("t1", fresh()).instances.first().api_keys for worlds in (one, other)]

    assert keys[0] == keys[1]
    assert keys[0] != one.create("t2", fresh()).instances.first().api_keys
    assert keys[0] != one.create("t3", load_world(described(), seed=2)).instances.first().api_keys


def test_other_instances_with_keys_get_the_same_key_with_a_number(worlds: Worlds) -> None:
    world = worlds.create("t1", of_two_instances(), "k")

    found = worlds.with_key("k-2")
    assert found is not None
    assert (found[0], found[1].id) == (world, SECOND["id"])
    assert worlds.with_key("OTHER") is None


def test_a_name_is_given_once(worlds: Worlds) -> None:
    worlds.create("t1", fresh())

    with pytest.raises(WorldExists):
        worlds.create("t1", fresh())
    with pytest.raises(WorldExists):
        worlds.create("default", fresh())


def test_a_key_belongs_to_one_world(worlds: Worlds) -> None:
    worlds.create("t1", of_two_instances(), "k")

    for key in (DEFAULT_KEY, "k", "k-2"):
        with pytest.raises(KeyInUse):
            worlds.create("t2", fresh(), key)
    worlds.create("taken", fresh(), "j-2")
    with pytest.raises(KeyInUse):
        worlds.create("t2", of_two_instances(), "j")

    assert names(worlds) == ["default", "t1", "taken"]


def test_a_removed_world_is_gone_with_its_keys_and_both_can_be_given_again(worlds: Worlds) -> None:
    former = worlds.create("t1", fresh(), "k")
    world_of(worlds, "k")

    worlds.remove("t1")

    assert former.closed
    assert worlds.with_key("k") is None
    with pytest.raises(WorldNotFound):
        worlds.get("t1")
    with pytest.raises(WorldNotFound):
        worlds.remove("t1")
    again = worlds.create("t1", fresh(), "k")
    assert world_of(worlds, "k") is again


@pytest.mark.usefixtures("at_most_three")
def test_there_are_only_so_many_worlds(worlds: Worlds) -> None:
    worlds.create("t1", fresh())
    worlds.create("t2", fresh())

    with pytest.raises(TooMany):
        worlds.create("t3", fresh())

    worlds.remove("t1")
    worlds.create("t3", fresh())
    assert names(worlds) == ["default", "t2", "t3"]


# Keys that come and go


def test_a_key_that_is_made_later_is_found(worlds: Worlds) -> None:
    world = worlds.create("t1", fresh(), "k")
    assert worlds.with_key("later") is None

    world.instances.add_key(None, "later")

    assert world_of(worlds, "later") is world


def test_a_revoked_key_is_unknown_and_may_go_to_another_world(worlds: Worlds) -> None:
    world = worlds.create("t1", fresh(), "k")
    world_of(worlds, "k")

    world.instances.revoke_key(None, key_id("k"))
    assert worlds.with_key("k") is None
    worlds.default().instances.add_key(None, "k")

    assert world_of(worlds, "k") is worlds.default()


def test_what_is_remembered_of_keys_is_bounded(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.core.worlds.MAX_REMEMBERED", 5)
    world = worlds.default()
    instance = world.instances.first().id
    asked: WeakSet[Key] = WeakSet()
    for number in range(20):
        world.instances.add_key(instance, f"key-{number:02}")
        key = Key(f"key-{number:02}")
        asked.add(key)
        assert worlds.with_key(key) == (world, world.instances.first())

    del key
    assert len(asked) <= 5
    assert all(worlds.with_key(f"key-{number:02}") for number in range(20))


def test_a_key_follows_its_world_through_resets_and_imports(worlds: Worlds) -> None:
    world = worlds.create("t1", fresh(), "k")
    world.instances.add_key(None, "later")
    world_of(worlds, "later")

    world.reset()
    assert worlds.with_key("later") is None
    assert world_of(worlds, "k") is world

    world.replace(load_world(described(instances=[{**SECOND, "api_keys": ["imported"]}])))
    assert worlds.with_key("k") is None
    assert world_of(worlds, "imported") is world


def test_a_key_of_another_world_cannot_be_made(worlds: Worlds) -> None:
    world = worlds.create("t1", fresh(), "k")

    with pytest.raises(KeyInUse):
        worlds.default().instances.add_key(None, "k")
    with pytest.raises(KeyInUse):
        world.instances.add_key(None, DEFAULT_KEY)


def test_a_key_is_free_for_the_world_that_has_it(worlds: Worlds) -> None:
    world = worlds.create("t1", fresh(), "k")

    assert worlds.taken_keys({"k", "free"}, apart_from=world) == set()
    assert worlds.taken_keys({"k", "free"}) == {"k"}
    assert worlds.taken_keys({"k", "free"}, apart_from=worlds.default()) == {"k"}


# Worlds for unknown keys


def test_an_unknown_key_is_refused_unless_worlds_are_open(worlds: Worlds, opened: Worlds) -> None:
    assert worlds.with_key("unknown") is None
    assert world_of(opened, "unknown") is not opened.default()


def test_an_unknown_key_gets_a_world_of_its_own_and_keeps_it(opened: Worlds) -> None:
    one, other = world_of(opened, "one"), world_of(opened, "other")

    assert one is world_of(opened, "one")
    assert other is not one
    assert world_of(opened, DEFAULT_KEY) is opened.default()
    assert one.instances.first().api_keys == ("one",)


def test_a_world_made_for_a_key_is_not_named_after_it(opened: Worlds) -> None:
    assert "one" not in world_of(opened, "one").name


def test_a_world_made_for_a_key_begins_like_the_default_one_began(opened: Worlds) -> None:
    opened.default().sending.send(INSTANCE, [ANN], text())

    world = world_of(opened, "one")

    assert list(world.state.messages) == []
    assert world.clock.now() == NOW


def test_an_opened_world_that_was_removed_is_opened_anew(opened: Worlds) -> None:
    former = world_of(opened, "one")
    opened.remove(former.name)

    assert world_of(opened, "one") is not former
    assert former.closed


@pytest.mark.usefixtures("at_most_three")
def test_the_world_that_was_opened_first_makes_room(opened: Worlds) -> None:
    one, other = world_of(opened, "one"), world_of(opened, "other")

    third = world_of(opened, "third")

    assert opened.all() == [opened.default(), other, third]
    assert one.closed


@pytest.mark.usefixtures("at_most_three")
@pytest.mark.parametrize("uses", [pytest.param(1), 2])
def test_the_least_recently_used_world_makes_room(uses: int, opened: Worlds) -> None:
    one, other = world_of(opened, "one"), world_of(opened, "other")
    for _ in range(uses):
        world_of(opened, "one")

    world_of(opened, "third")

    assert (one.closed, other.closed) == (False, True)


@pytest.mark.usefixtures("at_most_three")
def test_the_key_of_a_world_that_made_room_is_refused_for_good(opened: Worlds) -> None:
    for key in ("one", "other", "third"):
        world_of(opened, key)

    for _ in range(2):
        with pytest.raises(WorldIsGone):
            opened.with_key("one")
    opened.remove(world_of(opened, "third").name)
    with pytest.raises(WorldIsGone):
        opened.with_key("one")


@pytest.mark.usefixtures("at_most_three")
def test_a_key_that_is_gone_may_be_given_to_a_world_of_its_own(opened: Worlds) -> None:
    for key in ("one", "other", "third"):
        world_of(opened, key)

    again = opened.create("again", fresh(), "one")

    assert world_of(opened, "one") is again


@pytest.mark.usefixtures("at_most_three")
@pytest.mark.parametrize("key", ["one-2", "later"])
def test_all_keys_of_a_world_that_made_room_are_refused(key: str, make_worlds: Callable[..., Worlds]) -> None:
    opened = make_worlds(of_two_instances)
    world_of(opened, "one").instances.add_key(None, "later")
    for other in ("other", "third"):
        world_of(opened, other)

    with pytest.raises(WorldIsGone):
        opened.with_key(key)


@pytest.mark.usefixtures("at_most_three")
def test_a_key_stays_gone_if_there_was_no_room_for_a_world_of_its_own(opened: Worlds) -> None:
    for key in ("one", "other", "third"):
        world_of(opened, key)
    for key in ("other", "third"):
        keep_busy(world_of(opened, key))

    with pytest.raises(TooMany):
        opened.create("again", fresh(), "one")

    with pytest.raises(WorldIsGone):
        opened.with_key("one")


def test_a_world_is_not_overwritten_by_one_that_is_opened(opened: Worlds) -> None:
    name = world_of(opened, "one").name
    opened.remove(name)
    mine = opened.create(name, fresh(), "mine")

    world_of(opened, "one")

    assert world_of(opened, "mine") is mine
    assert mine in opened.all()


def test_a_key_belongs_to_one_opened_world(make_worlds: Callable[..., Worlds]) -> None:
    opened = make_worlds(of_two_instances)
    first = world_of(opened, "one-2")

    with suppress(KeyInUse):
        opened.with_key("one")

    assert [world for world in opened.all() if world.instances.with_key("one-2")] == [first]


def keep_busy(world: World) -> None:
    """Have something on its way there."""
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9/"))
    world.inbound.receive(InboundMessage(ANN))


@pytest.mark.usefixtures("at_most_three")
def test_a_busy_world_is_spared(opened: Worlds) -> None:
    delivering, idle = world_of(opened, "delivering"), world_of(opened, "idle")
    keep_busy(delivering)

    world_of(opened, "third")

    assert (delivering.closed, idle.closed) == (False, True)


@pytest.mark.usefixtures("at_most_three")
def test_a_world_that_is_watched_is_spared(opened: Worlds) -> None:
    watched, idle = world_of(opened, "watched"), world_of(opened, "idle")

    with watched.subscribers.subscribe(None, lambda event: None):
        world_of(opened, "third")

    assert (watched.closed, idle.closed) == (False, True)


@pytest.mark.usefixtures("at_most_three")
def test_where_all_worlds_are_busy_there_is_no_room(opened: Worlds) -> None:
    for key in ("one", "other"):
        keep_busy(world_of(opened, key))

    with pytest.raises(TooMany):
        opened.with_key("third")

    assert len(opened.all()) == 3
    assert not world_of(opened, "one").closed


@pytest.mark.usefixtures("at_most_three")
def test_worlds_that_were_asked_for_are_never_given_up(opened: Worlds) -> None:
    opened.create("t1", fresh(), "k1")
    opened.create("t2", fresh(), "k2")

    with pytest.raises(TooMany):
        opened.with_key("unknown")

    assert names(opened) == ["default", "t1", "t2"]


@pytest.mark.usefixtures("at_most_three")
def test_an_opened_world_makes_room_for_one_that_is_asked_for(opened: Worlds) -> None:
    one = world_of(opened, "one")
    opened.create("t1", fresh())

    opened.create("t2", fresh())

    assert one.closed
    assert names(opened) == ["default", "t1", "t2"]


def test_who_waits_in_a_world_that_is_given_up_is_let_go(opened: Worlds) -> None:
    world = world_of(opened, "one")
    waiting = threading.Event()
    let_go: list[bool] = []

    def asked() -> bool:
        waiting.set()
        return world.closed

    def wait() -> None:
        let_go.append(world.wait_until(asked, 30))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    waiting.wait(10)
    opened.remove(world.name)
    world.notify()
    thread.join(10)

    assert let_go == [True]


# Many at once


def test_many_threads_that_open_the_same_key_get_the_same_world(opened: Worlds) -> None:
    together = threading.Barrier(16)

    def open_it(_: int) -> World:
        together.wait(10)
        return world_of(opened, "shared")

    for _ in range(5):
        with ThreadPoolExecutor(16) as threads:
            found = set(threads.map(open_it, range(16)))
        assert len(found) == 1
        assert len(opened.all()) == 2
        opened.remove(found.pop().name)


def test_many_threads_open_use_and_remove_worlds_and_none_gets_anothers(
    opened: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.core.worlds.MAX_WORLDS", 20)

    def work(worker: int) -> list[str]:
        wrong = []
        for turn in range(40):
            key = f"{worker}-{turn}"
            found = opened.with_key(key)
            if found is None or found[1].api_keys != (key,):
                wrong.append(key)
        return wrong

    with ThreadPoolExecutor(8) as threads:
        assert [wrong for found in threads.map(work, range(8)) for wrong in found] == []
    assert len(opened.all()) == 20


# Everything is scoped


def test_nothing_done_in_one_world_shows_in_another(worlds: Worlds, real_time: RealTime) -> None:
    one, other = worlds.create("t1", fresh(), "k1"), worlds.create("t2", fresh(), "k2")
    untouched = other.state.copy()

    one.timeline.change(now=datetime.fromisoformat("2030-01-01T00:00:00Z"), frozen=True)
    one.instances.set_webhook(None, Webhook("http://127.0.0.1:9/"))
    one.inbound.receive(InboundMessage(ANN))
    one.sending.send(INSTANCE, [ANN], text())
    one.schedule.add(INSTANCE, [ANN], text(), datetime(2031, 1, 1))
    one.groups.create(INSTANCE, "Friends", [ANN])
    one.people.put("254711000111", name="Amina", lid=None, on_whatsapp=False, rules=())
    one.faults.arm(name="", on="calls", match={}, reply=Reply(503))
    one.snapshots.take("mine")
    one.pairing.change_settings(pairing_seconds=5)
    one.pairing.disconnect(None)

    for part in ("people", "lids", "groups", "tasks", "counters", "faults", "open_deliveries", "instances"):
        assert getattr(other.state, part) == getattr(untouched, part), part
    assert list(other.state.messages) == []
    assert other.state.events.last_number == 0
    assert other.snapshots.all() == {}
    assert other.state.settings.pairing_seconds is None
    assert other.clock.now() == real_time.now
