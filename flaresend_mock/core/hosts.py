"""Hosts, for webhooks and for the control plane: near ones, metadata services of clouds, and the URLs of webhooks.

A near host is an address of a private network, or a name that public DNS cannot have. A metadata service gives
credentials to every caller on its machine, so nothing is sent to it, however its host is spelled.
"""

import ipaddress
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from flaresend_mock.core.errors import InvalidTarget
from flaresend_mock.core.model import model

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*", re.ASCII)
MAX_NAME = 253
MAX_HOST = MAX_NAME + len(":65535")
_PATTERN = re.compile(rf"(\*\.)?{NAME.pattern}", re.ASCII)

_NEAR_DOMAINS = (".local", ".localhost", ".internal", ".test", ".lan", ".home.arpa", ".svc", ".svc.cluster.local")
IN_PROCESS = ".wsgi.localhost"  # the domain of applications of this process: nothing that is sent there leaves it
DEMO_BOT = "demo-bot" + IN_PROCESS  # the bot of the world `demo`, which every emulator has

_IPV4 = 0xFFFFFFFF
_SHARED = ipaddress.ip_network("100.64.0.0/10")

_METADATA = json.loads((Path(__file__).parent / "assets" / "metadata_services.json").read_text("utf-8"))
_METADATA_NAMES = frozenset(_METADATA["names"])
_NEVER = [ipaddress.ip_network(one) for one in _METADATA["networks"]]  # get nothing; the file says whose they are
_MAPPING = [  # prefixes of IPv6 addresses that stand for the IPv4 address at their end
    ipaddress.IPv6Network(one) for one in ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96")
]
_AUTHORITY = re.compile(r"([\w.-]+|\[[\w.]*:[\w:.]*\])(:\d*)?", re.ASCII)
MAX_BASE_URL = 500
_BASE_URL = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(/[!-~]*)?", re.ASCII | re.IGNORECASE)

CONTAINER_SIGNS = ("/.dockerenv", "/run/.containerenv")  # files that Docker and Podman put into each container


def is_in_container() -> bool:
    return any(map(os.path.exists, CONTAINER_SIGNS))


def own_address() -> str:
    """Return the address of this machine in its network, or 127.0.0.1. Only a route is looked up: nothing is sent."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def canonical(host: str) -> str:
    """Return a host in lower case, without brackets and final dots."""
    return host.strip("[]").rstrip(".").lower()


def address_of(host: str) -> Address | None:
    """Return the address that a host spells, in any notation of resolvers and without a zone; None for a name."""
    bare = canonical(host).partition("%")[0]
    with suppress(ValueError):
        return ipaddress.ip_address(bare)
    with suppress(OSError):
        return ipaddress.IPv4Address(socket.inet_aton(bare))
    return None


def is_metadata(host: str) -> bool:
    """Tell whether a host is a cloud's metadata service, or a link-local address, whatever protocol wraps it."""
    address = address_of(host)
    if address is None:
        labels = canonical(host).split(".")
        return any(".".join(labels[start:]) in _METADATA_NAMES for start in range(max(len(labels) - 1, 1)))
    return any(one in network for one in (address, *_embedded(address)) for network in _NEVER)


def is_near(host: str) -> bool:
    """Tell whether a host is loopback or private, or a name that public DNS cannot have."""
    address = _plain(host)
    if address is None:
        name = canonical(host)
        return "." not in name or name.endswith(_NEAR_DOMAINS)
    return address.is_loopback or address.is_private or address in _SHARED


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine's loopback: `localhost`, a name below it, or an address."""
    address, name = _plain(host), canonical(host)
    return name == "localhost" or name.endswith(".localhost") if address is None else address.is_loopback


def _plain(host: str) -> Address | None:
    """Return the address of a host; the IPv4 address where an IPv6 address only maps or translates it."""
    address = address_of(host)
    maps = isinstance(address, ipaddress.IPv6Address) and any(address in network for network in _MAPPING)
    return ipaddress.IPv4Address(int(address) & _IPV4) if maps and address and int(address) > 1 else address


def _embedded(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address contains: mapped, translated, 6to4, Teredo and ISATAP."""
    if isinstance(address, ipaddress.IPv6Address):
        if (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE or any(address in network for network in _MAPPING):
            yield ipaddress.IPv4Address(int(address) & _IPV4)
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo


def is_base_url(url: str) -> bool:
    """Tell whether links can begin with a URL: http or https, a host, and perhaps a port and a path."""
    return len(url) <= MAX_BASE_URL and _BASE_URL.fullmatch(url) is not None and not {"?", "#"} & set(url)


def called_url(scheme: str, host: str, mount: str) -> str:
    """Return the URL that a request went to, up to the path of the `mount`, without a slash; empty for a bad Host."""
    url = f"{scheme}://{host}{mount}".rstrip("/")
    return url if "/" not in host and is_base_url(url) else ""


def plain_hosts(text: str) -> tuple[str, ...]:
    """Return each name and address that commas or spaces separate once, as it is compared; ValueError for others."""
    found = []
    for given in text.replace(",", " ").split():
        name = canonical(given)
        address = address_of(name)
        if address is None and not (NAME.fullmatch(name) and len(name) <= MAX_NAME):
            raise ValueError(given)
        found.append(name if address is None else str(address))
    return tuple(dict.fromkeys(found))


@model
class HostList:
    """Hosts that an option allows: names, `*.example.com` for all names below, addresses, and networks."""

    names: frozenset[str] = frozenset()
    domains: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read hosts that are separated by commas or spaces; ValueError if one of them is not a host."""
        names, domains, networks = set(), [], []
        for given in text.replace(",", " ").split():
            one = canonical(given)
            address = address_of(one)
            if address is not None:
                networks.append(ipaddress.ip_network(address))
            elif "/" in one:
                networks.append(ipaddress.ip_network(one))
            elif not _PATTERN.fullmatch(one):
                raise ValueError(given)
            elif one.startswith("*."):
                domains.append(one[1:])
            else:
                names.add(one)
        return cls(frozenset(names), tuple(domains), tuple(networks))

    def __contains__(self, host: str) -> bool:
        address = _plain(host)
        if address is not None:
            return any(address in network for network in self.networks)
        name = canonical(host)
        return name in self.names or name.endswith(self.domains or ("\0",))


NO_HOSTS = HostList()


def check_webhook(url: str, *, strict: bool = False, allowed: HostList = NO_HOSTS) -> str:
    """Return the URL if a webhook may have it; InvalidTarget says why it may not.

    Documented: it starts with https://. Assumed: http:// is allowed for hosts of tests (see `is_near`), except in
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
    if is_metadata(host):
        raise InvalidTarget("a webhook cannot go to a link-local address or to a cloud's metadata service")
    is_known = address_of(host) is not None or NAME.fullmatch(canonical(host))
    if not is_known or not _AUTHORITY.fullmatch(parts.netloc):
        raise InvalidTarget("the URL's host is neither a host name nor an address without a zone")
    needs_no_tls = host.endswith(IN_PROCESS) or (is_near(host) and not strict)
    if parts.scheme == "http" and not needs_no_tls and host not in allowed:
        near = "" if strict else ", unless its host is private or allowed with --allow-webhook-host"
        raise InvalidTarget(f"a webhook's URL starts with https://{near}")
    return url
