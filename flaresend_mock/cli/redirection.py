"""flaresend-mock ca: the CA for https, and how programs that call the Flaresend API come to trust it."""

import os
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.client import ControlPlane, NotAnEmulator

TRUST = tomllib.loads((Path(__file__).parent / "assets" / "trust.toml").read_text(encoding="utf-8"))
"""How each runtime or system is told to trust the certificate in a file. docs/tls.md has the same commands."""
COPY = "flaresend-mock-ca.pem"


def _ca(emulator: ControlPlane | None, as_json: bool, pem: bool, tls_ca: Path | None) -> None:
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
    place = tls_ca or settings.tls_ca or default_path()
    if place is None:
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


COMMANDS = {"ca": _ca}
