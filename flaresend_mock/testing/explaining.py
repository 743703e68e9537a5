"""What a failed expectation says: what there was instead, so that nobody has to look for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flaresend_mock.testing.calls import Calls

MOST = 30
WIDTH = 100
_ARROWS = {"outbound": "→", "inbound": "←"}


class Unmet(AssertionError):
    """An expectation that was not met; the message tells what happened instead."""


def explained(calls: Calls, problem: str, answer: Any) -> str:
    """Return a problem with all that may explain it: the nearest miss, the transcript, deliveries and faults.

    Args:
        answer: what the emulator said to the expectation; None if it was not asked.
    """
    parts = [problem] if problem else []
    near = answer.get("nearest") if isinstance(answer, dict) else None
    if near:
        parts.append("the nearest one differs in:\n" + _indented(map(_miss, near["misses"])))
    messages = calls.ask("GET", "/_mock/messages", limit=MOST)["messages"]
    earlier = "" if len(messages) < MOST else f", the last {MOST} messages"
    said = _indented(map(_line, messages)) or "  (nothing was said)"
    parts.append(f"transcript, in UTC{earlier}:\n{said}")
    deliveries = calls.ask("GET", "/_mock/deliveries", limit=MOST)["deliveries"]
    if tried := [line for one in deliveries for line in _attempts(one)]:
        parts.append("webhook:\n" + _indented(tried))
    if faults := calls.ask("GET", "/_mock/faults")["faults"]:
        parts.append("faults:\n" + _indented(map(_fault, faults)))
    return "\n".join(parts)


def _miss(miss: Mapping[str, Any]) -> str:
    actual = "is missing" if miss["missing"] else f"is {_short(miss['actual'])}"
    return f"{miss['field']} {actual}, expected {_short(miss['expected'])}"


def _line(message: Mapping[str, Any]) -> str:
    said = message["text"] or message["caption"] or message["fileName"] or ""
    party = message["to"] if message["direction"] == "outbound" else message["from"]
    failed = "" if message["status"] != "failed" else " (failed)"
    time = message["timestamp"][11:19]
    return f"{time} {_ARROWS[message['direction']]} {party} {message['type']} {_short(said)}{failed}"


def _attempts(delivery: Mapping[str, Any]) -> Iterator[str]:
    yield f"{delivery['id']} {delivery['status']}"
    for attempt in delivery["attempts"]:
        outcome = attempt["status"] or attempt["error"]
        yield f"  {attempt['at'][11:19]} {attempt['url']}: {outcome} {_short(attempt['answer'])}"


def _fault(fault: Mapping[str, Any]) -> str:
    state = "armed" if fault["armed"] else "used up"
    return f"{fault['id']} {fault['name']}: {state}, {fault['hits']} hits of {fault['matched']} matches"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _indented(lines: Any) -> str:
    return "\n".join(f"  {line}" for line in lines)
