"""Validates the URLs of webhooks."""

from __future__ import annotations

from urllib.parse import urlsplit

from flaresend_mock.core import hosts
from flaresend_mock.core.errors import InvalidTarget
from flaresend_mock.core.hosts import NO_HOSTS, HostList


def check(url: str, *, strict: bool = False, allowed: HostList = NO_HOSTS) -> str:
    """Return the URL if a webhook may have it.

    Documented: it starts with https://. Assumed: http:// is allowed for hosts of tests (see `hosts.is_near`), except in
    strict mode, and for `allowed` hosts.

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
    if hosts.address_of(host) is None and not hosts.NAME.fullmatch(hosts.canonical(host)):
        raise InvalidTarget("the URL's host is not a valid host name")
    if hosts.is_metadata(host):
        raise InvalidTarget("a webhook cannot go to a link-local address or to a cloud's metadata service")
    if parts.scheme == "http" and host not in allowed and (strict or not hosts.is_near(host)):
        near = "" if strict else ", unless its host is private or allowed with --allow-webhook-host"
        raise InvalidTarget(f"a webhook's URL starts with https://{near}")
    return url
