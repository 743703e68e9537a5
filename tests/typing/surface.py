"""Each public name, method and argument of the package, as users write them, for mypy and pyright. Nothing runs it.

A function uses what its arguments have. A wrong use has a comment, which the checkers refuse where the use is right.
"""
# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

import re
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from ssl import SSLContext
from typing import Any, Unpack, assert_type
from wsgiref.types import WSGIApplication

import flaresend_mock
from flaresend_mock import CannotStart, FlaresendMock, Settings, redirect
from flaresend_mock.testing import (
    AppURL,
    AsyncFlaresend,
    Attempt,
    Clock,
    ControlPlaneError,
    Delivery,
    DeliveryMatch,
    EmulatorUnreachable,
    ExpectationFailed,
    Fault,
    FaultFields,
    Flaresend,
    Instance,
    Message,
    MessageMatch,
    Operators,
    Received,
    Request,
    RequestMatch,
    Scheduled,
    Server,
    Snapshot,
    WebhookReceiver,
    serving,
)
from flaresend_mock.testing.container import FlaresendContainer

ANN = "254712345678"
MORNING = datetime.fromisoformat("2025-11-14T10:00:00+00:00")
JSON = Mapping[str, Any]


def settings() -> Settings:
    assert_type(flaresend_mock.__version__, str)
    Settings(prot=3577)  # type: ignore[call-arg]
    return Settings(
        host="127.0.0.1",
        port=0,
        world="demo",
        seed=7,
        time_zone="Africa/Nairobi",
        directory="closed",
        api_key="KEY",
        api_key_file="key",
        auth="open",
        strict=True,
        webhook_url="http://localhost:8000/webhook",
        webhook_secret="whsec_c2VjcmV0",
        webhook_secret_file="secret",
        allow_webhook_host="app",
        webhook_ca="ca.pem",
        allowed_host="flaresend",
        public_url="http://flaresend:3577",
        tls_ca="folder",
        tls_name="flaresend",
        tls_port=0,
        proxy_others="refuse",
        import_="world.json",
        export_on_exit="world.json",
        autosave="worlds",
        transcript_on_exit="transcript.txt",
        url_file="url",
        stop_with_stdin=True,
        with_secrets=True,
        control_token="token",
        control_token_file="token",
        max_body_size=1024,
        history=100,
        max_connections=10,
        demo=True,
        lan=False,
        log_format="json",
        log_level="warning",
    )


def emulator(mock: FlaresendMock) -> None:
    with FlaresendMock(settings=settings()) as started, FlaresendMock(port=0):
        assert_type(started, FlaresendMock)
    assert_type(mock.start(), FlaresendMock)
    assert_type(mock.settings, Settings)
    assert_type(mock.url, str)
    assert_type(mock.tls_port, int | None)
    assert_type(mock.api_key, str)
    assert_type(mock.headers, dict[str, str])
    assert_type(mock.proxy_url, str)
    assert_type(mock.links, tuple[str, str])
    assert_type(mock.ca_bundle, str)
    assert_type(mock.env(), dict[str, str])
    assert_type(mock.tls_context(), SSLContext)
    mock.stop()
    raise CannotStart("the port is taken")


def redirection(mock: Flaresend, emulator: FlaresendMock) -> None:
    with redirect() as started, redirect(mock) as same, redirect(emulator=emulator):
        assert_type(started, FlaresendMock)
        assert_type(same, Flaresend)


def servers(server: Server) -> None:
    with serving(url="http://localhost:3577") as served:
        assert_type(served, Server)
    with Server(url="http://localhost:3577", token="token", here=None) as elsewhere:
        assert_type(elsewhere, Server)
    assert_type(server.check(), Server)
    with server.world("a test", world="demo", seed=7, frozen_at=MORNING, clock="real", directory="closed") as mock:
        assert_type(mock, Flaresend)
    assert_type(server.url, str)
    server.close()


def containers(container: FlaresendContainer) -> None:
    FlaresendContainer(image="flaresend-mock:1.0.0", world=Path("world.json"), control_token="token")
    assert_type(container.with_kwargs(mem_limit="200m"), FlaresendContainer)
    assert_type(container.with_app_on_host(port=8000, path="/webhook"), FlaresendContainer)
    assert_type(container.start(), FlaresendContainer)
    assert_type(container.server, Server)
    assert_type(container.url, str)
    assert_type(container.public_url, str)
    with container.world("a test", world="demo", seed=7) as mock:
        assert_type(mock, Flaresend)
    container.stop(force=True, delete_volume=True)


def client(mock: Flaresend, app: WSGIApplication, message: Message, request: Request, delivery: Delivery) -> None:
    made = Flaresend(url="http://localhost:3577", api_key="KEY", token=None, world="x", here=False, elsewhere=None)
    Flaresend("http://localhost:3577", "KEY", instance="INSTANCE")
    with made as same:
        assert_type(same, Flaresend)
    assert_type(mock.url, str)
    assert_type(mock.api_key, str)
    assert_type(mock.world, str | None)
    assert_type(mock.host, str | None)
    assert_type(mock.headers, dict[str, str])
    assert_type(mock.aio, AsyncFlaresend)
    assert_type(mock.clock, Clock)
    assert_type(mock.instance, Instance)
    assert_type(mock.env(url="URL", api_key="KEY"), Flaresend)
    assert_type(mock.redirect(), Flaresend)

    assert_type(mock.receive(sender=ANN, text="hi", file=Path("menu.pdf"), wait=False, reply_to=message.id), JSON)
    assert_type(mock.receive(254712345678, type="location", latitude=1.5, longitude=2), JSON)
    assert_type(mock.event(event="call", instance="INSTANCE", wait=False), JSON)
    mock.event({"event": "call"})
    mock.settings(directory="closed", offline_messages="drop")
    mock.group(subject="Family", participants=[ANN])
    mock.person(
        number=ANN, name="Ann", lid="1@lid", on_whatsapp=True, aliases=[ANN, 55], addable=False, rules=[{"when": "hi"}]
    )

    assert_type(mock.messages(**message_match()), list[Message])
    assert_type(mock.sent_to(number=ANN), list[Message])
    assert_type(mock.media(message=message), bytes)
    assert_type(mock.expect_message(to=ANN, text="hi", within=2, since=message), Message)
    mock.expect_message(
        sender=254712345678, text=re.compile("order"), file_name={"regex": "pdf$"}, event={"one_of": [1]}
    )
    mock.expect_message(text={"not": {"contains": "order"}}, caption=None, template={"id": 7}, timestamp=MORNING)
    mock.expect_no_message(to={"equal": ANN}, within=0.5, since=request)
    mock.expect_no_message(since=None)
    assert_type(mock.requests(**request_match()), list[Request])
    assert_type(
        mock.verify(
            exactly=3, at_least=1, at_most=5, never=False, in_order=[{"status": 503}, request_match()], since=delivery
        ),
        int,
    )
    mock.verify(path="/send-message", body={"type": "text"}, status={"not": 200}, headers={"User-Agent": "bot"})
    assert_type(mock.deliveries(**delivery_match()), list[Delivery])
    assert_type(mock.expect_delivery(status="failed", body={"subset": {}}, within=2, since=1), Delivery)
    assert_type(mock.redeliver(delivery=delivery), list[Delivery])
    mock.redeliver("DELIVERY")
    mock.settle()

    mock.webhook(url="https://localhost/webhook", ca=Path("ca.pem"), verify=False, secret="secret", ordered=False)
    mock.webhook(None)
    assert_type(mock.webhook_receiver(host="0.0.0.0", shown="app", tls=True, retries=[]), WebhookReceiver)
    url: str = mock.webhook_app(app=app, path="/webhook", thread="own", loop=None, secret="secret")
    assert url
    with mock.webhook_app(app, thread="caller", host="0.0.0.0", shown="app") as made_url:
        assert_type(made_url, AppURL)
    assert_type(mock.another_instance(name="support"), Flaresend)
    assert_type(mock.scheduled(), list[Scheduled])
    assert_type(mock.fault(preset="flaky", **fault_fields()), Fault)
    assert_type(mock.fault(503, times=2), Fault)
    with mock.fault(match={"path": "/send-message", "number": ANN}, respond={"status": 503}, times=2) as fault:
        assert_type(fault, Fault)
    assert_type(mock.snapshot(name="before"), Snapshot)
    mock.restore(snapshot=mock.snapshot())
    mock.reset()
    mock.freeze_for_good(at=MORNING)
    mock.export(file="world.json")
    assert_type(mock.transcript(since=message), str)
    mock.close()

    mock.expect_message(too=ANN)  # type: ignore[call-arg]
    mock.expect_message(text={"contain": "order"})  # type: ignore[arg-type]
    mock.expect_message(ANN)  # type: ignore[arg-type,call-arg]
    mock.expect_message(text=3)  # type: ignore[arg-type]
    mock.expect_no_message(withn=2)  # type: ignore[call-arg]
    mock.messages(form=ANN)  # type: ignore[call-arg]
    mock.requests(text="hi")  # type: ignore[call-arg]
    mock.verify(exactly="3")  # type: ignore[arg-type]
    mock.verify(in_order=[{"statu": 503}])  # type: ignore[typeddict-unknown-key]
    mock.verify(status="503")  # type: ignore[arg-type]
    mock.expect_delivery(path="/")  # type: ignore[call-arg]
    mock.fault(time=2)  # type: ignore[call-arg]
    mock.fault(on="messages")  # type: ignore[arg-type]
    mock.fault(match={"pth": "/"})  # type: ignore[typeddict-unknown-key]
    mock.receive(text="hi")  # type: ignore[call-arg]
    mock.redeliver(message)  # type: ignore[arg-type]


async def in_a_loop(mock: AsyncFlaresend, receiver: WebhookReceiver, app: WSGIApplication, message: Message) -> None:
    assert_type(await mock.receive(ANN, "hi"), JSON)
    assert_type(await mock.event("call"), JSON)
    assert_type(await mock.messages(to=ANN), list[Message])
    assert_type(await mock.sent_to(ANN), list[Message])
    assert_type(await mock.media(message), bytes)
    call: Coroutine[Any, Any, Message] = mock.expect_message(to=ANN, within=5, since=message)
    assert_type(await call, Message)
    assert_type(await mock.expect_no_message(text={"contains": "hi"}), None)
    assert_type(await mock.requests(status=503), list[Request])
    assert_type(await mock.verify(exactly=2, in_order=[{"status": 503}]), int)
    assert_type(await mock.deliveries(), list[Delivery])
    assert_type(await mock.expect_delivery(), Delivery)
    assert_type(await mock.redeliver(), list[Delivery])
    assert_type(await mock.scheduled(), list[Scheduled])
    assert_type(await mock.group("Family", [ANN]), str)
    assert_type(await mock.transcript(), str)
    assert_type(await mock.webhook_app(app, "/webhook"), AppURL)
    assert_type(await mock.another_instance(name="support"), Flaresend)
    await mock.settle()
    await mock.settings(directory="closed")
    await mock.person(ANN, name="Ann")
    await mock.webhook(None)
    await mock.restore()
    await mock.reset()
    await mock.export("world.json")
    async with (
        mock.fault("flaky", times=2) as fault,
        mock.webhook_app(app),
        mock.snapshot() as snapshot,
        mock.webhook_receiver() as made,
    ):
        assert_type((fault, snapshot, made), tuple[Fault, Snapshot, WebhookReceiver])
    assert_type(await receiver.aio.expect(2, within=5), list[Received])
    assert_type(await mock.fault("flaky"), Fault)
    assert_type(await mock.another_instance(name="support"), Flaresend)
    assert_type(await mock.clock.advance(hours=2), list[JSON])
    assert_type(await mock.clock.advance_to_next(), list[JSON])
    await mock.clock.freeze(MORNING)
    await mock.clock.set(MORNING)
    await mock.clock.run()
    await mock.instance.connect()
    await mock.instance.disconnect()
    await mock.instance.log_out()
    await mock.instance.reconnect()
    await mock.instance.scan()

    mock.expect_no_message()  # type: ignore[unused-coroutine]
    await mock.expect_message(too=ANN)  # type: ignore[call-arg]
    await mock.expect_message(text={"contain": "order"})  # type: ignore[arg-type]
    await mock.fault(time=2)  # type: ignore[call-arg]
    await mock.settle(2)  # type: ignore[call-arg]
    with mock.fault("flaky"):  # type: ignore[attr-defined]
        pass


def clocks(clock: Clock) -> None:
    assert_type(clock.now, datetime)
    assert_type(clock.frozen, bool)
    clock.freeze(at=MORNING)
    clock.freeze()
    clock.set(to="2025-11-14 10:00")
    clock.run()
    assert_type(clock.advance(by=timedelta(hours=2)), list[JSON])
    clock.advance(90)
    clock.advance(to=MORNING)
    clock.advance(days=1, hours=2.5)
    assert_type(clock.advance_to_next(), list[JSON])
    clock.advance("2 hours")  # type: ignore[arg-type]


def instances(instance: Instance) -> None:
    assert_type(instance.id, str)
    assert_type(instance.status, str)
    instance.connect()
    instance.disconnect()
    instance.log_out()
    instance.reconnect()
    instance.scan()


def handles(fault: Fault, snapshot: Snapshot) -> None:
    assert_type(fault.id, str)
    assert_type(fault.hits, int)
    fault.remove()
    assert_type(snapshot.name, str)
    snapshot.restore()
    with fault as armed, snapshot as saved:
        assert_type((armed, saved), tuple[Fault, Snapshot])


def receivers(receiver: WebhookReceiver, received: Received) -> None:
    with WebhookReceiver(host="127.0.0.1", shown="app", tls=True) as made:
        assert_type(made, WebhookReceiver)
    receiver.status = 503
    assert_type(receiver.url, str)
    assert_type(receiver.ca, str | None)
    assert_type(receiver.events, list[Received])
    assert_type(receiver.expect(count=2, within=5), list[Received])
    receiver.close()
    assert_type(received.event, JSON)
    assert_type(received.headers, Mapping[str, str])
    assert_type(received.body, bytes)
    assert_type(received.text, str | None)


def records(message: Message, request: Request, delivery: Delivery, attempt: Attempt, scheduled: Scheduled) -> None:
    assert_type([message.id, message.direction, message.chat, message.sender, message.to, message.type], list[str])
    assert_type([message.text, message.caption, message.target, message.reply_to], list[str | None])
    assert_type([message.file_name, message.media], list[str | None])
    assert_type(message.status, str)
    assert_type(message.at, datetime)
    assert_type(message.event, int)
    assert_type(message.raw, JSON)
    message.text = "hi"  # type: ignore[misc]

    assert_type(request.id, int)
    assert_type([request.method, request.path, request.raw_path, request.query, request.call], list[str])
    assert_type(request.body_size, int | None)
    assert_type(message.cause, Mapping[str, str] | None)
    assert_type(request.headers, Mapping[str, str])
    assert_type([request.body, request.response], list[Any])
    assert_type(request.status, int | None)
    assert_type(request.fault, str | None)
    assert_type(request.at, datetime)
    assert_type(request.raw, JSON)

    assert_type([delivery.id, delivery.status, delivery.chat], list[str])
    assert_type(delivery.event, Any)
    assert_type(delivery.attempts, tuple[Attempt, ...])
    assert_type(delivery.raw, JSON)

    assert_type([attempt.url, attempt.response], list[str])
    assert_type(attempt.headers, Mapping[str, str])
    assert_type(attempt.status, int | None)
    assert_type(attempt.error, str | None)
    assert_type(attempt.milliseconds, float)
    assert_type([attempt.accepted, attempt.reconnected], list[bool])
    assert_type(attempt.at, datetime)

    assert_type([scheduled.id, scheduled.type], list[str])
    assert_type(scheduled.recipients, tuple[str, ...])
    assert_type(scheduled.text, str | None)
    assert_type(scheduled.at, datetime)
    assert_type(scheduled.raw, JSON)


def errors(refused: ControlPlaneError, unreachable: EmulatorUnreachable, unmet: ExpectationFailed) -> None:
    assert_type(refused.status, int)
    assert_type(refused.code, str)
    assert_type(refused.response, Any)
    assert_type(unreachable.reason, str)
    assert_type(unreachable.is_refused, bool)
    assert_type(unmet.explains_itself, bool)
    error: AssertionError = unmet
    raise error


def message_match() -> MessageMatch:
    wanted: Operators = {
        "equal": "hi",
        "contains": "hi",
        "regex": re.compile("hi"),
        "subset": {},
        "one_of": [],
        "not": 1,
    }
    return {"text": wanted, "to": ANN, "sender": 254712345678}


def request_match() -> RequestMatch:
    return {"method": "POST", "path": {"contains": "send"}, "body": {"type": "text"}, "status": 200}


def delivery_match() -> DeliveryMatch:
    return {"status": {"one_of": ["failed", "retrying"]}, "next_retry": None}


def fault_fields() -> FaultFields:
    return {"on": "calls", "match": {"path": "/send-message"}, "delay": 1.5, "action": "reset", "probability": 0.5}


def expect(mock: Flaresend, **match: Unpack[MessageMatch]) -> str | None:
    """Expect a message, as a helper of a suite does."""
    return mock.expect_message(**match).text
