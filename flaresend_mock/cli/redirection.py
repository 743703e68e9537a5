"""flaresend-mock env and ca: how programs reach the emulator without a change of theirs, and trust its CA."""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from flaresend_mock import client, environment
from flaresend_mock.cli import output
from flaresend_mock.core.hosts import is_loopback
from flaresend_mock.settings import ENVIRONMENT, PREFIX, data_folder

# how each runtime or system is told to trust the certificate in a file; docs/tls.md has the same commands
TRUST = tomllib.loads((Path(__file__).parent / "assets" / "trust.toml").read_text(encoding="utf-8"))
COPY = "flaresend-mock-ca.pem"
_PLAIN = re.compile(r"[^\s'\"\\#$`]([^'\"\\#$`\n\r]*[^\s'\"\\#$`])?")  # values that all readers take without quotes


def _env(emulator: client.ControlPlane, form: str, proxy: str | None, folder: Path | None) -> None:
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
        name_it = "name their address of the emulator with --proxy http://flaresend:3577"
        output.note(f"containers do not reach {known}; {name_it}")
    for line in _formatted(form, {f"{PREFIX}URL": known, **environment.variables(known, known, place, before)}, place):
        click.echo(line)


def _authority(emulator: client.ControlPlane) -> bytes:
    """Return the certificate of the running emulator's CA, or of the one that an emulator here would have."""
    try:
        return emulator.fetch("/ca.pem")[0]
    except client.EmulatorUnreachable as error:
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
    return [f"export {name}={shlex.quote(value)}" for name, value in found.items()]


def _dotenv(value: str) -> str:
    if _PLAIN.fullmatch(value) or not value:
        return value
    if "'" not in value and "\n" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value).replace("\n", "\\n") + '"'


def _ca(emulator: client.ControlPlane | None, as_json: bool, pem: bool, tls_ca: Path | None) -> None:
    from flaresend_mock.http.tls import describe

    path, shared, data = _opened(tls_ca) if emulator is None else (None, None, emulator.fetch("/ca.pem")[0])
    try:
        found = describe(data)
    except ValueError:
        raise client.NotAnEmulator(emulator.url if emulator else "") from None
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


def _lines(shown: dict[str, Any], url: str | None) -> Iterator[str]:
    yield f"CA            {shown['path'] or url}"
    yield f"SHA-256       {shown['fingerprint']}"
    yield f"Valid until   {shown['valid_until'][:10]}"
    yield f"May sign      {', '.join(shown['names']) or 'all names'}"
    yield f"Certificate   {shown['certificate_file'] or COPY}"
    if not shown["certificate_file"]:
        source = f"--url {url}" if url else f"--tls-ca {_quoted(shown['path'])}"
        yield f"  save it:    flaresend-mock ca {source} --pem > {COPY}"
    yield ""
    yield "Programs trust it after one of these:"
    for runtime, command in TRUST.items():
        yield f"{runtime:<13} {command.format(file=_quoted(shown['certificate_file'] or COPY))}"
    yield ""
    yield "REQUESTS_CA_BUNDLE, SSL_CERT_FILE and the options of PHP and curl replace the public CAs."


def _quoted(file: str) -> str:
    return f'"{file}"' if os.name == "nt" else shlex.quote(file)


COMMANDS = {"env": _env, "ca": _ca}
