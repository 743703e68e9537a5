"""Receivers over https: verified against public roots, three options, or the webhook's own ca, or not at all."""

from __future__ import annotations

import json
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.background.posting import Poster
from flaresend_mock.background.trust_store import TrustStore
from flaresend_mock.core.models import Webhook
from flaresend_mock.core.world import World
from flaresend_mock.server import CannotStart
from flaresend_mock.testing import ControlPlaneError, Flaresend, WebhookReceiver
from flaresend_mock.world_format import WorldFileError, load_file
from flaresend_mock.world_format.schema import MAX_CA
from tests.certificates import EXPIRED, NOT_YET, Signed, authority, receiver_of, sign
from tests.raw_receiver import Peer, RawReceiver
from tests.support import NOW

ANN = "254712345678"
HOOK = "/_mock/instances/default/webhook"
NOT_TRUSTED = "the certificate is not trusted: "
ADVICE = "; give the webhook's ca, or --webhook-ca"
Start = Callable[..., Flaresend]


def serve(peer: Peer, number: int) -> None:
    while True:
        peer.serve()


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts an emulator with options, and returns its test kit."""
    with ExitStack() as running:

        def begin(**options: Any) -> Flaresend:
            emulator = running.enter_context(FlaresendMock(**options))
            return running.enter_context(Flaresend(emulator.url, emulator.api_key))

        yield begin


@pytest.fixture
def secure() -> Iterator[Callable[[Signed], RawReceiver]]:
    """Return what starts a receiver with a certificate."""
    with ExitStack() as running:
        yield lambda signed: running.enter_context(RawReceiver(serve, signed.context()))


@pytest.fixture
def receiver(secure: Callable[[Signed], RawReceiver]) -> RawReceiver:
    return secure(receiver_of())


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    file.write_text(f"# a CA: Főtanúsítvány\n{authority().pem}", encoding="utf-8")
    return str(file)


def deliver(kit: Flaresend, url: str, **options: Any) -> tuple[int | None, str | None]:
    """Deliver an event to a receiver, and return the status and the error of the attempt."""
    kit.webhook(url, retries=[], **options)
    kit.receive(ANN, "hi")
    kit.settle()
    (attempt,) = kit.deliveries()[-1].attempts
    return attempt.status, attempt.error


def post(poster: Poster, url: str, **options: Any) -> tuple[int | None, str | None]:
    outcome = poster.post(Webhook(url, **options), "msg_1", NOW, b"{}")
    return outcome["status"], outcome["error"]


@pytest.fixture
def poster() -> Iterator[Poster]:
    with closing(Poster()) as one:
        yield one


# Who is trusted


def test_the_ca_of_a_webhook_is_trusted(start: Start, receiver: RawReceiver) -> None:
    assert deliver(start(), receiver.url, ca=authority().pem) == (200, None)


def test_the_option_is_trusted(start: Start, receiver: RawReceiver, ca_file: str) -> None:
    assert deliver(start(webhook_ca=ca_file), receiver.url) == (200, None)


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_environment_is_trusted(
    name: str, start: Start, receiver: RawReceiver, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, ca_file)
    assert deliver(start(), receiver.url) == (200, None)


def test_no_other_certificate_is_trusted(start: Start, receiver: RawReceiver) -> None:
    status, error = deliver(start(), receiver.url)

    assert (status, receiver.requests) == (None, [])
    assert error == f"{NOT_TRUSTED}unable to get local issuer certificate{ADVICE}"
    status, error = deliver(start(), receiver.url, ca=authority("another").pem)
    assert (status, receiver.requests) == (None, [])


def test_all_ways_count_at_once(
    start: Start, ca_file: str, secure: Callable[[Signed], RawReceiver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        (tmp_path / name).write_text(authority(name).pem, encoding="ascii")
        monkeypatch.setenv(name, str(tmp_path / name))
    kit = start(webhook_ca=ca_file)

    for title in ("a CA of tests", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "own", "other"):
        both = authority("own").pem + "between\r\n" + authority("other").pem
        assert deliver(kit, secure(receiver_of(title)).url, ca=both) == (200, None), title


def test_public_roots_are_trusted_besides() -> None:
    for store in (TrustStore(), TrustStore(authority().pem)):
        plain = store.context(Webhook("https://example.com"))
        own = store.context(Webhook("https://example.com", ca=authority("own").pem))
        public = {name for one in plain.get_ca_certs() for name in str(one["subject"]).split("'") if "ISRG" in name}
        assert "ISRG Root X1" in public
        assert len(own.get_ca_certs()) == len(plain.get_ca_certs()) + 1


@pytest.mark.parametrize("given", ["missing", "folder", "garbage"])
def test_what_the_environment_names_may_be_unreadable(
    given: str,
    start: Start,
    receiver: RawReceiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "garbage").write_bytes(b"\xff\x00 no certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / given))
    with caplog.at_level(logging.WARNING):
        assert deliver(start(), receiver.url, ca=authority().pem) == (200, None)
    assert (str(tmp_path / given) in caplog.text) is (given != "folder")


# Certificates that are wrong


def test_a_self_signed_certificate_is_its_own_ca(poster: Poster, secure: Callable[[Signed], RawReceiver]) -> None:
    signed = sign()
    receiver = secure(signed)

    assert post(poster, receiver.url) == (None, f"{NOT_TRUSTED}self-signed certificate{ADVICE}")
    assert post(poster, receiver.url, ca=signed.pem) == (200, None)
    assert post(poster, receiver.url, ca=sign().pem)[0] is None


def test_a_signed_certificate_is_its_own_ca_too(poster: Poster, receiver: RawReceiver) -> None:
    assert post(poster, receiver.url, ca=receiver_of().pem) == (200, None)


@pytest.mark.parametrize(
    ("host", "names", "error"),
    [
        ("127.0.0.1", ["other.example"], "the certificate is not for the address 127.0.0.1"),
        ("127.0.0.1", ["127.0.0.2"], "the certificate is not for the address 127.0.0.1"),
        ("localhost", ["other.example", "127.0.0.1"], "the certificate is not for the host localhost"),
    ],
)
def test_the_host_has_to_be_in_the_certificate(
    host: str, names: list[str], error: str, poster: Poster, secure: Callable[[Signed], RawReceiver]
) -> None:
    url = secure(sign(authority(), names)).url.replace("127.0.0.1", host)

    assert post(poster, url, ca=authority().pem) == (None, error)
    assert post(poster, url, verify=False) == (200, None)


@pytest.mark.parametrize(
    ("times", "error"),
    [({"end": EXPIRED}, "the certificate has expired"), ({"start": NOT_YET}, "the certificate is not valid yet")],
)
def test_a_certificate_has_its_time(
    times: dict[str, Any], error: str, poster: Poster, secure: Callable[[Signed], RawReceiver]
) -> None:
    receiver = secure(sign(authority(), **times))

    assert post(poster, receiver.url, ca=authority().pem) == (None, error)
    assert post(poster, receiver.url, verify=False) == (200, None)


def test_a_receiver_without_tls_is_told(poster: Poster) -> None:
    with WebhookReceiver() as plain:
        status, error = post(poster, plain.url.replace("http:", "https:"))

    assert status is None
    assert error is not None
    assert error.startswith("TLS failed: ")
    assert error.endswith("; the receiver may not speak https")


def test_what_the_receiver_says_against_the_handshake_is_told() -> None:
    context = receiver_of().context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_ecdh_curve("secp521r1")
    store = TrustStore()
    store.context(Webhook("https://a", verify=False)).set_ecdh_curve("prime256v1")

    with RawReceiver(serve, context) as receiver, closing(Poster(store)) as poster:
        status, error = post(poster, receiver.url, verify=False)

    assert (status, error) == (None, "TLS failed: sslv3 alert handshake failure")


def test_verify_false_is_enough(start: Start, receiver: RawReceiver) -> None:
    assert deliver(start(), receiver.url, verify=False) == (200, None)


def test_verify_false_of_one_webhook_is_not_that_of_another(poster: Poster, receiver: RawReceiver) -> None:
    for _ in range(2):
        assert post(poster, receiver.url, verify=False) == (200, None)
        assert post(poster, receiver.url)[0] is None
        assert post(poster, receiver.url, ca=authority().pem) == (200, None)
        assert post(poster, receiver.url, ca=authority("another").pem)[0] is None
        assert post(poster, receiver.url, ca=authority("another").pem, verify=False) == (200, None)


def test_many_webhooks_share_a_store_without_mixing_their_certificates(receiver: RawReceiver) -> None:
    store = TrustStore()
    contexts = [store.context(Webhook("https://a", ca=authority(f"{number}").pem)) for number in range(3)]

    assert len(set(contexts)) == 3
    assert store.context(Webhook("https://b", ca=authority("1").pem)) is contexts[1]
    assert all(context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname for context in contexts)


# Everything that calls a receiver


def test_a_strict_emulator_delivers_to_a_local_receiver(start: Start, receiver: RawReceiver) -> None:
    kit = start(strict=True)

    with pytest.raises(ControlPlaneError, match="https://"):
        kit.webhook(receiver.url.replace("https:", "http:"))
    assert deliver(kit, receiver.url, ca=authority().pem) == (200, None)


@pytest.mark.parametrize("verification", ["post", "challenge"])
def test_tests_and_verifications_obey_the_same_settings(
    verification: str, start: Start, secure: Callable[[Signed], RawReceiver], ca_file: str
) -> None:
    kit, other = start(), start(webhook_ca=ca_file)
    receiver = secure(receiver_of())

    def tried(kit: Flaresend, how: str, **options: Any) -> tuple[int | None, str | None]:
        kit.webhook(receiver.url, verification=verification, **options)
        attempt = requests.post(f"{kit.url}{HOOK}/{how}", timeout=10).json()["attempt"]
        return attempt["status"], attempt["error"]

    for how in ("test", "verify"):
        assert tried(kit, how) == (None, f"{NOT_TRUSTED}unable to get local issuer certificate{ADVICE}")
        assert tried(kit, how, ca=authority().pem) == (200, None)
        assert tried(kit, how, verify=False) == (200, None)
        assert tried(other, how) == (200, None)


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_a_proxy_of_the_machine_is_not_asked(
    name: str, poster: Poster, receiver: RawReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert post(poster, receiver.url, ca=authority().pem) == (200, None)


@pytest.mark.parametrize("end", [Peer.close, Peer.reset], ids=["closed", "reset"])
def test_a_kept_connection_that_ends_is_replaced(end: Callable[[Peer], None], poster: Poster) -> None:
    def behave(peer: Peer, number: int) -> None:
        if number:
            serve(peer, number)
        peer.serve()
        peer.read()
        end(peer)

    with RawReceiver(behave, receiver_of().context()) as receiver, closing(poster):
        hook = Webhook(receiver.url, "secret", ca=authority().pem)
        outcomes = [poster.post(hook, f"msg_{number}", NOW, b"{}") for number in range(3)]

    assert [(one["status"], one["reconnected"]) for one in outcomes] == [(200, False), (200, True), (200, False)]
    assert receiver.header("webhook-id") == ["msg_0", "msg_1", "msg_1", "msg_2"]
    assert receiver.connections == 2


# The fields of a webhook


def test_the_fields_are_kept_and_have_defaults(client: Client) -> None:
    pem = authority().pem
    shown = client.put(HOOK, json={"url": "https://a.example/", "ca": pem, "verify": False}).get_json()["webhook"]
    assert (shown["ca"], shown["verify"], shown["verification"]) == (pem, False, "none")
    assert client.get(HOOK).get_json()["webhook"] == shown

    shown = client.put(HOOK, json={"url": "https://a.example/"}).get_json()["webhook"]
    assert (shown["ca"], shown["verify"]) == (None, True)


KEY_AND_CERTIFICATE = receiver_of().key_pem + receiver_of().pem
REFUSED: list[tuple[Any, str]] = [
    ("", "A certificate in PEM is expected here; it begins with -----BEGIN CERTIFICATE-----."),
    ("/etc/ssl/cert.pem", "A certificate in PEM is expected here"),
    (receiver_of().key_pem, "A private key is in it; give the certificate alone."),
    (KEY_AND_CERTIFICATE, "A private key is in it; give the certificate alone."),
    (authority().pem.replace("M", "!", 1), "Certificate 1 of 1 is damaged."),
    (authority().pem[:-30], "Certificate 1 of 1 is damaged."),
    (authority().pem + authority("another").pem[:200], "Certificate 2 of 2 is damaged."),
    (authority().pem.replace("\n", "\\n"), "Certificate 1 of 1 is damaged."),
    (authority().pem.replace("\nM", "\nМ", 1), "Certificate 1 of 1 is damaged."),
    ("-----BEGIN CERTIFICATE-----\n\0\n-----END CERTIFICATE-----", "Certificate 1 of 1 is damaged."),
    ("-----BEGIN CERTIFICATE-----" * 2000, "Certificate 1 of 2000 is damaged."),
    (authority().pem * 200, f"At most {MAX_CA} characters are expected here"),
    ("x" * 3_000_000, f"At most {MAX_CA} characters are expected here"),
    (7, "Not a valid string."),
    ([authority().pem], "Not a valid string."),
]


@pytest.mark.parametrize(("ca", "problem"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_certificate_is_refused(ca: Any, problem: str, client: Client, world: World) -> None:
    response = client.put(HOOK, json={"url": "https://a.example/", "ca": ca})

    assert response.status_code == 400
    assert response.get_json()["error"]["message"].startswith(f"ca: {problem}")
    assert "PRIVATE" not in response.text
    assert world.instances.first().webhook is None


@pytest.mark.parametrize("verify", [None, "false", 0, "no"])
def test_verify_is_true_or_false(verify: Any, client: Client) -> None:
    response = client.put(HOOK, json={"url": "https://a.example/", "verify": verify})

    assert (response.status_code, response.get_json()["error"]["message"][:8]) == (400, "verify: ")


def test_an_export_has_them_with_and_without_secrets(client: Client, world: World) -> None:
    client.put(HOOK, json={"url": "https://a.example/", "ca": authority().pem, "verify": False})
    before = world.instances.first().webhook
    assert before is not None

    for query in ("?with_secrets=true", ""):
        exported = client.get(f"/_mock/world{query}").data
        client.delete(HOOK)
        assert client.put("/_mock/world", data=exported, content_type="application/json").status_code == 200
        assert world.instances.first().webhook == before


def test_a_snapshot_and_a_reset_have_them(client: Client, world: World) -> None:
    client.put(HOOK, json={"url": "https://a.example/", "ca": authority().pem, "verify": False})
    client.post("/_mock/snapshots/one")
    client.put(HOOK, json={"url": "https://a.example/"})

    client.post("/_mock/snapshots/one/restore")

    webhook = world.instances.first().webhook
    assert webhook is not None
    assert (webhook.ca, webhook.verify) == (authority().pem, False)


def test_a_world_file_has_them(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    hook = {"url": "https://a.example/", "ca": authority().pem, "verify": False}
    file.write_text(json.dumps({"instances": [{"number": "254700111222", "webhook": hook}]}), encoding="utf-8")
    (instance,) = load_file(file).instances.values()

    assert instance.webhook is not None
    assert (instance.webhook.ca, instance.webhook.verify) == (authority().pem, False)

    hook["ca"] = "none"
    file.write_text(json.dumps({"instances": [{"number": "254700111222", "webhook": hook}]}), encoding="utf-8")
    with pytest.raises(WorldFileError, match=r"instances\[0\].webhook.ca: A certificate in PEM is expected here"):
        load_file(file)


# The option


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file or directory"),
        (b"", "A certificate in PEM is expected here"),
        (b"\x30\x82\x01\x00\xff", "A certificate in PEM is expected here"),
        (authority().pem[:-40].encode(), "Certificate 1 of 1 is damaged."),
    ],
)
def test_a_file_without_certificates_is_refused_at_the_start(
    content: bytes | None, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CannotStart) as refused:
        FlaresendMock(webhook_ca=str(file))
    assert str(refused.value).startswith(f"webhook_ca: {file}: {problem}")


def test_a_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"webhook_ca: .*: (Is a directory|Permission denied)"):
        FlaresendMock(webhook_ca=str(tmp_path))


def test_the_option_may_name_a_file_with_a_key(start: Start, receiver: RawReceiver, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(authority().key_pem + authority().pem, encoding="ascii")

    assert deliver(start(webhook_ca=str(file)), receiver.url) == (200, None)


# The test kit


def test_the_kits_receiver_speaks_https(start: Start, tmp_path: Path) -> None:
    kit = start(strict=True)
    receiver = kit.webhook_receiver(tls=True, secret="secret")
    kit.receive(ANN, "one")
    assert [one.text for one in receiver.expect(1, within=30)] == ["one"]
    assert receiver.url.startswith("https://")

    with WebhookReceiver(tls=True) as other:
        assert other.ca is not None
        assert deliver(kit, other.url, ca=other.ca) == (200, None)
        (tmp_path / "ca.pem").write_text(other.ca, encoding="ascii")
        assert deliver(kit, other.url, ca=tmp_path / "ca.pem") == (200, None)
        assert deliver(kit, other.url, ca=receiver.ca)[0] is None
        assert deliver(kit, other.url, verify=False) == (200, None)
        assert len(other.events) == 3


def test_the_kits_receiver_has_the_name_that_is_shown(start: Start) -> None:
    kit = start()
    with WebhookReceiver(shown="localhost", tls=True) as receiver:
        assert deliver(kit, receiver.url, ca=receiver.ca) == (200, None)
        assert deliver(kit, receiver.url.replace("localhost", "127.0.0.1"), ca=receiver.ca)[0] is None


def test_the_kits_receiver_listens_on_ipv6_too(start: Start) -> None:
    with WebhookReceiver("::1") as receiver:
        assert receiver.url.startswith("http://[::1]:")
        assert deliver(start(), receiver.url) == (200, None)


def test_the_kits_receiver_without_tls_has_no_ca() -> None:
    with WebhookReceiver() as receiver:
        assert (receiver.ca, receiver.url[:7]) == (None, "http://")
