"""Magic numbers: every outcome, in every call that takes numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from flaresend_mock.core.errors import NotReady, Overloaded
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, CARA, INSTANCE, PROJECT, described, text
from tests.support import NOW, Stalls

Call = Callable[[World, str], object]


def send(world: World, number: str) -> object:
    return world.sending.send(INSTANCE, [CARA, number], text())


def schedule(world: World, number: str) -> object:
    tomorrow = (NOW + timedelta(days=1)).replace(tzinfo=None)
    return world.schedule.add(INSTANCE, [CARA, number], text(), tomorrow)


def create_group(world: World, number: str) -> object:
    return world.groups.create(INSTANCE, "Friends", [CARA, number])


def add_to_group(world: World, number: str) -> object:
    return world.groups.manage(INSTANCE, PROJECT, "add", [CARA, number])


def check(world: World, number: str) -> object:
    return world.people.check(number)


every_call = pytest.mark.parametrize("call", [send, schedule, create_group, add_to_group, check])


class Witness:
    """Looks at a world from another thread at the moment when its caller would be kept waiting."""

    def __init__(self) -> None:
        self.world: World | None = None
        self.seen: list[tuple[bool, int]] = []

    def __call__(self, seconds: float, until: Callable[[], bool]) -> None:
        looking = threading.Thread(target=self._look, daemon=True)
        looking.start()
        looking.join()

    def _look(self) -> None:
        assert self.world is not None
        free = self.world.lock.acquire(blocking=False)
        if free:
            self.world.lock.release()
        self.seen.append((free, self.world.state.events.last_number))


@every_call
def test_999_425_refuses_the_whole_call_as_if_the_phone_were_not_ready(
    call: Call, world: World, stalls: Stalls
) -> None:
    counters = dict(world.state.counters)

    with pytest.raises(NotReady) as refusal:
        call(world, "9990000425")

    assert refusal.value.status == "initializing"
    assert world.state.events.last_number == 0
    assert world.state.counters == counters
    assert stalls == []


@every_call
@pytest.mark.parametrize("status", [429, 503])
def test_999_429_and_999_503_refuse_the_whole_call(call: Call, status: int, world: World) -> None:
    counters = dict(world.state.counters)

    with pytest.raises(Overloaded) as refusal:
        call(world, f"9990000{status}")

    assert refusal.value.status == status
    assert world.state.events.last_number == 0
    assert world.state.counters == counters


@every_call
def test_999_408_keeps_the_caller_waiting_for_twelve_seconds(call: Call, world: World, stalls: Stalls) -> None:
    call(world, "9990000408")

    assert stalls == [12.0]


@pytest.mark.parametrize("call", [send, schedule, create_group, add_to_group])
def test_999_408_waits_after_the_change_and_without_the_lock(call: Call) -> None:
    witness = Witness()
    world = World("default", load_world(described()), lambda: NOW, HostServices(delay=witness))
    witness.world = world

    call(world, "9990000408")

    assert world.state.events.last_number > 0
    assert witness.seen == [(True, world.state.events.last_number)]


def test_two_slow_people_in_one_call_are_waited_for_once(world: World, stalls: Stalls) -> None:
    world.sending.send(INSTANCE, ["9990000408", "9991111408"], text())

    assert stalls == [12.0]


def test_a_refused_call_keeps_nobody_waiting(world: World, stalls: Stalls) -> None:
    with pytest.raises(Overloaded):
        world.sending.send(INSTANCE, ["9990000408", "9990000503"], text())

    assert stalls == []


def test_a_slow_number_fires_without_a_wait(world: World, stalls: Stalls) -> None:
    schedule(world, "9990000408")
    stalls.clear()

    world.timeline.advance(timedelta(days=2))

    assert stalls == []
    assert [message.to for message in world.state.messages] == [CARA, "9990000408"]


def test_999_404_is_not_on_whatsapp(world: World) -> None:
    assert world.people.check("9990000404") == ("9990000404", False)
    assert world.people.check("9990000500") == ("9990000500", True)


def test_any_other_999_number_behaves_normally(world: World, stalls: Stalls) -> None:
    outcome = world.sending.send(INSTANCE, ["9991234567", ANN], text())

    assert outcome.successful == ("9991234567@s.whatsapp.net", f"{ANN}@s.whatsapp.net")
    assert stalls == []
