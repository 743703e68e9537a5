"""flaresend-mock run: runs a command whose calls of the API reach an emulator."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess  # nosec B404
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import click

from flaresend_mock import cli, environment
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable
from flaresend_mock.core.hosts import is_loopback
from flaresend_mock.settings import ENVIRONMENT, PREFIX, Settings, local_url, upstream_proxy

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


def _run_command(emulator: ControlPlane, hermetic: bool, transcript: bool, command: Sequence[str]) -> int:
    with _Signals() as signals, _route(emulator, hermetic) as (client, variables, others):
        before = client.call("GET", "/events", limit=1)["events"] if transcript else []
        status = _run(command, {**ENVIRONMENT, **variables}, signals)
        signals.has_ended = True
        if transcript:
            sys.stdout.flush()
            text, _ = client.fetch("/transcript", since=before[-1]["id"] if before else 0)
            for line in text.decode("utf-8", "replace").splitlines():
                cli.output.say(line)
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
        try:
            environment.write_files(folder, authority, ENVIRONMENT)
        except OSError as error:
            raise click.UsageError(f"{folder}: {error.strerror or error}") from None
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
    cli.output.note(f"uses the emulator that runs at {url}{options}")


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
    from flaresend_mock.http.proxy import Proxy
    from flaresend_mock.http.server import HttpServer

    def upstream(host: str) -> str | None:
        found = upstream_proxy(host)
        return None if found and environment.with_port(found) == environment.with_port(url) else found

    parts = urlsplit(environment.with_port(url))
    chain = (parts.hostname or "", parts.port or 0)
    proxy = Proxy(passes=not hermetic, upstream=upstream, chain=chain, record=lambda *call: others.update([call]))
    server = HttpServer(_refuse, [("127.0.0.1", 0)], max_body_size=MAX_BODY, tls_context=None, proxy=proxy)
    server.start()
    try:
        yield local_url(server.host, server.port)
    finally:
        server.stop()


def _refuse(_: object, start_response: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
    start_response("421 Misdirected Request", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []


@contextmanager
def _started(settings: Settings) -> Iterator[FlaresendMock]:
    from flaresend_mock.server import CannotExport

    chosen = click.get_current_context().find_root().params["log_level"] or ENVIRONMENT.get(f"{PREFIX}LOG_LEVEL")
    emulator = cli.start(settings, settings.log_level if chosen else "warning")  # the command has the terminal
    cli.output.note(f"the emulator runs at {emulator.url}, its dashboard at {emulator.url}/_mock/ui/")
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
        cli.output.note(f"{command[0]}: {getattr(error, 'strerror', None) or error}")
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
            cli.output.note(f"{'passed on' if passed else 'refused'} {what}{': ' if hosts else ''}{hosts}")


COMMANDS = {"run": _run_command}
