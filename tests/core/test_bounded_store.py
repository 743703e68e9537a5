"""History: it forgets its oldest parts instead of growing without end."""

from __future__ import annotations

import pytest

from flaresend_mock.core import deliveries, sending
from flaresend_mock.core.bounded_store import BoundedStore, SizedDict
from flaresend_mock.core.errors import TooMany
from flaresend_mock.core.models import Media, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.world import World
from tests.defaults import ANN, INSTANCE, text
from tests.support import NOW


class Word(str):
    """A word that is as heavy as it is long."""

    @property
    def size(self) -> int:
        return len(self)


def history(limit: int = 100, max_bytes: int = 100) -> BoundedStore[Word]:
    return BoundedStore(limit, max_bytes)


def test_values_are_kept_oldest_first() -> None:
    words = history()
    for word in ("a", "b", "c"):
        words.add(word, Word(word))

    assert list(words) == ["a", "b", "c"]
    assert list(reversed(words)) == ["c", "b", "a"]
    assert len(words) == 3


def test_a_value_is_found_by_its_key() -> None:
    words = history()
    words.add("greeting", Word("hello"))

    assert words.get("greeting") == "hello"
    assert words.get("farewell") is None


def test_the_oldest_goes_when_there_are_too_many() -> None:
    words = history(limit=2)
    words.add("1", Word("one"))
    words.add("2", Word("two"))

    gone = words.add("3", Word("three"))

    assert gone == ["one"]
    assert list(words) == ["two", "three"]
    assert words.evicted == 1


def test_the_oldest_go_when_all_are_too_heavy() -> None:
    words = history(max_bytes=10)
    for key in ("1", "2", "3"):
        words.add(key, Word("xxx"))

    gone = words.add("4", Word("xxxxxxx"))

    assert gone == ["xxx", "xxx"]
    assert list(words) == ["xxx", "xxxxxxx"]
    assert words.evicted == 2


def test_the_newest_is_kept_however_heavy_it_is() -> None:
    words = history(max_bytes=10)
    words.add("1", Word("light"))

    words.add("2", Word("x" * 1000))

    assert list(words) == ["x" * 1000]


def test_a_replaced_value_keeps_its_place_and_evicts_nothing() -> None:
    words = history(limit=2)
    words.add("1", Word("one"))
    words.add("2", Word("two"))

    gone = words.add("1", Word("uno"))

    assert gone == []
    assert list(words) == ["uno", "two"]
    assert words.evicted == 0


def test_a_replaced_value_no_longer_weighs() -> None:
    words = history(max_bytes=10)
    words.add("1", Word("x" * 9))
    words.add("1", Word("x"))

    gone = words.add("2", Word("x" * 9))

    assert gone == []


def test_an_evicted_value_no_longer_weighs() -> None:
    words = history(limit=1, max_bytes=10)
    words.add("1", Word("x" * 9))
    words.add("2", Word("x"))

    words.limit = 2
    gone = words.add("3", Word("x" * 9))

    assert gone == []


def test_a_copy_goes_its_own_way() -> None:
    words = history(limit=2)
    words.add("1", Word("one"))
    words.add("2", Word("two"))

    copy = words.copy()
    copy.add("3", Word("three"))

    assert list(words) == ["one", "two"]
    assert words.evicted == 0
    assert list(copy) == ["two", "three"]
    assert copy.evicted == 1


def test_a_dictionary_counts_the_bytes_of_its_values() -> None:
    small, large = (
        Media(id=name, data=b"x" * size, file_name="", mimetype="", sha256="")
        for name, size in (("s", 10), ("l", 1000))
    )
    files = SizedDict({"one": small})
    files["two"] = small
    files["one"] = large
    copy = files.copy()
    del files["two"]

    assert files.bytes == large.size
    assert copy.bytes == large.size + small.size == sum(file.size for file in copy.values())
    assert files == {"one": large}


def test_scheduled_messages_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    send_at = NOW.replace(tzinfo=None, year=NOW.year + 1)
    first = world.schedule.add(INSTANCE, [ANN], text("x" * 1000), send_at)
    monkeypatch.setattr(sending, "MAX_PENDING_BYTES", 2 * first.size - 1)

    with pytest.raises(TooMany, match="too many scheduled messages"):
        world.schedule.add(INSTANCE, [ANN], text("x" * 1000), send_at)
    world.schedule.cancel(INSTANCE, first.id)
    again = world.schedule.add(INSTANCE, [ANN], text("x" * 1000), send_at)

    assert list(world.state.tasks) == [again.id]
    assert world.state.pending_bytes == again.size


def test_undelivered_events_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    first = world.inbound.receive(InboundMessage(ANN, text="x" * 1000)).delivery
    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", 2 * first.size - 1)

    second = world.inbound.receive(InboundMessage(ANN, text="x" * 1000)).delivery

    assert (first.status, second.status) == ("pending", "dropped")
    assert list(world.state.open_deliveries) == [first.id]
    assert world.state.pending_bytes == first.size
    assert world.deliveries.get(second.id) == second


def test_what_is_needed_is_not_evicted_and_keeps_its_place() -> None:
    words = history(limit=3)
    for word in ("a", "b", "c"):
        words.add(word, Word(word))

    gone = words.add("d", Word("d"), needed={"a", "c"})

    assert (gone, list(words)) == (["b"], ["a", "c", "d"])


def test_the_newest_value_is_kept_beside_all_that_is_needed() -> None:
    words = history(max_bytes=2)
    words.add("a", Word("aa"))

    assert words.add("b", Word("bb"), needed={"a"}) == []
    assert list(words) == ["aa", "bb"]
    assert words.add("c", Word("c")) == ["aa", "bb"]
