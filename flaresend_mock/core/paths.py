"""The paths of API calls: from what a client sends to what is routed, matched and shown."""

import re
from urllib.parse import unquote

_SLASH = re.compile("%(?=2f)", re.IGNORECASE)
_ENCODED = re.compile("%(?!2f)[0-9a-f]{2}", re.IGNORECASE)


def decoded(path: str) -> str:
    """Return a path percent-decoded once, but for encoded slashes. Bytes that are not UTF-8 become U+FFFD."""
    return unquote(_SLASH.sub("%25", path)) if "%" in path else path


def trimmed(path: str) -> str:
    """Return a path without its trailing slash. A path with a double slash is unknown, and does not change."""
    return path[:-1] if len(path) > 1 and path.endswith("/") and "//" not in path else path


def routed(path: str) -> str:
    """Return how a path is routed outside strict mode."""
    return trimmed(decoded(path))


def first_encoded(text: str) -> str | None:
    """Return the first percent-encoded character of a text that routed paths do not have."""
    found = _ENCODED.search(text)
    return found[0] if found else None
