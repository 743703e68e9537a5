"""Data classes of the test kit: messages, scheduled messages, requests and deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Message:
    """A message. People are digits, groups and channels are JIDs.

    `event` is its number in the event log. `raw` is the whole JSON.
    """

    id: str
    direction: str
    chat: str
    sender: str
    to: str
    type: str
    text: str | None
    caption: str | None
    file_name: str | None
    media: str | None
    status: str
    at: datetime
    event: int
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Scheduled:
    """A scheduled message that is pending. `at` is an aware datetime in UTC."""

    id: str
    recipients: tuple[str, ...]
    type: str
    text: str | None
    at: datetime
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A call of the API with its response. `status` is None where a fault cut the connection."""

    id: int
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any
    status: int | None
    response: Any
    fault: str | None
    at: datetime
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Delivery:
    """A webhook event with every attempt. `event` is the JSON that the application gets."""

    id: str
    status: str
    chat: str
    event: Any
    attempts: tuple[Mapping[str, Any], ...]
    raw: Mapping[str, Any]


def message(shown: Mapping[str, Any]) -> Message:
    return Message(
        id=shown["id"],
        direction=shown["direction"],
        chat=shown["chat"],
        sender=shown["from"],
        to=shown["to"],
        type=shown["type"],
        text=shown["text"],
        caption=shown["caption"],
        file_name=shown["fileName"],
        media=shown["media"],
        status=shown["status"],
        at=moment(shown["timestamp"]),
        event=shown["event"],
        raw=shown,
    )


def scheduled(shown: Mapping[str, Any]) -> Scheduled:
    return Scheduled(
        id=shown["id"],
        recipients=tuple(shown["recipients"]),
        type=shown["type"],
        text=shown["text"],
        at=moment(shown["sendAt"]),
        raw=shown,
    )


def request(shown: Mapping[str, Any]) -> Request:
    return Request(
        id=shown["id"],
        method=shown["method"],
        path=shown["path"],
        query=shown["query"],
        headers=shown["headers"],
        body=shown["body"],
        status=shown["status"],
        response=shown["response"],
        fault=shown["fault"],
        at=moment(shown["timestamp"]),
        raw=shown,
    )


def delivery(shown: Mapping[str, Any]) -> Delivery:
    return Delivery(
        id=shown["id"],
        status=shown["status"],
        chat=shown["chat"],
        event=shown["body"],
        attempts=tuple(shown["attempts"]),
        raw=shown,
    )


def moment(text: str) -> datetime:
    """Return a time of the emulator as an aware datetime."""
    return datetime.fromisoformat(text)
