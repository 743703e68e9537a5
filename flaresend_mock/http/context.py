"""What the HTTP packages know about a request: the emulator that it came to, its path, headers and connection."""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import field
from itertools import count
from threading import BoundedSemaphore, Lock
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

from flask import Request, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.background.realtime import Patience
from flaresend_mock.background.trust_store import TrustStore
from flaresend_mock.core import hosts, paths
from flaresend_mock.core.events import EventLog
from flaresend_mock.core.hosts import NO_HOSTS, HostList
from flaresend_mock.core.model import model
from flaresend_mock.core.redaction import MASK, is_secret
from flaresend_mock.core.state import State
from flaresend_mock.core.store import DEFAULT_PUBLIC_URL
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.http.turns import ROOM, Room, Turns

MissedCalls = dict[int, tuple[str | None, tuple[str, ...], bool]]  # by event: instance, names, may name no one

CONTROL = "/_mock"  # the path of the control plane and the dashboard
MEDIA_HOST = "/v"  # the path of WhatsApp's media host

PATH, RAW_PATH = "flaresend_mock.path", "flaresend_mock.raw_path"  # keys in the environ: see `find_path`
SERVICES = "flaresend_mock.services"  # the key of `AppServices` in the environ of a request
CUT = "flaresend_mock.cut"  # the key in the environ of the server's function that cuts the connection of a request
FIELDS = "flaresend_mock.fields"  # the key in the environ of the headers alone, which only the server sets
DISCONNECTED = "flaresend_mock.client_disconnected"  # the key of its function that tells whether the client is gone
PUBLIC = "flaresend_mock.public"  # the key in the environ that tells whether a call has no known API key or token
SHARED = "flaresend_mock.shared"  # the key in the environ of a call whose response the process holds only once
RESET, TRUNCATE, DROP = "reset", "truncate", "drop_response"

ISOLATION = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}  # the headers of every response that is not the API's, by which browsers keep it from pages of other origins

MAX_BODY_SIZE = 64 * 1024 * 1024
MAX_STREAMS = MAX_WAITERS = 500

SCHEMES = ("bearer", "basic", "digest")  # schemes of authentication, which are shown where the credential is masked

_PLAIN = ("CONTENT_TYPE", "CONTENT_LENGTH")
_IN_PATHS = "/:@!$&'()*+,;="
_PROCESS = id(object())
_runs = count(1)


@model
class AppServices:
    """The worlds of one emulator, and how the application serves them.

    `seen` has, by world and conversation, the last event that the dashboard has shown; `missed`, by log, the last event
    that it has searched for failed calls, and whom the newest of these name: the calls stay the log's.
    """

    worlds: Worlds
    strict: bool  # accepts only what the documentation describes
    version: str
    health: Callable[[], dict[str, bool]]  # tells whether its parts run, by name
    uptime: Callable[[], float]  # returns seconds
    history: int | None = None  # how many events and messages a new world keeps
    token: str | None = None  # the control token, if callers must send one
    with_secrets: bool = False  # shows API keys and secrets instead of masking them
    public_url: Callable[[str], str] = lambda url: url or DEFAULT_PUBLIC_URL
    check_webhook: Callable[[str], str] = hosts.check_webhook  # raises InvalidTarget for a wrong URL
    with_past: Callable[[str, State], State] = lambda fixture, state: state  # gives a new world its past
    allowed_hosts: HostList = NO_HOSTS  # hosts under which the control plane is reached, besides near ones
    patience: Patience = field(default_factory=Patience)  # ends all waiting when the emulator stops
    streams: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_STREAMS))  # for followers of events
    watchers: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_STREAMS // 2))  # for audiences
    room: Room = field(default_factory=Room)  # for large responses that are being received
    public_room: Room = field(default_factory=lambda: Room(ROOM // 2))  # for those to callers without a key or token
    waiters: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_WAITERS))  # for calls that wait
    turns: Turns = field(default_factory=lambda: Turns(Patience()))  # calls with large bodies wait for each other
    max_body_size: int = MAX_BODY_SIZE  # bytes; a larger one gets 413
    trust: TrustStore = field(default_factory=TrustStore)  # certificates that receivers are verified against
    ca: Callable[[], bytes] = bytes  # returns the certificate of the CA for https, in PEM
    autosave: Callable[[], str | None] = lambda: None  # tells what keeps worlds from being saved, or ok, if they are
    run: str = field(default_factory=lambda: f"{os.getpid()}-{next(_runs)}-{_PROCESS:x}")  # new at each start
    seen: WeakKeyDictionary[World, dict[tuple[str, str], int]] = field(default_factory=WeakKeyDictionary)
    missed: WeakKeyDictionary[EventLog, tuple[int, MissedCalls]] = field(default_factory=WeakKeyDictionary)
    searching: WeakKeyDictionary[World, Lock] = field(default_factory=WeakKeyDictionary)  # taken before a world's own


def services() -> AppServices:
    """Return the services of the emulator that the current request came to."""
    found: AppServices = request.environ[SERVICES]
    return found


def own_url() -> str:
    """Return the URL by which this request reached the emulator, unless an option says it."""
    environ = request.environ
    parts = (environ.get(name, "") for name in ("wsgi.url_scheme", "HTTP_HOST", "SCRIPT_NAME"))
    return services().public_url(hosts.called_url(*parts))


def cut(environ: Mapping[str, Any], how: str) -> bool:
    """Have the server cut the connection instead of sending the whole response; return whether it can.

    `how` is reset (the client sees a TCP reset), drop_response (nothing is sent) or truncate (half of the body is).
    """
    server: Callable[[str], None] | None = environ.get(CUT)
    if server is None:
        return False
    server(how)
    return True


def is_gone(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Return a function that tells whether the client has disconnected."""
    asked: Callable[[], bool] = environ.get(DISCONNECTED, lambda: False)
    return asked


def bearer(authorization: str) -> str | None:
    """Return the key of a Bearer authorization, or None for another scheme. The scheme's case does not matter."""
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def cookie_of(token: str) -> str:
    """Return the name of the dashboard's cookie. It depends on the token: cookies do not tell ports apart."""
    return "flaresend_mock_" + pass_for(token + " cookie")[:12]


def pass_for(token: str) -> str:
    """Return the value of the dashboard's cookie, which stands for the control token in a browser."""
    return hmac.new(token.encode(), b"flaresend-mock dashboard", hashlib.sha256).hexdigest()


def audience_of(token: str) -> str:
    """Return the token of an audience, which watches the chats and changes nothing."""
    return pass_for(token + " audience")[:16]


def cookie(request: Request, token: str) -> str:
    """Return the value of the dashboard's cookie, or an empty text. To parse all cookies may take 75 ms."""
    sent: str = request.environ.get("HTTP_COOKIE", "")
    return sent.partition(cookie_of(token) + "=")[2].partition(";")[0].strip()


def is_audience() -> bool:
    token = services().token or ""
    given = cookie(request, token).encode("utf-8", "replace")
    return hmac.compare_digest(given, pass_for(audience_of(token)).encode())


def find_path(environ: dict[str, Any], *, strict: bool) -> None:
    """Put the path of a call of the API into its environ: as it was sent, and as it is routed.

    In strict mode, it keeps a trailing slash, and so it is not routed.
    """
    info: str = environ["PATH_INFO"]
    uri = environ.get("REQUEST_URI") or quote(info.encode("latin-1", "replace"), safe=_IN_PATHS)
    raw = uri.partition("?")[0]
    if "://" in raw and not raw.startswith("/"):  # a whole URL, as clients send it to a proxy
        raw = "/" + raw.partition("://")[2].partition("/")[2]
    raw = raw.partition("#")[0].encode("latin-1", "replace").decode(errors="replace")
    path = "/" + info.encode("latin-1", "replace").decode(errors="replace").removeprefix("/")
    if "//" in raw or "%2f" in raw.lower():  # servers decode and merge slashes
        path = paths.decoded(raw.removeprefix(environ.get("SCRIPT_NAME", "")))
    environ[RAW_PATH], environ[PATH] = raw, path if strict else paths.trimmed(path)


def received(environ: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a request. Of credentials, only the scheme is kept."""
    found = []
    for key, value in environ.get(FIELDS, environ).items():
        if key[:5] == "HTTP_" or (key in _PLAIN and value):
            if is_secret(key):
                scheme, _, rest = value.partition(" ")
                value = f"{scheme} {MASK}" if rest and scheme.lower() in SCHEMES else MASK
            found.append((key, value))
    return tuple(found)


def shown(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return kept headers under their usual names: HTTP_USER_AGENT as User-Agent."""
    return {key.removeprefix("HTTP_").replace("_", "-").title(): value for key, value in headers}


def allowed(refusal: HTTPException) -> str:
    """Return the methods that a route allows, sorted, for a refused method; otherwise an empty string."""
    methods = getattr(refusal, "valid_methods", None) or ()
    return ", ".join(sorted(methods))
