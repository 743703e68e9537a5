"""What an attacker would send, and every call there is to send it to."""

from __future__ import annotations

import re
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import Client, TestResponse

from flaresend_mock import FlaresendMock
from tests.defaults import ANN, OWNED, PROJECT
from tests.support import KEY

SCRIPT = "<script>alert(1)</script>"
CONTROL = "/_mock"
TIMEOUT = 10.0
SOON = 3.0

API_BODIES = {
    ("POST", "/send-message"): {"recipients": [ANN], "type": "text", "text": "Hello"},
    ("POST", "/schedule-message"): {"recipients": [ANN], "type": "text", "text": "Hello"},
    ("PATCH", "/scheduled-messages/SCHED-1"): {"text": "Hello"},
    ("POST", "/groups"): {"subject": "Friends", "participants": [ANN]},
    ("POST", "/groups/send-message"): {"groupJids": [PROJECT], "type": "text", "text": "Hello"},
    ("POST", f"/groups/{PROJECT}/participants"): {"action": "add", "participants": [ANN]},
    ("POST", "/channels"): {"name": "News"},
    ("PUT", f"/channels/{OWNED}"): {"name": "News"},
    ("POST", f"/channels/{OWNED}/message"): {"type": "text", "text": "Hello"},
    ("POST", "/check-number"): {"number": ANN},
}
CONTROL_BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/_mock/worlds"): {"name": "made"},
    ("PUT", "/_mock/world"): {"version": 1, "instances": []},
    ("PATCH", "/_mock/world"): {"pairing_seconds": 1},
    ("POST", "/_mock/instances"): {"name": "x"},
    ("PATCH", "/_mock/instances/default"): {"name": "x"},
    ("POST", "/_mock/instances/default/status"): {"status": "connected"},
    ("POST", "/_mock/instances/default/scan"): {"code": "x"},
    ("POST", "/_mock/instances/default/api-keys"): {"api_key": "another-key"},
    ("PUT", "/_mock/people/254711000111"): {"name": "x"},
    ("POST", "/_mock/groups"): {"subject": "Friends", "participants": [ANN]},
    ("PATCH", "/_mock/groups/default"): {"subject": "Friends"},
    ("POST", "/_mock/groups/default/participants"): {"action": "add", "participants": [ANN]},
    ("POST", "/_mock/channels"): {"name": "News"},
    ("PATCH", "/_mock/channels/default"): {"name": "News"},
    ("PUT", "/_mock/instances/default/webhook"): {"url": "http://127.0.0.1:9/"},
    ("POST", "/_mock/instances/default/webhook/resume"): {"replay": False},
    ("POST", "/_mock/inbound"): {"from": ANN, "text": "hi"},
    **{
        ("POST", f"/_mock/{name}/{call}"): {"match": {}, **more}
        for name in ("messages", "requests", "deliveries")
        for call, more in (("search", {}), ("wait", {"timeout": 0}), ("verify", {}))
    },
    ("POST", "/_mock/deliveries/redeliver"): {"status": "failed"},
    ("PATCH", "/_mock/clock"): {"frozen": True},
    ("POST", "/_mock/clock/advance"): {"seconds": 1},
    ("POST", "/_mock/faults"): {"preset": "down"},
}
"""Every call that takes a body, with one that it could take."""


def bodies() -> list[tuple[str, str]]:
    return [*API_BODIES, *CONTROL_BODIES]


def headers_for(path: str) -> dict[str, str]:
    return {} if path.startswith(CONTROL) else KEY


def calls(app: Flask, filling: str) -> Iterator[tuple[str, str]]:
    """Yield method and path of every call of an application, with something in the place of its variables."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield method, path_of(rule, filling)


def path_of(rule: Rule, filling: str) -> str:
    """Return a path that the rule matches, with something in the place of its variables."""
    path = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
    return re.sub(r"<[^>]*>", lambda _: filling, path)


def last_event(client: Client) -> int:
    """Return the number of the default world's last event: it grows with everything that happens."""
    response = client.get("/_mock/events?limit=1").get_json()["events"]
    return response[0]["id"] if response else 0


def messages(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/_mock/messages").get_json()["messages"]
    return found


def is_harmless(response: TestResponse) -> bool:
    """Tell whether a browser would run nothing in a response: it is JSON, or a page without the script."""
    return response.content_type == "application/json; charset=utf-8" or SCRIPT not in response.text


@contextmanager
def cheap(most: float = SOON) -> Iterator[None]:
    """Fail if the block takes more seconds of processor time; how busy the machine is makes no difference."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < most


def deep(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + (closing if opening == "[" else "1" + closing) * levels


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *more: bytes) -> bytes:
    """Return a PNG in black and white that claims this size, whatever is in it."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *more, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def port_of(running: FlaresendMock) -> int:
    return int(running.url.rpartition(":")[2])


def raw(running: FlaresendMock, sent: bytes, *, hang_up: bool = False) -> bytes:
    """Send bytes, and return all that comes back until the emulator closes the connection.

    A connection that is closed while we still write is a response, too. One that stays open is a failure.
    """
    got = b""
    with socket.create_connection(("127.0.0.1", port_of(running)), timeout=TIMEOUT) as connection:
        try:
            connection.sendall(sent)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                got += piece
        except ConnectionError:
            pass
    return got


def status_of(response: bytes) -> int:
    return int(response.split(maxsplit=2)[1])


def is_served(running: FlaresendMock) -> bool:
    """Tell whether somebody else is still served."""
    call = "GET /groups HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer YOUR_API_KEY\r\nConnection: close\r\n\r\n"
    return status_of(raw(running, call.encode())) == 200
