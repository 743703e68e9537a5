"""SeededRandom: what looks random is decided by the seed."""

from __future__ import annotations

import re

from flaresend_mock.core.randomness import SeededRandom, as_digits, lasting


def test_the_same_seed_gives_the_same_identifiers() -> None:
    one, other = SeededRandom(7, {}), SeededRandom(7, {})

    assert [one.digits("group", 12) for _ in range(20)] == [other.digits("group", 12) for _ in range(20)]


def test_another_seed_gives_other_identifiers() -> None:
    one, other = SeededRandom(7, {}), SeededRandom(8, {})

    assert one.digits("group", 12) != other.digits("group", 12)


def test_kinds_count_for_themselves() -> None:
    quiet, busy = SeededRandom(7, {}), SeededRandom(7, {})
    for _ in range(5):
        busy.hexadecimal("message", 18)

    assert busy.digits("group", 12) == quiet.digits("group", 12)


def test_kinds_differ_from_each_other() -> None:
    chance = SeededRandom(7, {})

    assert chance.digits("group", 12) != chance.digits("channel", 12)


def test_identifiers_do_not_repeat() -> None:
    chance = SeededRandom(7, {})

    assert len({chance.digits("task", 10) for _ in range(1000)}) == 1000


def test_it_goes_on_where_its_counters_stand() -> None:
    chance = SeededRandom(7, {})
    chance.letters("invite", 22)
    second = chance.letters("invite", 22)

    assert SeededRandom(7, {"invite": 1}).letters("invite", 22) == second


def test_identifiers_have_the_shape_that_was_asked_for() -> None:
    chance = SeededRandom(7, {})

    assert all(re.fullmatch(r"[1-9]\d{9}", chance.digits("task", 10)) for _ in range(200))
    assert re.fullmatch(r"[0-9A-F]{18}", chance.hexadecimal("message", 18))
    assert re.fullmatch(r"[0-9A-Za-z]{22}", chance.letters("invite", 22))


def test_a_name_keeps_its_bytes_whatever_else_was_asked_for() -> None:
    before = lasting(7, "lid", "254712345678")
    lasting(7, "lid", "254798765432")

    assert lasting(7, "lid", "254712345678") == before


def test_digits_never_start_with_zero() -> None:
    assert as_digits(bytes(64), 5) == "10000"
    assert as_digits(b"\xff" * 64, 1) in set("123456789")
