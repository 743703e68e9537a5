"""Decodes JSON into the core's models by their types and the schema's rules, and validates the world that they make.

Both name the place of each mistake, by the names of fields in JSON. World files, exports and imports all pass through
them.
"""

import json
import re
from binascii import a2b_base64
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from math import isfinite
from operator import attrgetter
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from marshmallow import ValidationError
from marshmallow.validate import Length, OneOf, Range

from flaresend_mock.core import bounded_store, deliveries, errors, events, faults, inbound, instances, models, numbers
from flaresend_mock.core.event_bodies import MAX_ID
from flaresend_mock.core.groups import CAPACITY
from flaresend_mock.core.matchers.parser import as_object
from flaresend_mock.core.numbers import GROUP, USER, parse
from flaresend_mock.core.sending import TASK
from flaresend_mock.core.state import BOUNDS, State
from flaresend_mock.world_format.schema import LEFT_OUT, LISTED, RULES, ClockStart, counted, not_known

MAX_DEPTH = 200  # twice that of request bodies, because payloads may quote them
_MAX_SHOWN = 20  # known words that an error lists at most
MAX_KEY = 100  # characters of the name of a counter, and so on
_SLACK = 2  # a world that is full may still change a little: its file has to be read
ENDED_TASK_STATUSES = ("sent", "failed", "cancelled")
IN_A_LANE = ("pending", "retrying")
WHOLE = "the file"  # the place of a mistake that concerns the whole file
_FIRST_DAY, _LAST_DAY = "1970-01-01", "9999-12-30"
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DURATION = re.compile(r"([+-]?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?", re.ASCII)
_NAMES: Mapping[type, str] = {dict: "object", list: "array", NoneType: "null", memoryview: "str"}
"""How errors call the types of JSON; the others are called as in Python."""

Decoder = Callable[[Any], Any]
Rule = Callable[[Any], object]
Value = TypeVar("Value")

_UNLESS_RULED: Mapping[object, Rule] = {int: Range(0, bounded_store.MAX_COUNT), str: Length(max=MAX_ID)}


class _Mistake(Exception):
    """A value that does not fit; `steps` lead to it, the last one first."""

    def __init__(self, problem: str, *steps: str) -> None:
        self.problem = problem
        self.steps = list(steps)


def decode(data: Any, kind: Any, where: str) -> Any:
    """Decode JSON, which stands at `where` in its file, into a type; InvalidWorld if it does not fit."""
    try:
        return _decoder(kind)(data)
    except _Mistake as mistake:
        raise errors.InvalidWorld(where + "".join(reversed(mistake.steps)), mistake.problem) from None


@cache
def _decoder(hint: Any, rule: Rule | None = None, null: str = "") -> Decoder:
    """Return the decoder of a type, whose values, or items of a list, obey a rule. Errors add `null` to the type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _decoder(args[0], args[1])
    if NoneType in args:
        given = _decoder(args[0], rule, " | null")
        return lambda data: None if data is None else given(data)
    if hint is object:  # decoded later
        return lambda data: data
    if hint is Any:
        return _json
    if origin is tuple:
        return _typed("array" + null, {list}, _array(args, rule))
    if origin in (dict, Mapping):
        inner = _decoder(args[1], counted if args[1] is str else None)
        return _typed("object" + null, {dict}, lambda data: _decode_values(data, dict.fromkeys(data, inner)), rule)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _typed("object" + null, {dict}, _record(hint), rule)
    if origin is Literal:
        return _typed("str" + null, {str}, rule=OneOf(args, error="Invalid enum value {input!r}."))
    expected, kinds, convert = _SIMPLE[hint]
    return _typed(expected + null, kinds, convert, rule or _UNLESS_RULED.get(hint))


def _typed(expected: str, kinds: set[type], convert: Decoder | None = None, rule: Rule | None = None) -> Decoder:
    def decode_typed(data: Any) -> Any:
        if type(data) is list and dict in kinds:
            data = as_object(data)
        if type(data) not in kinds:
            raise _Mistake(f"Expected `{expected}`, got `{_NAMES.get(type(data), type(data).__name__)}`.")
        value = convert(data) if convert else data
        if rule:
            try:
                rule(value)
            except ValidationError as error:
                raise _Mistake(str(error.messages[0])) from None
        return value

    return decode_typed


def _array(types: tuple[Any, ...], rule: Rule | None) -> Decoder:
    item = _decoder(types[0], rule)
    length = None if types[-1] is Ellipsis else len(types)

    def decode_array(data: list[Any]) -> tuple[Any, ...]:
        if length not in (None, len(data)):
            raise _Mistake(f"Expected `array` of length {length}, got {len(data)}.")
        items: list[Any] = []
        try:
            for one in data:
                items.append(item(one))  # noqa: PERF401 - its length is needed
        except _Mistake as mistake:
            mistake.steps.append(f"[{len(items)}]")
            raise
        return tuple(items)

    return decode_array


def _decode_values(data: Mapping[str, Any], decoders: Mapping[str, Decoder]) -> dict[str, Any]:
    values, name = {}, ""
    try:
        for name, value in data.items():
            values[name] = decoders[name](value)
    except _Mistake as mistake:
        mistake.steps.append(f".{name}")
        raise
    return values


def _record(kind: type) -> Decoder:
    hints, listed, left_out = get_type_hints(kind), LISTED.get(kind), LEFT_OUT.get(kind, {})
    known: dict[str, Decoder] = {}
    required = []
    for one in fields(kind):
        name, rule = one.name, RULES.get((kind.__name__, one.name))
        if listed is not None and name == listed.field:
            name = listed.name
            known[name] = _by_number(listed.kind, listed.value)
        elif (kind, name) in _TIMES:
            known[name] = _typed("datetime", {str}, _TIMES[kind, name], rule)
        else:
            known[name] = _decoder(hints[name], rule)
        if one.default is one.default_factory is MISSING and name not in left_out:
            required.append(name)

    def decode_record(data: dict[str, Any]) -> Any:
        if not data.keys() <= known.keys():
            raise _Mistake(not_known(next(name for name in data if name not in known), list(known)))
        if left_out:
            data = {name: value for name, value in data.items() if value is not None or name not in left_out}
        values = _decode_values(data, known)
        for name in required:
            if name not in values:
                raise _Mistake("This field is required.", f".{name}")
        if listed is not None and listed.name in values:
            values[listed.field] = values.pop(listed.name)
        return kind(**{**left_out, **values})

    return decode_record


def _by_number(kind: Any, value_of: Callable[[Any], Any]) -> Decoder:
    as_list = _decoder(kind)

    def decode_list(data: Any) -> dict[str, Any]:
        items = as_list(data)
        by_number = {item.number: value_of(item) for item in items}
        if len(by_number) < len(items):
            raise _Mistake("A number appears twice.")
        return by_number

    return decode_list


def _json(data: Any, depth: int = 0) -> Any:
    if isinstance(data, float):
        _float(data)
    elif isinstance(data, dict | list):
        if depth == MAX_DEPTH:
            raise _Mistake("This is nested too deeply.")
        for inner in data.values() if isinstance(data, dict) else data:
            if isinstance(inner, dict | list | float):
                _json(inner, depth + 1)
    return data


def _float(data: float) -> float:
    try:
        if isfinite(data):
            return float(data)
    except OverflowError:
        pass
    raise _Mistake("A finite number is expected here.")


def _utc_time(data: str) -> datetime:
    if not data.endswith("Z"):
        raise _Mistake("A time in UTC is expected here, such as 2025-11-14T13:00:00Z.")
    if not _FIRST_DAY <= data[:10] <= _LAST_DAY:
        raise _Mistake("A time from 1970 to 9999 is expected here, in which every time zone has a day.")
    return _parsed(data)


def _time_with_offset(data: str) -> datetime:
    try:
        moment = datetime.fromisoformat(data)
        return _utc_time(moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment.tzinfo else data)
    except (ValueError, OverflowError):
        return _utc_time(data)


def _local_time(data: str) -> datetime:
    moment = _parsed(data)
    if moment.tzinfo is not None:
        raise _Mistake("A time without an offset is expected here, such as 2025-11-14T13:00:00.")
    return moment


def _parsed(text: str) -> datetime:
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise _Mistake("Invalid RFC3339 encoded datetime.")


def _duration(data: str) -> timedelta:
    found = _DURATION.fullmatch(data)
    if not found or data[-1] in "PT":
        raise _Mistake("Invalid ISO8601 duration.")
    try:
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:5])
        duration = timedelta(days, seconds, int((found[6] or "").ljust(6, "0")), 0, minutes, hours)
    except (OverflowError, ValueError):
        raise _Mistake("Duration is out of range.") from None
    return -duration if found[1] == "-" else duration


def _bytes(data: str | memoryview) -> bytes:
    try:
        return a2b_base64(data, strict_mode=True)
    except ValueError:
        raise _Mistake("Invalid base64 encoded string.") from None


_SIMPLE: Mapping[Any, tuple[str, set[type], Decoder | None]] = {
    str: ("str", {str}, None),
    int: ("int", {int}, None),
    str | int: ("int | str", {int, str}, None),
    bool: ("bool", {bool}, None),
    float: ("float", {float, int}, _float),
    bytes: ("bytes", {str, memoryview}, _bytes),
    datetime: ("datetime", {str}, _utc_time),
    timedelta: ("duration", {str}, _duration),
}
"""How errors call the types of single values, the types of JSON that they are written in, and their converters."""

_TIMES: Mapping[tuple[type, str], Decoder] = {
    (models.Task, "local_time"): _local_time,
    (ClockStart, "now"): _time_with_offset,
    (models.Group, "created"): _time_with_offset,
    (models.Channel, "created"): _time_with_offset,
}
"""The times that are not written in UTC, or need not be."""


def validate(state: State) -> None:
    """Validate a state whose records were decoded; InvalidWorld if two parts contradict each other."""
    for name, (most, max_bytes) in BOUNDS.items():
        held = getattr(state, name).values()
        if name == "instances":  # what pairing changes without asking for room
            held = [replace(one, number="", status="", qr=None) for one in held]
        sizes = sorted(map(bounded_store.weight, held))  # one may be beyond the bound
        require(len(getattr(state, name)) <= most, name, f"A world has at most {most} {name}.")
        require(sum(sizes[:-1]) <= _SLACK * max_bytes, name, f"They take at most {max_bytes >> 20} MiB.")
    _validate_instances(state)
    _validate_people(state)
    _validate_groups(state)
    keyed("channels", state.channels.values(), attrgetter("invite"), "invite")
    for where, fault in placed("faults", state.faults.values()):
        _validate_fault(where, fault)
    _validate_tasks(state)
    _validate_deliveries(state)
    _validate_lanes(state)
    for name in ("counters", "auto_replies", "disappearing"):
        longest = max(map(len, getattr(state, name)), default=0)
        require(longest <= MAX_KEY, name, f"Names of at most {MAX_KEY} characters are expected here.")
    for key, reply in state.auto_replies.items():
        one_of(f"auto_replies.{key}.instance", reply.instance, state.instances)
    for chat in state.disappearing:
        is_chat = chat.endswith(GROUP) or (parse(chat) or "") + USER == chat
        require(is_chat, f"disappearing.{chat}", "The JID of a group, or of a person by number, is expected here.")
    _validate_timers(state)
    for kind in state.events.gone:
        one_of(f"evicted_events.{kind}", kind, events.KINDS)


def keyed(
    section: str, values: Iterable[Value], key: Callable[[Value], Any] = attrgetter("id"), field: str = "id"
) -> dict[Any, Value]:
    """Return the records of a list by their keys; InvalidWorld if two have the same."""
    found: dict[Any, Value] = {}
    for where, value in placed(section, values):
        name = key(value)
        shown = " ".join(name) if isinstance(name, tuple) else name
        require(name not in found, f"{where}.{field}", f"{shown} appears twice.")
        found[name] = value
    return found


def placed(section: str, values: Iterable[Value]) -> Iterator[tuple[str, Value]]:
    """Yield the records of a list, each behind its place."""
    return ((f"{section}[{index}]", value) for index, value in enumerate(values))


def require(holds: object, where: str, problem: str) -> None:
    if not holds:
        raise errors.InvalidWorld(where, problem)


def _within(where: str, value: float, lowest: float, highest: float) -> None:
    require(lowest <= value <= highest, where, f"A number from {lowest:g} to {highest:g} is expected here.")


def one_of(where: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        few = len(known) <= _MAX_SHOWN
        raise errors.InvalidWorld(where, not_known(value, list(known)) if few else f"{value!r} is not known.")


def _validate_instances(state: State) -> None:
    instances = list(state.instances.values())
    require(instances, "instances", "A world has at least one instance.")
    keyed("instances", instances, attrgetter("number"), "number")
    keys: set[str] = set()
    for where, instance in placed("instances", instances):
        for place, key in placed(f"{where}.api_keys", instance.api_keys):
            require(key not in keys, place, "This key appears twice.")
            keys.add(key)


def _validate_people(state: State) -> None:
    for where, person in placed("people", state.people.values()):  # those of the world file come first
        for alias in person.aliases:
            problem = f"{alias} is a person's number, and an alias of {person.number}."
            require(alias not in state.people, f"{where}.aliases", problem)
    for number in (*state.people, *state.aliases):
        is_lid = number + numbers.LID in state.lids
        require(not is_lid, "people", f"{number} is a phone number, and the digits of a LID.")


def _validate_groups(state: State) -> None:
    groups = state.groups.values()
    keyed("groups", groups, attrgetter("invite"), "invite")
    for where, group in placed("groups", groups):
        full = f"A group has at most {CAPACITY} participants."
        require(len(group.members) <= CAPACITY, f"{where}.participants", full)
        for field, number in (("owner", group.owner), ("subject_owner", group.subject_owner)):
            require(number in state.people, f"{where}.{field}", f"{number} is not among the people.")


def _validate_fault(where: str, fault: models.Fault) -> None:
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
    for where, task in placed("tasks", state.tasks.values()):
        one_of(f"{where}.instance", task.instance, state.instances)
        one_of(f"{where}.status", task.status, ("pending",))
        one_of(f"{where}.content.type", task.content.type, models.MESSAGE_TYPES)
    for where, task in placed("ended_tasks", state.ended_tasks):
        one_of(f"{where}.status", task.status, ENDED_TASK_STATUSES)
        require(task.id not in state.tasks, f"{where}.id", f"{task.id} is pending.")


def _validate_deliveries(state: State) -> None:
    unsent = [replace(one, attempts=()) for one in state.open_deliveries.values()]
    pending = list(map(bounded_store.weight, (*state.tasks.values(), *unsent, *state.auto_replies.values())))
    for what, sizes, most in (
        ("Scheduled messages, undelivered events and automatic replies", pending, bounded_store.MAX_PENDING_BYTES),
        ("Files of scheduled messages", state.needed_sizes("media"), bounded_store.MAX_MEDIA_BYTES),
    ):
        require(sum(sizes) - max(sizes, default=0) <= _SLACK * most, WHOLE, f"{what} take at most {most >> 20} MiB.")
    for where, delivery in placed("open_deliveries", state.open_deliveries.values()):
        one_of(f"{where}.instance", delivery.instance, state.instances)
        one_of(f"{where}.status", delivery.status, models.OPEN_STATUSES)
        _validate_body(where, delivery)
    for where, delivery in placed("deliveries", state.deliveries):
        one_of(f"{where}.status", delivery.status, models.CLOSED_STATUSES)
        _validate_body(where, delivery)
        require(delivery.id not in state.open_deliveries, f"{where}.id", f"{delivery.id} is an open delivery.")


def _validate_body(where: str, delivery: models.Delivery) -> None:
    try:
        is_event = isinstance(json.loads(delivery.body.decode()), dict)
    except (ValueError, RecursionError):
        is_event = False
    require(is_event, f"{where}.body", "The base64 of a JSON object is expected here.")


def _validate_lanes(state: State) -> None:
    waiting = {id_: one for id_, one in state.open_deliveries.items() if one.status in IN_A_LANE}
    for where, (lane, ids) in placed("lanes", state.lanes.items()):
        require(ids, f"{where}.deliveries", "A lane has at least one delivery.")
        for place, id_ in placed(f"{where}.deliveries", ids):
            one = waiting.pop(id_, None)
            is_here = one is not None and deliveries.lane_of(one) == lane and (id_ == ids[0] or one.status == "pending")
            require(is_here, place, f"{id_} is not a pending delivery of this chat, or is in another lane.")
    for where, delivery in placed("open_deliveries", state.open_deliveries.values()):
        is_lost = delivery.id in waiting and delivery.status == "pending"
        require(not is_lost, where, f"{delivery.id} is {delivery.status}, and in no lane.")


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
    for where, entry in placed("timers.entries", entries):
        one_of(f"{where}.kind", entry.kind, possible)
        _within(f"{where}.order", entry.order, 1, last_order)
        require(entry.key in possible[entry.kind], f"{where}.key", f"There is no {entry.kind} of {entry.key!r}.")
    for kind, keys in needed.items():
        missing = keys - {entry.key for entry in entries if entry.kind == kind}
        if missing:
            raise errors.InvalidWorld("timers.entries", f"The {kind} of {min(missing)!r} is missing.")
