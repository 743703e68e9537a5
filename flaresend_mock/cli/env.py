"""flaresend-mock env: the variables that lead programs to the emulator, without a change of theirs."""

import json
import re
import shlex
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import click

from flaresend_mock import environment
from flaresend_mock.cli.output import note
from flaresend_mock.client import ControlPlane, EmulatorUnreachable
from flaresend_mock.core.hosts import is_loopback
from flaresend_mock.settings import ENVIRONMENT, PREFIX, data_folder

_PLAIN = re.compile(r"[^\s'\"\\#$`]([^'\"\\#$`\n\r]*[^\s'\"\\#$`])?")  # values that all readers take without quotes


def _env(emulator: ControlPlane, form: str, proxy: str | None, folder: Path | None) -> None:
    authority, own = _authority(emulator), data_folder()
    if folder is None and own is None:
        raise click.UsageError("this user has no folder of its own; name one with --folder")
    place = folder.absolute() if folder else Path(own or "", f"env-{sha256(authority).hexdigest()[:12]}")
    try:
        environment.write_files(place, authority, ENVIRONMENT)
    except OSError as error:
        raise click.ClickException(f"{place}: {error.strerror or error}") from None
    known = environment.with_port(proxy or emulator.url)
    before = {} if form == "compose" else ENVIRONMENT  # containers have an environment of their own
    if form == "compose" and is_loopback(urlsplit(known).hostname or ""):
        note(f"containers do not reach {known}; name their address of the emulator with --proxy http://flaresend:3577")
    found = {f"{PREFIX}URL": known, **environment.variables(known, known, place, before)}
    for line in _formatted(form, found, place):
        click.echo(line)


def _authority(emulator: ControlPlane) -> bytes:
    """Return the certificate of the running emulator's CA, or of the one that an emulator here would have."""
    try:
        return emulator.fetch("/ca.pem")[0]
    except EmulatorUnreachable as error:
        if not error.is_refused:
            raise
    from flaresend_mock.http.tls import Authority

    note(f"no emulator runs at {emulator.url} yet")
    settings = click.get_current_context().obj
    return Authority.open(Path(settings.tls_ca) if settings.tls_ca else None, settings.tls_name).certificate


def _formatted(form: str, found: Mapping[str, str], folder: Path) -> list[str]:
    if form == "json":
        return [json.dumps(found, indent=2)]
    if form == "dotenv":
        return [f"{name}={_dotenv(value)}" for name, value in found.items()]
    if form == "compose":  # where $ begins a variable, and JSON is YAML
        lines = [f"  {name}: {json.dumps(value).replace('$', '$$')}" for name, value in found.items()]
        mounted = json.dumps(f"{folder}:{folder}:ro").replace("$", "$$")
        return ["environment:", *lines, "volumes:", f"  - {mounted}"]
    return [f"export {name}={shlex.quote(value)}" for name, value in found.items()]


def _dotenv(value: str) -> str:
    if _PLAIN.fullmatch(value) or not value:
        return value
    if "'" not in value and "\n" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value).replace("\n", "\\n") + '"'


COMMANDS = {"env": _env}
