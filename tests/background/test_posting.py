"""Webhooks reach no metadata service, wherever a name leads."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from flaresend_mock.background.posting import Poster
from flaresend_mock.core.models import Webhook
from tests.receiver import Receiver
from tests.support import NOW

REFUSED = "the host is a link-local address or a cloud's metadata service"
Resolve = Callable[..., list[Any]]


@pytest.fixture
def poster() -> Iterator[Poster]:
    with closing(Poster()) as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def post(poster: Poster, url: str, body: bytes = b"{}", **options: str) -> dict[str, Any]:
    return poster.post(Webhook(url, **options), "msg_1", NOW, body)


def resolves_to(*addresses: str) -> Resolve:
    """Return a resolver that gives these addresses in turn, and the last one from then on."""
    left = list(addresses)

    def resolve(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        rest = (0, 0) if ":" in address else ()
        return [(family, socket.SOCK_STREAM, 6, "", (address, port, *rest))]

    return resolve


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "::ffff:a9fe:a9fe"]
)
def test_a_name_that_resolves_to_a_metadata_service_is_not_connected_to(
    address: str, scheme: str, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to(address))

    outcome = post(poster, f"{scheme}://rebound.test/")

    assert (outcome["status"], outcome["error"]) == (None, REFUSED)


def test_a_name_that_changes_after_the_check_gets_no_request(
    receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to("127.0.0.1"))
    monkeypatch.setattr(socket.socket, "getpeername", lambda self: ("169.254.169.254", port))

    outcome = post(poster, f"http://rebound.test:{port}/")

    assert (outcome["status"], outcome["error"]) == (None, REFUSED)
    assert receiver.asked == []


def test_other_names_are_connected_to(
    receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to("127.0.0.1"))

    assert post(poster, f"http://bot.test:{port}/")["status"] == 200
