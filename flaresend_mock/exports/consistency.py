"""What has to hold between the parts of a world, so that nothing in it leads nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flaresend_mock.core.clock import EARLIEST
from flaresend_mock.core.deliveries import DELAYED, RETRY
from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.events import KINDS
from flaresend_mock.core.inbound import AUTO_REPLY
from flaresend_mock.core.models import MESSAGE_TYPES, Delivery
from flaresend_mock.core.pairing import PAIRING
from flaresend_mock.core.schedule import KIND as TASK
from flaresend_mock.exports.contents import Contents, Gone, path_of
from flaresend_mock.exports.inhabitants import check_inhabitants
from flaresend_mock.exports.rules import one_of, phone_number, unique, within

DIRECTIONS = ("inbound", "outbound")
MESSAGE_STATUSES = ("sent", "failed", "received")
ENDED_TASK_STATUSES = ("sent", "failed", "cancelled")
OPEN_STATUSES = ("pending", "retrying", "delayed")
CLOSED_STATUSES = ("delivered", "failed", "held", "dropped", "interrupted", "no endpoint")
IN_A_LANE = ("pending", "retrying")


def check(contents: Contents) -> None:
    """Check a world whose parts all have their shape.

    Raises:
        InvalidWorld: they contradict each other, or no world has such ones.
    """
    check_inhabitants(contents)
    _check_tasks(contents)
    _check_deliveries(contents)
    _check_lanes(contents)
    _check_auto_replies(contents)
    _check_timers(contents)
    _check_past(contents)


def _check_tasks(contents: Contents) -> None:
    instances = {instance.id for instance in contents.instances}
    pending = {task.id for task in contents.tasks}
    unique("tasks", (task.id for task in contents.tasks), "id")
    unique("ended_tasks", (task.id for task in contents.ended_tasks), "id")
    for index, task in enumerate(contents.tasks):
        where = f"world.tasks[{index}]"
        one_of(f"{where}.instance", task.instance, instances)
        one_of(f"{where}.status", task.status, ("pending",))
        one_of(f"{where}.content.type", task.content.type, MESSAGE_TYPES)
    for index, task in enumerate(contents.ended_tasks):
        where = f"world.ended_tasks[{index}]"
        one_of(f"{where}.status", task.status, ENDED_TASK_STATUSES)
        if task.id in pending:
            raise InvalidWorld(f"{where}.id", f"{task.id} is still to be sent.")


def _check_deliveries(contents: Contents) -> None:
    instances = {instance.id for instance in contents.instances}
    under_way = {delivery.id for delivery in contents.open_deliveries}
    unique("open_deliveries", (delivery.id for delivery in contents.open_deliveries), "id")
    unique("deliveries", (delivery.id for delivery in contents.deliveries), "id")
    for index, delivery in enumerate(contents.open_deliveries):
        where = f"world.open_deliveries[{index}]"
        one_of(f"{where}.instance", delivery.instance, instances)
        one_of(f"{where}.status", delivery.status, OPEN_STATUSES)
        _check_body(where, delivery)
    for index, delivery in enumerate(contents.deliveries):
        where = f"world.deliveries[{index}]"
        one_of(f"{where}.status", delivery.status, CLOSED_STATUSES)
        _check_body(where, delivery)
        if delivery.id in under_way:
            raise InvalidWorld(f"{where}.id", f"{delivery.id} is still on its way.")


def _check_body(where: str, delivery: Delivery) -> None:
    try:
        is_event = isinstance(json.loads(delivery.body), dict)
    except (ValueError, RecursionError):
        is_event = False
    if not is_event:
        raise InvalidWorld(f"{where}.body", "The base64 of a JSON object is expected here.")


def _check_lanes(contents: Contents) -> None:
    waiting = {one.id: one for one in contents.open_deliveries if one.status in IN_A_LANE}
    unique("lanes", ((lane.instance, lane.chat) for lane in contents.lanes), "chat")
    for index, lane in enumerate(contents.lanes):
        where = f"world.lanes[{index}].deliveries"
        if not lane.deliveries:
            raise InvalidWorld(where, "A lane has at least one delivery.")
        for place, id_ in enumerate(lane.deliveries):
            delivery = waiting.pop(id_, None)
            if delivery is None or (delivery.instance, delivery.chat) != (lane.instance, lane.chat):
                raise InvalidWorld(
                    f"{where}[{place}]", f"{id_} is no delivery that waits in this lane, and in none before."
                )
    for index, delivery in enumerate(contents.open_deliveries):
        if delivery.id in waiting:
            raise InvalidWorld(
                f"world.open_deliveries[{index}]", f"{delivery.id} is {delivery.status}, and in no lane."
            )


def _check_auto_replies(contents: Contents) -> None:
    instances = {instance.id for instance in contents.instances}
    for key, reply in contents.auto_replies.items():
        one_of(f"world.auto_replies.{key}.instance", reply.instance, instances)
        phone_number(f"world.auto_replies.{key}.number", reply.number)


def _check_timers(contents: Contents) -> None:
    status = {delivery.id: delivery.status for delivery in contents.open_deliveries}
    needed: Mapping[str, set[str]] = {
        TASK: {task.id for task in contents.tasks},
        RETRY: {id_ for id_, its in status.items() if its == "retrying"},
        DELAYED: {id_ for id_, its in status.items() if its == "delayed"},
        AUTO_REPLY: set(contents.auto_replies),
    }
    possible = {**needed, PAIRING: {instance.id for instance in contents.instances}}
    entries = contents.timers.entries
    unique("timers.entries", ((entry.kind, entry.key) for entry in entries), "key")
    unique("timers.entries", (entry.order for entry in entries), "order")
    for index, entry in enumerate(entries):
        where = f"world.timers.entries[{index}]"
        one_of(f"{where}.kind", entry.kind, possible)
        within(f"{where}.order", entry.order, 1, contents.timers.noted)
        if entry.at < EARLIEST:
            raise InvalidWorld(f"{where}.at", "The clock shows times from 1970 to 9998.")
        if entry.key not in possible[entry.kind]:
            raise InvalidWorld(f"{where}.key", f"There is no {entry.kind} of {entry.key!r}.")
    for kind, keys in needed.items():
        missing = keys - {entry.key for entry in entries if entry.kind == kind}
        if missing:
            raise InvalidWorld("world.timers.entries", f"The {kind} of {min(missing)!r} is missing.")


def _check_past(contents: Contents) -> None:
    unique("messages", (message.id for message in contents.messages), "id")
    unique("media", (media.id for media in contents.media), "id")
    unique("served", map(path_of, contents.served), "path")
    for index, message in enumerate(contents.messages):
        where = f"world.messages[{index}]"
        one_of(f"{where}.direction", message.direction, DIRECTIONS)
        one_of(f"{where}.status", message.status, MESSAGE_STATUSES)
        within(f"{where}.event", message.event, 0)
    for index, served in enumerate(contents.served):
        if not (served.mimetype.isascii() and served.mimetype.isprintable()):
            raise InvalidWorld(
                f"world.served[{index}].mimetype", "A media type has printable ASCII characters."
            )
    forgotten = contents.forgotten
    for name in ("messages", "ended_tasks", "media", "served", "deliveries"):
        _check_gone(f"world.forgotten.{name}", getattr(forgotten, name))
    for kind, gone in forgotten.events.items():
        where = f"world.forgotten.events.{kind}"
        one_of(where, kind, KINDS)
        _check_gone(where, gone)


def _check_gone(where: str, gone: Gone) -> None:
    within(f"{where}.count", gone.count, 0)
    within(f"{where}.last_event", gone.last_event, 0)
