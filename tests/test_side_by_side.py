"""Several emulators in one process: each option, and everything that happens, belongs to one of them."""

from __future__ import annotations

import json
import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from standardwebhooks import Webhook, WebhookVerificationError

from flaresend_mock import FlaresendMock
from flaresend_mock.http import context
from flaresend_mock.http.tls import Authority
from flaresend_mock.package_data import world_file
from flaresend_mock.settings import ENVIRONMENT, Settings
from flaresend_mock.world_format import load_file
from tests.defaults import ANN
from tests.handshake import is_trusted, trusting
from tests.raw_receiver import Peer, RawReceiver
from tests.receiver import Receiver

if TYPE_CHECKING:
    pass

SECONDS = 30
ANOTHER_HOST = "127.0.0.2"  # where no other test listens, so that a port stays free
SECRETS = ("whsec_b25lIHNlY3JldA==", "whsec_b3RoZXIgc2VjcmV0")
HOSTS = ("one.example.com", "other.example.com")
PUBLIC = ("http://one.example", "http://other.example/with/a/path")

OF_THE_PROCESS = {
    "log_format": "Python has one root logger: the command line configures it, and no emulator touches it.",
    "log_level": "As log_format.",
    "stop_with_stdin": "Python has one standard input: the command line reads it, and no emulator does.",
}


@dataclass(frozen=True)
class Case:
    """Two values of an option, and how to tell at an emulator which of them it has.

    `look` makes calls and returns what they show; `shows` is that for each value. `more` are other options that
    each emulator needs.
    """

    values: tuple[Any, Any]
    look: Callable[[FlaresendMock], Any]
    shows: tuple[Any, Any]
    more: tuple[dict[str, Any], dict[str, Any]] = field(default_factory=lambda: ({}, {}))


def call(emulator: FlaresendMock, method: str, path: str, **given: Any) -> requests.Response:
    headers = emulator.headers | given.pop("headers", {})
    return requests.request(method, emulator.url + path, headers=headers, timeout=SECONDS, **given)


def control(emulator: FlaresendMock, method: str, path: str, body: Any = None) -> Any:
    response = call(emulator, method, f"/_mock/{path}", json=body)
    assert response.ok, response.text
    return response.json()


def receive(emulator: FlaresendMock, query: str = "", **letter: Any) -> Any:
    return control(emulator, "POST", f"inbound{query}", {"from": ANN, **letter})["event"]["data"]


def texts(emulator: FlaresendMock, query: str = "") -> list[str]:
    return [one["text"] for one in control(emulator, "GET", f"messages{query}")["messages"]]


def statuses(emulator: FlaresendMock, path: str, header: str, values: Iterable[str]) -> list[int]:
    return [call(emulator, "GET", path, headers={header: value}).status_code for value in values]


def listens(emulator: FlaresendMock) -> tuple[str | None, int | None]:
    parts = urlsplit(emulator.url)
    assert call(emulator, "GET", "/groups").status_code == 200
    return parts.hostname, parts.port


def hooked(emulator: FlaresendMock, url: str, **options: Any) -> int:
    return call(emulator, "PUT", "/_mock/instances/default/webhook", json={"url": url, **options}).status_code


def numbers(seed: int) -> list[str]:
    return list(load_file(world_file("demo"), seed=seed).people)


def scheduled(emulator: FlaresendMock) -> str:
    body = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2099-01-01 09:00:00"}
    assert call(emulator, "POST", "/schedule-message", json=body).status_code == 200
    return str(control(emulator, "GET", "scheduled")["scheduled"][-1]["sendAt"])


def sizes(emulator: FlaresendMock) -> list[int]:
    """Return what becomes of a body of some 3000 bytes, as JSON and as a form."""
    body = {"type": "text", "text": "x" * 3000}
    return [
        call(emulator, "POST", "/send-message", json={**body, "recipients": [ANN]}).status_code,
        call(emulator, "POST", "/send-message", data={**body, "recipients": ANN}, files={"file": b""}).status_code,
    ]


def kept(emulator: FlaresendMock) -> list[int]:
    """Return how many of three messages two worlds keep: the one it began with, and one that was made since."""
    control(emulator, "POST", "worlds", {"name": "new"})
    queries = ("", "?world=new")
    for query in queries * 3:
        receive(emulator, query, text="Hi")
    counts = [len(texts(emulator, query)) for query in queries]
    control(emulator, "DELETE", "worlds/new")
    return counts


def notified(emulator: FlaresendMock, receiver: Receiver) -> Any:
    """Return the request that tells the receiver of a message to this emulator."""
    before = len(receiver.asked)
    receive(emulator, text="Hi")
    assert control(emulator, "POST", "deliveries/settle") == {"settled": True}
    (asked,) = receiver.asked[before:]
    return asked


def serve_all(peer: Peer, number: int) -> None:
    while True:
        peer.serve()


def trusts(emulator: FlaresendMock, url: str) -> bool:
    """Return whether an event reaches a receiver over https."""
    assert hooked(emulator, url, retries=[]) == 200
    receive(emulator, text="Hi")
    control(emulator, "POST", "deliveries/settle")
    (attempt,) = control(emulator, "GET", "deliveries")["deliveries"][-1]["attempts"]
    return attempt["status"] == 200


def verifies(emulator: FlaresendMock, receiver: Receiver, secret: str) -> bool:
    asked = notified(emulator, receiver)
    try:
        Webhook(secret).verify(asked.body, dict(asked.headers))
    except WebhookVerificationError:
        return False
    return True


def addresses(emulator: FlaresendMock) -> list[bool]:
    """Return for each public URL whether all that leads back to the emulator begins with it."""
    found = [receive(emulator, type="image")["message"]["imageMessage"]["url"]]
    for path in ("openapi.json", "control/openapi.json"):
        found += [one["url"] for one in control(emulator, "GET", path)["servers"]]
    assert len(found) >= 3
    return [all(one.startswith(url) for one in found) for url in PUBLIC]


def demonstrates(emulator: FlaresendMock) -> list[bool]:
    """Return whether there was something before, and whether the bot is there."""
    before = bool(texts(emulator))
    receive(emulator, text="menu")
    control(emulator, "POST", "deliveries/settle")
    called = control(emulator, "GET", "requests")["requests"]
    control(emulator, "POST", "reset")
    return [before, bool(called)]


def connections(emulator: FlaresendMock) -> list[int]:
    """Return the statuses of calls over three connections that are open at once."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(requests.Session()) for _ in range(3)]
        return [one.get(f"{emulator.url}/_mock/health", timeout=SECONDS).status_code for one in sessions]


def left_behind(emulator: FlaresendMock) -> int:
    emulator.stop()
    exported = json.loads(Path(str(emulator.settings.export_on_exit)).read_text(encoding="utf-8"))
    return int(exported["seed"])


def transcribed(emulator: FlaresendMock, files: Sequence[str]) -> list[bool]:
    """Return which of the files has what the emulator was sent before a reset."""
    receive(emulator, text=emulator.url)
    control(emulator, "POST", "reset")
    return [emulator.url in Path(file).read_text(encoding="utf-8") for file in files]


def saved(emulator: FlaresendMock) -> int:
    emulator.stop()
    world = json.loads(Path(str(emulator.settings.autosave), "default.json").read_text(encoding="utf-8"))
    return int(world["seed"])


def certified(emulator: FlaresendMock) -> list[bool]:
    """Return which of the hosts the certificate is for, without a socket."""
    client = trusting(emulator.authority.certificate)
    return [is_trusted(client, emulator.tls_context(), host) for host in HOSTS]


def speaks_tls(emulator: FlaresendMock, port: int) -> bool:
    """Return whether a port is the emulator's, and has its certificate."""
    client = trusting(emulator.authority.certificate)
    try:
        with (
            socket.create_connection((ANOTHER_HOST, port), timeout=SECONDS) as raw,
            client.wrap_socket(raw, server_hostname="api.flaresend.com") as tls,
        ):
            tls.sendall(b"GET /_mock/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return tls.recv(12) == b"HTTP/1.1 200"
    except ssl.SSLCertVerificationError:
        return False


def passed_on(emulator: FlaresendMock, receiver: Receiver) -> list[Any]:
    """Return what becomes of a call of another host, as a whole URL and with CONNECT, and what is recorded."""
    host = f"0.0.0.0:{urlsplit(receiver.url).port}"  # not loopback, which is reached in any case
    before = len(control(emulator, "GET", "events?kind=proxy")["events"])
    with requests.Session() as session, pytest.MonkeyPatch.context() as patch:
        session.trust_env = False
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
            patch.delitem(ENVIRONMENT, name, raising=False)
        whole = session.post(f"http://{host}/hook", data=b"{}", proxies={"http": emulator.url}, timeout=SECONDS)
        parts = urlsplit(emulator.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as raw:
            raw.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            connected = int(raw.recv(12)[9:])
    events = control(emulator, "GET", "events?kind=proxy")["events"][before:]
    return [whole.status_code, connected, [one["proxy"]["action"] for one in events]]


def free_ports() -> tuple[int, int]:
    with socket.create_server((ANOTHER_HOST, 0)) as first, socket.create_server((ANOTHER_HOST, 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """Every option of an emulator that is not the process's, by its name."""
    folder = tmp_path_factory.mktemp("exports")
    files = [str(folder / f"{name}.json") for name in ("one", "other")]
    for file in files:
        with FlaresendMock(export_on_exit=file) as emulator:
            receive(emulator, text=file)
    urls = [str(folder / f"url-of-{name}") for name in ("one", "other")]
    ends = [str(folder / f"{kind}-of-{name}") for kind in ("end", "transcript") for name in ("one", "other")]
    folders = (str(folder / "worlds-of-one"), str(folder / "worlds-of-other"))
    cas = [str(folder / f"{name}-ca.pem") for name in ("one", "other")]
    certificates = [Authority.open(Path(file), ",".join(HOSTS)).certificate for file in cas]
    ports, tls_ports = free_ports(), free_ports()
    here = {"host": ANOTHER_HOST}
    keys = ("key-of-one", "key-of-other")
    tokens = ("token-of-one", "token-of-other")
    secrets = {secret: str(folder / f"secret-{number}") for number, secret in enumerate((*keys, *tokens, *SECRETS))}
    for secret, file in secrets.items():
        Path(file).write_text(f"{secret}\n")
    with ExitStack() as listening:
        receiver = listening.enter_context(Receiver())
        secure = [
            listening.enter_context(RawReceiver(serve_all, Authority.open(Path(file)).context(["127.0.0.1"]))).url
            for file in cas
        ]
        yield {
            "host": Case(("127.0.0.1", ANOTHER_HOST), lambda one: listens(one)[0], ("127.0.0.1", ANOTHER_HOST)),
            "port": Case(ports, lambda one: listens(one)[1], ports, (here, here)),
            "world": Case(("default", "demo"), lambda one: len(control(one, "GET", "groups")["groups"]), (3, 12)),
            "seed": Case(
                (1, 2),
                lambda one: [person["number"] for person in control(one, "GET", "people")["people"]],
                (numbers(1), numbers(2)),
                ({"world": "demo"}, {"world": "demo"}),
            ),
            "time_zone": Case(("UTC", "Africa/Nairobi"), scheduled, ("2099-01-01T09:00:00Z", "2099-01-01T06:00:00Z")),
            "directory": Case(
                ("open", "closed"),
                lambda one: call(one, "POST", "/check-number", json={"number": "4915112345678"}).json()["exists"],
                (True, False),
            ),
            "api_key": Case(
                keys,
                lambda one: statuses(one, "/groups", "Authorization", [f"Bearer {key}" for key in keys]),
                ([200, 401], [401, 200]),
            ),
            "api_key_file": Case(
                (secrets[keys[0]], secrets[keys[1]]),
                lambda one: statuses(one, "/groups", "Authorization", [f"Bearer {key}" for key in keys]),
                ([200, 401], [401, 200]),
            ),
            "auth": Case(
                ("known", "open"),
                lambda one: statuses(one, "/groups", "Authorization", ["Bearer of-another"]),
                ([401], [200]),
            ),
            "strict": Case((False, True), lambda one: call(one, "GET", "/groups/").status_code, (200, 404)),
            "webhook_url": Case(
                (f"{receiver.url}/one", f"{receiver.url}/other"),
                lambda one: notified(one, receiver).path,
                ("/hook/one", "/hook/other"),
            ),
            "webhook_secret": Case(
                SECRETS,
                lambda one: [verifies(one, receiver, secret) for secret in SECRETS],
                ([True, False], [False, True]),
                ({"webhook_url": receiver.url}, {"webhook_url": receiver.url}),
            ),
            "webhook_secret_file": Case(
                (secrets[SECRETS[0]], secrets[SECRETS[1]]),
                lambda one: [verifies(one, receiver, secret) for secret in SECRETS],
                ([True, False], [False, True]),
                ({"webhook_url": receiver.url}, {"webhook_url": receiver.url}),
            ),
            "allow_webhook_host": Case(
                HOSTS, lambda one: [hooked(one, f"http://{host}/") for host in HOSTS], ([200, 400], [400, 200])
            ),
            "allowed_host": Case(
                HOSTS, lambda one: statuses(one, "/_mock/clock", "Host", HOSTS), ([200, 403], [403, 200])
            ),
            "public_url": Case(PUBLIC, addresses, ([True, False], [False, True])),
            "tls_ca": Case(
                (cas[0], cas[1]),
                lambda one: call(one, "GET", "/_mock/ca.pem").content,
                (certificates[0], certificates[1]),
            ),
            "tls_name": Case(
                HOSTS, certified, ([True, False], [False, True]), ({"tls_ca": cas[0]}, {"tls_ca": cas[1]})
            ),
            "tls_port": Case(
                tls_ports,
                lambda one: [speaks_tls(one, port) for port in tls_ports],
                ([True, False], [False, True]),
                ({"tls_ca": cas[0], **here}, {"tls_ca": cas[1], **here}),
            ),
            "proxy_others": Case(
                ("refuse", "pass"),
                lambda one: passed_on(one, receiver),
                ([403, 403, ["refused"] * 2], [200, 200, ["passed_on"] * 2]),
            ),
            "webhook_ca": Case(
                (cas[0], cas[1]), lambda one: [trusts(one, url) for url in secure], ([True, False], [False, True])
            ),
            "import_": Case((files[0], files[1]), texts, ([files[0]], [files[1]])),
            "export_on_exit": Case((ends[0], ends[1]), left_behind, (1, 2), ({"seed": 1}, {"seed": 2})),
            "autosave": Case(folders, saved, (1, 2), ({"seed": 1}, {"seed": 2})),
            "transcript_on_exit": Case(
                (ends[2], ends[3]), lambda one: transcribed(one, ends[2:]), ([True, False], [False, True])
            ),
            "url_file": Case(
                (urls[0], urls[1]),
                lambda one: [Path(file).read_text() == one.url for file in urls],
                ([True, False], [False, True]),
            ),
            "with_secrets": Case(
                (False, True),
                lambda one: control(one, "GET", "instances")["instances"][0]["api_keys"][0]["api_key"],
                ("…_KEY", "YOUR_API_KEY"),
            ),
            "control_token": Case(
                tokens,
                lambda one: statuses(one, "/_mock/messages", "X-Control-Token", tokens),
                ([200, 401], [401, 200]),
            ),
            "control_token_file": Case(
                (secrets[tokens[0]], secrets[tokens[1]]),
                lambda one: statuses(one, "/_mock/messages", "X-Control-Token", tokens),
                ([200, 401], [401, 200]),
            ),
            "max_body_size": Case((2000, 4000), sizes, ([413, 413], [200, 200])),
            "history": Case((1, 2), kept, ([1, 1], [2, 2])),
            "max_connections": Case((1, 2), connections, ([200, 503, 503], [200, 200, 503])),
            "demo": Case((False, True), demonstrates, ([False, False], [True, True])),
            "lan": Case((False, True), lambda one: call(one, "GET", "/_mock/messages").status_code, (200, 401)),
        }


def test_the_table_has_every_option(cases: dict[str, Case]) -> None:
    assert cases.keys() | OF_THE_PROCESS.keys() == {option.name for option in fields(Settings)}


@pytest.mark.parametrize("name", [one.name for one in fields(Settings) if one.name not in OF_THE_PROCESS])
def test_each_emulator_has_its_own_value_of_an_option(name: str, cases: dict[str, Case]) -> None:
    case = cases[name]
    assert case.shows[0] != case.shows[1]
    with ExitStack() as running:
        one, other = (
            start(running, **more, **{name: value}) for value, more in zip(case.values, case.more, strict=True)
        )

        assert [case.look(emulator) for emulator in (one, other, one, other)] == [*case.shows, *case.shows]


def start(running: ExitStack, **given: Any) -> FlaresendMock:
    return running.enter_context(FlaresendMock(log_level="error", **given))


def test_no_emulator_touches_the_log_of_the_process() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))

    with FlaresendMock(log_format="json", log_level="error"), FlaresendMock(log_format="text", log_level="debug"):
        assert (root.level, list(root.handlers)) == before


@pytest.fixture
def pair() -> Iterator[tuple[FlaresendMock, FlaresendMock]]:
    with FlaresendMock() as one, FlaresendMock() as other:
        yield one, other


Pair = tuple[FlaresendMock, FlaresendMock]


def test_what_is_written_to_one_is_not_in_the_other(pair: Pair) -> None:
    for emulator, text in zip(pair * 2, "abcd", strict=True):
        receive(emulator, text=text)

    assert [texts(emulator) for emulator in pair] == [["a", "c"], ["b", "d"]]


def test_each_has_worlds_of_its_own(pair: Pair) -> None:
    for emulator, name in zip(pair, ("first", "second"), strict=True):
        control(emulator, "POST", "worlds", {"name": name})

    found = [[one["name"] for one in control(emulator, "GET", "worlds")["worlds"]] for emulator in pair]
    assert found == [["default", "first"], ["default", "second"]]
    assert call(pair[0], "GET", "/_mock/messages?world=second").status_code == 404


def test_each_has_a_clock_of_its_own(pair: Pair) -> None:
    control(pair[0], "PATCH", "clock", {"now": "2031-01-01T00:00:00Z", "frozen": True})
    control(pair[1], "PATCH", "clock", {"now": "2032-01-01T00:00:00Z", "frozen": True})
    control(pair[0], "POST", "clock/advance", {"seconds": 60})

    assert [control(emulator, "GET", "clock")["now"] for emulator in pair] == [
        "2031-01-01T00:01:00Z",
        "2032-01-01T00:00:00Z",
    ]


def test_each_has_faults_of_its_own(pair: Pair) -> None:
    for emulator, status in zip(pair, (500, 503), strict=True):
        control(emulator, "POST", "faults", {"respond": {"status": status}})

    assert [call(emulator, "GET", "/groups").status_code for emulator in pair * 2] == [500, 503, 500, 503]
    control(pair[0], "DELETE", "faults")
    assert [call(emulator, "GET", "/groups").status_code for emulator in pair] == [200, 503]


def test_the_pages_of_each_have_an_edition_of_their_own(pair: Pair) -> None:
    def edition(emulator: FlaresendMock) -> str:
        return call(emulator, "GET", "/_mock/ui/w/default/chats").text.partition('edition="')[2].partition('"')[0]

    first, second, *again = (edition(emulator) for emulator in pair * 2)

    assert first != second
    assert again == [first, second]


def test_what_was_seen_on_the_pages_of_one_is_unread_on_those_of_the_other(pair: Pair) -> None:
    body = {"recipients": [ANN], "type": "text", "text": "Hi"}
    for emulator in pair:
        assert call(emulator, "POST", "/send-message", json=body).status_code == 200
    instance = pair[0].worlds.default().instances.first().id
    call(pair[0], "GET", f"/_mock/ui/w/default/chats/{instance}/{ANN}@s.whatsapp.net")

    shown = [call(emulator, "GET", "/_mock/ui/w/default/chats").text for emulator in pair]
    assert ['aria-label="1 unread"' in one for one in shown] == [False, True]


def test_each_has_places_for_streams_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "MAX_STREAMS", 1)
    with FlaresendMock() as one, FlaresendMock() as other:
        path = "/_mock/events?stream=true&kind=message"
        with call(one, "GET", path, stream=True) as taken:
            assert taken.status_code == 200
            assert call(one, "GET", path).status_code == 503
            with call(other, "GET", path, stream=True) as free:
                assert free.status_code == 200
                receive(one, text="to one")
                receive(other, text="to other")
                for stream, text in ((taken, b"to one"), (free, b"to other")):
                    lines = stream.iter_lines(chunk_size=1)
                    assert text in next(line for line in lines if line.startswith(b"data:"))


def test_each_has_places_for_calls_that_wait_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    other = FlaresendMock()
    monkeypatch.setattr(context, "MAX_WAITERS", 0)
    one = FlaresendMock()

    with one, other:
        waits = [call(emulator, "POST", "/_mock/messages/wait", json={"timeout": 0}) for emulator in (one, other) * 2]

    assert [wait.status_code for wait in waits] == [409, 408, 409, 408]


def test_what_waits_at_one_waits_on_when_another_stops() -> None:
    with FlaresendMock() as one, ThreadPoolExecutor(1) as pool:
        with FlaresendMock() as other:
            waiting = pool.submit(call, one, "POST", "/_mock/messages/wait", json={"timeout": SECONDS})
            receive(other, text="Hi")
        receive(one, text="At last")

        assert [message["text"] for message in waiting.result().json()["messages"]] == ["At last"]
