"""Validates the URLs of webhooks."""

import re
from urllib.parse import urlsplit

from flaresend_mock.core import hosts
from flaresend_mock.core.errors import InvalidTarget
from flaresend_mock.core.hosts import NO_HOSTS, HostList

_AUTHORITY = re.compile(r"([\w.-]+|\[[\w.]*:[\w:.]*\])(:\d*)?", re.ASCII)


def check(url: str, *, strict: bool = False, allowed: HostList = NO_HOSTS) -> str:
    """Return the URL if a webhook may have it; InvalidTarget says why it may not.

    Documented: it starts with https://. Assumed: http:// is allowed for hosts of tests (see `hosts.is_near`), except in
    strict mode, for `allowed` hosts, and for applications in this process.
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
    if hosts.is_metadata(host):
        raise InvalidTarget("a webhook cannot go to a link-local address or to a cloud's metadata service")
    is_known = hosts.address_of(host) is not None or hosts.NAME.fullmatch(hosts.canonical(host))
    if not is_known or not _AUTHORITY.fullmatch(parts.netloc):
        raise InvalidTarget("the URL's host is neither a host name nor an address without a zone")
    is_near = host.endswith(hosts.IN_PROCESS) or (hosts.is_near(host) and not strict)
    if parts.scheme == "http" and not is_near and host not in allowed:
        near = "" if strict else ", unless its host is private or allowed with --allow-webhook-host"
        raise InvalidTarget(f"a webhook's URL starts with https://{near}")
    return url
