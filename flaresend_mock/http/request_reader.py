"""Reads requests from the bytes of a connection: heads, bodies with a length, and chunked bodies.

Heads are parsed strictly: httptools reads the fields, and everything is counted in raw bytes.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from tempfile import SpooledTemporaryFile
from types import SimpleNamespace
from typing import IO
from urllib.parse import unquote_to_bytes

import httptools

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.http.body_stream import MAX_UNREAD
from flaresend_mock.http.context import CONTROL, MEDIA_HOST
from flaresend_mock.http.turns import Room

MAX_HEAD = 64 * 1024  # bytes of a request line with its header fields
MAX_FIELDS = 200  # header fields of a request
TAKEN_APART = {"CONTENT_TYPE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"}  # by readers that take long for long ones
MAX_TAKEN_APART = 1024  # characters of these fields
MOST_IN_TARGET = {"&": 1000, "%": 3000}  # to take more apart keeps others waiting
MAX_CHUNK_LINE = 256
MAX_TRAILERS = 8 * 1024
_HEALTH = f"{CONTROL}/health"  # it costs little, and who watches over the emulator needs no token
IDLE_SECONDS = 120.0  # how long a connection may stay open without a request
HEAD_SECONDS = 30.0  # how long a head may take, from its first byte
STALL_SECONDS = 30.0  # how long a body may stand still
ROOM_SECONDS = 30.0  # how long a body may wait for room
MAX_IN_MEMORY = 256 * 1024  # bytes of a body that are kept in memory; a larger one goes to a temporary file
FEW = 4096  # bytes of chunks that are taken apart beside those of others; a request with more may be costly
MAX_CHUNKS = 100_000  # chunks that a body may have beside one for each KiB
MAX_UNKNOWN_CHUNKS = 1000  # the same, if the caller is not known
Knows = Callable[["Head"], bool]  # tells whether a request has a known API key or token
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_METHOD = rb"[!#$%&'*+\-.^_`|~0-9A-Z]+"  # no small letters: Werkzeug takes get for GET
_REQUEST_LINE = re.compile(rb"(" + _METHOD + rb") ([!\"$-~]+) HTTP/([0-9])\.([0-9])\r\n")
_ALLOWED = bytes(range(32, 127)) + bytes(range(128, 256)) + b"\t\r\n"
_PATH = re.compile(rb" (/[^\s?]*)")
_EMPTY_LINES = re.compile(rb"(?:\r\n)*+")
_BARE_LINE_END = re.compile(rb"\r[^\n]|[^\r]\n")
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_EXTENSION = rb"[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?"
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:" + _EXTENSION + rb")*\r\n")
_TRAILER = re.compile(_TOKEN + rb":[\t -~\x80-\xff]*\r\n")
_HOST = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+;=%-]{1,255}|\[[0-9A-Fa-f:.]+(?:%[\w.~%-]+)?\])(?::[0-9]*)?", re.ASCII)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", re.ASCII)
_PREFIX = b"POST / HTTP/1.1\r\n"
_KNOWN = 1024
_keys: dict[bytes, str] = {}
_END = b"\r\n\r\n"
_computing = threading.Lock()  # chunks are taken apart by one thread at a time: fifty would hinder all others
_computing_unknown = threading.Lock()  # as are all bodies of callers who are not known, for whom no other waits


class Refused(Exception):
    """A request that the server refuses itself, with a status and what is wrong. The connection is closed afterwards.

    Its `path` is the request's, as far as that is known. A HEAD request (`is_head`) gets no body.
    """

    def __init__(self, status: int, message: str, path: str = "/") -> None:
        super().__init__(message)
        self.status, self.message, self.path = status, message, path
        self.is_head = False

    @property
    def body(self) -> dict[str, object]:
        """The JSON of the refusal, in the format of the API, or of the control plane and the media host."""
        if f"{self.path}/".startswith((CONTROL + "/", MEDIA_HOST + "/")):
            code = HTTPStatus(self.status).phrase.lower().replace(" ", "_").replace("-", "_")
            return {"error": {"code": code, "message": self.message}}
        return {"success": False, "message": self.message}


@dataclass(slots=True)
class Head:
    """The request line and the fields of a request."""

    method: str
    target: str
    minor: int
    fields: dict[str, str] = field(default_factory=dict)  # by their names in a WSGI environ; none with an underscore
    authority: str | None = None  # host and port of a request in absolute form, or of CONNECT
    length: int | None = 0  # bytes of the body; None if it is chunked
    keeps_alive: bool = True
    expects_continue: bool = False
    is_known: bool = True  # its API key or token is known, or the request costs too little to look

    @property
    def path(self) -> str:
        """The path of the target, decoded, as WSGI has it."""
        path = self.target
        if self.authority is not None:
            path = path.partition("://")[2][len(self.authority) :] or "/"
            path = path if path.startswith("/") else "/" + path
        path = path.partition("?")[0]
        return unquote_to_bytes(path.encode("latin-1")).decode("latin-1") if "%" in path else path

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


class Closed(Exception):
    """The connection has ended, and its request gets no response."""


class RequestReader:
    """Reads one request after another, and keeps what came after the last one.

    `receive` returns the next bytes, or none at the end of the connection, and raises TimeoutError after the seconds
    that it is given. `send` sends an interim response. A body may have `most` bytes, and needs `room` in a file.
    """

    def __init__(
        self, receive: Callable[[float], bytes], send: Callable[[bytes], None], most: int, room: Room, knows: Knows
    ) -> None:
        self._receive, self._send, self._max_body, self._room, self._knows = receive, send, most, room, knows
        self._size = self._taken = 0
        self.buffer = b""
        self.head = b""
        self._received = bytearray()  # of a body: unlike bytes, it loses its first ones at no cost
        self._lock, self._is_computing = _computing, False

    def wait(self) -> None:
        """Wait for the first bytes of the next request."""
        while self.buffer in (b"", b"\r\n"):  # an empty line after a request does not begin another one
            try:
                self.buffer = self._next(IDLE_SECONDS)
            except TimeoutError:
                raise Closed from None

    def read_head(self) -> Head:
        """Return the head of the next request. Empty lines before it are skipped, and count as a part of it."""
        buffer = self.buffer
        watch, begin, searched = Stopwatch(), 0, 0
        while True:
            if buffer.startswith(b"\r\n", begin) and (empty := _EMPTY_LINES.match(buffer, begin)):
                begin = empty.end()
            end = buffer.find(_END, max(begin, searched))
            if 0 <= end <= MAX_HEAD - len(_END):
                self.buffer = buffer[end + len(_END) :]
                self.head = buffer[begin : end + len(_END)]
                head = _parse_head(self.head)
                is_small = head.length is not None and max(head.length, len(self.head)) <= FEW
                names_control = head.target != _HEALTH and (CONTROL in head.target or "%" in head.target)
                is_plain = "HTTP_CONTENT_ENCODING" not in head.fields and not names_control
                head.is_known = (is_small and is_plain) or self._knows(head)
                return head
            if len(buffer) >= MAX_HEAD:
                raise _refused_line(buffer, f"a head may have {MAX_HEAD} bytes", 431)
            if _BARE_LINE_END.search(buffer, max(0, searched - 1)):  # at an empty line, it would never end the head
                raise _refused_line(buffer, "Bad Request: a bare line feed or carriage return")
            searched = max(0, len(buffer) - len(_END) + 1)
            left = HEAD_SECONDS - watch.seconds
            try:
                if left <= 0:
                    raise TimeoutError
                buffer += self._next(left)
            except TimeoutError:
                raise Refused(408, "the request takes too long") from None

    def read_body(self, head: Head) -> IO[bytes]:
        """Return the whole body, and put its length into the fields of the head."""
        if head.length is not None and head.length <= len(self.buffer):
            body, self.buffer = self.buffer[: head.length], self.buffer[head.length :]
            return BytesIO(body)
        spool = SpooledTemporaryFile(MAX_IN_MEMORY)  # noqa: SIM115 - the call closes it
        self._size, self._kept = 0, self._max_body if head.is_known else MAX_UNREAD
        self._lock = _computing if head.is_known else _computing_unknown
        try:
            if head.length is not None and head.length > self._max_body:
                raise Refused(413, "Request body too large")
            if head.expects_continue and not self.buffer:
                self._send(CONTINUE)
            self._received += self.buffer
            if head.length is not None:
                self._copy(head.length, spool)
            else:
                self._compute(len(self.buffer) > FEW)
                self._read_chunks(spool, MAX_CHUNKS if head.is_known else MAX_UNKNOWN_CHUNKS)
                head.fields["CONTENT_LENGTH"] = str(self._size)
            self.buffer, self._received = bytes(self._received), bytearray()
            with _keeping():
                spool.seek(0)
        except BaseException as error:
            with suppress(OSError):  # it writes what it has not written yet
                spool.close()
            self.give_back()  # before the client is told, and what it still sends is dropped
            if isinstance(error, TimeoutError):
                raise Refused(408, "the body of the request takes too long", head.path) from None
            if isinstance(error, Refused):
                error.path = head.path
            raise
        finally:
            self._compute(False)
        return spool

    def give_back(self) -> None:
        """Give the room of a body back: it is closed."""
        if self._taken:
            self._room.give_back(self._taken, self)
            self._taken = 0

    def _take(self, size: int) -> None:
        if not self._room.take(size, seconds=0, owner=self):
            was_computing = self._is_computing
            self._compute(False)
            if not self._room.take(size, seconds=ROOM_SECONDS, owner=self):
                raise Refused(503, f"bodies that are being received may take {self._room.most} bytes together")
            self._compute(was_computing)
        self._taken += size

    def _next(self, seconds: float) -> bytes:
        piece = self._receive(seconds)
        if not piece:
            raise Closed
        return piece

    def _receive_more(self, *, chunked: bool) -> None:
        self._compute(False)
        self._received += self._next(STALL_SECONDS)
        self._compute((chunked or self._lock is _computing_unknown) and len(self._received) > FEW)

    def _compute(self, wanted: bool) -> None:
        if self._is_computing:
            self._lock.release()
        self._is_computing = wanted and self._lock.acquire()

    def _copy(self, length: int, spool: IO[bytes], *, chunked: bool = False) -> None:
        while length:
            if not self._received:
                self._receive_more(chunked=chunked)
            piece = self._received[:length]
            del self._received[:length]
            length -= len(piece)
            self._size += len(piece)
            if (kept := spool.tell()) > self._kept:
                continue
            if kept > MAX_IN_MEMORY:
                self._take(len(piece))
            with _keeping():
                spool.write(piece)

    def _read_chunks(self, spool: IO[bytes], most: int) -> None:
        chunks = 0
        while size := _chunk_size(self._read_line(MAX_CHUNK_LINE, 400)):
            if self._size + size > self._max_body:
                raise Refused(413, "Request body too large")
            chunks += 1
            if chunks > most + self._size // 1024:
                raise Refused(413, f"a body may have {most} chunks, and one more for each KiB")
            self._copy(size, spool, chunked=True)
            if self._read_line(2, 400) != b"\r\n":
                raise Refused(400, "Bad Request: a malformed end of a chunk")
        left = MAX_TRAILERS
        while (line := self._read_line(left, 431)) != b"\r\n":
            _require(_TRAILER.fullmatch(line), "a malformed trailer")  # which is dropped
            left -= len(line)

    def _read_line(self, most: int, status: int) -> bytes:
        while (end := self._received.find(b"\n", 0, most)) < 0:
            if len(self._received) >= most:
                raise Refused(status, "Bad Request: a line of a chunked body is too long")
            self._receive_more(chunked=True)
        line = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        return line


@contextmanager
def _keeping() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(507, f"the body cannot be kept: {error.strerror}") from None


def _parse_head(raw: bytes) -> Head:
    line = _REQUEST_LINE.match(raw)
    if line is None:
        raise _refused_line(raw)
    head = Head(line[1].decode(), line[2].decode("latin-1"), int(line[4]))
    try:
        _complete(head, raw[line.end() :], int(line[3]))
    except Refused as refused:
        refused.path, refused.is_head = head.path, head.method == "HEAD"
        raise
    return head


def _complete(head: Head, raw: bytes, major: int) -> None:
    if major != 1:
        raise Refused(505, f"HTTP version {major}.{head.minor} is not supported")
    _require(not raw.translate(None, _ALLOWED), "a control character in a header")
    has_whole_ends = raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")
    _require(has_whole_ends, "a bare line feed or carriage return")
    is_folded = raw.startswith((b" ", b"\t")) or b"\r\n " in raw or b"\r\n\t" in raw
    _require(not is_folded, "a folded header")
    if raw.count(b"\n") > MAX_FIELDS + 1:
        raise Refused(431, f"a head may have {MAX_FIELDS} fields")
    found: list[tuple[bytes, bytes]] = []
    collector = SimpleNamespace(on_header=lambda *field: found.append(field))
    try:
        httptools.HttpRequestParser(collector).feed_data(_PREFIX + raw)
    except httptools.HttpParserUpgrade:
        pass  # ignored: HTTP/1.1 goes on
    except httptools.HttpParserError as error:
        raise _bad(" ".join(str(error).split()).rstrip(".")[:100] or "a malformed header") from None
    fields = head.fields
    for name, raw_value in found:
        key = _keys.get(name) or _key(name)
        value = raw_value.strip(b" \t").decode("latin-1")
        if key not in fields:
            fields[key] = value
        elif key == "HTTP_HOST":
            raise _bad("more than one Host")
        else:
            fields[key] += f"{'; ' if key == 'HTTP_COOKIE' else ', '}{value}"
    fields.pop("", None)
    _check_target(head)
    for key in TAKEN_APART & fields.keys():
        if len(fields[key]) > MAX_TAKEN_APART:
            told = key.removeprefix("HTTP_").replace("_", "-").title()
            raise Refused(431, f"{told} may have {MAX_TAKEN_APART} characters")
    codings, length = fields.pop("HTTP_TRANSFER_ENCODING", None), fields.get("CONTENT_LENGTH")
    if codings is not None:
        _check_chunked(codings, length, head.minor)
        head.length = None
    elif length is not None:
        head.length = _length(length)
        fields["CONTENT_LENGTH"] = str(head.length)  # without zeros before it, which other readers may refuse
    connection = fields.get("HTTP_CONNECTION")
    options = [one.strip() for one in connection.lower().split(",")] if connection else ()
    head.keeps_alive = "close" not in options and (head.minor > 0 or "keep-alive" in options)
    if head.minor > 0 and (expected := fields.get("HTTP_EXPECT")) is not None:
        if {one.strip() for one in expected.lower().split(",")} != {"100-continue"}:
            raise Refused(417, "Expect: only 100-continue is supported")
        head.expects_continue = True


def _check_target(head: Head) -> None:
    for mark, most in MOST_IN_TARGET.items():
        if head.target.count(mark) > most:
            raise Refused(414, f"a target may have {most:,} times {mark}")
    host = head.fields.get("HTTP_HOST")
    _require(host is not None or head.minor == 0, "no Host")
    _require(host is None or _HOST.fullmatch(host), "a malformed Host")
    if head.method == "CONNECT":
        found = _AUTHORITY.fullmatch(head.target)
        is_valid = found is not None and 0 < int(found[2]) < 65536
        _require(is_valid, "CONNECT needs a host and a port, such as api.flaresend.com:443")
        head.authority = head.target
    elif not head.target.startswith("/"):
        absolute = _ABSOLUTE.match(head.target)
        if absolute is not None and _HOST.fullmatch(absolute[1]):
            head.authority = head.fields["HTTP_HOST"] = absolute[1]
        else:
            _require(head.target == "*" and head.method == "OPTIONS", "a malformed target")


def _check_chunked(codings: str, length: str | None, minor: int) -> None:
    _require(length is None, "both Content-Length and Transfer-Encoding")
    _require(minor > 0, "Transfer-Encoding in HTTP/1.0")
    names = [one.strip().lower() for one in codings.split(",")]
    _require("chunked" not in names[:-1] and "" not in names, "Transfer-Encoding: chunked must be last, and once")
    if names != ["chunked"]:
        raise Refused(501, "Transfer-Encoding: only chunked is supported")


def _length(given: str) -> int:
    """Return the value of Content-Length. httptools refuses a second one."""
    _require(given.isascii() and given.isdigit(), "Content-Length is not a number")
    _require(len(given) <= 19, "Content-Length is too large")
    return int(given)


def _refused_line(raw: bytes, message: str = "Bad Request: a malformed request line", status: int = 400) -> Refused:
    """Return the refusal of a head that cannot be parsed, in the format that its path asks for."""
    found = _PATH.search(raw.lstrip(b"\r\n").partition(b"\n")[0])
    return Refused(status, message, found[1].decode("latin-1") if found else "/")


def _chunk_size(line: bytes) -> int:
    found = _CHUNK_LINE.fullmatch(line)
    if found is None:
        raise _bad("a malformed chunk")
    return int(found[1], 16)


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise _bad(otherwise)


def _bad(what: str) -> Refused:
    return Refused(400, f"Bad Request: {what}")


def _key(name: bytes) -> str:
    """Return the key of a field in a WSGI environ, or an empty text for a name with an underscore."""
    if b"_" in name:
        return ""
    key = name.decode("latin-1").upper().replace("-", "_")
    key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
    if len(_keys) < _KNOWN and len(name) < 64:
        _keys[name] = key
    return key
