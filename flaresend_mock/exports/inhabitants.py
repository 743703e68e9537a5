"""Who and what is in a world: each as it can be, and none in the way of another."""

from __future__ import annotations

import re

from marshmallow import ValidationError

from flaresend_mock.background.webhook_handshake import MODES
from flaresend_mock.core import faults, numbers, webhook_urls
from flaresend_mock.core.clock import EARLIEST, LATEST
from flaresend_mock.core.errors import InvalidFault, InvalidMatcher, InvalidTarget, InvalidWorld
from flaresend_mock.core.models import INSTANCE_STATUSES, Chaos, Delay, Fault, Instance, Reply, Webhook
from flaresend_mock.exports.contents import Contents
from flaresend_mock.exports.rules import MONTH, YEAR, in_calendar, one_of, phone_number, unique, within
from flaresend_mock.worldfile.schema import known_time_zone, usable_key

MAX_HISTORY = 10_000_000
ADMINS = ("superadmin", "admin", None)
ROLES = ("OWNER", "ADMIN", "SUBSCRIBER")

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def check_inhabitants(contents: Contents) -> None:
    """Check everything that does not depend on what happened.

    Raises:
        InvalidWorld: two of them contradict each other, or no world has such ones.
    """
    _check_settings(contents)
    _check_people(contents)
    _check_instances(contents)
    _check_groups(contents)
    _check_channels(contents)
    _check_faults(contents)


def _check_settings(contents: Contents) -> None:
    within("world.history", contents.history, 1, MAX_HISTORY)
    if contents.pairing_seconds is not None:
        within("world.pairing_seconds", contents.pairing_seconds, 0, MONTH)
    try:
        known_time_zone(contents.time_zone)
    except ValidationError as error:
        raise InvalidWorld("world.time_zone", str(error.messages[0])) from None
    clock = contents.clock
    if abs(clock.offset) > LATEST - EARLIEST:
        raise InvalidWorld("world.clock.offset", "The clock shows times from 1970 to 9998.")
    in_calendar("world.clock.frozen_at", clock.frozen_at)
    in_calendar("world.clock.starts_at", clock.starts_at)
    for kind, count in contents.counters.items():
        within(f"world.counters.{kind}", count, 0)


def _check_people(contents: Contents) -> None:
    unique("people", (person.number for person in contents.people), "number")
    unique("people", (person.lid for person in contents.people), "lid")
    for index, person in enumerate(contents.people):
        where = f"world.people[{index}]"
        phone_number(f"{where}.number", person.number)
        if not person.lid.endswith(numbers.LID):
            raise InvalidWorld(f"{where}.lid", f"A LID ends with {numbers.LID}.")
        for place, rule in enumerate(person.rules):
            within(f"{where}.rules[{place}].after", rule.after, 0, MONTH)


def _check_instances(contents: Contents) -> None:
    if not contents.instances:
        raise InvalidWorld("world.instances", "A world has at least one instance.")
    unique("instances", (instance.id for instance in contents.instances), "id")
    unique("instances", (instance.number for instance in contents.instances), "number")
    keys: set[str] = set()
    for index, instance in enumerate(contents.instances):
        where = f"world.instances[{index}]"
        phone_number(f"{where}.number", instance.number)
        one_of(f"{where}.status", instance.status, INSTANCE_STATUSES)
        _check_keys(where, instance, keys)
        if instance.webhook is not None:
            _check_webhook(f"{where}.webhook", instance.webhook)


def _check_keys(where: str, instance: Instance, seen: set[str]) -> None:
    for place, key in enumerate(instance.api_keys):
        try:
            usable_key(key)
        except ValidationError as error:
            raise InvalidWorld(f"{where}.api_keys[{place}]", str(error.messages[0])) from None
        if key in seen:
            raise InvalidWorld(f"{where}.api_keys[{place}]", "This key is there twice.")
        seen.add(key)


def _check_webhook(where: str, webhook: Webhook) -> None:
    try:
        webhook_urls.check(webhook.url)
    except InvalidTarget as error:
        raise InvalidWorld(f"{where}.url", f"{error}.") from None
    one_of(f"{where}.verification", webhook.verification, MODES)
    within(f"{where}.failures", webhook.failures, 0)
    for place, seconds in enumerate(webhook.retries):
        within(f"{where}.retries[{place}]", seconds, 0, MONTH)
    _check_chaos(f"{where}.chaos", webhook.chaos)


def _check_chaos(where: str, chaos: Chaos) -> None:
    within(f"{where}.duplicate", chaos.duplicate, 0, 1)
    within(f"{where}.reorder", chaos.reorder, 0, 1)
    within(f"{where}.drop", chaos.drop, 0, 1)
    within(f"{where}.delay", chaos.delay, 0, YEAR)


def _check_groups(contents: Contents) -> None:
    people = {person.number for person in contents.people}
    unique("groups", (group.id for group in contents.groups), "id")
    for index, group in enumerate(contents.groups):
        where = f"world.groups[{index}]"
        in_calendar(f"{where}.created", group.created)
        in_calendar(f"{where}.subject_time", group.subject_time)
        for field, number in (("owner", group.owner), ("subject_owner", group.subject_owner)):
            if number not in people:
                raise InvalidWorld(f"{where}.{field}", f"{number} is not among the people.")
        for number, member in group.members.items():
            if number != member.number:
                raise InvalidWorld(f"{where}.members.{number}", f"This is {member.number}.")
            if number not in people:
                raise InvalidWorld(f"{where}.members.{number}", f"{number} is not among the people.")
            one_of(f"{where}.members.{number}.admin", member.admin, ADMINS)


def _check_channels(contents: Contents) -> None:
    unique("channels", (channel.id for channel in contents.channels), "id")
    for index, channel in enumerate(contents.channels):
        where = f"world.channels[{index}]"
        in_calendar(f"{where}.created", channel.created)
        within(f"{where}.subscribers", channel.subscribers, 0)
        for number, role in channel.roles.items():
            phone_number(f"{where}.roles.{number}", number)
            one_of(f"{where}.roles.{number}", role, ROLES)


def _check_faults(contents: Contents) -> None:
    unique("faults", (fault.id for fault in contents.faults), "id")
    for index, fault in enumerate(contents.faults):
        _check_fault(f"world.faults[{index}]", fault)


def _check_fault(where: str, fault: Fault) -> None:
    one_of(f"{where}.on", fault.on, (faults.CALLS, faults.DELIVERIES))
    try:
        faults.check(fault)
    except InvalidFault as invalid:
        raise InvalidWorld(where, str(invalid)) from None
    within(f"{where}.after", fault.after, 0)
    within(f"{where}.every", fault.every, 1)
    within(f"{where}.times", 1 if fault.times is None else fault.times, 1)
    within(f"{where}.probability", fault.probability, 0, 1)
    within(f"{where}.matched", fault.matched, 0)
    within(f"{where}.hits", fault.hits, 0)
    if fault.delay is not None:
        _check_delay(f"{where}.delay", fault.delay)
    if fault.reply is not None:
        _check_reply(f"{where}.reply", fault.reply)
    try:
        faults.matcher_of(fault)
    except InvalidMatcher as error:
        raise InvalidWorld(f"{where}.match", f"{error}.") from None


def _check_delay(where: str, delay: Delay) -> None:
    within(f"{where}.lowest", delay.lowest, 0, faults.MAX_DELAY)
    within(f"{where}.highest", delay.highest, delay.lowest, faults.MAX_DELAY)
    within(f"{where}.deviation", delay.deviation, 0, faults.MAX_DELAY)
    if delay.mean is not None:
        within(f"{where}.mean", delay.mean, 0, faults.MAX_DELAY)


def _check_reply(where: str, reply: Reply) -> None:
    within(f"{where}.status", reply.status, 100, 599)
    for name, value in reply.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidWorld(f"{where}.headers.{name}", "No header can be like this.")
        if name.lower() in faults.FRAMING:
            raise InvalidWorld(f"{where}.headers.{name}", "This header is the server's own.")
