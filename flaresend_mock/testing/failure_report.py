"""What a failed expectation says: what there was instead, so that nobody has to look for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from flaresend_mock.testing.calls import Calls
from flaresend_mock.testing.models import moment

MOST = 30
MOST_STRAYS = 5
DEFAULT = "default"
WIDTH = 100
_ARROWS = {"outbound": "→", "inbound": "←"}


class ExpectationFailed(AssertionError):
    """An expectation that was not met; the message tells what happened instead."""

    explains_itself = True


ExpectationFailed.__module__ = "builtins"  # shown without a module: a summary's line is short


def explained(calls: Calls, elsewhere: int | None, problem: str, answer: Any) -> str:
    """Return a problem with all that may explain it: the nearest miss, and what happened in the world.

    That is the transcript, the calls of the API, the attempts to deliver webhooks, what is still to be sent, and the
    faults, in the world's time.

    Args:
        elsewhere: the event of the default world after which calls are shown, which may have come there by mistake.
        answer: what the emulator said to the expectation; None if it was not asked.
    """
    parts = [problem] if problem else []
    near = answer.get("nearest") if isinstance(answer, dict) else None
    if near and not any(miss["field"] == "direction" for miss in near["misses"]):
        parts.append("the nearest one differs in:\n" + _indented(map(_miss, near["misses"])))
    clock = calls.ask("GET", "/_mock/clock")
    zone = ZoneInfo(clock["time_zone"])

    def listed(what: str, lines: Callable[[Mapping[str, Any], tzinfo], Iterable[str]]) -> str:
        answer = calls.ask("GET", f"/_mock/{what}", limit=MOST)
        found = answer[what]
        earlier = "" if len(found) < MOST else f"  … the last {MOST}:\n"
        gone = f"  … {answer['evicted']} older ones are no longer kept\n" if answer["evicted"] else ""
        return gone + earlier + _indented(line for one in found for line in lines(one, zone))

    parts.append(
        f"transcript, {clock['time_zone']} time:\n{listed('messages', _said) or '  (nothing was said)'}"
    )
    parts.append(f"calls:\n{listed('requests', _call) or '  (none)'}")
    if strays := _strays(calls, elsewhere):
        parts.append("calls with a key of no world, or of the default one:\n" + _indented(strays))
    if told := listed("deliveries", _attempts):
        parts.append(f"webhook:\n{told}")
    if tasks := calls.ask("GET", "/_mock/scheduled")["scheduled"]:
        stands = ", the clock is frozen" if clock["frozen"] else ""
        parts.append(
            f"scheduled; now it is {_time(clock['now'], zone)}{stands}:\n"
            + _indented(_task(task, zone, moment(clock["now"])) for task in tasks)
        )
    if faults := calls.ask("GET", "/_mock/faults")["faults"]:
        parts.append("faults:\n" + _indented(map(_fault, faults)))
    return "\n".join(parts)


def _strays(calls: Calls, since: int | None) -> list[str]:
    """Return the calls that were recorded in the default world: those whose key is nobody's, and its own."""
    if since is None:
        return []
    found = calls.ask("GET", "/_mock/requests", world=DEFAULT, since=since, limit=MOST_STRAYS)["requests"]
    return [line for one in found for line in _call(one, UTC)]


def _miss(miss: Mapping[str, Any]) -> str:
    actual = "is missing" if miss["missing"] else f"is {_short(miss['actual'])}"
    return f"{miss['field']} {actual}, expected {_short(miss['expected'])}"


def _said(message: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    said = message["text"] or message["caption"] or message["fileName"] or ""
    party = message["to"] if message["direction"] == "outbound" else message["from"]
    group = f" in {message['chat']}" if message["chat"].endswith("@g.us") and party != message["chat"] else ""
    failed = "" if message["status"] != "failed" else " (failed)"
    time = _time(message["timestamp"], zone)
    yield f"{time} {_ARROWS[message['direction']]} {party}{group} {message['type']} {_short(said)}{failed}"


def _call(call: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    status = call["status"] or "cut off"
    refused = isinstance(call["status"], int) and call["status"] >= 400
    why = f" {_short(call['response'])}" if refused else "".join(_unreached(call["response"]))
    fault = f" by {call['fault']}" if call["fault"] else ""
    yield f"{_time(call['timestamp'], zone)} {call['method']} {_cut(call['path'])} {status}{fault}{why}"


def _unreached(answer: Any) -> Iterator[str]:
    """Yield whom a message that was accepted did not reach."""
    if not isinstance(answer, dict):
        return
    inner = answer["data"] if isinstance(answer.get("data"), dict) else {}
    for name, numbers in (
        ("failed", answer.get("failed_recipients")),
        ("invalid", answer.get("invalid_recipients")),
        ("failed", inner.get("failed")),
    ):
        if numbers:
            yield f", {name}: {_short(numbers)}"


def _task(task: Mapping[str, Any], zone: tzinfo, now: datetime) -> str:
    overdue = " (overdue: it is sent when time advances)" if moment(task["sendAt"]) <= now else ""
    to = ", ".join(task["recipients"])
    return f"{_time(task['sendAt'], zone)} → {_cut(to)} {task['type']} {_short(task['text'] or '')}{overdue}"


def _attempts(delivery: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    none = " (there was no webhook when it came)" if delivery["status"] == "no endpoint" else ""
    yield f"{delivery['id']} {delivery['status']}{none}"
    for attempt in delivery["attempts"]:
        outcome = attempt["status"] or attempt["error"]
        response = f" {_short(attempt['response'])}" if attempt["response"] else ""
        yield f"  {_time(attempt['at'], zone)} {attempt['url']}: {outcome}{response}"


def _fault(fault: Mapping[str, Any]) -> str:
    state = "armed" if fault["armed"] else "used up"
    name = "" if fault["name"] == fault["id"] else f" {fault['name']}"
    match = f" {_short(fault['match'])}" if fault.get("match") else ""
    return f"{fault['id']}{name}{match}: {state}, {fault['hits']} hits of {fault['matched']} matches"


def _time(text: str, zone: tzinfo) -> str:
    return f"{moment(text).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _short(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    """Return text that is not too long and steers no terminal."""
    text = text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
