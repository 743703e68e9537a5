"""Validates a world: every relation between its parts holds.

World files, exports and imports all pass through `validate`. Errors name fields as they are called in JSON.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from flaresend_mock.core import deliveries, errors, events, faults, inbound, instances, numbers
from flaresend_mock.core.models import CLOSED_STATUSES, GROUP_CAPACITY, MESSAGE_TYPES, OPEN_STATUSES, Delivery, Fault
from flaresend_mock.core.numbers import GROUP, USER, parse
from flaresend_mock.core.sending import TASK
from flaresend_mock.core.state import State
from flaresend_mock.world_format.schema import not_known

ENDED_TASK_STATUSES = ("sent", "failed", "cancelled")
IN_A_LANE = ("pending", "retrying")

Value = TypeVar("Value")

_MAX_SHOWN = 20  # an error lists at most so many known words


def validate(state: State) -> None:
    """Validate a state whose records were decoded; InvalidWorld if two parts contradict each other."""
    _validate_instances(state)
    _validate_people(state)
    _validate_groups(state)
    keyed("channels", state.channels.values(), attrgetter("invite"), "invite")
    for index, fault in enumerate(state.faults.values()):
        _validate_fault(f"faults[{index}]", fault)
    _validate_tasks(state)
    _validate_deliveries(state)
    _validate_lanes(state)
    for key, reply in state.auto_replies.items():
        _one_of(f"auto_replies.{key}.instance", reply.instance, state.instances)
    for chat in state.disappearing:
        is_chat = chat.endswith(GROUP) or (parse(chat) or "") + USER == chat
        _require(is_chat, f"disappearing.{chat}", "The JID of a group, or of a person by number, is expected here.")
    _validate_timers(state)
    for kind in state.events.gone:
        _one_of(f"evicted_events.{kind}", kind, events.KINDS)


def keyed(
    section: str, values: Iterable[Value], key: Callable[[Value], Any] = attrgetter("id"), field: str = "id"
) -> dict[Any, Value]:
    """Return the records of a list by their keys; InvalidWorld if two have the same."""
    found: dict[Any, Value] = {}
    for index, value in enumerate(values):
        name = key(value)
        if name in found:
            shown = " ".join(name) if isinstance(name, tuple) else name
            raise errors.InvalidWorld(f"{section}[{index}].{field}", f"{shown} appears twice.")
        found[name] = value
    return found


def _require(holds: bool, where: str, problem: str) -> None:
    if not holds:
        raise errors.InvalidWorld(where, problem)


def _within(where: str, value: float, lowest: float, highest: float) -> None:
    _require(lowest <= value <= highest, where, f"A number from {lowest:g} to {highest:g} is expected here.")


def _one_of(where: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        few = len(known) <= _MAX_SHOWN
        raise errors.InvalidWorld(where, not_known(value, list(known)) if few else f"{value!r} is not known.")


def _validate_instances(state: State) -> None:
    instances = list(state.instances.values())
    _require(bool(instances), "instances", "A world has at least one instance.")
    keyed("instances", instances, attrgetter("number"), "number")
    keys: set[str] = set()
    for index, instance in enumerate(instances):
        for place, key in enumerate(instance.api_keys):
            _require(key not in keys, f"instances[{index}].api_keys[{place}]", "This key appears twice.")
            keys.add(key)


def _validate_people(state: State) -> None:
    for index, person in enumerate(state.people.values()):  # those of the world file come first
        for alias in person.aliases:
            problem = f"{alias} is a person's number, and an alias of {person.number}."
            _require(alias not in state.people, f"people[{index}].aliases", problem)
    for number in (*state.people, *state.aliases):
        is_lid = number + numbers.LID in state.lids
        _require(not is_lid, "people", f"{number} is a phone number, and the digits of a LID.")


def _validate_groups(state: State) -> None:
    groups = state.groups.values()
    keyed("groups", groups, attrgetter("invite"), "invite")
    for index, group in enumerate(groups):
        where = f"groups[{index}]"
        full = f"A group has at most {GROUP_CAPACITY} participants."
        _require(len(group.members) <= GROUP_CAPACITY, f"{where}.participants", full)
        for field, number in (("owner", group.owner), ("subject_owner", group.subject_owner)):
            _require(number in state.people, f"{where}.{field}", f"{number} is not among the people.")


def _validate_fault(where: str, fault: Fault) -> None:
    if fault.delay is not None:
        _within(f"{where}.delay.highest", fault.delay.highest, fault.delay.lowest, faults.MAX_DELAY)
    try:
        faults.check(fault)
        faults.matcher_of(fault)
    except errors.InvalidFault as invalid:
        raise errors.InvalidWorld(where, str(invalid)) from None
    except errors.InvalidMatcher as error:
        raise errors.InvalidWorld(f"{where}.match", f"{error}.") from None


def _validate_tasks(state: State) -> None:
    for index, task in enumerate(state.tasks.values()):
        where = f"tasks[{index}]"
        _one_of(f"{where}.instance", task.instance, state.instances)
        _one_of(f"{where}.status", task.status, ("pending",))
        _one_of(f"{where}.content.type", task.content.type, MESSAGE_TYPES)
    for index, task in enumerate(state.ended_tasks):
        where = f"ended_tasks[{index}]"
        _one_of(f"{where}.status", task.status, ENDED_TASK_STATUSES)
        _require(task.id not in state.tasks, f"{where}.id", f"{task.id} is pending.")


def _validate_deliveries(state: State) -> None:
    for index, delivery in enumerate(state.open_deliveries.values()):
        where = f"open_deliveries[{index}]"
        _one_of(f"{where}.instance", delivery.instance, state.instances)
        _one_of(f"{where}.status", delivery.status, OPEN_STATUSES)
        _validate_body(where, delivery)
    for index, delivery in enumerate(state.deliveries):
        where = f"deliveries[{index}]"
        _one_of(f"{where}.status", delivery.status, CLOSED_STATUSES)
        _validate_body(where, delivery)
        _require(delivery.id not in state.open_deliveries, f"{where}.id", f"{delivery.id} is an open delivery.")


def _validate_body(where: str, delivery: Delivery) -> None:
    try:
        is_event = isinstance(json.loads(delivery.body), dict)
    except (ValueError, RecursionError):
        is_event = False
    _require(is_event, f"{where}.body", "The base64 of a JSON object is expected here.")


def _validate_lanes(state: State) -> None:
    waiting = {id_: one for id_, one in state.open_deliveries.items() if one.status in IN_A_LANE}
    for index, (lane, ids) in enumerate(state.lanes.items()):
        where = f"lanes[{index}].deliveries"
        _require(bool(ids), where, "A lane has at least one delivery.")
        for place, id_ in enumerate(ids):
            delivery = waiting.pop(id_, None)
            is_here = delivery is not None and (delivery.instance, delivery.chat) == lane
            problem = f"{id_} is not a pending delivery of this chat, or is in another lane."
            _require(is_here, f"{where}[{place}]", problem)
    for index, delivery in enumerate(state.open_deliveries.values()):
        is_lost = delivery.id in waiting and delivery.status == "pending"
        _require(not is_lost, f"open_deliveries[{index}]", f"{delivery.id} is {delivery.status}, and in no lane.")


def _validate_timers(state: State) -> None:
    status = {delivery.id: delivery.status for delivery in state.open_deliveries.values()}
    needed: Mapping[str, set[str]] = {
        TASK: set(state.tasks),
        deliveries.RETRY: {id_ for id_, its in status.items() if its == "retrying"},
        deliveries.DELAYED: {id_ for id_, its in status.items() if its == "delayed"},
        inbound.AUTO_REPLY: set(state.auto_replies),
    }
    possible = {**needed, instances.PAIRING: set(state.instances)}
    entries, last_order = state.timers.contents()
    keyed("timers.entries", entries, attrgetter("kind", "key"), "key")
    keyed("timers.entries", entries, attrgetter("order"), "order")
    for index, entry in enumerate(entries):
        where = f"timers.entries[{index}]"
        _one_of(f"{where}.kind", entry.kind, possible)
        _within(f"{where}.order", entry.order, 1, last_order)
        _require(entry.key in possible[entry.kind], f"{where}.key", f"There is no {entry.kind} of {entry.key!r}.")
    for kind, keys in needed.items():
        missing = keys - {entry.key for entry in entries if entry.kind == kind}
        if missing:
            raise errors.InvalidWorld("timers.entries", f"The {kind} of {min(missing)!r} is missing.")
