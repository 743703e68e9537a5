"""A receiver of webhooks that records them, for tests without an application."""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response

from flaresend_mock.background.applications import served
from flaresend_mock.client import decoded
from flaresend_mock.core.hosts import plain_hosts
from flaresend_mock.testing import client, handles

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
        name, context = shown or (f"[{host}]" if ":" in host else host), None
        if tls:
            from flaresend_mock.http.tls import Authority  # imports cryptography

            authority = Authority.temporary(name)
            self.ca = authority.certificate.decode()
            context = authority.context(plain_hosts(name))
        self._open = ExitStack()
        port = self._open.enter_context(served(Request.application(self._respond), host, context))
        self.url = f"http{'s' if tls else ''}://{name}:{port}/webhook"

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
        handles.refuse_in_loop("expect", "receiver")
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._received) >= count, within):
                texts = ", ".join(str(one.text) for one in self._received) or "none"
                raise client.ExpectationFailed(f"{len(self._received)} of {count} events within {within:g} s: {texts}")
            return list(self._received)

    def close(self) -> None:
        """Stop listening. Closing twice does no harm."""
        self._open.close()

    def _respond(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(status=405)
        request.max_content_length = MOST_BYTES
        body = request.get_data()
        if not isinstance(event := decoded(body), dict):
            return Response(status=400)
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._changed:
            if self.status < 300:
                self._received.append(Received(event, headers, body))
                self._changed.notify_all()
            return Response("{}", self.status)
