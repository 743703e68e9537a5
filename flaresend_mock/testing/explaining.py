"""What a failed expectation says: what there was instead, so that nobody has to look for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from typing import Any

from flaresend_mock.testing.calls import Calls
from flaresend_mock.testing.records import moment

MOST = 30
WIDTH = 100
_ARROWS = {"outbound": "→", "inbound": "←"}


class Unmet(AssertionError):
    """An expectation that was not met; the message tells what happened instead."""


def explained(calls: Calls, problem: str, answer: Any) -> str:
    """Return a problem with all that may explain it: the nearest miss, and what happened in the world.

    That is the transcript, the calls of the API, the attempts to deliver webhooks and the faults, in the world's time.

    Args:
        answer: what the emulator said to the expectation; None if it was not asked.
    """
    parts = [problem] if problem else []
    near = answer.get("nearest") if isinstance(answer, dict) else None
    if near:
        parts.append("the nearest one differs in:\n" + _indented(map(_miss, near["misses"])))
    name, zone = _zone(calls)

    def listed(what: str, lines: Callable[[Mapping[str, Any], tzinfo], Iterable[str]]) -> str:
        found = calls.ask("GET", f"/_mock/{what}", limit=MOST)[what]
        earlier = "" if len(found) < MOST else f"  … the last {MOST}:\n"
        return earlier + _indented(line for one in found for line in lines(one, zone))

    parts.append(f"transcript, {name} time:\n{listed('messages', _said) or '  (nothing was said)'}")
    for title, what, lines in (("calls", "requests", _call), ("webhook", "deliveries", _attempts)):
        if told := listed(what, lines):
            parts.append(f"{title}:\n{told}")
    if faults := calls.ask("GET", "/_mock/faults")["faults"]:
        parts.append("faults:\n" + _indented(map(_fault, faults)))
    return "\n".join(parts)


def _zone(calls: Calls) -> tuple[str, tzinfo]:
    from zoneinfo import ZoneInfo  # only where something failed

    name: str = calls.ask("GET", "/_mock/clock")["time_zone"]
    return name, ZoneInfo(name)


def _miss(miss: Mapping[str, Any]) -> str:
    actual = "is missing" if miss["missing"] else f"is {_short(miss['actual'])}"
    return f"{miss['field']} {actual}, expected {_short(miss['expected'])}"


def _said(message: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    said = message["text"] or message["caption"] or message["fileName"] or ""
    party = message["to"] if message["direction"] == "outbound" else message["from"]
    failed = "" if message["status"] != "failed" else " (failed)"
    time = _time(message["timestamp"], zone)
    yield f"{time} {_ARROWS[message['direction']]} {party} {message['type']} {_short(said)}{failed}"


def _call(call: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    status = call["status"] or "cut off"
    refused = isinstance(call["status"], int) and call["status"] >= 400
    why = f" {_short(call['answer'])}" if refused else ""
    fault = f" by {call['fault']}" if call["fault"] else ""
    yield f"{_time(call['timestamp'], zone)} {call['method']} {_plain(call['path'])} {status}{fault}{why}"


def _attempts(delivery: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    yield f"{delivery['id']} {delivery['status']}"
    for attempt in delivery["attempts"]:
        outcome = attempt["status"] or attempt["error"]
        yield f"  {_time(attempt['at'], zone)} {attempt['url']}: {outcome} {_short(attempt['answer'])}"


def _fault(fault: Mapping[str, Any]) -> str:
    state = "armed" if fault["armed"] else "used up"
    return f"{fault['id']} {fault['name']}: {state}, {fault['hits']} hits of {fault['matched']} matches"


def _time(text: str, zone: tzinfo) -> str:
    return f"{moment(text).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _plain(text if len(text) <= WIDTH else f"{text[:WIDTH]}…")


def _plain(text: str) -> str:
    """Return text that steers no terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
