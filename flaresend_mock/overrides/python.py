"""Leads connections of this Python process for api.flaresend.com to the emulator, whichever library opens them.

Python loads a copy named sitecustomize from PYTHONPATH. It works without this package, and with older Pythons.
"""

from __future__ import annotations

import _socket
import os
import sys

TYPE_CHECKING = False  # every Python that starts would have to import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Redirection: TypeAlias = "tuple[str, int, str, bool]"

HOST = "api.flaresend.com"

_REAL: Any = _socket.getaddrinfo
_ON: list[Redirection] = []  # host, port, CA file, whether to refuse other hosts


def start(host: str, port: int, ca: str, hermetic: bool) -> Redirection:
    """Lead connections to the emulator, and trust its CA for them. `hermetic`: https calls of other hosts fail."""
    entry = (host, port, ca, hermetic)
    _ON.append(entry)
    _socket.getaddrinfo = _find
    if _Aiohttp not in sys.meta_path:
        sys.meta_path.insert(0, _Aiohttp)
    _Aiohttp.trust_environment(True)
    _trust()
    return entry


def stop(entry: Redirection) -> None:
    """End a redirection. The end of the last one restores what was there before."""
    _ON[:] = [one for one in _ON if one is not entry]
    if not _ON:
        if _socket.getaddrinfo is _find:
            _socket.getaddrinfo = _REAL
        sys.meta_path[:] = [one for one in sys.meta_path if one is not _Aiohttp]
        _Aiohttp.trust_environment(False)
        for name in ("wrap_socket", "wrap_bio"):
            real = getattr(getattr(_context(), name, None), "flaresend_mock_real", None)
            if real is not None:
                setattr(_context(), name, real)


def _find(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
    """Find the addresses of a host, as every library for Python does before it connects."""
    _trust()
    if _ON and _name(host) == HOST:
        host, port = _ON[-1][:2]
        arguments = (0, *arguments[1:])  # the emulator's address may be of another family
        named.pop("family", None)
    elif _ON and _ON[-1][3] and port in (443, "443", "https") and not _is_direct(host):
        _refuse(host)
    return _REAL(host, port, *arguments, **named)


def _address(variable: str) -> tuple[str, int]:
    host, _, port = os.environ.get(variable, "").partition("://")[2].partition("/")[0].rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() else 0


def _name(host: Any) -> str:
    text = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else str(host)
    return text.rstrip(".").lower()


def _is_direct(host: Any) -> bool:
    name, listed = _name(host), os.environ.get("NO_PROXY", "").lower().split(",")
    entries = [one.strip().lstrip("*").lstrip(".") for one in listed if one.strip()]
    return host is None or name.startswith("127.") or any(f".{name}".endswith(f".{one}") for one in entries)


def _refuse(host: Any) -> None:
    """Ask the proxy, which records that it refuses, and fail as for a host that does not exist."""
    target, proxy, reply = f"{_name(host)}:443", _address("HTTPS_PROXY"), b""
    probe = _socket.socket(_socket.AF_INET6 if ":" in proxy[0] else _socket.AF_INET)
    try:
        probe.settimeout(5)
        probe.connect(proxy)
        probe.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("ascii", "replace"))
        reply = probe.recv(1024)
    except OSError:
        pass
    finally:
        probe.close()
    if not reply.startswith(b"HTTP/1.1 2"):
        raise _socket.gaierror(_socket.EAI_FAIL, f"flaresend-mock refuses calls of other hosts, such as {target}")


class _Aiohttp:
    """Has aiohttp read the variables by default: aiodns and uvloop do not ask Python for addresses."""

    MODULE = "aiohttp.client"

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        if name != cls.MODULE:
            return None
        finders = (one for one in sys.meta_path if one is not cls)
        spec = next(filter(None, (one.find_spec(name, path, target) for one in finders)), None)
        loader: Any = spec and spec.loader
        if loader is not None:
            real = loader.exec_module
            loader.exec_module = lambda module: (real(module), cls.trust_environment(bool(_ON), module))
        return spec

    @classmethod
    def trust_environment(cls, trusts: bool, module: Any = None) -> None:
        session = getattr(module or sys.modules.get(cls.MODULE), "ClientSession", None)
        defaults = getattr(getattr(session, "__init__", None), "__kwdefaults__", None) or {}
        if "trust_env" in defaults:
            defaults["trust_env"] = trusts


def _context() -> Any:
    return getattr(sys.modules.get("ssl"), "SSLContext", None)


def _trust() -> None:
    """Have TLS contexts trust the CA when they connect to the API's host, once the program has imported ssl."""
    context = _context()
    for name, position in (("wrap_socket", 5), ("wrap_bio", 4)):
        real = getattr(context, name, None)
        if real is not None and not hasattr(real, "flaresend_mock_real"):
            setattr(context, name, _trusting(real, position))


def _trusting(real: Any, position: int) -> Callable[..., Any]:
    def wrap(self: Any, *arguments: Any, **named: Any) -> Any:
        host = named.get("server_hostname") or (arguments[position - 1 : position] or (None,))[0]
        if _ON and _name(host) == HOST and self.verify_mode:
            self.load_verify_locations(_ON[-1][2])
        return real(self, *arguments, **named)

    wrap.flaresend_mock_real = real  # type: ignore[attr-defined]
    return wrap


def _customize() -> None:
    """Start under `flaresend-mock run`, and load the sitecustomize that this file stands in front of."""
    here = os.path.dirname(os.path.abspath(__file__))
    host, port = _address("FLARESEND_MOCK_REDIRECT")
    if host:
        hermetic = bool(os.environ.get("FLARESEND_MOCK_HERMETIC"))
        start(host, port, os.path.join(os.path.dirname(here), "ca.pem"), hermetic)
    path = [one for one in sys.path if os.path.abspath(one or ".") != here]
    for finder in sys.meta_path:
        spec = finder.find_spec("sitecustomize", path)
        if spec is not None and spec.loader is not None:
            module = type(sys)("sitecustomize")
            module.__spec__, module.__file__ = spec, spec.origin
            spec.loader.exec_module(module)
            break


if __name__ == "sitecustomize":
    _customize()
