"""The Authorization header."""

from __future__ import annotations

import hashlib
import hmac


def bearer(authorization: str) -> str | None:
    """Return the key of a Bearer authorization, or None if it is none. The scheme is compared without case."""
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def cookie_of(token: str) -> str:
    """Return the name of the cookie that holds the pass: cookies know no ports, and a host may have two emulators."""
    return "flaresend_mock_" + pass_for(token + " cookie")[:12]


def pass_for(token: str) -> str:
    """Return what a browser shows instead of the control token, which it does not keep, once that was entered."""
    return hmac.new(token.encode(), b"flaresend-mock dashboard", hashlib.sha256).hexdigest()
