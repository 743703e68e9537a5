"""Exports in which one field is another: an import refuses them, or calls fail in none of their worlds.

python -m tests.world_format.test_mutated_exports SEED COUNT
"""

from __future__ import annotations

import json
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.models import CLOSED_STATUSES, OPEN_STATUSES, Attempt
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, ANNS_GROUP, BEN
from tests.support import RealTime, client_of, default_state, examples
from tests.world_format.test_export import exported

SEEDS, MUTANTS = 4, 50  # under the profile of CI
MAX_INTEGER = 2**53
LENGTHS = (80, 95, 98, 100, 101, 120, 200, 300, 600, 1000, 1500, 2200, 5000, 20_000)
STATUSES = (*OPEN_STATUSES, *CLOSED_STATUSES, "sent", "connected", "qr", "disconnected")
MOMENTS = ("1970-01-01T00:00:00Z", "9999-12-30T23:59:59Z")
ODD = (None, 0, -1, 1, MAX_INTEGER - 1, MAX_INTEGER, 10**4300 - 1, "", "x", [], {}, *MOMENTS, "P20000D", "-P20000D")
WAYS = ("missing", "odd", "odd", "other", "other", "order", "duplicate", "status", "long", "long", "renamed", "high")
ALIAS = "default"  # of the first instance, in calls

Path = tuple[str | int, ...]


def paths_in(data: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where each field and each item is."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in items:
        yield (*path, name)
        yield from paths_in(value, (*path, name))


def shape(path: Path) -> Path:
    """Return what a path has in common with those to the same field of other items."""
    return tuple("*" if isinstance(step, int) else step for step in path)


def at(data: Any, path: Path) -> Any:
    for step in path:
        data = data[step]
    return data


def renamed(data: Any, former: str, name: str) -> Any:
    """Return data in which each text, and each key, that was the former is the name."""
    if isinstance(data, dict):
        return {name if key == former else key: renamed(value, former, name) for key, value in data.items()}
    if isinstance(data, list):
        return [renamed(value, former, name) for value in data]
    return name if data == former else data


def of_type(kind: type, data: Any, by_shape: dict[Path, list[Path]], random: Random) -> list[Path]:
    """Return the paths of one shape that lead to values of a type, not in the log."""
    found = [[one for one in paths if type(at(data, one)) is kind] for paths in by_shape.values()]
    return random.choice([paths for paths in found if paths and paths[0][0] != "events"])


def prepare(data: Any, random: Random) -> None:
    """Let one fault hit whatever comes, forget the log, or fill the counters, some of the time."""
    if random.random() < 0.5:
        chosen = random.choice(data["faults"])
        data["faults"] = [chosen | {"match": {}, "probability": random.choice((0.5, 1.0)), "times": None}]
    if random.random() < 0.5:
        data["events"] = []
    if random.random() < 0.1:
        data["counters"] |= {f"counter {number}": 1 for number in range(random.randrange(980, 1001))}


def mutate(data: Any, random: Random) -> str:
    """Change one field, one item of a list, or one text wherever it is, and return what was done."""
    by_shape = defaultdict[Path, list[Path]](list)
    for path in paths_in(data):
        by_shape[shape(path)].append(path)
    wanted = random.choice(list(by_shape))
    path = random.choice(by_shape[wanted])
    box, step = at(data, path[:-1]), path[-1]
    others = [one for known, found in by_shape.items() if known[-1] == wanted[-1] for one in found]
    text = random.choice((ALIAS, "x" * random.choice(LENGTHS)))
    match random.choice(WAYS):
        case "high":
            path = random.choice(of_type(int, data, by_shape, random))
            at(data, path[:-1])[path[-1]] = MAX_INTEGER - random.choice((0, 0, 1))
        case "long":
            path = random.choice(of_type(str, data, by_shape, random))
            at(data, path[:-1])[path[-1]] = text
        case "renamed":
            path = random.choice(of_type(str, data, by_shape, random))
            data |= renamed(data, at(data, path), text)
        case "missing":
            del box[step]
        case "odd":
            box[step] = random.choice(ODD)
        case "other":
            box[step] = deepcopy(at(data, random.choice(others)))
        case "order" if isinstance(box[step], list):
            random.shuffle(box[step])
        case "duplicate" if isinstance(box, list):
            box.insert(random.randrange(len(box) + 1), deepcopy(box[step]))
        case "status" if isinstance(box, dict) and "status" in box:
            box["status"] = random.choice(STATUSES)
        case _:
            box[step] = random.choice(ODD)
    return ".".join(map(str, path))


def calls(world: World, random: Random) -> Iterator[tuple[str, str, Any]]:
    """Yield a few calls of each kind: methods, paths and bodies."""
    sent = {"recipients": [ANN, BEN], "type": "text", "text": "hi"}
    later = sent | {"sendAt": "2039-01-01 10:00:00"}
    messages = [message.id for message in world.state.messages]
    tasks, groups, channels = list(world.state.tasks), list(world.state.groups), list(world.state.channels)
    yield "POST", "/_mock/snapshots/x", {}
    yield "POST", "/_mock/snapshots/x/restore", {}
    yield "PUT", f"/_mock/people/{BEN}", {"name": "y", "rules": [{"reply": "again", "after": 5}]}
    for path in ("/groups", "/scheduled-messages"):
        yield "GET", path, None
    for name in ("messages", "requests", "deliveries", "events", "scheduled", "instances", "people", "faults"):
        yield "GET", f"/_mock/{name}", None
    for page in ("chats", "traffic", "people", "schedule", "faults", "worlds"):
        yield "GET", f"/_mock/ui/{page}", None
    yield "POST", "/send-message", sent
    yield "POST", "/schedule-message", later
    for task in tasks:
        yield "PATCH", f"/scheduled-messages/{task}", {"text": "x"}
    yield "DELETE", f"/_mock/scheduled/{random.choice([*tasks, 'x'])}", None
    yield "POST", "/groups", {"subject": "x", "participants": [ANN]}
    yield "POST", "/channels", {"name": "x"}
    for group in groups:
        yield "PATCH", f"/_mock/groups/{group}", {"subject": "y"}
        yield "POST", f"/groups/{group}/participants", {"action": "add", "participants": [BEN]}
    for channel in channels:
        yield "PATCH", f"/_mock/channels/{channel}", {"name": "y"}
        yield "POST", f"/channels/{channel}/follow", {}
    yield "POST", "/_mock/inbound", {"from": ANN, "type": "image"}
    yield "POST", "/_mock/inbound", {"from": ANN, "group": ANNS_GROUP, "text": "x"}
    for id_ in random.sample(messages, min(3, len(messages))):
        yield "POST", "/_mock/inbound", {"from": ANN, "text": "x", "reply_to": id_}
    yield "POST", "/_mock/inbound", {"event": {"event": "own", "data": {"from": f"{BEN}@s.whatsapp.net"}}}
    yield "POST", "/_mock/faults", {"on": "deliveries", "action": "duplicate", "times": 2}
    yield "POST", "/_mock/inbound", {"from": BEN, "text": "x"}
    yield "POST", "/_mock/instances", {"name": "x"}
    yield "POST", "/_mock/instances/default/api-keys", {}
    yield "POST", "/_mock/deliveries/redeliver", {"match": {}}
    for delivery in world.deliveries.all()[:8]:
        yield "POST", f"/_mock/deliveries/{delivery.id}/redeliver", {}
    yield "POST", "/_mock/instances/default/webhook/pause", {}
    yield "POST", "/_mock/instances/default/webhook/resume", {"replay": True}
    yield "POST", "/_mock/clock/advance", {"seconds": 40 * 86_400}
    yield "POST", "/schedule-message", later
    step = random.choice(("disconnect", "logout"))
    yield "POST", f"/_mock/instances/default/{step}", {}
    yield "POST", "/_mock/inbound", {"from": ANN, "text": "waits"}
    yield "POST", "/_mock/clock/advance", {"seconds": 20 * 365 * 86_400}  # the messages that are due fail
    yield "POST", "/_mock/instances/default/reconnect", {}
    yield "POST", "/_mock/clock/advance", {"seconds": 1}
    yield "POST", "/_mock/instances/default/scan", {}
    yield "POST", "/_mock/clock/advance", {"seconds": 1}
    yield "DELETE", f"/_mock/people/{BEN}", None
    yield "GET", "/_mock/transcript", None


def deliver(world: World, random: Random) -> None:
    """Make the attempts that are ready, some of which fail."""
    for instance in list(world.state.instances):
        while job := world.deliveries.claim(instance):
            accepted = random.random() < 0.7
            outcome = Attempt(world.clock.now(), job.webhook.url, (), 200 if accepted else 500, "", None, 1.0, accepted)
            world.deliveries.complete(job, outcome)


def try_mutant(client: Client, world: World, data: Any, random: Random) -> list[str]:
    """Import what may be a world, use it, import what it has become, use that, and return which calls failed."""
    if (status := client.put("/_mock/world", json=data).status_code) != 200:
        return [] if status == 400 else [f"import: {status}"]
    return use(client, world, random) or use(client, world, random)


def use(client: Client, world: World, random: Random) -> list[str]:
    """Make calls of each kind, import the export of what the world is then, and return which of these failed."""
    failed = []
    keys = [key for one in world.state.instances.values() for key in one.api_keys]
    for method, path, body in calls(world, random):
        headers = {} if path.startswith("/_mock") or not keys else {"Authorization": f"Bearer {keys[0]}"}
        response = client.open(path, method=method, headers=headers, **({} if body is None else {"json": body}))
        if response.status_code == 500 or not response.data:
            failed.append(f"{method} {path}: {response.status_code}")
        deliver(world, random)
    again = client.put("/_mock/world", data=export(world.saved(), secrets=True), content_type="application/json")
    return failed + ([] if again.status_code == 200 else [f"import of its own export: {again.text}"])


def find_failures(seed: int, count: int) -> tuple[list[tuple[str, list[str]]], int]:
    """Try mutants of an export, and return which fields make which calls fail, and how many were imported."""
    random, original = Random(seed), json.loads(exported())
    world = World("default", default_state(), RealTime(), HostServices())
    client, found, imported = client_of(world), [], 0
    for _ in range(count):
        prepare(data := deepcopy(original), random)
        field, before = mutate(data, random), world.replacements
        try:
            failed = try_mutant(client, world, data, random)
        except Exception as error:
            failed = [repr(error)]
        imported += world.replacements > before
        if failed:
            found.append((field, failed))
    return found, imported


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_imported_fails_in_no_call_and_is_imported_again(seed: int) -> None:
    found, imported = find_failures(seed, examples(MUTANTS))

    assert found == []
    assert imported


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    failures, accepted = find_failures(*map(int, sys.argv[1:3]))
    for place, problems in failures:
        print(place, problems)
    print(accepted, "imported")
