"""Verification: gathering matches as they come, judging them, and finding the nearest miss."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flaresend_mock.core.bounded_store import limit
from flaresend_mock.core.matchers.matchers import Miss
from flaresend_mock.core.matchers.parser import Field, Matcher, compile_matcher
from flaresend_mock.core.verification import LIGHT, MAX_COMPARED, Gathering, Verdict, judge, nearest

FIELDS = {"text": Field(), "to": Field(), "status": Field(), "any": Field(free=True)}


def matcher(**spec: Any) -> Matcher:
    return compile_matcher(spec, FIELDS)


def items(*texts: str) -> list[dict[str, Any]]:
    return [{"text": text} for text in texts]


def judged(texts: Sequence[str], *in_order: str, **counts: int) -> Verdict:
    steps = [matcher(text=text) for text in in_order]
    return judge(items(*texts), steps, **counts)


# Gathering


def looked_at(gathering: Gathering) -> bool:
    """Look at all that is queued, and return whether there is enough."""
    while not (enough := gathering.look_at_next()) and gathering.queue:
        pass
    return enough


def test_there_is_enough_once_as_many_fit_as_are_wanted() -> None:
    gathering = Gathering(matcher(text={"contains": "hi"}), 2)

    gathering.put("a", 1, {"text": "hi"})
    gathering.put("b", 2, {"text": "ho"})
    assert not looked_at(gathering)
    gathering.put("c", 3, {"text": "hi!"})

    assert looked_at(gathering)
    assert gathering.found() == items("hi", "hi!")


def test_what_was_gathered_is_in_the_order_it_happened_however_it_was_brought() -> None:
    gathering = Gathering(matcher(), 3)

    for number in (3, 1, 2):
        gathering.put(number, number, {"text": str(number)})

    assert looked_at(gathering)
    assert gathering.found() == items("1", "2", "3")


def test_the_same_thing_counts_once_as_it_is_now() -> None:
    gathering = Gathering(matcher(status={"not": "failed"}), 2)

    gathering.put("a", 1, {"status": "pending"})
    gathering.put("a", 1, {"status": "delivered"})

    assert not looked_at(gathering)
    assert gathering.found() == [{"status": "delivered"}]


def test_what_fits_no_longer_is_no_longer_found() -> None:
    gathering = Gathering(matcher(status="pending"), 2)

    gathering.put("a", 1, {"status": "pending"})
    gathering.put("a", 1, {"status": "delivered"})

    assert not looked_at(gathering)
    assert gathering.found() == []


@pytest.mark.parametrize(("before", "since", "found"), [("delivered", "pending", 0), ("pending", "delivered", 1)])
def test_what_was_there_before_is_overtaken_by_what_came_meanwhile(before: str, since: str, found: int) -> None:
    gathering = Gathering(matcher(status={"one_of": ["delivered"]}, text="b"), 1)

    gathering.put("a", 1, {"status": since, "text": "b"})
    gathering.look("a", 1, {"status": before, "text": "a"})

    looked_at(gathering)
    assert gathering.found() == [{"status": "delivered", "text": "b"}] * found


def test_once_there_is_enough_nothing_changes_any_more() -> None:
    gathering = Gathering(matcher(text="hi"), 1)
    gathering.put("a", 1, {"text": "hi"})
    assert looked_at(gathering)

    gathering.put("a", 1, {"text": "ho"})
    gathering.put("b", 2, {"text": "hi"})

    assert looked_at(gathering)
    assert gathering.found() == items("hi")


@pytest.mark.parametrize("expected", [{"contains": "x"}, {"regex": "x"}])
def test_many_threads_bring_things_and_none_is_lost_or_counted_twice(expected: dict[str, str]) -> None:
    gathering = Gathering(matcher(text=expected), 1000)

    with ThreadPoolExecutor(8) as threads:
        for number in range(1000):
            for _ in range(3):
                threads.submit(gathering.put, number, number, {"text": f"x{number}"})
        while not gathering.look_at_next():
            assert gathering.news.wait(30)

    assert gathering.found() == [{"text": f"x{number}"} for number in range(1000)]


def test_many_threads_bring_more_than_enough_and_just_enough_is_found() -> None:
    gathering = Gathering(matcher(), 10)
    assert not gathering.look_at_next()

    with ThreadPoolExecutor(8) as threads:
        for number in range(500):
            threads.submit(gathering.put, number, number, {"text": "x"})

    assert len(gathering.found()) == 10


class Sized(dict[str, Any]):
    size = 10


@pytest.mark.parametrize(
    ("expected", "size", "at_once"),
    [("x", 10, True), ("x", LIGHT, True), ("x", LIGHT + 1, False), ({"regex": "x"}, 10, False)],
)
def test_the_thread_that_waits_looks_at_what_may_take_long(
    expected: Any, size: int, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sized, "size", size)
    gathering = Gathering(matcher(text=expected), 2)
    assert not gathering.look_at_next()

    gathering.put("a", 1, Sized(text="x"))
    assert (len(gathering.found()), gathering.bytes) == (at_once, size)
    gathering.put("b", 2, Sized(text="y"))
    assert (len(gathering.found()), gathering.bytes) == (at_once, size if at_once else 2 * size)

    assert not looked_at(gathering)
    assert (len(gathering.found()), gathering.bytes) == (1, size)


def test_what_comes_after_something_that_takes_long_waits_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    gathering = Gathering(matcher(status="pending"), 1)
    assert not gathering.look_at_next()
    large = Sized(status="sent")
    monkeypatch.setattr(Sized, "size", LIGHT + 1)

    gathering.put("a", 1, large)
    gathering.put("a", 1, {"status": "pending"})
    assert gathering.found() == []

    assert looked_at(gathering)
    assert gathering.found() == [{"status": "pending"}]


# Judging


@pytest.mark.parametrize(
    ("counts", "found", "verdict"),
    [
        ({"exactly": 2}, 2, Verdict(True, False)),
        ({"exactly": 2}, 1, Verdict(False, False, "expected exactly 2, found 1")),
        ({"exactly": 2}, 3, Verdict(False, True, "expected exactly 2, found 3")),
        ({"exactly": 0}, 0, Verdict(True, False)),
        ({"exactly": 0}, 1, Verdict(False, True, "expected none, found 1")),
        ({"at_least": 2}, 2, Verdict(True, True)),
        ({"at_least": 2}, 5, Verdict(True, True)),
        ({"at_least": 2}, 1, Verdict(False, False, "expected at least 2, found 1")),
        ({"at_most": 2}, 0, Verdict(True, False)),
        ({"at_most": 2}, 2, Verdict(True, False)),
        ({"at_most": 2}, 3, Verdict(False, True, "expected at most 2, found 3")),
        ({"at_least": 1, "at_most": 2}, 2, Verdict(True, False)),
        ({"at_least": 1, "at_most": 2}, 0, Verdict(False, False, "expected at least 1 and at most 2, found 0")),
        ({"at_least": 1, "at_most": 2}, 3, Verdict(False, True, "expected at least 1 and at most 2, found 3")),
        ({}, 0, Verdict(True, True)),
    ],
)
def test_a_count_holds_or_not_and_is_certain_if_nothing_earlier_could_change_it(
    counts: dict[str, int], found: int, verdict: Verdict
) -> None:
    assert judged(["x"] * found, **counts) == verdict


@pytest.mark.parametrize(
    ("texts", "in_order"),
    [("abc", "abc"), ("axbxc", "abc"), ("aab", "ab"), ("aba", "aa"), ("cabc", "abc"), ("abc", "")],
)
def test_an_order_holds_if_its_steps_come_one_after_the_other(texts: str, in_order: str) -> None:
    assert judged(list(texts), *in_order) == Verdict(True, True)


@pytest.mark.parametrize(
    ("texts", "in_order", "problem", "missing", "left"),
    [
        ("", "a", "nothing fits in_order[0] at all", "a", ""),
        ("bc", "a", "nothing fits in_order[0] at all", "a", "bc"),
        ("ba", "ab", "nothing fits in_order[1] after the one that fits in_order[0]", "b", ""),
        ("abxy", "abc", "nothing fits in_order[2] after the one that fits in_order[1]", "c", "xy"),
        ("a", "aa", "nothing fits in_order[1] after the one that fits in_order[0]", "a", ""),
    ],
)
def test_an_order_that_does_not_hold_tells_which_step_is_missing_and_what_was_left_for_it(
    texts: str, in_order: str, problem: str, missing: str, left: str
) -> None:
    verdict = judged(list(texts), *in_order)

    assert (verdict.holds, verdict.certain, verdict.problem) == (False, False, problem)
    assert verdict.missing is not None
    assert verdict.missing.spec == {"text": missing}
    assert verdict.left == items(*left)


def test_one_thing_meets_one_step_only() -> None:
    everything = [matcher(), matcher()]

    assert not judge(items("a"), everything).holds
    assert judge(items("a", "b"), everything).holds


def test_a_count_and_an_order_must_both_hold() -> None:
    assert judged(["a", "b"], "a", "b", exactly=2) == Verdict(True, False)
    assert judged(["a", "b", "c"], "a", "b", exactly=2).problem == "expected exactly 2, found 3"
    assert judged(["b", "a"], "a", "b", exactly=2).problem.startswith("nothing fits in_order[1]")


# The nearest miss


def test_nothing_is_nearest_where_there_is_nothing_that_misses() -> None:
    assert nearest(matcher(text="a"), []) is None
    assert nearest(matcher(text="a"), items("a", "a")) is None
    assert nearest(matcher(), items("a")) is None


def test_the_nearest_misses_in_the_fewest_fields() -> None:
    one, other = {"text": "zzz", "to": "Ann"}, {"text": "abd", "to": "Bnn"}

    assert nearest(matcher(text="abc", to="Ann"), [one, other]) == (one, [Miss("text", "abc", "zzz")])
    assert nearest(matcher(text="abc", to="Ann"), [other, one]) == (one, [Miss("text", "abc", "zzz")])


def test_the_nearest_misses_in_the_fewest_fields_however_alike_others_are() -> None:
    expected = matcher(text="order 17", to="Ann Miller", status="sent to Ann")
    one = {"text": 1, "to": 2, "status": "sent to Ann"}
    alike = {"text": "order 18", "to": "Ann Millen", "status": "sent to Anne"}

    found = nearest(expected, [alike, one])

    assert found is not None
    assert found[0] == one


@pytest.mark.parametrize("texts", [("order 18", "hello"), ("hello", "order 18")])
@pytest.mark.parametrize("operator", [None, "contains", "equal", "regex"])
def test_of_those_that_miss_in_as_many_fields_the_likest_is_nearest(
    operator: str | None, texts: tuple[str, str]
) -> None:
    expected = "order 17" if operator is None else {operator: "order 17"}

    found = nearest(matcher(text=expected), items(*texts))

    assert found is not None
    assert found[0] == {"text": "order 18"}


def test_of_those_equally_near_the_newest_is_nearest() -> None:
    same = [{"text": 1, "to": "first"}, {"text": 1, "to": "second"}, {"text": 1, "to": "third"}]

    found = nearest(matcher(text="a"), same)

    assert found is not None
    assert found[0]["to"] == "third"


def test_what_fits_is_not_the_nearest_miss() -> None:
    assert nearest(matcher(text="a"), items("b", "a")) == ({"text": "b"}, [Miss("text", "a", "b")])


def test_only_the_newest_are_compared() -> None:
    near, far = {"text": "abc"}, {"text": "zzz"}

    assert nearest(matcher(text="abd"), [near, *[far] * (MAX_COMPARED - 1)]) == (near, [Miss("text", "abd", "abc")])
    assert nearest(matcher(text="abd"), [near, *[far] * MAX_COMPARED]) == (far, [Miss("text", "abd", "zzz")])


def test_texts_that_take_too_long_to_search_again_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.core.bounded_store.MAX_FAULT_WORK", 100_000)
    expected = matcher(text={"regex": "abc"})

    assert nearest(expected, items("abd", "x" * 100_000)) == ({"text": "abd"}, [Miss("text", {"regex": "abc"}, "abd")])
    assert nearest(expected, items("x" * 100_000)) is None
    assert limit.left is None


def test_texts_without_end_are_compared_by_their_beginnings() -> None:
    found = nearest(matcher(text="a" * 10**6), items("b" * 10**6, "a" * 10**5))

    assert found is not None
    assert found[0]["text"][0] == "a"
