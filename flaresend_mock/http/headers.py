"""Headers as they are shown and kept: never with a credential in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import HTTPException

from flaresend_mock.core.redaction import MASK, is_secret

__all__ = ["MASK", "allowed", "received", "shown"]

_PLAIN = ("CONTENT_TYPE", "CONTENT_LENGTH")


def received(environ: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a request, with of credentials only the scheme."""
    return tuple(
        [  # of every call: a list is filled faster than a generator is asked
            (key, _masked(value) if is_secret(key) else value)
            for key, value in environ.items()
            if key[:5] == "HTTP_" or (key in _PLAIN and value)
        ]
    )


def shown(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return kept headers under the names people know: HTTP_USER_AGENT as User-Agent."""
    return {key.removeprefix("HTTP_").replace("_", "-").title(): value for key, value in headers}


def allowed(refusal: HTTPException) -> str:
    """Return the methods that a refused method could have been, in a fixed order; empty if it was not the method."""
    methods = getattr(refusal, "valid_methods", None) or ()
    return ", ".join(sorted(methods))


def _masked(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {MASK}" if rest and scheme.lower() in ("bearer", "basic", "digest") else MASK
