"""The agenda: what falls due, in order."""

from __future__ import annotations

from datetime import datetime, timedelta

from flaresend_mock.core.agenda import Agenda
from tests.support import NOW


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def taken(agenda: Agenda, until: datetime) -> list[str]:
    """Take off everything that is due until then, and return the keys."""
    keys = []
    while (due := agenda.take(until)) is not None:
        keys.append(due.key)
    return keys


def test_things_fall_due_by_time() -> None:
    agenda = Agenda()
    agenda.note(at(3), "task", "third")
    agenda.note(at(1), "task", "first")
    agenda.note(at(2), "task", "second")

    assert taken(agenda, at(9)) == ["first", "second", "third"]


def test_things_of_one_moment_fall_due_in_the_order_they_were_noted() -> None:
    agenda = Agenda()
    for key in ("b", "a", "c"):
        agenda.note(at(1), "task", key)

    assert taken(agenda, at(1)) == ["b", "a", "c"]


def test_nothing_is_taken_before_its_time() -> None:
    agenda = Agenda()
    agenda.note(at(1), "task", "early")
    agenda.note(at(2), "task", "late")

    assert taken(agenda, at(2) - timedelta(microseconds=1)) == ["early"]
    assert agenda.next_at() == at(2)


def test_what_is_noted_again_is_moved() -> None:
    agenda = Agenda()
    agenda.note(at(1), "task", "moved")
    agenda.note(at(2), "task", "stays")

    agenda.note(at(3), "task", "moved")

    assert len(agenda) == 2
    assert taken(agenda, at(9)) == ["stays", "moved"]


def test_the_same_key_under_another_kind_is_another_thing() -> None:
    agenda = Agenda()
    agenda.note(at(1), "task", "x")
    agenda.note(at(2), "retry", "x")

    agenda.strike("task", "x")

    assert agenda.next_at() == at(2)


def test_what_is_struck_never_falls_due() -> None:
    agenda = Agenda()
    agenda.note(at(1), "task", "gone")
    agenda.note(at(1), "task", "stays")

    agenda.strike("task", "gone")
    agenda.strike("task", "never noted")

    assert taken(agenda, at(9)) == ["stays"]


def test_an_empty_agenda_has_nothing_next() -> None:
    agenda = Agenda()

    assert agenda.next_at() is None
    assert agenda.take(at(9)) is None
    assert len(agenda) == 0


def test_a_copy_goes_its_own_way() -> None:
    agenda = Agenda()
    agenda.note(at(1), "task", "x")

    copy = agenda.copy()
    copy.strike("task", "x")
    copy.note(at(2), "task", "y")

    assert taken(agenda, at(9)) == ["x"]
    assert taken(copy, at(9)) == ["y"]
