"""A receiver of webhooks that records them, for tests without an application."""

import json
import socket
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from flaresend_mock.core.hosts import plain_hosts
from flaresend_mock.testing.client import ExpectationFailed
from flaresend_mock.testing.handles import refuse_in_loop

if TYPE_CHECKING:
    from flaresend_mock.testing.aio import AsyncWebhookReceiver

__tracebackhide__ = True  # pytest shows the line of the test instead

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Received:
    """One delivered event. The names of `headers` are in lower case."""

    event: Mapping[str, Any]
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str | None:
        """The text of the message, or None for other kinds."""
        try:
            message = self.event["data"]["message"]
            text: str | None = message.get("conversation") or message.get("extendedTextMessage", {}).get("text")
        except (AttributeError, KeyError, TypeError):  # another server sent this
            return None
        return text


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Print nothing: clients may leave, and need not trust the certificate."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class WebhookReceiver(AbstractContextManager["WebhookReceiver"]):
    """Listens on a free port, records the events, and responds with `status`.

    Args:
        host: the address to listen on.
        shown: the name by which the emulator reaches this machine, where that is not the address.
        tls: it speaks https, with a certificate of its own. `ca` is what to verify that against, in PEM.
    """

    def __init__(self, host: str = "127.0.0.1", shown: str | None = None, *, tls: bool = False) -> None:
        self.status = 200
        self.ca: str | None = None
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._server = (_Server6 if ":" in host else _Server)((host, 0), self._handler())
        name = shown or (f"[{host}]" if ":" in host else host)
        if tls:
            from flaresend_mock.http.tls import Authority  # imports cryptography

            authority = Authority.temporary(name)
            self.ca = authority.certificate.decode()
            context, plain = authority.context(plain_hosts(name)), self._server.socket
            # the thread of a connection shakes hands when it reads, so a client that is slow holds up no other
            self._server.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if tls else ''}://{name}:{self._server.server_address[1]}/webhook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<WebhookReceiver at {self.url}>"

    @property
    def aio(self) -> "AsyncWebhookReceiver":
        """`expect`, to be awaited: for a test in an event loop."""
        from flaresend_mock.testing.aio import AsyncWebhookReceiver  # imports asyncio

        return AsyncWebhookReceiver(self)

    @property
    def events(self) -> list[Received]:
        """The events so far, oldest first."""
        with self._changed:
            return list(self._received)

    def expect(self, count: int = 1, *, within: float = 2.0) -> list[Received]:
        """Return the events as soon as there are `count`; AssertionError if there are fewer in time."""
        refuse_in_loop("expect", "receiver")
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._received) >= count, within):
                texts = ", ".join(str(one.text) for one in self._received) or "none"
                raise ExpectationFailed(f"{len(self._received)} of {count} events within {within:g} s: {texts}")
            return list(self._received)

    def close(self) -> None:
        """Stop listening. Closing twice does no harm."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _keep(self, headers: Mapping[str, str], body: bytes) -> int:
        try:
            event = json.loads(body)
        except (RecursionError, ValueError):
            return 400
        if not isinstance(event, dict):
            return 400
        with self._changed:
            if self.status < 300:
                self._received.append(Received(event, headers, body))
                self._changed.notify_all()
            return self.status

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                given = self.headers.get("Content-Length", "0")
                if not given.isdecimal():
                    self.send_error(400)
                    return
                length = min(int(given), MOST_BYTES)
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver._keep(headers, self.rfile.read(length)))
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def do_GET(self) -> None:
                self.send_error(405)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        return Handler
