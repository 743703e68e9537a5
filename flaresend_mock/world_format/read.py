"""Reads worlds from JSON: world files, exports and imports become a `State`.

What a file leaves out is completed: ids, LIDs and invite codes come from the seed, participants of groups become
people, and groups and channels were created at `LONG_AGO`. Masked API keys and secrets are restored.
"""

import json
import re
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import count, islice
from operator import attrgetter
from pathlib import Path
from typing import Any

from flaresend_mock.core import bounded_store, clock, events, hosts, paths, randomness, redaction
from flaresend_mock.core.errors import InvalidTarget, InvalidWorld
from flaresend_mock.core.instances import instance_id
from flaresend_mock.core.models import Call, Change, Fault, Group, Instance, Person
from flaresend_mock.core.people import own_lid
from flaresend_mock.core.randomness import as_digits, lasting
from flaresend_mock.core.state import DEFAULT_HISTORY, State, WorldSettings
from flaresend_mock.world_format import schema
from flaresend_mock.world_format.schema import LONG_AGO
from flaresend_mock.world_format.validate import WHOLE, decode, keyed, one_of, placed, require, validate

_KEY_LENGTH = 32
_SUBJECTS = (Path(__file__).parent / "assets" / "subjects.txt").read_text("utf-8").splitlines()  # Faker fills {braces}
_NO_SECRETS = "it has no API keys (see --with-secrets); they are those of --world and --api-key, or new"
_RUNNING = {"offset", "frozen_at", "starts_at"}
_WITHOUT = "the export was made without secrets"


class WorldFileError(Exception):
    """A world file that cannot be used; the message names the file and the field."""


def load_file(path: Path, *, text: str | None = None, warnings: list[str] | None = None, **options: Any) -> State:
    """Read a world file or an export, or its `text`, with options of `load_world`; WorldFileError names the path."""
    try:
        if text is None and path.exists() and not path.is_file() and not path.is_dir():
            raise OSError("not a regular file")  # reading a pipe may never end
        data = json.loads(path.read_text(encoding="utf-8") if text is None else text)
        json.dumps(data, ensure_ascii=False).encode()
        state = load_world(data, warnings=warnings, **options)
        if warnings is not None and not data.get("secrets", True):
            warnings.append(_NO_SECRETS)
        return state
    except OSError as error:
        problem = str(error.strerror or error)
    except UnicodeDecodeError:
        problem = "not a UTF-8 text file"
    except UnicodeEncodeError:
        problem = "contains half of a surrogate pair, which is not a character"
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno} column {error.colno}: {error.msg}"
    except (InvalidWorld, ValueError, RecursionError) as error:
        problem = str(error)
    raise WorldFileError(f"{path}: {problem}")


def load_world(
    data: Any,  # the contents of a world file or an export
    *,
    seed: int | None = None,  # this and the next replace those in the data, if the world has no events
    time_zone: str | None = None,
    api_key: str | None = None,  # replaces the first instance's keys
    history: int | None = None,  # of messages and events, unless the data says so
    known: State | None = None,  # the state that masked API keys and secrets are taken from
    name: str = "default",  # of the world; API keys that replace masked ones come from it
    warnings: list[str] | None = None,  # receives a sentence about each secret that is lost
    check_webhook: Callable[[str], str] = hosts.check_webhook,  # raises InvalidTarget for a wrong URL
) -> State:
    """Read a world from JSON."""
    require(isinstance(data, dict), WHOLE, "A JSON object is expected here.")
    given = {name: value for name, value in (("seed", seed), ("time_zone", time_zone)) if value is not None}
    document = _decode_document({"history": history or DEFAULT_HISTORY} | data | given)
    is_new = not document["last_event"]
    require(is_new or not given, "seed", "A world that has events keeps its own seed and time zone.")
    warnings = [] if warnings is None else warnings
    state = _read_state(document)
    instances = _read_instances_and_people(document, state)
    for where, instance in placed("instances", instances):
        if instance.webhook is not None:
            try:
                check_webhook(instance.webhook.url)
            except InvalidTarget as error:
                raise InvalidWorld(f"{where}.webhook.url", f"{error}.") from None
    unmasked = [_unmask_instance(one, f"{state.seed} {name}", known, warnings) for one in instances]
    state.instances = bounded_store.SizedDict(keyed("instances", unmasked))
    faults = [_unmask_fault(fault, known, warnings) for fault in document["faults"]]
    state.faults = bounded_store.SizedDict(keyed("faults", [fault for fault in faults if fault is not None]))
    _read_groups(document, state)
    _read_channels(document, state)
    _read_past(document, state)
    validate(state)
    if api_key is not None:
        give_key(state, api_key)
    return state


def give_key(state: State, api_key: str, *, keeps_others: bool = False) -> None:
    """Give an API key to the first instance, in place of its first one or of all, and take it from all others."""
    for number, one in enumerate(list(state.instances.values())):
        kept = one.api_keys if number else one.api_keys[1:] if keeps_others else ()
        keys = tuple(key for key in kept if key != api_key)
        state.instances[one.id] = replace(one, api_keys=keys if number else (api_key, *keys))


def _decode_document(data: Mapping[str, Any]) -> dict[str, Any]:
    require(data.get("format", schema.FORMAT) == schema.FORMAT, "format", f"{schema.FORMAT!r} is expected here.")
    version = data.get("version", schema.VERSION)
    problem = f"This emulator reads version {schema.VERSION} of worlds, not {str(version)[:50]}."
    require(type(version) is int and version == schema.VERSION, "version", problem)
    for name in data:
        if name not in schema.SCHEMA:
            raise InvalidWorld(WHOLE, schema.not_known(name, schema.SCHEMA))
    return {
        name: decode(data[name], kind, name) if name in data else copy(default)
        for name, (kind, default) in schema.SCHEMA.items()
    }


def _read_state(document: Mapping[str, Any]) -> State:
    lanes = keyed("lanes", document["lanes"], lambda lane: (lane.instance, lane.chat), "chat")
    timers = document["timers"]
    sized = {name: bounded_store.SizedDict(document[name]) for name in ("auto_replies", "disappearing")}
    sized |= {name: bounded_store.SizedDict(keyed(name, document[name])) for name in ("tasks", "open_deliveries")}
    counters = dict(list(document["counters"].items())[-schema.MAX_COUNTERS :])  # calls may add some
    return State(
        **{name: document[name] for name in schema.UNCHANGED} | sized | {"counters": counters},
        settings=WorldSettings(**{one.name: document[one.name] for one in fields(WorldSettings)}),
        clock=_read_clock(document["clock"]),
        timers=clock.TimerQueue.refilled(timers.entries, timers.last_order),
        lanes={key: deque(lane.deliveries) for key, lane in lanes.items()},
    )


def _read_clock(data: Any) -> clock.ClockSetting:
    if data is None:
        return clock.ClockSetting()
    if isinstance(data, dict) and data.keys() & _RUNNING:
        setting: clock.ClockSetting = decode(data, clock.ClockSetting, "clock")
        return setting
    start = decode(data, schema.ClockStart, "clock")
    return clock.ClockSetting(frozen_at=start.now) if start.frozen else clock.ClockSetting(starts_at=start.now)


def _read_instances_and_people(document: Mapping[str, Any], state: State) -> list[Instance]:
    instances: list[Instance] = []
    phones: list[Person] = []
    for where, data in placed("instances", document["instances"]):
        lid = None
        if isinstance(data, dict):
            data, lid = {name: value for name, value in data.items() if name != "lid"}, data.get("lid")
        instance: Instance = decode(data, Instance, where)
        instances.append(replace(instance, id=instance.id or instance_id(state.seed, instance.number)))
        phones.append(decode({"number": instance.number, "name": instance.name, "lid": lid}, Person, where))
    lids = {phone.number: phone.lid for phone in reversed(phones)}
    for number, person in keyed("people", document["people"], attrgetter("number"), "number").items():
        _add_person(state, f"people[{len(state.people)}]", replace(person, lid=person.lid or lids.get(number, "")))
    for where, phone in placed("instances", phones):
        if phone.number not in state.people:
            _add_person(state, where, phone)
        has_lid = phone.lid in ("", state.people[phone.number].lid)
        require(has_lid, f"{where}.lid", "The person with this number has another LID.")
    return instances


def _unmask_instance(instance: Instance, origin: str, known: State | None, warnings: list[str]) -> Instance:
    """Return an instance with its API keys and the secrets of its webhook; keys that are lost come from `origin`."""
    former = known.instances.get(instance.id) if known else None
    keys = former.api_keys if former else ()
    materials = (randomness.lasting(0, f"api key {origin}", f"{instance.id}:{n}") for n in count())
    made = ["fm_" + randomness.as_letters(next(materials), _KEY_LENGTH) for _ in instance.api_keys]
    found = [keys[n] if n < len(keys) else one for n, one in enumerate(made)]
    api_keys = tuple(key if key != redaction.MASK else found[n] for n, key in enumerate(instance.api_keys))
    derived = len(set(api_keys) - set(instance.api_keys) - set(keys))
    if derived:
        warnings.append(f"instance {instance.id} has {derived} new API key(s): {_WITHOUT}")
    webhook = instance.webhook
    for name, lack in (("secret", "is unsigned"), ("verify_token", "has no verify token")):
        if webhook is not None and getattr(webhook, name) == redaction.MASK:
            secret = getattr(former.webhook, name, None) if former else None
            changes: dict[str, Any] = {name: secret}
            webhook = replace(webhook, **changes)
            if secret is None:
                warnings.append(f"the webhook of instance {instance.id} {lack}: {_WITHOUT}")
    return replace(instance, api_keys=api_keys, webhook=webhook)


def _unmask_fault(fault: Fault, known: State | None, warnings: list[str]) -> Fault | None:
    if fault.match.get("key") != redaction.MASK:
        return fault
    former = known.faults.get(fault.id) if known else None
    key = former.match.get("key") if former else None
    if key is None:
        warnings.append(f"the fault {fault.id} is left out, as it is about an API key: {_WITHOUT}")
        return None
    return replace(fault, match={**fault.match, "key": key})


def _read_groups(document: Mapping[str, Any], state: State) -> None:
    random = randomness.SeededRandom(state.seed, state.counters)
    groups, given = [], [*document["groups"], *_populate(document, state)]
    ids, invites = {one.id for one in given}, {one.invite for one in given}
    for where, group in placed("groups", given):
        is_owned = group.subject_owner or group.owner in group.members
        require(is_owned, f"{where}.owner", f"{group.owner} is not among the participants.")
        for number in group.members:
            if number not in state.people:
                _add_person(state, where, Person(number, ""))
        completed = replace(
            group,
            id=group.id or random.digits("group", 12, "120363{}@g.us".format, ids),
            invite=group.invite or random.letters("group invite", 22, str, invites),
            subject_owner=group.subject_owner or group.owner,
            subject_time=group.subject_time or group.created,
        )
        groups.append(completed)
    state.groups = bounded_store.SizedDict(keyed("groups", groups))


def _populate(document: Mapping[str, Any], state: State) -> tuple[Group, ...]:
    """Add invented people to a state, and return invented groups, in each of which is the first instance.

    The same seed invents the same, as long as the release of Faker stays the same. If no one is invented, people who
    are known are in the groups.
    """
    wanted = document["populate"]
    if wanted is None or not state.instances:
        return ()
    from faker import Faker  # few worlds need it

    faker, known = Faker(["en_US", "sw"]), list(state.people.values())[: len(document["people"])]
    faker.seed_instance(state.seed)
    host, others = next(iter(state.instances.values())).number, list[str]()
    drawn = ("2547" + as_digits(lasting(state.seed, "invented number", str(n)), 8) for n in count())
    unused = (number for number in drawn if number not in state.people and number not in state.aliases)
    for number in islice(unused, wanted.people):
        _add_person(state, "populate.people", Person(number, "", faker.name()))
        others.append(number)
    others = others or [one.number for one in known if one.number != host and one.on_whatsapp]
    groups = [_group(faker, state.seed, index, host, others) for index in range(wanted.groups)]
    invented: tuple[Group, ...] = decode(groups, tuple[Group, ...], "groups")
    return invented


def _read_channels(document: Mapping[str, Any], state: State) -> None:
    random, given = randomness.SeededRandom(state.seed, state.counters), document["channels"]
    ids, invites = {one.id for one in given}, {one.invite for one in given}
    channels = [
        replace(
            one,
            id=one.id or random.digits("channel", 12, "120363{}@newsletter".format, ids),
            invite=one.invite or random.letters("channel invite", 19, "0029V{}".format, invites),
        )
        for one in given
    ]
    state.channels = bounded_store.SizedDict(keyed("channels", channels))


def _add_person(state: State, where: str, person: Person) -> None:
    lid = person.lid or own_lid(state, person.number)
    require(lid not in state.lids, f"{where}.lid", f"{lid} appears twice.")
    state.people[person.number] = replace(person, lid=lid)
    state.lids[lid] = person.number
    for alias in person.aliases:
        require(alias not in state.aliases, f"{where}.aliases", f"{alias} appears twice.")
        state.aliases[alias] = person.number


def _read_past(document: Mapping[str, Any], state: State) -> None:
    for name in document["evicted"]:
        one_of("evicted", name, schema.BOUNDED)
    for name in schema.BOUNDED:
        values = document[name]
        by_path = name == "served"
        key = (lambda one: one.path.partition("?")[0]) if by_path else attrgetter("id")
        by_key = keyed(name, values, key, "path" if by_path else "id")
        evicted = document["evicted"].get(name, schema.Evicted())
        needed = state.needed(name) if name in ("media", "served") else ()
        getattr(state, name).refill(by_key, evicted.count, evicted.last_event, needed)
    number = 0
    for where, record in placed("events", document["events"]):
        problem = "Events are numbered from 1, each higher than the one before."
        require(record.number > number, f"{where}.number", problem)
        number = record.number
    require(number <= document["last_event"], "last_event", f"There is an event of number {number}.")
    gone = {kind: (one.count, one.last_event) for kind, one in document["evicted_events"].items()}
    called = document["last_call"]  # where it is left out: no call has a higher number than its event
    state.events.calls = document["last_event"] if called is None else called
    past = [_read_event(f"{where}.subject", one) for where, one in placed("events", document["events"])]
    state.events.refill(past, document["last_event"], gone)


def _read_event(where: str, record: schema.EventRecord) -> events.Event:
    subject = decode(record.subject, schema.SUBJECTS[record.kind], where)
    try:
        return events.Event(record.number, record.at, record.kind, untagged(subject))
    except ValueError as error:
        raise InvalidWorld(where, f"{str(error).capitalize()}.") from None


def untagged(subject: events.Subject) -> events.Subject:
    """Return the subject of an event that `write.tagged` was given; ValueError for an unknown tag or wrong contents."""
    match subject:
        case Call(path=path, raw_path=""):  # exported before these were told apart
            return untagged(replace(subject, path=paths.routed(path), raw_path=path or "/"))
        case Call(body=body) if body is not None:
            return replace(subject, body=_untagged_body(body))
        case Change(details=details) if any(map(schema.is_tag, details.values())):
            return replace(subject, details={name: _untagged(value) for name, value in details.items()})
        case _:
            return subject


def _untagged_body(body: Any) -> Any:
    if isinstance(body, dict) and len(body) == 1:
        ((tag, inner),) = body.items()
        if tag == schema.BYTES and isinstance(inner, str):
            return b64decode(inner, validate=True)
        if tag == schema.FORM and inner is not None:
            return inner
    raise ValueError(f'a body is null, {{"{schema.BYTES}": base64}} or {{"{schema.FORM}": …}}')


def _untagged(value: Any) -> Any:
    if not schema.is_tag(value):
        return value
    ((tag, inner),) = value.items()
    if tag == schema.VALUE:
        return inner
    moment = datetime.fromisoformat(inner) if isinstance(inner, str) else None
    if moment is None or moment.utcoffset() != timedelta():
        raise ValueError(f"{schema.TIME} holds a time in UTC")
    return moment


def _group(faker: Any, seed: int, index: int, host: str, others: list[str]) -> dict[str, Any]:
    """Invent one group: another person owns every third, the instance owns the rest."""
    dice = lasting(seed, "invented group", str(index))
    size = 3 + dice[63] % 10 if others else 0
    people = list(dict.fromkeys(others[byte * len(others) // 256] for byte in dice[:size]))
    owner = people[0] if index % 3 == 2 and people else host
    created = LONG_AGO + timedelta(days=7 * index, minutes=dice[62])
    return {
        "subject": re.sub(r"{(\w+)}", lambda found: str(getattr(faker, found[1])()), _SUBJECTS[index % len(_SUBJECTS)]),
        "description": faker.catch_phrase(),
        "owner": owner,
        "created": created.isoformat(),
        "participants": [{"number": one, "admin": "superadmin" if one == owner else None} for one in [host, *people]],
    }
