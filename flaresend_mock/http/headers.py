"""The head of a request: its path, and its headers, whose credentials are read, and masked where they are kept."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from werkzeug.exceptions import HTTPException

from flaresend_mock.core.redaction import MASK, is_secret

__all__ = ["MASK", "allowed", "bearer", "cookie_of", "pass_for", "path_as_sent", "received", "shown"]

_PLAIN = ("CONTENT_TYPE", "CONTENT_LENGTH")


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


def path_as_sent(environ: Mapping[str, Any]) -> str:
    """Return the path of the request line, without the query."""
    uri: str | None = environ.get("REQUEST_URI")
    return uri.partition("?")[0] if uri else quote(environ["PATH_INFO"].encode("latin-1"))


def received(environ: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a request. Of credentials, only the scheme is kept."""
    found = []
    for key, value in environ.items():
        if key[:5] == "HTTP_" or (key in _PLAIN and value):
            found.append((key, _masked(value) if is_secret(key) else value))
    return tuple(found)


def shown(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return kept headers under their usual names: HTTP_USER_AGENT as User-Agent."""
    return {key.removeprefix("HTTP_").replace("_", "-").title(): value for key, value in headers}


def allowed(refusal: HTTPException) -> str:
    """Return the methods that a route allows, sorted, for a refused method; otherwise an empty string."""
    methods = getattr(refusal, "valid_methods", None) or ()
    return ", ".join(sorted(methods))


def _masked(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {MASK}" if rest and scheme.lower() in ("bearer", "basic", "digest") else MASK
