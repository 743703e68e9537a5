"""Webhooks reach no metadata service, wherever a name leads."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.background.posting import Poster
from flaresend_mock.core import hosts
from flaresend_mock.core.models import Webhook
from flaresend_mock.testing import Flaresend
from tests.receiver import DROP, Receiver, Reply, refusing
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
@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "::ffff:a9fe:a9fe"])
def test_a_name_that_resolves_to_a_metadata_service_is_not_connected_to(
    address: str, scheme: str, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to(address))

    outcome = post(poster, f"{scheme}://rebound.test/")

    assert (outcome["status"], outcome["error"]) == (None, REFUSED)


def test_a_name_that_changes_after_the_check_leads_to_the_address_that_was_checked(
    receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    found, changing = socket.getaddrinfo, resolves_to("127.0.0.1", "169.254.169.254")
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **named: (changing if host == "rebound.test" else found)(host, *args, **named),
    )

    assert post(poster, f"http://rebound.test:{port}/")["status"] == 200
    assert len(receiver.asked) == 1


def test_other_names_are_connected_to(receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to("127.0.0.1"))

    assert post(poster, f"http://bot.test:{port}/")["status"] == 200


@pytest.mark.parametrize("verification", ["none", "post", "challenge"])
def test_neither_a_test_nor_a_verification_nor_an_event_reaches_a_metadata_service(
    verification: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FlaresendMock() as emulator:
        kit = Flaresend(emulator.url, emulator.api_key)
        kit.webhook("http://rebound.test/hook", verification=verification, retries=[])
        hook = f"{emulator.url}/_mock/instances/default/webhook"
        resolve = socket.getaddrinfo
        to_metadata = resolves_to("169.254.169.254")
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *args, **named: (to_metadata if host == "rebound.test" else resolve)(host, *args, **named),
        )

        tested = requests.post(f"{hook}/test", timeout=10).json()
        verified = requests.post(f"{hook}/verify", timeout=10).json()
        kit.receive("254712345678", "hi")
        kit.settle()

        assert (tested["verified"], tested["attempt"]["error"]) == (False, REFUSED)
        assert verified["verified"] is (verification == "none")
        assert verification == "none" or verified["reason"] == f"no response: {REFUSED}"
        (delivery,) = kit.deliveries()
        assert [attempt.error for attempt in delivery.attempts] == [REFUSED]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_machine_is_not_asked(
    name: str, receiver: Receiver, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, receiver.url)
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to("169.254.169.254"))

    assert post(poster, "http://rebound.test/")["error"] == REFUSED
    assert receiver.asked == []


def test_a_redirect_to_a_metadata_service_is_not_followed(receiver: Receiver, poster: Poster) -> None:
    receiver.behave = lambda _: Reply(307, headers={"Location": "http://169.254.169.254/latest/meta-data"})

    assert post(poster, receiver.url)["status"] == 307
    assert len(receiver.asked) == 1


HINT = "inside a container, {} is the container itself: use host.docker.internal"
ADD_HOST = "--add-host=host.docker.internal:host-gateway"


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_webhook_to_the_container_itself_is_explained(
    inside: bool, host: str, poster: Poster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "CONTAINER_SIGNS", ("/nowhere", str(tmp_path) if inside else "/nowhere"))
    with refusing() as url:
        error = post(poster, url.replace("127.0.0.1", host))["error"]

    assert error.startswith("Connection refused")
    assert (HINT.format(host) in error) is (ADD_HOST in error) is inside


def test_other_failures_in_a_container_are_not(
    poster: Poster, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "CONTAINER_SIGNS", (str(tmp_path),))
    receiver.behave = lambda _: DROP

    assert "container" not in post(poster, receiver.url)["error"]
    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert post(poster, "http://other.internal/")["error"] == "Name or service not known"
    error = post(poster, "http://host.docker.internal/")["error"]
    assert error == f"Name or service not known; on Linux, run the container with {ADD_HOST}"


def test_an_application_that_listens_on_loopback_only_is_explained(
    poster: Poster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "CONTAINER_SIGNS", (str(tmp_path),))
    monkeypatch.setattr(socket, "getaddrinfo", resolves_to("127.0.0.1"))
    with refusing() as url:
        error = post(poster, url.replace("127.0.0.1", "host.docker.internal"))["error"]

    assert error.startswith("Connection refused; on Linux, the application on that machine must listen on 0.0.0.0")


def fails(*_: object, **__: object) -> list[Any]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
