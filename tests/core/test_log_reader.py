"""Followers of the log: each gets every event, or is told exactly how many it missed, over resets and imports too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flaresend_mock.core import events
from flaresend_mock.core.events import MAX_SET_ASIDE, Event, LogReader, Missed, Replaced
from flaresend_mock.core.models import Change
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import described

Shown = int | tuple[int, str] | Missed | Replaced


def happen(world: World, *names: str) -> None:
    for name in names:
        with world.lock:
            world.record("group", Change("made up", name))


def read(follower: LogReader) -> list[Shown]:
    """Return what a follower reads: number and subject of events, and what is told beside them as it stands."""
    found: list[Shown] = []
    for item in follower.read():
        if isinstance(item, Event):
            assert isinstance(item.subject, Change)
            found.append((item.number, item.subject.id))
        else:
            found.append(item)
    return found


def imported(world: World) -> None:
    world.replace(load_world(described()))


def restored(world: World) -> None:
    world.restore("before")


@pytest.mark.parametrize("change", [World.reset, restored])
def test_what_happened_right_before_a_reset_or_a_restore_is_read_after_it(
    change: Callable[[World], None], world: World
) -> None:
    world.snapshots.take("before")
    follower = world.follow(None)
    happen(world, "a", "b")
    change(world)
    happen(world, "c")

    name = "before" if change is restored else "default"
    assert read(follower) == [(1, "a"), (2, "b"), (3, name), (4, "c")]
    assert read(follower) == []


def test_what_happened_right_before_an_import_is_read_before_the_new_log_begins(world: World) -> None:
    happen(world, "old")
    follower = world.follow(None)
    happen(world, "a")
    imported(world)
    happen(world, "b")

    assert read(follower) == [(2, "a"), Replaced(0), (1, "b")]


def test_nothing_is_lost_over_many_changes_without_a_look(world: World) -> None:
    follower = world.follow(None)
    for name in "abcde":
        happen(world, name)
        world.reset()

    assert read(follower) == [
        entry for at, name in enumerate("abcde") for entry in ((2 * at + 1, name), (2 * at + 2, "default"))
    ]


@pytest.mark.parametrize("change", [World.reset, restored])
def test_a_reader_that_comes_back_after_the_log_was_replaced_is_told_what_it_missed(
    change: Callable[[World], None], world: World
) -> None:
    happen(world, "a", "b")
    world.snapshots.take("before")
    happen(world, "c", "d", "e")
    change(world)

    name = "before" if change is restored else "default"
    assert read(world.follow(3)) == [Missed(2), (6, name)]
    assert read(world.follow(5)) == [(6, name)]
    assert read(world.follow(6)) == []


def test_from_the_beginning_of_a_log_only_evicted_events_are_missing(make_world: Callable[..., World]) -> None:
    world = make_world(load_world(described(), history=3))
    happen(world, *"abcde")
    assert read(world.follow(0)) == [Missed(2), (3, "c"), (4, "d"), (5, "e")]

    world.reset()
    assert read(world.follow(0)) == [(6, "default")]
    happen(world, *"fgh")
    assert read(world.follow(0)) == [Missed(1), (7, "f"), (8, "g"), (9, "h")]
    assert read(world.follow(4)) == [Missed(2), (7, "f"), (8, "g"), (9, "h")]


def test_each_import_is_told_between_the_logs_that_it_separates(world: World) -> None:
    follower = world.follow(None)
    happen(world, "a")
    imported(world)
    happen(world, "b")
    world.reset()
    imported(world)
    happen(world, "c")

    assert read(follower) == [(1, "a"), Replaced(0), (1, "b"), (2, "default"), Replaced(0), (1, "c")]


def test_what_is_gone_is_told_once_and_right_before_what_follows_it(world: World) -> None:
    happen(world, "a", "b", "c", "d")
    world.snapshots.take("before")
    happen(world, "e", "f")
    world.restore("before")
    happen(world, "g")

    assert read(world.follow(1)) == [(2, "b"), (3, "c"), (4, "d"), Missed(2), (7, "before"), (8, "g")]
    assert read(world.follow(4)) == [Missed(2), (7, "before"), (8, "g")]
    assert read(world.follow(7)) == [(8, "g")]


def test_a_number_that_is_still_to_come_is_from_another_log(world: World) -> None:
    happen(world, "a")

    assert read(world.follow(99)) == [(1, "a")]


def test_nothing_is_kept_for_a_follower_that_is_slow(make_world: Callable[..., World]) -> None:
    world = make_world(load_world(described(), history=3))
    follower = world.follow(None)
    happen(world, *map(str, range(10)))

    assert read(follower) == [Missed(7), (8, "7"), (9, "8"), (10, "9")]


def test_what_is_set_aside_is_bounded_and_the_rest_is_counted(world: World) -> None:
    follower = world.follow(None)
    happen(world, *map(str, range(MAX_SET_ASIDE)))
    world.reset()
    happen(world, "a", "b")
    world.reset()

    found = read(follower)

    assert found[0] == Missed(3)
    assert [number for number, _ in found[1:]] == list(range(4, MAX_SET_ASIDE + 5))  # type: ignore[misc]


def test_what_is_set_aside_is_bounded_in_bytes_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    follower = world.follow(None)
    happen(world, "a")
    monkeypatch.setattr(events, "MAX_LOG_BYTES", 3 * next(iter(world.state.events.kept)).size + 20)
    for name in "bcd":
        happen(world, name)
        world.reset()

    assert read(follower) == [Missed(3), (4, "c"), (5, "default"), (6, "d"), (7, "default")]


@pytest.fixture
def short_reads(monkeypatch: pytest.MonkeyPatch, make_world: Callable[..., World]) -> World:
    """A world that keeps ten events, of which a reader gets two at once."""
    world = make_world(load_world(described(), history=10))
    happen(world, "first")
    monkeypatch.setattr(events, "MAX_READ_BYTES", 2 * next(iter(world.state.events.kept)).size)
    world.reset()
    return world


def read_all(follower: LogReader) -> list[Shown]:
    """Return all that a follower reads, part by part."""
    found = read(follower)
    while follower.news.is_set():
        part = read(follower)
        assert len(part) <= 4
        found += part
    return found


def test_a_read_returns_a_part_and_the_next_one_continues(short_reads: World) -> None:
    follower = short_reads.follow(None)
    happen(short_reads, *"abcde")

    assert read(follower) == [(3, "a"), (4, "b")]
    happen(short_reads, "f")
    assert read(follower) == [(5, "c"), (6, "d")]
    assert follower.news.is_set()
    assert read(follower) == [(7, "e"), (8, "f")]
    assert not follower.news.is_set()
    assert read(follower) == []


def test_an_event_that_is_larger_than_a_part_is_read_alone(short_reads: World) -> None:
    follower = short_reads.follow(None)
    happen(short_reads, "a")
    with short_reads.lock:
        short_reads.record("group", Change("made up", "big", {"text": "x" * 10_000}))
    happen(short_reads, "b")

    assert [read(follower) for _ in range(3)] == [[(3, "a")], [(4, "big")], [(5, "b")]]


def test_a_large_event_is_not_read_before_it_fits(short_reads: World) -> None:
    follower, sizes = short_reads.follow(None), list[int]()
    happen(short_reads, "a")
    with short_reads.lock:
        big = short_reads.record("group", Change("made up", "big", {"text": "x" * 10_000}))
    happen(short_reads, "b")

    def fits(size: int) -> bool:
        sizes.append(size)
        return len(sizes) > 2

    parts = [[one.number for one in follower.read(fits) if isinstance(one, Event)] for _ in range(5)]

    assert parts == [[3], [], [], [4], [5]]
    assert sizes == [big.size] * 3


@pytest.mark.parametrize(
    ("since", "start", "missed"), [(0, [Missed(3), 5, 6], 3), (1, [Missed(3), 5, 6], 3), (None, [6, 7], 2)]
)
def test_what_is_evicted_between_two_parts_is_counted_exactly(
    since: int | None, start: list[Shown], missed: int, short_reads: World
) -> None:
    happen(short_reads, *"abc")
    follower = short_reads.follow(since)
    happen(short_reads, *"defghijkl")
    first = read(follower)
    happen(short_reads, *"mnopq")

    found = [one[0] if isinstance(one, tuple) else one for one in first + read_all(follower)]

    assert found == [*start, Missed(missed), *range(10, 20)]


def test_of_a_restored_log_that_is_read_from_the_start_in_parts_nothing_is_missing(short_reads: World) -> None:
    happen(short_reads, "a", "b")
    short_reads.snapshots.take("before")
    happen(short_reads, "c", "d")
    short_reads.restore("before")
    happen(short_reads, "e")

    assert read_all(short_reads.follow(0)) == [(2, "default"), (3, "a"), (4, "b"), (7, "before"), (8, "e")]
    assert read_all(short_reads.follow(3)) == [(4, "b"), Missed(2), (7, "before"), (8, "e")]


@pytest.mark.parametrize("since", [0, 2])
def test_parts_continue_over_a_reset_and_an_import(since: int, short_reads: World) -> None:
    happen(short_reads, *"abcde")
    follower = short_reads.follow(since)
    start = read(follower)
    short_reads.reset()
    middle = read(follower)
    happen(short_reads, "f")
    imported(short_reads)
    happen(short_reads, "g")

    found = start + middle + read_all(follower)

    whole = [*zip(range(2, 10), ["default", *"abcde", "default", "f"], strict=True), Replaced(0), (1, "g")]
    assert found == whole[since // 2 :]


def test_news_is_told_until_it_is_read_and_never_after_closing(world: World) -> None:
    follower = world.follow(None)
    assert not follower.news.is_set()
    happen(world, "a")
    assert follower.news.is_set()
    follower.read()
    assert not follower.news.is_set()
    world.reset()
    assert follower.news.is_set()
    follower.read()

    assert not world.idle()
    follower.close()
    follower.close()
    happen(world, "b")
    assert not follower.news.is_set()
    assert world.idle()
