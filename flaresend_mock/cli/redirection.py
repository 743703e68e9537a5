"""flaresend-mock run, env and ca: how programs reach the emulator without a change of theirs, and trust its CA."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess  # nosec B404
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import click

from flaresend_mock import cli, environment
from flaresend_mock.cli import output
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable, NotAnEmulator
from flaresend_mock.core.hosts import is_loopback
from flaresend_mock.settings import ENVIRONMENT, PREFIX, Settings, data_folder, local_url, upstream_proxy
from flaresend_mock.shell import quoted

if TYPE_CHECKING:
    from flaresend_mock.server import FlaresendMock

API_KEY = "FLARESEND_API_KEY"
NOT_FOUND, NOT_EXECUTABLE, SIGNALLED = 127, 126, 128
SECONDS = 5.0
MAX_BODY = 64 * 1024 * 1024
_KEY = re.compile("[!-~]+")
_CLIENT = {*"host port control_token control_token_file log_format log_level".split()}  # they count for any emulator
_Others = Counter[tuple[str, bool]]  # connections to other hosts, by host and whether passed on
_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGBREAK", "SIGUSR1", "SIGUSR2")

# how each runtime or system is told to trust the certificate in a file; docs/tls.md has the same commands
_ASSETS = Path(__file__).parent / "assets"
TRUST = tomllib.loads((_ASSETS / "trust.toml").read_text(encoding="utf-8"))
COPY = "flaresend-mock-ca.pem"
_PLAIN = re.compile(r"[^\s'\"\\#$`]([^'\"\\#$`\n\r]*[^\s'\"\\#$`])?")  # values that all readers take without quotes


def run(emulator: ControlPlane, hermetic: bool, transcript: bool, command: Sequence[str]) -> int:
    with _Signals() as signals, _route(emulator, hermetic) as (client, variables, others):
        before = client.call("GET", "/events", limit=1)["events"] if transcript else []
        status = _run(command, {**ENVIRONMENT, **variables}, signals)
        signals.has_ended = True
        if transcript:
            sys.stdout.flush()
            text, _ = client.fetch("/transcript", since=before[-1]["id"] if before else 0)
            for line in text.decode("utf-8", "replace").splitlines():
                output.say(line)
    _report(others, hermetic)
    return status


@contextmanager
def _route(client: ControlPlane, hermetic: bool) -> Iterator[tuple[ControlPlane, Mapping[str, str], _Others]]:
    """Find or start an emulator for a command, whose variables are yielded; ClickException if there is none."""
    settings: Settings = click.get_current_context().obj
    with ExitStack() as opened:
        given: dict[str, str] = {}
        if _is_running(client):
            _note_use(client.url)
            authority, others = client.fetch("/ca.pem")[0], Counter[tuple[str, bool]]()
            proxy = opened.enter_context(_front_proxy(client.url, hermetic, others))
        else:
            emulator = opened.enter_context(_started(_settings_at(settings, client.url, hermetic)))
            proxy, authority, others = emulator.url, emulator.authority.certificate, emulator.others
            client = opened.enter_context(closing(ControlPlane(emulator.url, token=settings.control_token)))
            given = {} if ENVIRONMENT.get(API_KEY) else {API_KEY: emulator.api_key}
        folder = Path(opened.enter_context(TemporaryDirectory(prefix="flaresend-mock-", ignore_cleanup_errors=True)))
        _write_files(folder, authority, click.UsageError)
        url = environment.with_port(client.url)
        given |= environment.variables(url, proxy, folder, ENVIRONMENT, hermetic=hermetic)
        token = {f"{PREFIX}CONTROL_TOKEN": client.token} if client.token else {}
        yield client, {**given, f"{PREFIX}URL": url, **token}, others


def _is_running(client: ControlPlane) -> bool:
    if urlsplit(client.url).port == 0:
        return False
    try:
        client.call("GET", "/health", seconds=SECONDS)
    except EmulatorUnreachable as error:
        if not error.is_refused:
            raise click.UsageError(str(error)) from None
        return False
    except ControlPlaneError as error:
        raise click.UsageError(f"{client.url}: {error}") from None
    return True


def _note_use(url: str) -> None:
    given = click.get_current_context().find_root().params
    ignored = sorted(f"--{name.replace('_', '-')}" for name in given if given[name] is not None and name not in _CLIENT)
    options = f"; these do not apply to it: {', '.join(ignored)}" if ignored else ""
    output.note(f"uses the emulator that runs at {url}{options}")


def _settings_at(settings: Settings, url: str, hermetic: bool) -> Settings:
    changes: dict[str, Any] = {"proxy_others": "refuse" if hermetic else "pass"}
    if url != local_url(settings.host, settings.port):
        parts = urlsplit(url)
        if not parts.hostname or not is_loopback(parts.hostname):
            raise click.UsageError(f"no emulator runs at {url}, and none can be started there")
        changes |= {"host": parts.hostname, "port": parts.port or (443 if parts.scheme == "https" else 80)}
    if settings.api_key is None and _KEY.fullmatch(ENVIRONMENT.get(API_KEY, "")):
        changes["api_key"] = ENVIRONMENT[API_KEY]
    return replace(settings, **changes)


@contextmanager
def _front_proxy(url: str, hermetic: bool, others: _Others) -> Iterator[str]:
    from werkzeug import Response

    from flaresend_mock.http.proxy import Proxy
    from flaresend_mock.http.server import HttpServer

    def upstream(host: str) -> str | None:
        found = upstream_proxy(host)
        return None if found and environment.with_port(found) == environment.with_port(url) else found

    parts = urlsplit(environment.with_port(url))
    chain = (parts.hostname or "", parts.port or 0)
    proxy = Proxy(passes=not hermetic, upstream=upstream, chain=chain, record=lambda *call: others.update([call]))
    refusal = Response(status="421 Misdirected Request", content_type="text/plain")
    server = HttpServer(refusal, [("127.0.0.1", 0)], max_body_size=MAX_BODY, tls_context=None, proxy=proxy)
    server.start()
    try:
        yield local_url(server.host, server.port)
    finally:
        server.stop()


@contextmanager
def _started(settings: Settings) -> Iterator[FlaresendMock]:
    from flaresend_mock.server import CannotExport

    chosen = click.get_current_context().find_root().params["log_level"] or ENVIRONMENT.get(f"{PREFIX}LOG_LEVEL")
    emulator = cli.start(settings, settings.log_level if chosen else "warning")  # the command has the terminal
    output.note(f"the emulator runs at {emulator.url}, its dashboard at {emulator.url}/_mock/ui/")
    try:
        yield emulator
    finally:
        try:
            emulator.stop()
        except CannotExport as error:
            raise click.ClickException(str(error)) from None


class _Signals:
    """Passes the signals of this process on to a command while it runs. Before, they end this process."""

    process: subprocess.Popen[bytes] | None = None
    early: list[int] | None = None  # those that came while the command was started
    has_ended = False

    def __enter__(self) -> Self:
        for name in _FORWARDED:
            number = getattr(signal, name, None)
            if number is not None and (name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN):
                signal.signal(number, self.pass_on)
        return self

    def __exit__(self, *_: object) -> None:
        self.has_ended = True

    def pass_on(self, number: int, _: object = None) -> None:
        if self.has_ended:
            return
        if self.process is None:
            if self.early is None:
                sys.exit(SIGNALLED + number)
            self.early.append(number)  # an exit now would leave the command
        elif os.name != "nt" and not (number in (signal.SIGINT, signal.SIGQUIT) and _is_in_foreground()):
            self.process.send_signal(number)


def _is_in_foreground() -> bool:
    """Tell whether a key of the terminal, such as Ctrl-C, sends its signal to this process and to the command."""
    try:
        with open("/dev/tty") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _run(command: Sequence[str], variables: Mapping[str, str], signals: _Signals) -> int:
    """Run a command, and return its exit status, or 128 and the number of the signal that ended it."""
    program = (shutil.which(command[0]) if os.name == "nt" else None) or command[0]
    signals.early = []
    try:
        signals.process = subprocess.Popen([program, *command[1:]], env=variables)  # noqa: S603  # nosec B603
    except (OSError, ValueError) as error:
        output.note(f"{command[0]}: {getattr(error, 'strerror', None) or error}")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    for number in signals.early:
        signals.pass_on(number)
    status = signals.process.wait()
    return status if status >= 0 else SIGNALLED - status


def _report(others: _Others, hermetic: bool) -> None:
    for passed in (True, False):
        found = {target.removesuffix(":443"): count for (target, was), count in others.items() if was is passed}
        if found or passed is not hermetic:
            count = sum(found.values())
            hosts = ", ".join(f"{host} ({number})" for host, number in sorted(found.items()))
            what = f"{count} connection{'' if count == 1 else 's'} to other hosts"
            output.note(f"{'passed on' if passed else 'refused'} {what}{': ' if hosts else ''}{hosts}")


def env(emulator: ControlPlane, form: str, proxy: str | None, folder: Path | None) -> None:
    authority, own = _authority(emulator), data_folder()
    if folder is None and own is None:
        raise click.UsageError("this user has no folder of its own; name one with --folder")
    place = folder.absolute() if folder else Path(own or "", f"env-{sha256(authority).hexdigest()[:12]}")
    _write_files(place, authority, click.ClickException)
    known = environment.with_port(proxy or emulator.url)
    before = {} if form == "compose" else ENVIRONMENT  # containers have an environment of their own
    if form == "compose" and is_loopback(urlsplit(known).hostname or ""):
        name_it = "name their address of the emulator with --proxy http://flaresend:3577"
        output.note(f"containers do not reach {known}; {name_it}")
    for line in _formatted(form, {f"{PREFIX}URL": known, **environment.variables(known, known, place, before)}, place):
        click.echo(line)


def _write_files(folder: Path, authority: bytes, refusal: type[click.ClickException]) -> None:
    try:
        environment.write_files(folder, authority, ENVIRONMENT)
    except OSError as error:
        raise refusal(f"{folder}: {error.strerror or error}") from None


def _authority(emulator: ControlPlane) -> bytes:
    """Return the certificate of the running emulator's CA, or of the one that an emulator here would have."""
    try:
        return emulator.fetch("/ca.pem")[0]
    except EmulatorUnreachable as error:
        if not error.is_refused:
            raise
    from flaresend_mock.http.tls import Authority

    output.note(f"no emulator runs at {emulator.url} yet")
    settings = click.get_current_context().obj
    return Authority.open(Path(settings.tls_ca) if settings.tls_ca else None, settings.tls_name).certificate


def _formatted(form: str, found: Mapping[str, str], folder: Path) -> list[str]:
    if form == "json":
        return [json.dumps(found, indent=2)]
    if form == "dotenv":
        return [f"{name}={_dotenv(value)}" for name, value in found.items()]
    if form == "compose":  # where $ begins a variable, and JSON is YAML
        lines = [f"  {name}: {json.dumps(value).replace('$', '$$')}" for name, value in found.items()]
        return ["environment:", *lines, "volumes:", "  - " + json.dumps(f"{folder}:{folder}:ro").replace("$", "$$")]
    return [f"export {name}={quoted(value)}" for name, value in found.items()]


def _dotenv(value: str) -> str:
    if _PLAIN.fullmatch(value) or not value:
        return value
    if "'" not in value and "\n" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value).replace("\n", "\\n") + '"'


def ca(emulator: ControlPlane | None, as_json: bool, pem: bool, tls_ca: Path | None) -> None:
    from flaresend_mock.http.tls import describe

    path, shared, data = _opened(tls_ca) if emulator is None else (None, None, emulator.fetch("/ca.pem")[0])
    try:
        found = describe(data)
    except ValueError:
        raise NotAnEmulator(emulator.url if emulator else "") from None
    if pem:
        for line in found["certificate"].splitlines():
            output.say(line)
        return
    shown = {"path": path, "certificate_file": shared, **found}
    output.show(shown, as_json, _lines(shown, emulator.url if emulator else None))


def _opened(tls_ca: Path | None) -> tuple[str, str | None, bytes]:
    """Return the path of this user's CA, or of the one that is chosen, the file with just its certificate, and that."""
    from flaresend_mock.http.tls import Authority, certificate_file, default_path

    settings = click.get_current_context().obj
    if (place := tls_ca or settings.tls_ca or default_path()) is None:
        raise click.UsageError("this user has no folder for a CA; choose a file for one with --tls-ca")
    place = Path(place).absolute()
    certificate = Authority.open(place, settings.tls_name).certificate
    shared = certificate_file(place)
    is_current = shared.is_file() and os.access(shared, os.R_OK) and shared.read_bytes() == certificate
    return str(place), str(shared) if is_current else None, certificate


def _lines(shown: dict[str, Any], url: str | None) -> list[str]:
    from jinja2 import Template  # slow to import, rarely needed

    template = Template((_ASSETS / "ca.txt").read_text("utf-8"), trim_blocks=True)  # nosec B701
    word = '"{}"'.format if os.name == "nt" else quoted
    file, source = shown["certificate_file"] or COPY, f"--url {url}" if url else f"--tls-ca {word(shown['path'])}"
    about = {"url": url, "file": file, "quoted": word(file), "source": source, "trust": TRUST}
    text: str = template.render(**shown, **about)
    return text.splitlines()
