"""Writes everything a world holds as one JSON document, which `importing` reads."""

from __future__ import annotations

from typing import TypeVar

from flaresend_mock.core.bounded_store import BoundedStore
from flaresend_mock.core.state import State
from flaresend_mock.exports.contents import (
    FORMAT,
    VERSION,
    Contents,
    Due,
    Envelope,
    Forgotten,
    Gone,
    Lane,
    Notes,
    Told,
    subject_type,
)
from flaresend_mock.exports.masking import hide_in_fault, hide_in_instance
from flaresend_mock.exports.shapes import convert
from flaresend_mock.exports.tags import tagged
from flaresend_mock.version import __version__

__all__ = ["FORMAT", "VERSION", "export"]

Value = TypeVar("Value")


def export(state: State, *, secrets: bool) -> bytes:
    """Write a state as compact JSON in UTF-8, the same bytes for the same state.

    Args:
        state: nobody changes it meanwhile: a copy, unless the world's lock is held.
        secrets: whether API keys and the secrets of webhooks are in it; else they are masked.
    """
    import msgspec  # few runs need it

    plain = msgspec.to_builtins(_contents(state, secrets=secrets))
    for told in plain["events"]:
        told["subject"] = convert(told["subject"], subject_type(told["kind"]))
    world = convert(plain, Contents)  # as an import will have it: 1 where 1.0 is meant is 1.0
    return msgspec.json.encode(Envelope(FORMAT, VERSION, __version__, secrets, world))


def _contents(state: State, *, secrets: bool) -> Contents:
    instances, faults = state.instances.values(), state.faults.values()
    entries, noted = state.timers.contents()
    return Contents(
        history=state.history,
        seed=state.seed,
        time_zone=state.time_zone,
        clock=state.clock,
        counters=state.counters,
        senders_as_lids=state.senders_as_lids,
        pairing_seconds=state.pairing_seconds,
        people=tuple(state.people.values()),
        instances=tuple(instances if secrets else map(hide_in_instance, instances)),
        groups=tuple(state.groups.values()),
        channels=tuple(state.channels.values()),
        tasks=tuple(state.tasks.values()),
        timers=Notes(noted, tuple(Due(*entry) for entry in entries)),
        open_deliveries=tuple(state.open_deliveries.values()),
        lanes=tuple(Lane(*lane, tuple(ids)) for lane, ids in state.lanes.items()),
        auto_replies=state.auto_replies,
        faults=tuple(faults if secrets else map(hide_in_fault, faults)),
        messages=tuple(state.messages),
        ended_tasks=tuple(state.ended_tasks),
        media=tuple(state.media),
        served=tuple(state.served),
        deliveries=tuple(state.deliveries),
        last_event=state.events.last_number,
        events=tuple(
            Told(event.number, event.at, event.kind, tagged(event.subject)) for event in state.events.since()
        ),
        forgotten=Forgotten(
            messages=_gone(state.messages),
            ended_tasks=_gone(state.ended_tasks),
            media=_gone(state.media),
            served=_gone(state.served),
            deliveries=_gone(state.deliveries),
            events={kind: Gone(*gone) for kind, gone in state.events.gone().items()},
        ),
    )


def _gone(history: BoundedStore[Value]) -> Gone:
    return Gone(history.evicted, history.last_evicted_event)
