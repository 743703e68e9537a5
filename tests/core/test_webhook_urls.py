"""Which URLs a webhook may have."""

from __future__ import annotations

import pytest

from flaresend_mock.core import hosts
from flaresend_mock.core.errors import InvalidTarget
from flaresend_mock.core.hosts import HostList

NEAR = [
    "http://localhost:5000/webhook",
    "http://127.0.0.1:5000/",
    "http://127.9.9.9",
    "http://[::1]:5000/webhook",
    "http://10.0.0.7/hook",
    "http://172.16.0.1",
    "http://192.168.1.20:8080/a?b=c",
    "http://[fd12:3456::1]/",
    "http://bot:5000/webhook",
    "http://my-bot/webhook",
    "http://host.docker.internal:5000/webhook",
    "http://laptop.local",
    "http://bot.test/",
    "http://bot.localhost",
    "http://bot.shop.svc/",
    "http://bot.shop.svc.cluster.local:8080/",
    "http://nas.lan/",
    "http://box.home.arpa/",
    "http://100.64.1.2:8000/",
    "HTTP://LOCALHOST/",
]
FAR = [
    "http://example.com/webhook",
    "http://8.8.8.8/",
    "http://172.32.0.1/",
    "http://[2606:4700::1111]/",
    "http://localhost.example.com/",
    "http://internal.example.com/",
    "http://127.0.0.1.example.com/",
    "http://100.128.0.1/",
    "http://svc.example.com/",
]


@pytest.mark.parametrize(
    "url", ["https://example.com/webhook", "https://8.8.8.8/", "https://example.com:8443/a?b=c#d", *NEAR]
)
def test_events_go_to_https_and_to_hosts_where_tests_live(url: str) -> None:
    assert hosts.check_webhook(url) == url


@pytest.mark.parametrize("url", FAR)
def test_events_go_to_no_other_host_without_tls(url: str) -> None:
    with pytest.raises(InvalidTarget, match="starts with https://, unless"):
        hosts.check_webhook(url)


@pytest.mark.parametrize("url", [*NEAR, *FAR])
def test_strict_mode_knows_no_exception_from_https(url: str) -> None:
    with pytest.raises(InvalidTarget, match=r"starts with https://$"):
        hosts.check_webhook(url, strict=True)


@pytest.mark.parametrize("url", ["https://example.com/webhook", "https://localhost/"])
def test_strict_mode_allows_https(url: str) -> None:
    assert hosts.check_webhook(url, strict=True) == url


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("url", ["http://hooks.example.com/a", "http://203.0.113.9/", "http://x.ci.example.com:8080/"])
def test_an_allowed_host_needs_no_tls(url: str, strict: bool) -> None:
    allowed = HostList.parse("hooks.example.com,203.0.113.0/24,*.ci.example.com")

    assert hosts.check_webhook(url, strict=strict, allowed=allowed) == url


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "https://metadata.google.internal/"])
def test_no_option_allows_a_metadata_service(url: str) -> None:
    with pytest.raises(InvalidTarget, match="metadata"):
        hosts.check_webhook(url, allowed=HostList.parse("169.254.0.0/16,metadata.google.internal"))


@pytest.mark.parametrize("strict", [True, False])
def test_an_application_in_this_process_needs_no_tls(strict: bool) -> None:
    url = "http://app-1.wsgi.localhost/webhook"

    assert hosts.check_webhook(url, strict=strict) == url


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "example.com",
        "/webhook",
        "//example.com/webhook",
        "https://",
        "https:///webhook",
        "https:webhook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://localhost/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:port/",
        "https://[::1/",
        "https://[::1]x/",
        "https://x[::1]/",
        "https://[v1.a]/",
        "http://[::1%25lo]/",
        "http://[fd12::1%eth0]/",
        "http://127.0.0.1%2eexample.com/",
        "http://127.0.0.1%00/",
        "https://example%2ecom/",
        "https://localhost\\.example.com/",
        "http://localhost\\@169.254.169.254/",
        "https://ann@example.com/",
        "https://ann:secret@example.com/",
        "https://localhost@example.com/",
        "https://exam ple.com/",
        "https://example.com/a b",
        "https://example.com/\r\nX-Header: 1",
        "https://example.com/\t",
        "https://example.com/\x00",
        "https://exämple.com/",
        "https://example.com/ä",
    ],
)
def test_what_is_no_plain_absolute_url_is_refused(url: str, strict: bool) -> None:
    with pytest.raises(InvalidTarget):
        hosts.check_webhook(url, strict=strict)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.169.254:80",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "METADATA.google.internal",
        "metadata",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[fd00:ec2:0:0::254]",
        "[FD00:EC2::254]",
        "metadata.google.internal.",
        "169.254.169.254.",
        "2852039166",
        "0xa9fea9fe",
        "[fd00:ec2::254%25251]",
        "[fe80::1%25eth0]",
        "169.254.170.2",
        "100.100.100.200",
        "metadata.goog",
    ],
)
def test_cloud_metadata_is_refused_however_it_is_spelled(host: str, scheme: str) -> None:
    with pytest.raises(InvalidTarget):
        hosts.check_webhook(f"{scheme}://{host}/latest/meta-data")
