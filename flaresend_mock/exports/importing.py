"""Reads what `exporting` wrote, and refuses what no world can be like."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from flaresend_mock.core.bounded_store import BoundedStore
from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.events import KINDS, Event
from flaresend_mock.core.state import State
from flaresend_mock.core.timers import Due, TimerQueue
from flaresend_mock.exports.consistency import check
from flaresend_mock.exports.contents import (
    FORMAT,
    VERSION,
    Contents,
    Envelope,
    Gone,
    Told,
    path_of,
    subject_type,
)
from flaresend_mock.exports.masking import find_for_faults, find_for_instances
from flaresend_mock.exports.rules import not_known
from flaresend_mock.exports.shapes import read
from flaresend_mock.exports.tags import untagged
from flaresend_mock.worldfile.loading import WorldFileError, read_json

Value = TypeVar("Value")

_FAMILY = "flaresend-mock"


def is_export(data: Any) -> bool:
    """Tell whether this is meant to be an export, rather than a world file."""
    given = data.get("format") if isinstance(data, dict) else None
    return isinstance(given, str) and given.startswith(_FAMILY)


def load_export_file(path: Path, known: State | None = None) -> tuple[State, list[str]]:
    """Read an export from a file, as `load_export` does.

    Raises:
        WorldFileError: it cannot be read, or is no export.
    """
    try:
        data = read_json(path)
        state, warnings = load_export(data, known)
    except InvalidWorld as invalid:
        raise WorldFileError(f"{path}: {invalid}") from None
    if not data["secrets"] and any(instance.api_keys for instance in state.instances.values()):
        warnings.append(
            "it holds no API keys (see --with-secrets); they are those of --world and --api-key, or new"
        )
    return state, warnings


def load_export(
    data: Any, known: State | None = None, history: int | None = None, name: str = "default"
) -> tuple[State, list[str]]:
    """Build a state from an export, and say in plain words what could not be brought back.

    Args:
        data: the JSON of the export.
        known: where secrets are taken from that the export was made without.
        history: how many messages and events the world keeps; None for as many as it kept.
        name: what the world is called that it is for: API keys that are made for it depend on it.

    Raises:
        InvalidWorld: it is no export that this emulator reads, or contradicts itself.
    """
    if not isinstance(data, dict):
        raise InvalidWorld("", "A JSON object is expected here.")
    if data.get("format") != FORMAT:
        hint = "; a world file is no export, start with it (--world)" if "instances" in data else ""
        raise InvalidWorld("format", f"{FORMAT!r} is expected here{hint}.")
    version = data.get("version")
    if type(version) is not int or version != VERSION:
        raise InvalidWorld(
            "version", f"This emulator reads version {VERSION} of exports, not {str(version)[:50]}."
        )
    envelope = read(data, Envelope, "")
    contents = read(envelope.world, Contents, "world")
    instances, warnings = find_for_instances(contents.instances, f"{contents.seed} {name}", known)
    faults, more = find_for_faults(contents.faults, known)
    contents = replace(contents, instances=instances, faults=faults)
    check(contents)
    return _state(contents, history or contents.history), warnings + more


def _state(contents: Contents, history: int) -> State:
    state = State(
        history=history,
        seed=contents.seed,
        time_zone=contents.time_zone,
        clock=contents.clock,
        counters=contents.counters,
        people={person.number: person for person in contents.people},
        lids={person.lid: person.number for person in contents.people},
        instances={instance.id: instance for instance in contents.instances},
        groups={group.id: group for group in contents.groups},
        channels={channel.id: channel for channel in contents.channels},
        tasks={task.id: task for task in contents.tasks},
        timers=TimerQueue.refilled(
            (Due(entry.at, entry.order, entry.kind, entry.key) for entry in contents.timers.entries),
            contents.timers.noted,
        ),
        open_deliveries={delivery.id: delivery for delivery in contents.open_deliveries},
        lanes={(lane.instance, lane.chat): deque(lane.deliveries) for lane in contents.lanes},
        auto_replies=contents.auto_replies,
        senders_as_lids=contents.senders_as_lids,
        faults={fault.id: fault for fault in contents.faults},
        pairing_seconds=contents.pairing_seconds,
    )
    forgotten = contents.forgotten
    _refill(state.messages, contents.messages, lambda message: message.id, forgotten.messages)
    _refill(state.ended_tasks, contents.ended_tasks, lambda task: task.id, forgotten.ended_tasks)
    _refill(state.media, contents.media, lambda media: media.id, forgotten.media)
    _refill(state.served, contents.served, path_of, forgotten.served)
    _refill(state.deliveries, contents.deliveries, lambda delivery: delivery.id, forgotten.deliveries)
    state.events.refill(
        _events(contents),
        contents.last_event,
        {kind: (gone.count, gone.last_event) for kind, gone in forgotten.events.items()},
    )
    return state


def _refill(
    history: BoundedStore[Value], values: Iterable[Value], key: Callable[[Value], str], gone: Gone
) -> None:
    history.refill({key(value): value for value in values}, gone.count, gone.last_event)


def _events(contents: Contents) -> list[Event]:
    number = 0
    events = []
    for index, told in enumerate(contents.events):
        where = f"world.events[{index}]"
        if told.number <= number:
            raise InvalidWorld(
                f"{where}.number", "Events are numbered from 1, each higher than the one before."
            )
        number = told.number
        events.append(_event(told, where))
    if number > contents.last_event:
        raise InvalidWorld("world.last_event", f"There is an event of number {number}.")
    return events


def _event(told: Told, where: str) -> Event:
    if told.kind not in KINDS:
        raise InvalidWorld(f"{where}.kind", not_known(told.kind, KINDS))
    subject = read(told.subject, subject_type(told.kind), f"{where}.subject")
    try:
        return Event(told.number, told.at, told.kind, untagged(subject))
    except ValueError as error:
        raise InvalidWorld(f"{where}.subject", f"{str(error).capitalize()}.") from None
