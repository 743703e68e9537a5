"""The variables that lead a program to the emulator, and the files that some of them name.

docs/redirection.md says what each runtime needs, and how far it gets with that.
"""

import hashlib
import os
import re
import ssl
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from flaresend_mock.background import files
from flaresend_mock.http.proxy import API_HOST

CA, BUNDLE, TRUST_STORE, NODE = "ca.pem", "bundle.pem", "truststore.jks", "node.cjs"
REDIRECT = "FLARESEND_MOCK_REDIRECT"  # where the overrides read the emulator's address
HERMETIC = "FLARESEND_MOCK_HERMETIC"  # set if they refuse other hosts
PASSWORD = "changeit"  # the one of every Java's own store of public certificates  # noqa: S105  # nosec B105

_Known = Mapping[str, str]
_OVERRIDES = Path(__file__).parent / "overrides"
_COPIES = {
    "node.cjs": NODE,
    "python.py": "python/sitecustomize.py",
    "ruby.rb": "ruby/flaresend_mock_redirect.rb",
    "php.php": "php/prepend.php",
}

_TRUSTED = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT")
"""Variables that name a file of certificates. A program gets the certificates of all of them, and ours, in each."""
_SYSTEM = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]
_SYSTEM += ["/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"]
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_LOCAL = ("localhost", "127.0.0.1", "::1")


def variables(url: str, proxy: str, folder: Path, before: _Known, *, hermetic: bool = False) -> dict[str, str]:
    """Return the variables that a program needs, besides those that it has `before`. Where two combine, it has both.

    The `proxy` leads to the emulator at `url`; `write_files` has filled the folder. `hermetic`: no https call reaches
    another host, though a library ignores the proxy.
    """
    bundle = str(folder / BUNDLE)
    direct = ",".join(_direct(before, (*_LOCAL, urlsplit(url).hostname or "", urlsplit(proxy).hostname or "")))
    found = {REDIRECT: url}
    if hermetic or HERMETIC in before:
        found[HERMETIC] = "1" if hermetic else ""
    found |= dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy) | dict.fromkeys(("NO_PROXY", "no_proxy"), direct)
    found |= dict.fromkeys(_TRUSTED, bundle)
    if "NIX_SSL_CERT_FILE" in before:  # programs of Nix read it before SSL_CERT_FILE
        found["NIX_SSL_CERT_FILE"] = bundle
    found["NODE_USE_ENV_PROXY"] = "1"
    found["NODE_OPTIONS"] = _added(f"--require {_quoted(folder / NODE)}", before.get("NODE_OPTIONS"), " ")
    for name, language in (("PYTHONPATH", "python"), ("RUBYLIB", "ruby")):
        found[name] = _added(str(folder / language), before.get(name), os.pathsep, before=True)
    found["RUBYOPT"] = _added("-rflaresend_mock_redirect", before.get("RUBYOPT"), " ")
    php = _added(str(folder / "php"), before.get("PHP_INI_SCAN_DIR"), os.pathsep)
    # an empty part is the folder that PHP was built with
    found["PHP_INI_SCAN_DIR"] = php if os.pathsep in php else f"{os.pathsep}{php}"
    found["JAVA_TOOL_OPTIONS"] = _added(_java(proxy, direct, folder), before.get("JAVA_TOOL_OPTIONS"), " ")
    return found


def write_files(folder: Path, authority: bytes, before: _Known) -> None:
    """Write the files that the variables name, with the PEM of the emulator's CA; OSError if that fails."""
    found = list(dict.fromkeys((*_certificates(authority), *_public(before))))
    ini = (_OVERRIDES / "php.ini").read_text(encoding="utf-8")
    ini = ini.format(bundle=folder / BUNDLE, prepend=folder / "php" / "prepend.php")
    bundle = "".join(map(ssl.DER_cert_to_PEM_cert, found)).encode()
    written = {target: (_OVERRIDES / source).read_bytes() for source, target in _COPIES.items()}
    written |= {CA: authority, BUNDLE: bundle, TRUST_STORE: _java_store(found)}
    for name, data in {**written, "php/flaresend-mock.ini": os.fsencode(ini)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        files.write_file(folder / name, data, private=False)  # a program may be reading it


def with_port(url: str) -> str:
    """Return the address of an emulator as a proxy's, which needs a port: every port speaks HTTP, TLS and proxy."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def leads_to_api(entry: str) -> bool:
    """Tell whether an entry of NO_PROXY keeps calls of the API from the proxy."""
    name = entry.strip().lower().partition(":")[0].lstrip("*").lstrip(".")
    return entry.strip() == "*" or (bool(name) and f".{API_HOST}".endswith(f".{name}"))


def _direct(before: _Known, hosts: Sequence[str]) -> list[str]:
    listed = (before.get("no_proxy") or before.get("NO_PROXY") or "").split(",")
    kept = [entry.strip() for entry in listed if entry.strip() and not leads_to_api(entry)]
    return list(dict.fromkeys((*kept, *filter(None, hosts))))


def _added(part: str, value: str | None, separator: str, *, before: bool = False) -> str:
    if not value or part in value:
        return value or part
    return f"{part}{separator}{value}" if before else f"{value}{separator}{part}"


def _quoted(file: Path) -> str:
    text = file.as_posix()
    return '"' + text.replace('"', '\\"') + '"' if " " in text or '"' in text else text


def _java(proxy: str, direct: str, folder: Path) -> str:
    parts = urlsplit(proxy)
    names = ("*" + entry if entry.startswith(".") else entry for entry in direct.split(",") if "/" not in entry)
    near = "|".join(f"[{name}]" if ":" in name else name for name in ("127.*", *names))
    options = {
        "https.proxyHost": parts.hostname,
        "https.proxyPort": parts.port,
        "http.nonProxyHosts": near,  # of https, too
        "javax.net.ssl.trustStore": folder / TRUST_STORE,
        "javax.net.ssl.trustStorePassword": PASSWORD,
    }
    pairs = (f"-D{name}={value}" for name, value in options.items())
    return " ".join(f'"{pair}"' if " " in pair else pair for pair in pairs)


def _public(before: _Known) -> Iterator[bytes]:
    named = [found for name in _TRUSTED if before.get(name) for found in _certificates_at(Path(before[name]))]
    if not named:
        import certifi  # requests brings it

        named = _certificates_at(Path(certifi.where()))
    yield from named
    for place in _SYSTEM:
        yield from _certificates_at(Path(place))
    if sys.platform == "win32":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_default_certs()
        yield from context.get_ca_certs(binary_form=True)


def _certificates_at(place: Path) -> list[bytes]:
    found: list[bytes] = []
    with suppress(OSError):
        for file in sorted(place.iterdir()) if place.is_dir() else [place]:
            found += _certificates(file.read_bytes()) if file.is_file() else []
    return found


def _certificates(pem: bytes) -> Iterator[bytes]:
    """Yield the certificates of a text. A broken one would keep readers of a bundle from all others."""
    for found in _PEM.findall(pem):
        with suppress(ValueError):
            one = ssl.PEM_cert_to_DER_cert(found.decode("ascii"))
            if one[:2] == b"\x30\x82" and int.from_bytes(one[2:4], "big") == len(one) - 4:
                yield one


def _java_store(certificates: Sequence[bytes]) -> bytes:
    """Return a trust store in Java's own format, JKS, which every version of Java reads without a password."""

    def text(value: str) -> bytes:
        return struct.pack(">H", len(value)) + value.encode()

    store = struct.pack(">III", 0xFEEDFEED, 2, len(certificates))
    for number, one in enumerate(certificates):
        store += struct.pack(">I", 2) + text(f"certificate-{number}") + bytes(8)
        store += text("X.509") + struct.pack(">I", len(one)) + one
    salted = PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + store  # the format wants these words and SHA-1
    return store + hashlib.sha1(salted, usedforsecurity=False).digest()
