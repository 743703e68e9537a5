"""Calls of the control plane of one emulator, over HTTP and never through a proxy."""

import copyreg
import json
import socket
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from weakref import finalize

from flaresend_mock.background.blockers import describe_stop

__tracebackhide__ = True  # pytest shows the line of the test instead

ROOT = "/_mock"
TOKEN_HEADER = "X-Control-Token"  # the name of a header  # noqa: S105  # nosec B105
SECONDS = 30.0
LONG_SECONDS = 600.0  # for calls that read, write or advance a whole world

_Json = dict[str, Any]
_Pairs = Mapping[str, Any]
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}


class _ClientError(Exception):
    def __reduce__(self) -> tuple[Any, ...]:  # parallel test runners send errors to another process
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ControlPlaneError(_ClientError):
    """The emulator refused a call. The message is that of the response, whose whole JSON is `response`.

    `status` is the response's, such as 404, and `code` the error's, such as world_not_found, for programs.
    """

    def __init__(self, status: int, code: str, message: str, response: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.response = status, code, response


class EmulatorUnreachable(_ClientError):
    """No emulator responds at the URL, for a `reason` in a few words; `is_refused` if no server listens there."""

    def __init__(self, message: str, reason: str = "", *, is_refused: bool = False) -> None:
        super().__init__(message)
        self.reason, self.is_refused = reason, is_refused


class NotAnEmulator(EmulatorUnreachable):
    """Another server responds at the URL, with a `status` that no emulator gives."""

    def __init__(self, url: str, status: int = 200) -> None:
        problem = "is not a flaresend-mock emulator" + ("" if status == 200 else f" (it responds {status})")
        super().__init__(f"The server at {url} {problem}.", f"the server {problem}")
        self.status = status


class ControlPlane:
    """Makes the calls of one emulator, which may come from many threads.

    Calls raise ControlPlaneError where the emulator refuses them, and EmulatorUnreachable where none responds in time.
    The API key or else the name `world` picks the world.
    """

    def __init__(self, url: str, *, api_key: str = "", token: str | None = None, world: str | None = None) -> None:
        self.url, self.token = url, token
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._headers |= {TOKEN_HEADER: token} if token is not None else {}
        self._world = world
        self._idle: deque[HTTPConnection] = deque()
        finalize(self, _close, self._idle)

    def call(self, method: str, path: str, body: Any = None, *, seconds: float = SECONDS, **query: Any) -> _Json:
        """Make a call of a path after /_mock, and return the JSON of its response; TypeError for a body that is none.

        Bytes are sent unchanged. The time limit comes on top of the `timeout` that the body asks for.
        """
        asked = body.get("timeout") if isinstance(body, dict) else None
        seconds += asked if isinstance(asked, int | float) and asked > 0 else 0.0
        data, _ = self._exchange(method, path, query, _JSON, _encoded(body), seconds)
        if not isinstance(found := decoded(data), dict):
            raise NotAnEmulator(self.url)
        return found

    def fetch(self, path: str, *, seconds: float = SECONDS, **query: Any) -> tuple[bytes, str]:
        return self._exchange("GET", path, query, {}, None, seconds)

    @contextmanager
    def stream(self, path: str, last_id: str, **query: Any) -> Iterator[Iterator[tuple[str, str, Any]]]:
        """Open a stream of id, kind and JSON of each event after one; reading it raises OSError and HTTPException."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last_id}
        with ExitStack() as opened:
            with self._reaching(f"GET {path}"):
                connection = opened.enter_context(closing(self._connection()))
                response = self._send(connection, "GET", self._target(path, query), headers, None, SECONDS)
            if response.status != 200 or response.headers.get_content_type() != "text/event-stream":
                raise self._refusal(response)
            yield _events(response)

    def items(self, response: _Pairs, name: str) -> list[_Json]:
        """Return a list of objects in a response; NotAnEmulator if it has no such list."""
        if not isinstance(found := response.get(name), list) or not all(isinstance(one, dict) for one in found):
            raise NotAnEmulator(self.url)
        return found

    def close(self) -> None:
        _close(self._idle)

    def _exchange(
        self, method: str, path: str, query: _Pairs, headers: _Pairs, body: bytes | None, seconds: float
    ) -> tuple[bytes, str]:
        with self._reaching(f"{method} {path}"):
            connection = self._idle_connection() or self._connection()
            try:
                response = self._send(connection, method, self._target(path, query), headers, body, seconds)
                refusal = None if 200 <= response.status < 300 else self._refusal(response)
                data = b"" if refusal else response.read()
            except BaseException:
                connection.close()
                raise
            if response.isclosed() and not response.will_close:
                self._idle.append(connection)
            else:
                connection.close()
            if refusal is not None:
                raise refusal
            return data, response.headers.get_content_type()

    def _target(self, path: str, query: _Pairs) -> str:
        given = {name: value for name, value in {"world": self._world, **query}.items() if value is not None}
        asked = f"?{urlencode(given, errors='surrogateescape')}" if given else ""
        return urlsplit(self.url).path + ROOT + path + asked

    def _send(
        self, connection: HTTPConnection, method: str, target: str, headers: _Pairs, body: bytes | None, seconds: float
    ) -> HTTPResponse:
        connection.timeout = seconds
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
        connection.putrequest(method, target)  # not request(), which pook replaces
        length = {} if method == "GET" else {"Content-Length": len(body or b"")}
        for name, value in {**length, **headers, **self._headers}.items():
            connection.putheader(name, str(value))
        connection.endheaders(body)
        return connection.getresponse()

    def _connection(self) -> HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EmulatorUnreachable(f"{self.url!r} is not a URL such as http://localhost:3577")
        if not all(value.isascii() and value.isprintable() for value in self._headers.values()):
            raise EmulatorUnreachable("A header cannot hold the control token or the API key.")
        return (HTTPSConnection if parts.scheme == "https" else HTTPConnection)(parts.netloc)

    def _idle_connection(self) -> HTTPConnection | None:
        while self._idle:
            if (connection := self._idle.pop()).sock is not None and _is_open(connection.sock):
                return connection
            connection.close()
        return None

    @contextmanager
    def _reaching(self, call: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if (stop := describe_stop(error)) is None and not isinstance(error, OSError | ValueError | HTTPException):
                raise
            reason = stop or getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
            if isinstance(error, TimeoutError):
                reason = f"no response to {call} in time"
            if isinstance(error, SSLCertVerificationError):
                reason = f"its certificate is not trusted: {error.verify_message}; it speaks http on the same port"
            reason, is_refused = reason or type(error).__name__, isinstance(error, ConnectionRefusedError)
            message = f"Cannot reach an emulator at {self.url}: {reason}"
            raise EmulatorUnreachable(message, reason, is_refused=is_refused) from None

    def _refusal(self, response: HTTPResponse) -> Exception:
        try:
            if "status" in (found := json.loads(response.read())):
                return ControlPlaneError(response.status, "", f"it is {found['status']}", found)
            error = found["error"]
            return ControlPlaneError(response.status, str(error.get("code")), str(error["message"]), found)
        except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return NotAnEmulator(self.url, response.status)


def part(path: str) -> str:
    """Return a name or an id as one part of a path."""
    return quote(path, safe="", errors="surrogateescape")


def media_of(file: Path) -> dict[str, str]:
    """Return a file as `POST /_mock/inbound` takes it. The emulator reads its type from its name."""
    return {"base64": b64encode(file.read_bytes()).decode(), "fileName": file.name}


def _close(connections: deque[HTTPConnection]) -> None:
    while connections:
        connections.pop().close()


def _is_open(sock: socket.socket) -> bool:
    """Tell whether a connection waits for a call. TLS cannot tell, and so connects anew."""
    try:
        sock.setblocking(False)
        sock.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError) as error:
        return isinstance(error, BlockingIOError)
    return False


def _encoded(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise TypeError(f"what is given must be JSON: {error}") from None


def decoded(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _events(lines: Iterable[bytes]) -> Iterator[tuple[str, str, Any]]:
    """Yield the events of a stream; an event that the end of the stream cuts off is left out."""
    found: dict[str, list[str]] = {}
    for raw in lines:
        if line := raw.decode("utf-8", "replace").rstrip("\r\n"):
            name, _, value = line.partition(":")
            found.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in found:
            number, kind = (found.get(field, [""])[-1] for field in ("id", "event"))
            yield number, kind, decoded("\n".join(found["data"]))
        found = {}
