"""Which URLs a webhook may have."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flaresend_mock.core.errors import InvalidTarget

_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "metadata.google.internal", "metadata"})


def check(url: str, *, strict: bool = False) -> str:
    """Return the URL if events may go there.

    Documented: it starts with https://. Assumed: http:// is fine for hosts where tests live, which are loopback and
    private addresses, and names without a dot or under .local, .internal, .test and .localhost; not in strict mode.

    Raises:
        InvalidTarget: they may not; it says why.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidTarget("the URL cannot be read") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise InvalidTarget("a webhook has an absolute http or https URL")
    if parts.username is not None or parts.password is not None:
        raise InvalidTarget("a webhook's URL holds no user name and no password")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidTarget("a webhook's URL has printable ASCII characters without spaces")
    if host in _METADATA:
        raise InvalidTarget("cloud metadata is no webhook")
    if parts.scheme == "http" and (strict or not _is_near(host)):
        raise InvalidTarget(
            "a webhook's URL starts with https://" + ("" if strict else ", unless its host is private")
        )
    return url


def _is_near(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".test", ".localhost"))
    return address.is_loopback or address.is_private
