"""One call or delivery in full: what was sent, what came back, and how to have the same again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flaresend_mock.core.deliveries import OPEN
from flaresend_mock.core.records import Attempt, Call, Delivery
from flaresend_mock.core.secrecy import MASK, is_secret
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.bubbles import name_of
from flaresend_mock.dashboard.traffic_log import find
from flaresend_mock.dashboard.why import Exchange, exchange, readable

KEY = "YOUR_API_KEY"
_OF_THE_CONNECTION = frozenset({"content-length", "host", "connection", "accept-encoding", "accept"})


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at a delivery, as it is read by people."""

    attempt: Attempt
    headers: Mapping[str, str]
    answer: str


@dataclass(frozen=True, slots=True)
class Details:
    """A call, or a delivery, in full; `fault` is the id of what it met, and `armed` whether that is still there."""

    number: int
    at: datetime
    instance: str
    call: Exchange | None
    delivery: Delivery | None
    event: str
    tries: tuple[Try, ...]
    fault: str | None
    armed: bool
    curl: str

    @property
    def open(self) -> bool:
        return self.delivery is not None and self.delivery.status in OPEN


def details(world: World, number: int, address: str) -> Details | None:
    """Return all that is known of a call or a delivery, or None if it is no longer kept.

    Args:
        address: where the emulator is, for a command that does the same again.
    """
    found = find(world, number)
    if found is None:
        return None
    event, subject = found
    with world.lock:
        armed = subject.fault is not None and world.faults.has(subject.fault)
        owner = world.state.instances.get(subject.instance or "")
        instance = (owner.name or name_of(world, owner.number)) if owner else ""
    if isinstance(subject, Call):
        curl = _call_again(subject, address)
        return Details(number, event.at, instance, exchange(event), None, "", (), subject.fault, armed, curl)
    tries = tuple(Try(one, _safe(one.headers), readable(one.answer.encode())) for one in subject.attempts)
    return Details(
        number,
        event.at,
        instance,
        None,
        subject,
        readable(subject.body),
        tries,
        subject.fault,
        armed,
        _delivery_again(subject),
    )


def _safe(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: MASK if is_secret(name) else value for name, value in headers}


def _call_again(call: Call, address: str) -> str:
    url = address + call.path + (f"?{call.query}" if call.query else "")
    parts = [f"curl -X {shlex.quote(call.method)} {shlex.quote(url)}"]
    parts.append(f"-H 'Authorization: Bearer {KEY}'")
    if isinstance(call.body, bytes) and call.body:
        kind = dict(call.headers).get("CONTENT_TYPE", "application/json")
        parts.append(f"-H {shlex.quote(f'Content-Type: {kind}')}")
        parts.append(f"--data-binary {shlex.quote(call.body.decode('utf-8', 'replace'))}")
    elif isinstance(call.body, Mapping):
        parts += [f"-F {shlex.quote(field)}" for field in _fields(call.body)]
    return " \\\n  ".join(parts)


def _fields(form: Mapping[str, Any]) -> Iterable[str]:
    for name, value in form.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            file = one.get("fileName") if isinstance(one, Mapping) else None
            yield f"{name}=@{file}" if file else f"{name}={one}"


def _delivery_again(delivery: Delivery) -> str:
    """Return a command that sends the receiver what it was sent last; empty if nothing was sent."""
    if not delivery.attempts:
        return ""
    last = delivery.attempts[-1]
    parts = [f"curl -X POST {shlex.quote(last.url)}"]
    parts += [
        f"-H {shlex.quote(f'{name}: {value}')}"
        for name, value in _safe(last.headers).items()
        if name.lower() not in _OF_THE_CONNECTION
    ]
    parts.append(f"--data-binary {shlex.quote(delivery.body.decode('utf-8', 'replace'))}")
    return " \\\n  ".join(parts)
