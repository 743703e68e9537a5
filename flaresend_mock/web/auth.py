"""The Authorization header."""

from __future__ import annotations


def bearer(authorization: str) -> str | None:
    """Return the key of a Bearer authorization, or None if it is none. The scheme is compared without case."""
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
