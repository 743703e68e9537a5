"""Which hosts are near, which are a cloud's metadata service, and which an option allows."""

from __future__ import annotations

import pytest

from flaresend_mock.core import hosts
from flaresend_mock.core.hosts import HostList

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.23",
    "169.254.1.1",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "100.100.100.200",
    "0x64.0x64.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fe80::1",
    "fe80::1%eth0",
    "fe80::1%25eth0",
    "fe80::5efe:10.0.0.1",
    "fd00:ec2::254",
    "fd00:ec2::254%1",
    "fd00:ec2::254%251",
    "fd00:ec2::254%25251",
    "[fd00:ec2::254%25251]",
    "FD00:0EC2:0:0:0:0:0:254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd20:ce::1",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "fd00:a9fe:a9fe::1",
    "api.metadata.cloud.ibm.com",
    "::ffff:169.254.169.254",
    "::ffff:100.100.100.200",
    "::ffff:0:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1",
    "fd12::5efe:169.254.169.254",
    "metadata",
    "metadata.google.internal",
    "Metadata.Google.Internal.",
    "metadata.google.internal..",
    "metadata.goog",
    "vm.metadata.google.internal",
    "a.metadata.goog.",
    "metadata.tencentyun.com",
    "instance-data",
]
NEAR = [
    "localhost",
    "bot",
    "bot.shop.svc",
    "bot.shop.svc.cluster.local",
    "nas.lan",
    "printer.home.arpa",
    "laptop.local",
    "host.docker.internal",
    "bot.test",
    "app.localhost",
    "127.0.0.1",
    "127.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.20",
    "100.64.0.1",
    "100.127.255.254",
    "::1",
    "fd12:3456::1",
    "::ffff:10.0.0.2",
    "0.0.0.0",
]
FAR = [
    "example.com",
    "svc.example.com",
    "bot.svc.example.com",
    "lan.example.com",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("host", METADATA)
def test_metadata_services_and_link_local_addresses_are_known_in_every_spelling(host: str) -> None:
    assert hosts.is_metadata(host)


@pytest.mark.parametrize(
    "host",
    [
        *NEAR,
        *FAR,
        "mymetadata.google.internal.example.com",
        "mymetadata.goog",
        "fd00:42::43",
        "metadata.svc",
        "shop.metadata",
    ],
)
def test_no_other_host_counts_as_metadata(host: str) -> None:
    assert not hosts.is_metadata(host)


@pytest.mark.parametrize("host", NEAR)
def test_private_addresses_and_names_that_public_dns_cannot_have_are_near(host: str) -> None:
    assert hosts.is_near(host)
    assert hosts.is_near(f"{host}.") or ":" in host


@pytest.mark.parametrize(
    "host", ["localhost", "app.localhost", "APP.LOCALHOST.", "127.0.0.1", "127.9", "::1", "::ffff:7f00:1"]
)
def test_localhost_names_below_it_and_their_addresses_are_loopback(host: str) -> None:
    assert hosts.is_loopback(host)


@pytest.mark.parametrize("host", ["mylocalhost", "localhost.example.com", "bot", "10.1.2.3", "0.0.0.0", "fd12:3456::1"])
def test_no_other_host_is_loopback(host: str) -> None:
    assert not hosts.is_loopback(host)


@pytest.mark.parametrize("host", [host for host in FAR if "." in host or ":" in host])
def test_public_hosts_are_not_near(host: str) -> None:
    assert not hosts.is_near(host)


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("hooks.example.com", True),
        ("HOOKS.example.com.", True),
        ("example.com", False),
        ("other.hooks.example.com", False),
        ("a.ci.example.com", True),
        ("a.b.ci.example.com", True),
        ("ci.example.com", False),
        ("203.0.113.77", True),
        ("0xcb007101", True),
        ("::ffff:203.0.113.1", True),
        ("203.0.114.1", False),
        ("2001:db8::1", True),
        ("2001:db8::2", False),
    ],
)
def test_an_option_lists_names_domains_addresses_and_networks(host: str, listed: bool) -> None:
    found = HostList.parse("hooks.example.com, *.ci.example.com 203.0.113.0/24,[2001:db8::1]")

    assert (host in found) is listed


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_list_has_no_host(text: str) -> None:
    assert "" not in HostList.parse(text)
    assert "bot" not in HostList.parse(text)


@pytest.mark.parametrize("text", ["http://bot", "bot:80", "*", "*.", "a*b", "bot/24", "10.0.0.1/33", "exämple.com"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        HostList.parse(text)
