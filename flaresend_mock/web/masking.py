"""Keeps API keys and secrets out of what is shown and logged."""

from __future__ import annotations

MASK = "***"
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


def mask_header(name: str, value: str) -> str:
    """Return a header's value as it may be shown: of a credential only its scheme remains."""
    if name.lower() not in SECRET_HEADERS:
        return value
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {MASK}" if rest else MASK
