"""Every container of the package that lives longer than a call has a bound, or a reason why it does not grow."""

from __future__ import annotations

import ast
from pathlib import Path

import flaresend_mock

PACKAGE = Path(flaresend_mock.__file__).parent
CONTAINERS = {"deque", "dict", "list", "set", "Counter", "OrderedDict", "WeakKeyDictionary", "defaultdict"}

KNOWN = {
    "background/applications.py _apps": "one for each application that a test mounts, until it ends",
    "background/asgi.py _state": "what the application keeps for itself",
    "background/asgi.py _start": "one message",
    "background/demo_bot.py _turns": "one for each world, as long as it lives",
    "background/autosave.py _skipped": "one for each world",
    "background/scheduler.py _armed": "one for each world with timers",
    "background/scheduler.py _late": "one for each world with timers",
    "background/scheduler.py _woken": "one for each world with timers",
    "background/webhook_sender.py _late": "one for each instance that delivers",
    "background/webhook_sender.py _workers": "one for each instance that delivers",
    "background/webhook_sender.py _worlds": "one for each world",
    "background/autosave.py found": "the files of a folder at the start",
    "client.py _idle": "connections of one client",
    "contract.py assumes": "one for each shipped case",
    "contract.py given": "one for each shipped case",
    "control/inputs.py more_shape": "constant",
    "core/bounded_store.py by_key": "it evicts",
    "core/clock.py _by_key": "one for each timer",
    "core/clock.py _entries": "one for each task, open delivery, automatic reply and instance",
    "core/deliveries.py _busy": "one for each lane",
    "core/deliveries.py _ready": "one for each lane",
    "core/events.py _set_aside": "MAX_SET_ASIDE",
    "core/events.py _subscribed": "MAX_WAITERS",
    "core/events.py gone": "one for each kind of event",
    "core/events.py readers": "MAX_STREAMS",
    "core/faults.py _matchers": "MAX_FAULTS",
    "core/inbound.py _found": "MAX_SENT",
    "core/matchers/parser.py spec": "one matcher",
    "core/store.py _reactions": "one for each service",
    "core/store.py called_at": "one for each instance",
    "core/store.py shared": "of one message, while it is sent",
    "core/verification.py _found": "the items of one wait, which the log holds",
    "core/verification.py queue": "the items that one wait has not looked at, which take room",
    "core/world.py _states": "MAX_SNAPSHOTS",
    "core/worlds.py _by_key": "MAX_REMEMBERED",
    "core/worlds.py _gone": "MAX_REMEMBERED",
    "core/worlds.py _opened": "MAX_WORLDS",
    "http/connection.py _headers": "one response",
    "http/context.py missed": "calls that the log holds, by log",
    "http/context.py searching": "one for each world, and goes with it",
    "http/context.py seen": "MAX_SEEN for each world",
    "http/endpoint.py _narrowed": "_MOST_NARROWED",
    "http/request_reader.py _keys": "_KNOWN",
    "http/request_reader.py fields": "one request",
    "http/resources.py _of_models": "one for each model",
    "http/server.py _connections": "MAX_CONNECTIONS",
    "http/turns.py _waiting": "one for each connection",
    "openapi/documents.py _cases": "the shipped cases",
    "openapi/documents.py named": "the documents",
    "overrides/python.py _ON": "in the program of a user",
    "server.py others": "MAX_OTHERS",
    "testing/client.py _snapshots": "in the process of a test",
    "testing/redirection.py _active": "in the process of a test",
    "testing/redirection.py _before": "in the process of a test",
    "testing/webhook_receiver.py _received": "in the process of a test",
}


def is_container(value: ast.expr | None, hint: ast.expr | None = None) -> bool:
    """Tell whether an empty container, which something may be added to, is assigned."""
    if isinstance(value, ast.Call):
        name = getattr(value.func, "id", "")
        factories = [one.value for one in value.keywords if one.arg == "default_factory"]
        if name == "field" and factories:
            return getattr(factories[0], "id", "") in CONTAINERS
        return name in CONTAINERS and not value.args
    if isinstance(value, ast.Dict) and hint is not None and ast.unparse(hint).startswith("dict["):
        return len(value.keys) < 2
    return isinstance(value, ast.Dict | ast.List | ast.Set) and not ast.unparse(value).strip("{}[]")


def containers_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    found = set()
    at_the_top = {id(one) for one in tree.body}
    fields = {id(one) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for one in node.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            is_own = isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"
            is_lasting = is_own or id(node) in at_the_top or id(node) in fields
            if is_lasting and is_container(node.value, getattr(node, "annotation", None)):
                name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
                found.add(f"{file.relative_to(PACKAGE).as_posix()} {name}")
    return found


def test_each_container_that_outlives_a_call_has_a_reason_not_to_grow() -> None:
    models = {"core/models.py", "core/state.py", "core/payloads.py"}  # test_bounds.py has the fields of a state
    found = {one for file in PACKAGE.rglob("*.py") for one in containers_of(file)}

    found = {one for one in found if one.split()[0] not in models}
    assert found - KNOWN.keys() == set()
    assert KNOWN.keys() - found == set()
