"""FlaresendMock: starts and stops the worlds, their background threads and the HTTP server together."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from contextvars import copy_context
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote, urlsplit

from flask import Request, has_request_context, request

from flaresend_mock import app, environment, version
from flaresend_mock.background import autosave, files, realtime, scheduler, trust_store, webhook_sender
from flaresend_mock.control import guard
from flaresend_mock.core import errors, hosts, models, store, worlds
from flaresend_mock.core.hosts import HostList
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.http import context, request_reader, server, turns
from flaresend_mock.http.proxy import Proxy, names
from flaresend_mock.package_data import sample, world_file, world_names
from flaresend_mock.settings import ENVIRONMENT, Settings, local_url, upstream_proxy
from flaresend_mock.world_format import WorldFileError, give_key, load_file, write
from flaresend_mock.world_format.write import CannotExport

if TYPE_CHECKING:
    from ssl import SSLContext

    from flaresend_mock.http.tls import Authority

__all__ = ["CannotExport", "CannotStart", "FlaresendMock"]

T = TypeVar("T")

log = logging.getLogger(__name__)

MAX_OTHERS = 1000  # other hosts that calls are counted for, passed on or refused; further ones count together
FURTHER = "further hosts"


class CannotStart(Exception):
    """The emulator cannot start. The message is the reason, in one line."""


class FlaresendMock:
    """An emulator of the Flaresend API, with its control plane, worlds and HTTP server.

        with FlaresendMock(port=0) as flaresend:
            requests.post(f"{flaresend.url}/send-message", headers=flaresend.headers, json={…})

    Args:
        settings: the options.
        options: fields of Settings that override `settings`, such as `world`, `seed` or `api_key`. Without settings,
            `port` is 0, which picks a free port.

    Raises:
        SettingError: an option has an invalid value.
        CannotStart: the world file is missing or invalid, or the CA for https cannot be used.
    """

    def __init__(self, settings: Settings | None = None, **options: Any) -> None:
        self.settings = Settings(**{"port": 0} | options) if settings is None else replace(settings, **options)
        if self.settings.demo and self.settings.world == worlds.DEFAULT:
            self.settings = replace(self.settings, world="demo")
        self._check_webhook = partial(
            hosts.check_webhook, strict=self.settings.strict, allowed=HostList.parse(self.settings.allow_webhook_host)
        )
        self._patience = realtime.Patience()
        self._export = write.ExportOnExit(self.settings.export_on_exit, with_secrets=self.settings.with_secrets)
        self._opening = threading.RLock()
        self._authority: Authority | None = None
        self._tls: SSLContext | None = None
        try:
            self._export.check()
            export = partial(write.export, secrets=True)
            self._autosave = self._opened("autosave", lambda folder: autosave.Autosave(folder.absolute(), export))
            if self.settings.tls_ca or self.settings.tls_name or self.settings.tls_port is not None:
                self.tls_context()
        except (CannotExport, errors.AuthorityError) as error:
            raise CannotStart(str(error)) from None
        self._scheduler = scheduler.Scheduler()
        places = (ENVIRONMENT.get(name) for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
        authorities = self._opened("webhook_ca", lambda file: trust_store.read_pem(file.read_text("utf-8", "replace")))
        trust = trust_store.TrustStore(authorities or "", [place for place in places if place])
        self._sender = webhook_sender.WebhookSender(strict=self.settings.strict, trust=trust, api=lambda: self.app)
        self._uptime = realtime.Stopwatch()
        self._http: server.HttpServer | None = None
        self._stopping = threading.Lock()
        self.others: Counter[tuple[str, bool]] = Counter()  # proxied `host:port`, and whether passed on
        self._mounted = ExitStack()
        self._host: store.HostServices[World] = store.HostServices(
            on_timer_changed=self._scheduler.schedule_wakeup,
            delay=self._delay,
            on_delivery_ready=self._sender.notify,
            on_history_ends=self._opened("transcript_on_exit", _transcripts) or (lambda world: None),
            on_world_closed=self._forget,
            taken_keys=lambda keys, world: self.worlds.taken_keys(keys, apart_from=world),
            drain_deliveries=self._sender.drain,
            make_room=lambda world, size: self.worlds.make_room(world, size),
            public_url=self._public_url,
            sample_media=sample,
        )
        saved = self._autosave.found if self._autosave else {}  # the newest first
        states = {name: self._loaded(file, is_saved=True) for name, file in saved.items() if name != worlds.DEFAULT}
        first = self._default_state()
        order = sorted(saved, key=lambda name: name != worlds.DEFAULT) if self.settings.api_key else saved
        worlds.drop_repeated_keys(states.get(name, first) for name in order)  # but for the option's, the newest has it
        default = World(worlds.DEFAULT, first, realtime.utc_now, self._host)
        fresh_state = (lambda: self._first_state.copy()) if self.settings.auth == "open" else None
        self.worlds = worlds.Worlds(default, self._make_world, fresh_state)
        default.continues = worlds.DEFAULT in saved
        for name, state in states.items():
            self.worlds.restore(name, state)
        shared = ("strict", "history", "with_secrets", "max_body_size")
        self.app = app.Application(
            context.AppServices(
                worlds=self.worlds,
                version=version.__version__,
                health=lambda: {"worlds": bool(self.worlds.all()), "scheduler": self._scheduler.running},
                uptime=lambda: self._uptime.seconds,
                token=self.settings.control_token,
                public_url=self._public_url,
                check_webhook=self._check_webhook,
                with_past=self._with_past,
                allowed_hosts=HostList.parse(self.settings.allowed_host),
                patience=self._patience,
                turns=turns.Turns(self._patience),
                trust=trust,
                ca=lambda: self.authority.certificate,
                autosave=lambda: (self._autosave.problem or "ok") if self._autosave else None,
                **{name: getattr(self.settings, name) for name in shared},
            )
        )

    def start(self) -> Self:
        """Start the HTTP server and the scheduler. When this returns, the emulator accepts calls.

        CannotStart if the address cannot be bound, or the emulator was started before.
        """
        if self._http is not None:
            raise CannotStart("this emulator was started before; make another one")
        wanted = self.settings
        listens = [(wanted.host, port) for port in (wanted.port, wanted.tls_port) if port is not None]
        passes = wanted.proxy_others == "pass"
        proxy = Proxy(wanted.tls_name, self._ports, passes=passes, upstream=upstream_proxy, record=self._record_proxied)
        limits = {"max_body_size": wanted.max_body_size, "max_connections": wanted.max_connections}
        try:
            self._http = server.HttpServer(self.app, listens, tls_context=self.tls_context, proxy=proxy, **limits)
        except server.CannotListen as error:
            raise CannotStart(str(error)) from None
        self._http.knows, self._http.on_thread_free = self._knows, self._start_late
        self._scheduler.start()
        for world in self.worlds.all():
            world.begin()
        if self._autosave:
            self._autosave.start(self.worlds.all)
        self._http.start()
        if wanted.url_file is not None:
            self._record_url(Path(wanted.url_file).absolute())
        return self

    def _knows(self, head: request_reader.Head) -> bool:
        """Tell whether a request has a known API key, or is of the control plane, and known there."""
        key = context.bearer(head.fields.get("HTTP_AUTHORIZATION", ""))
        if key is not None and (self.settings.auth == "open" or self.worlds.taken_keys({key})):
            return True
        said = {"REQUEST_METHOD": head.method, "PATH_INFO": (path := head.path), "QUERY_STRING": ""}  # which costs more
        is_control = path.startswith(context.CONTROL + "/")
        return is_control and guard.is_known(Request(head.fields | said), self.app.services)

    def _record_url(self, file: Path) -> None:
        """Write the URL to a file, whole or not at all, which is deleted when the emulator stops."""
        try:
            files.write_file(file, self.url.encode(), private=False)
            self._mounted.callback(_delete_url, file, self.url)
        except OSError as error:
            log.warning("url_file: %s: %s", file, error.strerror or error)

    def stop(self) -> None:
        """Finish running calls and deliveries, within 5 seconds, and stop. A second call does nothing.

        CannotExport if the export of the default world cannot be written.
        """
        with self._stopping:  # a concurrent call waits until the emulator has stopped
            if self._http is None or not self._scheduler.running:
                return
            self._patience.end()
            self._sender.begin_stop(self.worlds.all())
            self._http.stop()
            self._scheduler.stop()
            self._sender.stop()
            try:
                self._mounted.close()
            finally:
                if self._autosave:
                    self._autosave.stop()
                for world in self.worlds.all():
                    self._host.on_history_ends(world)
                self._export.write(self.worlds.default())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL for clients on this machine, without a slash at the end."""
        if self._http is None:
            raise CannotStart("the emulator is not started")
        return local_url(self._http.host, self._http.port)

    @property
    def links(self) -> tuple[str, str]:
        """The links of --lan to the dashboard: one to control the emulator, and one for an audience."""
        login, token = f"{self._public_url('')}/_mock/ui/login#", self.settings.control_token or ""
        return login + quote(token), login + context.audience_of(token)

    @property
    def tls_port(self) -> int | None:
        """The port of --tls-port, on which it listens besides that of `url`; None without this option."""
        if self._http is None or self.settings.tls_port is None:
            return None
        return self._http.ports[-1]

    @property
    def api_key(self) -> str:
        """The API key of the default world's first instance, or empty if that has none."""
        return next(iter(self.worlds.default().instances.first().api_keys), "")

    @property
    def headers(self) -> dict[str, str]:
        """The header that authenticates a call."""
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def proxy_url(self) -> str:
        """The URL of the proxy that leads calls of https://api.flaresend.com here: the emulator itself."""
        return self.url

    @property
    def ca_bundle(self) -> str:
        """A file with the public certificates and the one of this emulator's CA. It exists until the emulator stops."""
        return str(self._client_files / environment.BUNDLE)

    def env(self) -> dict[str, str]:
        """Return the variables that lead a program to this emulator: {**os.environ, **flaresend.env()}.

        The files that they name exist until the emulator stops.
        """
        return environment.variables(self.url, self.proxy_url, self._client_files, ENVIRONMENT)

    @cached_property
    def _client_files(self) -> Path:
        if self._http is None:
            raise CannotStart("the emulator is not started")
        with self._opening:
            folder = Path(self._mounted.enter_context(TemporaryDirectory(prefix="flaresend-mock-")))
            environment.write_files(folder, self.authority.certificate, ENVIRONMENT)
            return folder

    @property
    def authority(self) -> Authority:
        """The CA for https, opened and at need made when first asked for; AuthorityError if it cannot be used."""
        from flaresend_mock.http.tls import Authority

        with self._opening:
            if self._authority is None:
                path = self.settings.tls_ca
                self._authority = Authority.open(Path(path) if path else None, self.settings.tls_name)
            return self._authority

    def tls_context(self) -> SSLContext:
        """Return the server's side of TLS, whose certificate is made when it is first asked for.

        AuthorityError if the CA cannot be used, or may not sign a name of --tls-name.
        """
        with self._opening:
            if self._tls is None:
                self._tls = self.authority.context(names(self.settings.tls_name))
            return self._tls

    def _default_state(self) -> State:
        wanted = self.settings
        saved = self._autosave and self._autosave.found.get(worlds.DEFAULT)
        state = self._imported(str(saved), None) if saved else self._load_world()
        if saved:
            log.info("autosave: continues the worlds in %s", saved.parent)
        elif wanted.import_ is not None and not self._export.begins_with(wanted.import_):
            state = self._imported(wanted.import_, state)
        else:
            state = self._with_past(wanted.world, state)
        first = state.find_instance(None)
        if wanted.webhook_url:
            try:
                url = self._check_webhook(wanted.webhook_url)
            except errors.InvalidTarget as refusal:
                raise CannotStart(f"webhook_url: {refusal}") from None
            state.instances[first.id] = replace(first, webhook=models.Webhook(url, wanted.webhook_secret))
        elif wanted.demo and first.webhook is None:
            state.instances[first.id] = replace(first, webhook=models.Webhook(f"http://{hosts.DEMO_BOT}/webhook"))
        return state

    def _opened(self, option: str, use: Callable[[Path], T]) -> T | None:
        """Return what is made of the file or folder that an option names; CannotStart if it cannot be used."""
        place = getattr(self.settings, option)
        try:
            return None if place is None else use(Path(place))
        except (OSError, ValueError) as error:
            raise CannotStart(f"{option}: {place}: {getattr(error, 'strerror', None) or error}") from None

    def _with_past(self, name: str, state: State) -> State:
        """Return the state of a world with its past, which the shipped world `demo` alone has."""
        if name != "demo":
            return state
        from flaresend_mock.demo import with_conversations

        return copy_context().run(with_conversations, state, realtime.utc_now(), self._host)

    def _load_world(self) -> State:
        wanted, name = self.settings, self.settings.world
        options = {one: getattr(wanted, one) for one in ("seed", "time_zone", "api_key")}
        if '"' in name or name.lstrip().startswith("{"):  # no message repeats it, as it may have secrets
            return self._loaded(Path("world"), text=name, **options)
        return self._loaded(world_file(name), is_name="/" not in wanted.world and "." not in wanted.world, **options)

    def _imported(self, file: str, known: State | None) -> State:
        api_key, warnings = self.settings.api_key, list[str]()
        state = self._loaded(Path(file), known=known, warnings=warnings)
        for warning in warnings:
            log.warning("%s: %s", file, warning)
        if api_key is not None:
            give_key(state, api_key, keeps_others=True)
        return state

    def _loaded(self, file: Path, *, is_name: bool = False, is_saved: bool = False, **options: Any) -> State:
        """Return the state in a file, with the directory that the option names, but for a world that `is_saved`."""
        directory: Any = None if is_saved else self.settings.directory
        try:
            state = load_file(file, history=self.settings.history, check_webhook=self._check_webhook, **options)
        except WorldFileError as error:
            source = "autosave: " if self._autosave and file in self._autosave.found.values() else ""
            shipped = f"; shipped: {', '.join(world_names())}" if is_name else ""
            raise CannotStart(f"{source}{error}{shipped}") from None
        if directory is not None:
            state.settings = replace(state.settings, directory=directory)
        return state

    @cached_property
    def _first_state(self) -> State:
        """The initial state of worlds that unknown API keys create."""
        return self._with_past(self.settings.world, self._load_world())

    def _make_world(self, name: str, state: State) -> World:
        world = World(name, state, realtime.utc_now, self._host)
        if self._http is not None:
            world.begin()
        return world

    def _forget(self, world: World) -> None:
        self._scheduler.forget(world)
        self._sender.forget(world)

    def _ports(self) -> Collection[int]:
        public = urlsplit(self._public_url("")).port
        return () if self._http is None else {*self._http.ports, public or 0}

    def _record_proxied(self, target: str, passed: bool) -> None:
        is_named = len(self.others) < MAX_OTHERS or (target, passed) in self.others
        self.others[target if is_named else FURTHER, passed] += 1
        world = self.worlds.default()
        with world.lock:
            world.record("proxy", models.Change("passed_on" if passed else "refused", target))

    def _public_url(self, url: str) -> str:
        port = self._http.port if self._http else self.settings.port
        host, url = (hosts.own_address(), "") if self.settings.lan else (self.settings.host, url)
        return self.settings.public_url or url or (local_url(host, port) if port else store.DEFAULT_PUBLIC_URL)

    def _start_late(self) -> None:
        """Start what found no thread before."""
        self._sender.retry()
        self._scheduler.retry()

    def _delay(self, seconds: float, until: Callable[[], bool]) -> None:
        """Delay a call, unless the client is gone. Other calls with large bodies have their turn meanwhile."""
        if self._http is not None:
            is_away: Callable[[], bool] = bool
            if has_request_context():
                turns.give_way(request.environ)
                turns.give_back(request.environ)
                is_away = context.is_gone(request.environ)
            self._patience.delay(seconds, lambda: until() or is_away())


def _transcripts(file: Path) -> Callable[[World], None]:
    from flaresend_mock.control.verification import TranscriptFile

    return TranscriptFile(file).add


def _delete_url(file: Path, url: str) -> None:
    """Delete the file with the URL, unless another emulator has written its own there since."""
    with suppress(OSError, ValueError):
        if file.read_text() == url:
            file.unlink()
