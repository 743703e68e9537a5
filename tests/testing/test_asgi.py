"""Applications of ASGI and aiohttp that receive webhooks."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from flaresend_mock.background import asgi
from flaresend_mock.background.applications import MAX_RESPONSE
from flaresend_mock.testing import Delivery, Flaresend
from tests.defaults import ANN

App = Callable[[Any, Any, Any], Any]


async def respond(send: Any, *chunks: bytes, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-bot", b"1")]})
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


def delivered(kit: Flaresend, app: Any, **options: Any) -> Delivery:
    kit.webhook_app(app, retries=[], **options)
    kit.receive(ANN, "hi")
    (delivery,) = kit.deliveries()
    return delivery


async def plain(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    event = await receive()
    assert not event["more_body"]
    await respond(send, b"a", event["body"][:1], status=201)


class Callable3:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await plain(scope, receive, send)


def returns_coroutine(scope: Any, receive: Any, send: Any) -> Any:
    return plain(scope, receive, send)


async def takes_more(shift: int, scope: Any, receive: Any, send: Any) -> None:
    await plain(scope, receive, send)


@pytest.mark.parametrize("app", [plain, Callable3(), returns_coroutine, partial(takes_more, 1)])
def test_an_asgi_application_without_a_lifespan_is_called(app: Any, flaresend_mock: Flaresend) -> None:
    (attempt,) = delivered(flaresend_mock, app).attempts

    assert (attempt.status, attempt.response, attempt.error) == (201, "a{", None)


def test_the_scope_is_complete(flaresend_mock: Flaresend) -> None:
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        if scope["type"] == "http":
            await respond(send)

    flaresend_mock.webhook_app(app, "/w%C3%A9b%20hook?of=ann", secret="shh")
    flaresend_mock.receive(ANN, "hi")

    scope = scopes[-1]
    assert {name: scope[name] for name in ("type", "http_version", "method", "scheme", "path", "root_path")} == {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/wéb hook",
        "root_path": "",
    }
    assert (scope["raw_path"], scope["query_string"]) == (b"/w%C3%A9b%20hook", b"of=ann")
    assert (scope["server"], scope["asgi"]["version"]) == (("testserver", 80), "3.0")
    headers = dict(scope["headers"])
    assert headers[b"host"] == b"testserver"
    assert headers[b"content-type"] == b"application/json"
    assert {b"content-length", b"webhook-signature", b"user-agent"} <= headers.keys()


def test_a_lifespan_starts_before_the_first_call_and_ends_with_the_test(flaresend_mock: Flaresend) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append(scope["state"]["pool"])
            await respond(send)
            return
        seen.append((await receive())["type"])
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        seen.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    delivered(flaresend_mock, app)
    assert seen == ["lifespan.startup", "open"]

    flaresend_mock.close()
    assert seen == ["lifespan.startup", "open", "lifespan.shutdown"]


@pytest.mark.parametrize(("raised", "says"), [(KeyError("DATABASE_URL"), "DATABASE_URL"), (None, "did not start: no")])
def test_an_error_in_the_start_is_raised(raised: Exception | None, says: str, flaresend_mock: Flaresend) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        if raised:
            raise raised

    with pytest.raises(type(raised) if raised else RuntimeError, match=says):
        flaresend_mock.webhook_app(app)


def test_a_start_without_an_end_is_given_up(flaresend_mock: Flaresend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "START_SECONDS", 0.05)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="did not start within"):
        flaresend_mock.webhook_app(app)


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit("boom")])
def test_what_is_raised_is_said_of_the_attempt(error: BaseException, flaresend_mock: Flaresend) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        raise error

    for _ in range(2):  # the loop survives
        flaresend_mock.webhook_app(app, retries=[])
        flaresend_mock.receive(ANN, "hi")

    for delivery in flaresend_mock.deliveries():
        assert delivery.attempts[0].error == f"the application raised {type(error).__name__}: boom"


def test_an_application_that_ends_its_loop_is_called_no_more(flaresend_mock: Flaresend) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        asyncio.get_running_loop().stop()  # as sys.exit() in a task does
        await receive()
        await receive()

    with flaresend_mock.webhook_app(app, retries=[]):
        (thread,) = (one for one in threading.enumerate() if one.name == "flaresend-mock-asgi")
        flaresend_mock.receive(ANN, "hi")
        thread.join()
        flaresend_mock.receive(ANN, "again")

    _, (attempt,) = (one.attempts for one in flaresend_mock.deliveries())
    assert attempt.error == "the application raised RuntimeError: the event loop of the application does not run"


def test_a_response_that_does_not_end_is_an_error(flaresend_mock: Flaresend) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"

    assert "ended before its response" in delivered(flaresend_mock, app).attempts[0].error


def test_an_application_that_hangs_is_given_up(flaresend_mock: Flaresend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.background.posting.TIMEOUT_SECONDS", 0.05)
    cancelled = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    assert delivered(flaresend_mock, app).attempts[0].error.startswith("no response within")
    flaresend_mock.close()
    assert cancelled.wait(5)


def test_what_runs_after_a_response_is_done_when_the_call_returns(
    flaresend_mock: Flaresend, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await respond(send)
        await asyncio.to_thread(done.append, "mail")
        raise ValueError("after it")

    assert delivered(flaresend_mock, app).attempts[0].status == 200
    assert done == ["mail"]
    assert "the application responded with 200 and raised" in caplog.messages


def test_a_response_without_an_end_is_read_as_far_as_others_are(flaresend_mock: Flaresend) -> None:
    left: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await receive()
        await respond(send, *[b"x" * 1000] * (MAX_RESPONSE // 1000), b"x" * 1000)
        left.append("never")

    assert len(delivered(flaresend_mock, app).attempts[0].response) == MAX_RESPONSE
    assert not left


def test_an_application_cannot_wait_for_its_own_delivery(flaresend_mock: Flaresend) -> None:
    said: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        for call in (flaresend_mock.settle, partial(flaresend_mock.clock.advance, 1)):
            with pytest.raises(RuntimeError) as refused:
                await asyncio.to_thread(call)
            said.append(str(refused.value))
        if len(said) == 2:
            await asyncio.to_thread(flaresend_mock.receive, ANN, "and on")
        await respond(send)

    flaresend_mock.webhook_app(app)
    flaresend_mock.receive(ANN, "hi")

    assert [delivery.status for delivery in flaresend_mock.deliveries()] == ["delivered"] * 2
    assert said == ["an application that handles a delivery cannot wait for its end"] * 4


def test_a_given_loop_is_the_one_that_runs_the_application(flaresend_mock: Flaresend) -> None:
    loops: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        loops.append(asyncio.get_running_loop())
        if scope["type"] == "http":
            await respond(send)

    async def test() -> None:
        await asyncio.to_thread(delivered, flaresend_mock, app, loop=asyncio.get_running_loop())
        assert loops == [asyncio.get_running_loop()] * 2

    with asyncio.Runner() as runner:
        runner.run(test())
        flaresend_mock.close()  # the loop rests


@pytest.mark.parametrize("app", [plain, web.Application()], ids=["ASGI", "aiohttp"])
def test_a_loop_that_could_not_run_the_application_is_refused(app: Any, flaresend_mock: Flaresend) -> None:
    async def test() -> None:
        mount(asyncio.get_running_loop())

    def mount(loop: asyncio.AbstractEventLoop) -> None:
        with pytest.raises(RuntimeError, match=r"^`loop` must run in another thread"):
            flaresend_mock.webhook_app(app, loop=loop)

    with asyncio.Runner() as runner:
        mount(runner.get_loop())
        runner.run(test())


@pytest.mark.parametrize("app", [lambda scope: None, Callable3, "http://localhost", 7])
def test_what_is_no_application_is_refused(app: Any, flaresend_mock: Flaresend) -> None:
    with pytest.raises(TypeError, match="is no application of WSGI, ASGI 3 or aiohttp"):
        flaresend_mock.webhook_app(app)


def test_an_asgi_application_cannot_run_in_the_callers_thread(flaresend_mock: Flaresend) -> None:
    if "asgiref.sync" in sys.modules:
        pytest.skip("asgiref can do it")
    with pytest.raises(TypeError, match="is for applications of WSGI and of Django"):
        flaresend_mock.webhook_app(plain, thread="caller")


def aiohttp_bot(seen: list[Any]) -> web.Application:
    async def webhook(request: web.Request) -> web.StreamResponse:
        data = (await request.json())["data"]
        seen.append((request.host, request.query_string, data["message"]["conversation"]))
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"chunks")
        return response

    async def start(app: web.Application) -> None:
        seen.append("start")

    app = web.Application()
    app.router.add_post("/hooks/wa", webhook)
    app.on_startup.append(start)
    return app


def test_an_application_of_aiohttp_is_called(flaresend_mock: Flaresend) -> None:
    seen: list[Any] = []
    flaresend_mock.webhook_app(aiohttp_bot(seen), "/hooks/wa?of=ann")
    flaresend_mock.receive(ANN, "hi")

    assert seen == ["start", ("testserver", "of=ann", "hi")]
    assert flaresend_mock.deliveries()[0].attempts[0].response == "chunks"


def test_a_response_of_aiohttp_that_breaks_off_is_an_error(flaresend_mock: Flaresend) -> None:
    async def breaks_off(request: web.Request) -> web.StreamResponse:
        await request.read()  # or else the connection may be reset
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"abc")
        assert request.transport
        request.transport.close()
        return response

    app = web.Application()
    app.router.add_post("/webhook", breaks_off)
    (attempt,) = delivered(flaresend_mock, app).attempts

    assert attempt.error == "the application raised IncompleteRead: IncompleteRead(3 bytes read)"


def test_an_error_in_the_start_of_aiohttp_is_raised(flaresend_mock: Flaresend) -> None:
    async def fails(app: web.Application) -> None:
        raise KeyError("DATABASE_URL")

    app = web.Application()
    app.on_startup.append(fails)
    with pytest.raises(KeyError):
        flaresend_mock.webhook_app(app)


def test_the_end_of_a_with_ends_the_application(flaresend_mock: Flaresend) -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.append((await receive())["type"])
        if scope["type"] == "http":
            await respond(send)
            return
        await send({"type": "lifespan.startup.complete"})
        log.append((await receive())["type"])

    with flaresend_mock.webhook_app(app, "/hook") as url:
        flaresend_mock.receive(ANN, "hi", wait=False)
        assert url == "http://" + url.split("/")[2] + "/hook"
    flaresend_mock.receive(ANN, "hi")

    assert log == ["lifespan.startup", "http.request", "lifespan.shutdown"]
    assert [one.status for one in flaresend_mock.deliveries()] == ["delivered", "no endpoint"]
