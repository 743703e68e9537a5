"""Validates the URLs of webhooks."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from flaresend_mock.core.errors import InvalidTarget

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*", re.ASCII | re.IGNORECASE)
_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata"})
_METADATA = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254")))
_IPV4_INSIDE = [ipaddress.IPv6Network(net) for net in ("::ffff:0:0/96", "64:ff9b::/96", "::/96")]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check(url: str, *, strict: bool = False) -> str:
    """Return the URL if a webhook may have it.

    Documented: it starts with https://. Assumed: http:// is allowed, except in strict mode, for hosts of tests:
    loopback and private addresses, and names without a dot or under .local, .internal, .test and .localhost.

    Raises:
        InvalidTarget: the URL is not allowed; the message says why.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidTarget("the URL is malformed") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise InvalidTarget("a webhook needs an absolute http or https URL")
    if parts.username is not None or parts.password is not None:
        raise InvalidTarget("a webhook's URL cannot contain a user name or a password")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidTarget("a webhook's URL can contain only printable ASCII characters, and no spaces")
    host = host.rstrip(".")
    address = _address(host)
    if address is None and not _NAME.fullmatch(host):
        raise InvalidTarget("the URL's host is not a valid host name")
    if host in _METADATA_NAMES or address in _METADATA:
        raise InvalidTarget("a webhook cannot go to a cloud's metadata service")
    if parts.scheme == "http" and (strict or not _is_near(host, address)):
        raise InvalidTarget(
            "a webhook's URL starts with https://" + ("" if strict else ", unless its host is private")
        )
    return url


def _address(host: str) -> Address | None:
    """Return the address that a host spells, in any notation that resolvers accept; None for a name."""
    try:
        address: Address = ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    if isinstance(address, ipaddress.IPv6Address) and any(address in net for net in _IPV4_INSIDE):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if int(address) > 1 else address
    return address


def is_near(host: str) -> bool:
    """Tell whether a URL's host is an address, or a name that public DNS cannot have."""
    plain = host.rstrip(".").lower()
    address = _address(plain)
    return address is not None or _is_near(plain, None)


def _is_near(host: str, address: Address | None) -> bool:
    if address is None:
        return "." not in host or host.endswith((".local", ".internal", ".test", ".localhost"))
    return address.is_loopback or address.is_private
