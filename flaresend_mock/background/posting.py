"""Signs and posts webhook events: over connections that stay open, or to WSGI applications in this process."""

import hashlib
import hmac
import io
import json
import re
import socket
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from http.client import HTTPException, HTTPResponse
from ssl import SSLCertVerificationError, SSLError
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError, ReadTimeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from flaresend_mock.background import applications, blockers, realtime, trust_store
from flaresend_mock.background.applications import MAX_RESPONSE, printable
from flaresend_mock.core import hosts
from flaresend_mock.core.models import Webhook
from flaresend_mock.version import __version__

TIMEOUT_SECONDS = 15.0
MAX_READ = 2 * MAX_RESPONSE  # of all that a receiver sends: heads, chunks and trailers, too

_AGENT = {"User-Agent": f"flaresend-mock/{__version__}"}
_OTHER_MACHINE = "host.docker.internal"
_ADD_HOST = "; on Linux, run the container with --add-host=host.docker.internal:host-gateway"
_ITSELF = "; inside a container, {host} is the container itself: use host.docker.internal for the machine that runs it"
_LISTEN = "; on Linux, the application on that machine must listen on 0.0.0.0, and not on 127.0.0.1 only"
_NOT_TRUSTED = "the certificate is not trusted: {problem}; give the webhook's ca, or --webhook-ca"
_NOT_VALID = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    62: "the certificate is not for the host {host}",
    64: "the certificate is not for the address {host}",
}  # the texts of OpenSSL's errors that another ca would not mend


class Poster:
    """Posts to receivers over connections that stay open. Each thread has its own.

    It uses no proxies and no .netrc of the machine, and follows no redirects.
    """

    def __init__(self, trust: trust_store.TrustStore | None = None) -> None:
        self._trust = trust or trust_store.TrustStore()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", LocalAdapter())
        self._session.mount("https://", NetworkAdapter())

    def close(self) -> None:
        self._session.close()

    def post(self, webhook: Webhook, message_id: str, sent_at: datetime, body: bytes) -> dict[str, Any]:
        """Sign and post an event, and return the outcome: the fields of an attempt, but `at` and `accepted`."""
        if webhook.body_style == "escaped":
            body = escaped(body)
        signature = signature_headers(webhook.secret, message_id, int(sent_at.timestamp()), body)
        return self._exchange("POST", webhook, body, {"Content-Type": "application/json", **signature})

    def get(self, webhook: Webhook) -> dict[str, Any]:
        return self._exchange("GET", webhook, None, {})

    def _exchange(self, method: str, webhook: Webhook, body: bytes | None, headers: dict[str, str]) -> dict[str, Any]:
        sent: Mapping[str, str | bytes] = headers
        url, status, text, error = webhook.url, None, "", None
        exchange.watch, exchange.room, exchange.reconnected = realtime.Stopwatch(), MAX_READ, False
        try:
            call = self._session.prepare_request(requests.Request(method, url, _AGENT | headers, data=body))
            sent = call.headers
            tls: Any = self._trust.context(webhook) if urlsplit(url).scheme == "https" else None
            adapter = self._session.adapters[f"{urlsplit(url).scheme}://"]  # of the session, requests_mock replaces it
            with adapter.send(call, stream=True, timeout=TIMEOUT_SECONDS, verify=tls) as response:
                status = response.status_code  # counts as the response, even if the body breaks off
                text = _read(response)
        except Exception as problem:
            stop = blockers.describe_stop(problem)
            if stop is None and not isinstance(problem, requests.RequestException | HTTPError | ValueError):
                raise
            error = printable(stop) if stop else _plain(problem, urlsplit(url).hostname)
        shown = tuple((name, str(value)) for name, value in sent.items())
        outcome = {"url": url, "headers": shown, "status": status, "response": text, "error": error}
        return outcome | {"milliseconds": round(exchange.watch.seconds * 1000, 3), "reconnected": exchange.reconnected}


def escaped(body: bytes) -> bytes:
    """Return JSON with an escape for each slash and for each character that is not ASCII. Strings alone have these."""
    text = body.decode().replace("/", "\\/")
    return re.sub("[^\x00-\x7f]+", lambda found: json.dumps(found[0])[1:-1], text).encode()


def key_of(secret: str) -> bytes:
    """Return the key of a Standard Webhooks secret: what its base64 holds, or else the secret itself."""
    text = secret.removeprefix("whsec_")
    padding = "=" * (-len(text) % 4) if secret != text else ""  # whsec_ says that it is base64, also without padding
    try:
        return b64decode(text + padding, validate=True)
    except ValueError:
        return secret.encode(errors="surrogateescape")


def standard_signature(secret: str, message_id: str, timestamp: int | str, body: bytes) -> str:
    """Return the webhook-signature header: v1,<base64 of HMAC-SHA256 over id.timestamp.body>."""
    content = f"{message_id}.{timestamp}.".encode(errors="surrogateescape") + body
    return "v1," + b64encode(hmac.digest(key_of(secret), content, "sha256")).decode()


def hub_signature(secret: str, body: bytes) -> str:
    """Return the X-Hub-Signature-256 header: sha256=<hex of HMAC-SHA256 over the body>, keyed by the whole secret."""
    return "sha256=" + hmac.new(secret.encode(errors="surrogateescape"), body, hashlib.sha256).hexdigest()


def signature_headers(secret: str | None, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    if not secret:
        return {}
    signature = standard_signature(secret, message_id, timestamp, body)
    standard = {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}
    return {**standard, "X-Hub-Signature-256": hub_signature(secret, body)}


def _read(response: requests.Response) -> str:
    """Return the first 64 KB of a response, or what arrives in time and within MAX_READ."""
    kept = bytearray()
    try:
        while len(kept) < MAX_RESPONSE and (part := response.raw.read1(MAX_RESPONSE - len(kept), decode_content=True)):
            kept += part
    except HTTPError as error:
        if exchange.room and not isinstance(error, ReadTimeoutError):
            raise
    return kept.decode("utf-8", "replace")


def _plain(problem: Exception, host: str | None) -> str:
    cause: BaseException = problem
    while isinstance(inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__, BaseException):
        cause = inner
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if isinstance(cause, TimeoutError):
        text = f"no response within {TIMEOUT_SECONDS:.0f} s"
    elif isinstance(cause, SSLCertVerificationError):
        text = _NOT_VALID.get(cause.verify_code, _NOT_TRUSTED).format(host=host, problem=cause.verify_message)
    elif isinstance(cause, SSLError) and isinstance(cause.reason, str):
        hint = "" if "ALERT" in cause.reason else "; the receiver may not speak https"
        text = f"TLS failed: {cause.reason.lower().replace('_', ' ')}{hint}"
    elif host and hosts.is_in_container():
        text += _hint(cause, host)
    return printable(" ".join(str(text).split())[:300])


def _hint(cause: BaseException, host: str) -> str:
    """Return what to do, inside a container, where a receiver on the machine that runs it is not reached."""
    is_refused = isinstance(cause, ConnectionRefusedError)
    if is_refused and hosts.is_loopback(host):
        return _ITSELF.format(host=host) + _ADD_HOST
    if host == _OTHER_MACHINE:
        return _LISTEN if is_refused else _ADD_HOST if isinstance(cause, socket.gaierror) else ""
    return ""


class _Exchange(threading.local):
    reconnected = False  # the receiver had closed the kept connection, so a new one was used
    begun = False  # a part of the response came
    without_response = False  # the kept connection was closed before the response began
    room = 0  # how many bytes may still be read
    watch: realtime.Stopwatch

    @property
    def seconds_left(self) -> float:
        if (left := TIMEOUT_SECONDS - self.watch.seconds) <= 0:
            raise TimeoutError
        return left


exchange = _Exchange()


class _Incoming(socket.SocketIO):
    """Reads from a connection, within the bounds of the exchange."""

    def readinto(self, buffer: Any) -> int:
        if not exchange.room:
            raise OSError(f"the response has no end within {MAX_READ >> 10} KB")
        self._sock.settimeout(exchange.seconds_left)  # type: ignore[attr-defined]
        count = super().readinto(memoryview(buffer)[: exchange.room]) or 0
        exchange.room -= count
        return count


class _NotedResponse(HTTPResponse):
    def begin(self) -> None:
        self.fp.raw.__class__ = _Incoming
        exchange.begun = bool(self.fp.peek(1))
        super().begin()


class _Connection:
    """A connection that notes how it ends, and refuses a metadata service, however the host's name led to it."""

    _dns_host: str
    port: int
    response_class = _NotedResponse
    kept = False  # it is open since an earlier request

    def _new_conn(self) -> socket.socket:
        exchange.reconnected = exchange.reconnected or self.kept  # urllib3 noticed that it was closed
        self.kept = False
        found = socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        if any(map(hosts.is_metadata, addresses)):
            raise OSError("the host is a link-local address or a cloud's metadata service")
        seconds = exchange.seconds_left / len(addresses)
        while True:
            with suppress(OSError) if addresses[1:] else nullcontext():
                connection = socket.create_connection((addresses.pop(0), self.port), seconds)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(exchange.seconds_left)  # for the handshake of TLS
                return connection

    def request(self, *args: Any, **options: Any) -> None:
        with self._noting():
            self.timeout = exchange.seconds_left  # of each part that is sent
            super().request(*args, **options)  # type: ignore[misc]

    def getresponse(self) -> Any:
        with self._noting():
            return super().getresponse()  # type: ignore[misc]

    @contextmanager
    def _noting(self) -> Iterator[None]:
        exchange.begun = False
        try:
            yield
        except (OSError, HTTPException) as error:
            exchange.without_response = self.kept and not exchange.begun and not isinstance(error, TimeoutError)
            raise


class _Pool:
    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.kept = connection.sock is not None
        super()._put_conn(connection)  # type: ignore[misc]


class _HttpPool(_Pool, urllib3.HTTPConnectionPool):
    ConnectionCls = type("_HttpConnection", (_Connection, urllib3.HTTPConnectionPool.ConnectionCls), {})


class _HttpsPool(_Pool, urllib3.HTTPSConnectionPool):
    ConnectionCls = type("_HttpsConnection", (_Connection, urllib3.HTTPSConnectionPool.ConnectionCls), {})

    def _validate_conn(self, connection: Any) -> None:
        """Connect, and warn of nothing: `verify: false` is a choice, and a test may turn warnings into errors."""
        if connection.sock is None:
            connection.connect()


class NetworkAdapter(HTTPAdapter):
    """Sends requests to the network, but to no metadata service.

    A request over a kept connection that the receiver closes without a response is sent again over a new one. `verify`
    is the context of TLS. Connections under one context are not used under another.
    """

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def get_connection_with_tls_context(self, request: PreparedRequest, verify: Any, *_: Any, **__: Any) -> Any:
        return self.poolmanager.connection_from_url(str(request.url), {"ssl_context": verify})

    def cert_verify(self, *_: Any) -> None:
        """Add nothing to the context, which has all certificates."""

    def close(self) -> None:
        """Close all connections now; urllib3 would wait until no traceback refers to them."""
        for key in self.poolmanager.pools.keys():  # noqa: SIM118 - it cannot be iterated
            self.poolmanager.pools[key].close()
        super().close()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        exchange.without_response = False
        try:
            return super().send(request, *args, **options)
        except ConnectionError:
            if not exchange.without_response:
                raise
        exchange.reconnected = True
        return super().send(request, *args, **options)


class LocalAdapter(NetworkAdapter):
    """Sends requests to mounted applications, and all others to the network."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        parts = urlsplit(request.url or "")
        if not parts.netloc.endswith(hosts.IN_PROCESS):
            return super().send(request, *args, **options)
        from werkzeug.test import EnvironBuilder  # only tests deliver here

        headers = [(name, str(value)) for name, value in request.headers.items()]
        sent = request.body if isinstance(request.body, bytes) else None
        base, method = f"{parts.scheme}://{applications.HOST}", request.method or "POST"
        builder = EnvironBuilder(parts.path, base, parts.query, method, headers=headers, data=sent)
        try:
            app = applications.application_at(parts.netloc)
            status, received, body = app.respond(builder.get_environ(), options.get("timeout"))
        except applications.ApplicationError as error:
            raise ConnectionError(str(error), request=request) from None
        except TimeoutError as error:
            raise ReadTimeout("the application takes too long", request=request) from error
        response = Response()
        response.status_code = int(status.partition(" ")[0])
        response.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
        response.url, response.request = request.url or "", request
        response.headers.update(received)
        return response
