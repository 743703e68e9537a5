"""Faults: rules that make the next matching calls or deliveries fail."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from wsgiref.util import is_hop_by_hop

from flaresend_mock.core.bounded_store import more
from flaresend_mock.core.errors import FaultNotFound, InvalidFault, InvalidMatcher, TooMany, require, required
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.models import Change, Delay, Fault, Reply
from flaresend_mock.core.state import BOUNDS
from flaresend_mock.core.store import Store

if TYPE_CHECKING:
    from flaresend_mock.core.matchers.parser import Matcher

log = logging.getLogger(__name__)

CALLS = "calls"
DELIVERIES = "deliveries"
CALL_ACTIONS = ("reset", "truncate", "corrupt", "drop_response")
ATTEMPT_ACTIONS = ("reset", "drop_response")
EVENT_ACTIONS = ("drop", "duplicate", "reorder")
SILENT_ACTIONS = ("reset", "drop_response", *EVENT_ACTIONS)
MAX_FAULTS = BOUNDS["faults"][0]
MAX_DELAY = 3600.0

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "rate-limited": {"reply": Reply(429, {"success": False, "message": "Too many requests"})},
    "flaky": {"reply": Reply(503, {"success": False, "message": "Service unavailable"}), "probability": 0.3},
    "slow": {"delay": Delay(1.0, 3.0)},
    "down": {"reply": Reply(503, {"success": False, "message": "Service unavailable"})},
    "unauthorized": {"reply": Reply(401, {"success": False, "error": "Invalid API key"})},
}
"""Faults by name, with the fields that each sets unless they are given."""


class Faults:
    """The faults of a world, in the order they were armed. Of those that match, the first one whose turn it is hits."""

    def __init__(self, store: Store, instances: Instances) -> None:
        self._store, self._instances = store, instances
        self._matchers: dict[str, Matcher] = {}

    def arm(self, **given: Any) -> Fault:
        """Arm a fault, given the fields of Fault except its id.

        InvalidMatcher or InvalidFault if it makes no sense; TooMany if the world has MAX_FAULTS faults.
        """
        fault = Fault(id="", **given)
        matcher_of(fault)
        check(fault)
        with self._store.lock:
            state = self._store.state
            if self._instances.has_key_in([wanted for name, wanted in fault.match.items() if name != "key"]):
                raise InvalidFault("match: there is an API key in it; keys are matched with key, which masks them")
            self._store.require_room("faults", 0)
            spent = [one.id for one in state.faults.values() if not one.armed]
            if len(state.faults) >= MAX_FAULTS and spent:  # evict the oldest that is used up
                self.remove(spent[0])
            require(len(state.faults) < MAX_FAULTS, TooMany, f"a world has at most {MAX_FAULTS} faults; remove some")
            id_ = self._store.random.letters("fault", 0, lambda _: f"fault-{state.counters['fault']}", state.faults)
            fault = replace(fault, id=id_, name=fault.name or id_)
            state.faults[fault.id] = fault
            self._record_change("armed", fault)
            return fault

    def all(self) -> list[Fault]:
        return list(self._store.state.faults.values())  # without the lock: health waits for no world

    def any(self) -> bool:
        return bool(self._store.state.faults)

    def has(self, fault_id: str) -> bool:
        return fault_id in self._store.state.faults

    def get(self, fault_id: str) -> Fault:
        return required(self._store.state.faults.get(fault_id), FaultNotFound)

    def remove(self, fault_id: str) -> None:
        with self._store.lock:
            self._record_change("removed", self.get(fault_id))
            del self._store.state.faults[fault_id]
            self._matchers.pop(fault_id, None)
            for purpose in ("hits", "delay"):
                self._store.state.counters.pop(f"{fault_id} {purpose}", None)

    def clear(self) -> int:
        """Remove all faults, and return how many there were."""
        with self._store.lock:
            faults = self.all()
            for fault in faults:
                self.remove(fault.id)
            return len(faults)

    def seconds_of(self, fault: Fault) -> float:
        """Return the seconds by which a fault delays a call or an event this time."""
        delay = fault.delay
        if delay is None:
            return 0.0
        with self._store.lock:
            share = self._store.random.share(f"{fault.id} delay")
        if delay.mean is None:
            return delay.lowest + share * (delay.highest - delay.lowest)
        if not delay.deviation:
            return delay.mean
        from statistics import NormalDist  # is slow to import, and few faults need it

        seconds = NormalDist(delay.mean, delay.deviation).inv_cdf(min(max(share, 1e-9), 1 - 1e-9))
        return min(max(seconds, delay.lowest), delay.highest)

    def match(self, item: Mapping[str, Any], on: str, *, at_the_start: bool = False) -> Fault | None:
        """Return the fault that hits an API call, or an event before all its attempts (`at_the_start`) or before one.

        For events, the caller holds the lock. A fault whose regular expressions take too long does not match.
        """
        for fault in self.all() if self.any() else ():
            early = on == DELIVERIES and (fault.action in EVENT_ACTIONS or fault.delay is not None)
            if fault.on != on or early != at_the_start or not fault.armed:
                continue
            matcher = self._matchers.get(fault.id)
            if matcher is None or matcher.spec is not fault.match:
                if len(self._matchers) > MAX_FAULTS:  # those of worlds that were replaced
                    self._matchers.clear()
                self._matchers[fault.id] = matcher = matcher_of(fault)
            try:
                matches = matcher.holds(item)
            except InvalidMatcher as error:
                if not matcher.warned:
                    log.warning("%s does not match: %s", fault.id, error)
                    self._matchers[fault.id] = replace(matcher, warned=True)
                continue
            if matches and (hit := self._count(fault)):
                return hit
        return None

    def _count(self, matched: Fault) -> Fault | None:
        """Count a match, and return the fault if it hits and was not removed meanwhile."""
        with self._store.lock:
            faults = self._store.state.faults
            fault = faults.get(matched.id)
            if fault is None or fault.match is not matched.match or not fault.armed:
                return None
            faults[fault.id] = fault = replace(fault, matched=more(fault.matched))
            turn = fault.matched - fault.after
            if turn < 1 or turn % fault.every:
                return None
            if fault.probability < 1 and self._store.random.share(f"{fault.id} hits") >= fault.probability:
                return None
            faults[fault.id] = fault = replace(fault, hits=more(fault.hits))
            self._record_change("hit", fault)
            return fault

    def _record_change(self, action: str, fault: Fault) -> None:
        details = {"name": fault.name, "matched": fault.matched, "hits": fault.hits}
        self._store.record("fault", Change(action, fault.id, details))


def matcher_of(fault: Fault) -> Matcher:
    """Return the matcher of a fault; InvalidMatcher if `match` is wrong."""
    from flaresend_mock.core.matchers import parser  # most runs have no faults

    known = parser.CALL_FIELDS if fault.on == CALLS else parser.DELIVERY_FIELDS
    return parser.compile_matcher(fault.match, known)


def is_framing(header: str) -> bool:
    """Tell whether a header is the connection's: WSGI servers do not accept it from an application."""
    return is_hop_by_hop(header) or header.lower() in ("content-length", "date", "trailer")


def check(fault: Fault) -> None:
    """Refuse a fault that does nothing, or whose parts exclude each other: InvalidFault says why."""
    if fault.reply is None and fault.delay is None and fault.action is None:
        raise InvalidFault("a fault needs a preset, or something to do: respond, delay or action")
    actions = CALL_ACTIONS if fault.on == CALLS else (*ATTEMPT_ACTIONS, *EVENT_ACTIONS)
    if fault.action is not None and fault.action not in actions:
        raise InvalidFault(f"action: {fault.action!r} is not possible for {fault.on}; known: {', '.join(actions)}")
    if fault.reply is not None and fault.action in SILENT_ACTIONS:
        raise InvalidFault(f"respond: the action {fault.action!r} sends no response")
    if fault.on == CALLS:
        return
    if fault.delay is not None and (fault.reply or fault.action in ATTEMPT_ACTIONS):
        raise InvalidFault("delay: an event is delayed before it is sent; arm another fault for its attempts")
    if fault.delay is not None and fault.action == "drop":
        raise InvalidFault("delay: an event that is dropped is not delayed")
    if fault.reply is not None and (fault.reply.headers or fault.reply.status < 200):
        raise InvalidFault("respond: to a delivery it has a status from 200 to 599, and a body")
