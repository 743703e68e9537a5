"""The kit for asyncio: calls that are awaited, and blocking ones that are refused in a loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import aiohttp
import pytest
import requests
from aiohttp import web

from flaresend_mock.testing import AsyncFlaresend, Clock, ExpectationFailed, Flaresend, Instance, Server
from flaresend_mock.testing.aio import AsyncClock, AsyncInstance, AsyncWebhookReceiver
from flaresend_mock.testing.webhook_receiver import WebhookReceiver
from tests.defaults import ANN
from tests.testing.test_plugin import Suite, suite

__all__ = ["suite"]

NOT_AWAITED = {"close", "env", "freeze_for_good", "redirect"}  # these make no calls, or are the fixture's
REFUSED: dict[str, Callable[[Flaresend], Any]] = {
    "expect_message": lambda mock: mock.expect_message(within=60),
    "expect_no_message": lambda mock: mock.expect_no_message(),
    "expect_delivery": lambda mock: mock.expect_delivery(within=60),
    "settle": lambda mock: mock.settle(),
    "clock.advance": lambda mock: mock.clock.advance(hours=1),
    "clock.advance_to_next": lambda mock: mock.clock.advance_to_next(),
}


@asynccontextmanager
async def bot(mock: Flaresend) -> AsyncIterator[None]:
    """Run an application in the loop of the test. It replies to the first message that it receives with 503."""
    async with aiohttp.ClientSession(headers=mock.headers) as session:
        statuses = [200, 503]

        async def webhook(request: web.Request) -> web.Response:
            text = (await request.json())["data"]["message"]["conversation"]
            body = {"recipients": [ANN], "type": "text", "text": f"re: {text}"}
            async with session.post(f"{mock.url}/send-message", json=body) as response:
                response.raise_for_status()
            return web.Response(status=statuses.pop() if statuses else 200)

        app = web.Application()
        app.router.add_post("/webhook", webhook)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await mock.aio.webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/webhook")
        yield
        await runner.cleanup()


class AsgiApplication:
    """An ASGI application that runs in the loop in which it was made, and logs its life."""

    def __init__(self) -> None:
        self.loop, self.log = asyncio.get_running_loop(), list[str]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert asyncio.get_running_loop() is self.loop
        self.log.append(scope["type"])
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.log.append("end")
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})


def calls(of: type) -> set[str]:
    return {name for name, one in vars(of).items() if inspect.isfunction(one) and not name.startswith("_")}


@pytest.mark.parametrize(
    ("awaited", "blocking", "without"),
    [
        (AsyncFlaresend, Flaresend, NOT_AWAITED),
        (AsyncClock, Clock, set()),
        (AsyncInstance, Instance, set()),
        (AsyncWebhookReceiver, WebhookReceiver, {"close"}),
    ],
)
def test_each_call_can_be_awaited(awaited: type, blocking: type, without: set[str]) -> None:
    assert calls(awaited) == calls(blocking) - without
    for name in calls(awaited) - {"webhook_app"}:
        assert getattr(awaited, name).__wrapped__ is getattr(blocking, name)


def test_an_application_in_the_loop_of_the_test_is_waited_for(flaresend_mock: Flaresend) -> None:
    aio = flaresend_mock.aio

    async def test() -> None:
        async with bot(flaresend_mock):
            await aio.clock.freeze("2025-11-14 10:00")
            await aio.receive(ANN, "hi")
            first = await aio.expect_message(to=ANN, text="re: hi")
            await aio.settle()
            assert [one.status for one in await aio.deliveries()] == ["retrying"]

            await aio.clock.advance(days=1)

            assert (await aio.expect_delivery()).status == "delivered"
            await aio.expect_message(text="re: hi", since=first)
            await aio.verify(path="/send-message", exactly=2)

    asyncio.run(test())


def test_no_message_is_expected_after_the_loop_has_run(flaresend_mock: Flaresend) -> None:
    async def test() -> None:
        async with bot(flaresend_mock):
            await flaresend_mock.aio.receive(ANN, "hi")
            with pytest.raises(ExpectationFailed, match="a message was sent: re: hi"):
                await flaresend_mock.aio.expect_no_message()

    asyncio.run(test())


def test_what_is_entered_ends(flaresend_mock: Flaresend) -> None:
    aio = flaresend_mock.aio

    async def test() -> None:
        async with aio.fault(match={"path": "/groups"}, respond={"status": 503}) as fault, aio.snapshot("empty"):
            assert fault.hits == 0
            async with aio.webhook_receiver() as receiver:
                await aio.receive(ANN, "hi")
                assert [one.text for one in await receiver.aio.expect()] == ["hi"]
            with pytest.raises(requests.ConnectionError):
                requests.post(receiver.url, json={}, timeout=10)
        assert await aio.messages() == []
        assert (await aio.fault("flaky")).id != fault.id

    asyncio.run(test())


def test_an_application_is_called_in_the_loop_of_the_test(flaresend_mock: Flaresend) -> None:
    aio = flaresend_mock.aio

    async def test() -> None:
        app = AsgiApplication()
        async with aio.webhook_app(app, "/hook", retries=[]) as url:
            await aio.receive(ANN, "hi")
            assert app.log == ["lifespan", "http"]
            assert url.endswith("/hook")
            await aio.receive(ANN, "there", wait=False)
        assert app.log == ["lifespan", "http", "http", "end"]

        flaresend_mock.receive(ANN, "nobody")  # there is nothing to wait for
        assert [one.status for one in await aio.deliveries()] == ["delivered", "delivered", "no endpoint"]

    asyncio.run(test())


def test_an_application_in_the_loop_needs_calls_that_are_awaited(flaresend_mock: Flaresend) -> None:
    async def test() -> None:
        await flaresend_mock.aio.webhook_app(web.Application())
        with pytest.raises(RuntimeError, match=r"`await flaresend_mock.aio.receive\(…\)`"):
            flaresend_mock.receive(ANN, "hi")
        flaresend_mock.receive(ANN, "hi", wait=False)
        await flaresend_mock.aio.settle()
        assert [one.attempts[0].status for one in flaresend_mock.deliveries()] == [404]

    asyncio.run(test())


@pytest.mark.parametrize("make", [AsgiApplication, web.Application])
def test_an_application_is_not_called_while_its_loop_does_not_run(make: Any, flaresend_mock: Flaresend) -> None:
    with asyncio.Runner() as loop:

        async def mount() -> None:
            await flaresend_mock.aio.webhook_app(make(), retries=[])

        loop.run(mount())
        flaresend_mock.receive(ANN, "hi")

        (attempt,) = flaresend_mock.expect_delivery(status="failed").attempts
    assert attempt.error == "the application raised RuntimeError: the event loop of the application does not run"


def test_what_ends_with_a_wait_is_entered_by_async_with(flaresend_mock: Flaresend) -> None:
    async def test() -> None:
        for call, made in (("fault", flaresend_mock.fault(503)), ("webhook_app", flaresend_mock.webhook_app(dict))):
            with pytest.raises(RuntimeError, match=rf"`async with flaresend_mock.aio.{call}\(…\)`"):
                made.__enter__()

    asyncio.run(test())


def test_an_application_of_the_tests_thread_cannot_be_awaited(flaresend_mock: Flaresend) -> None:
    flaresend_mock.webhook_app(dict, thread="caller")

    with pytest.raises(RuntimeError, match=r"use `await flaresend_mock.aio.webhook_app\(…\)` instead"):
        asyncio.run(asyncio.to_thread(lambda: flaresend_mock.aio))  # asgiref runs loops beside the thread of the test


def test_the_thread_of_a_loop_calls_no_application(flaresend_mock: Flaresend) -> None:
    async def test() -> None:
        with pytest.raises(RuntimeError, match=r"use `async with flaresend_mock.aio.webhook_app\(…\)`"):
            flaresend_mock.webhook_app(dict, thread="caller")
        await flaresend_mock.aio.webhook(None)

    asyncio.run(test())


@pytest.mark.parametrize("call", ["fault", "webhook_app", "webhook_receiver", "snapshot"])
def test_a_call_that_is_not_awaited_warns(call: str, flaresend_mock: Flaresend) -> None:
    async def test() -> None:
        getattr(flaresend_mock.aio, call)(dict)

    with pytest.warns(RuntimeWarning, match=rf"^{call}\(…\) was never awaited$") as warned:
        asyncio.run(test())
    assert warned[0].filename == __file__


def test_an_application_has_the_context_of_the_test_that_awaits(flaresend_mock: Flaresend) -> None:
    place, seen = ContextVar[str]("place"), list[str]()

    class App(AsgiApplication):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            seen.append(place.get())
            place.set("application")
            await super().__call__(scope, receive, send)

    async def test() -> None:
        place.set("test")
        async with flaresend_mock.aio.webhook_app(App()):
            await flaresend_mock.aio.receive(ANN, "hi")
            await flaresend_mock.aio.receive(ANN, "there")

    asyncio.run(test())
    assert seen == ["test"] * 3


@pytest.mark.parametrize("call", REFUSED)
def test_a_blocking_call_is_refused_in_a_task(call: str, flaresend_mock: Flaresend) -> None:
    async def test() -> None:
        with pytest.raises(RuntimeError, match=rf"^{call}\(\) would block .* `await flaresend_mock.aio.{call}\(…\)`$"):
            REFUSED[call](flaresend_mock)
        receiver = flaresend_mock.webhook_receiver()
        with pytest.raises(RuntimeError, match=r"`await receiver.aio.expect\(…\)`"):
            receiver.expect()

    asyncio.run(test())


def test_a_call_that_does_not_wait_is_taken_in_a_task(flaresend_mock: Flaresend) -> None:
    async def test() -> None:
        flaresend_mock.receive(ANN, "hi")
        assert len(flaresend_mock.messages(text="hi", sender=ANN)) == 1
        flaresend_mock.clock.freeze()
        assert flaresend_mock.clock.frozen

    asyncio.run(test())


def test_nothing_is_called_without_a_loop_of_asyncio(flaresend_mock: Flaresend) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        flaresend_mock.aio.receive(ANN, "hi").send(None)

    assert flaresend_mock.messages() == []


def test_a_world_ends_in_a_task(flaresend_mock_server: Server) -> None:
    async def test() -> None:
        with flaresend_mock_server.world() as mock:
            mock.webhook_app(lambda environ, start_response: start_response("200 OK", []) and [])

    asyncio.run(test())


def test_a_cancelled_call_leaves_the_kit_working(flaresend_mock_server: Server) -> None:
    def waiting() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one.name == "flaresend-mock-aio"]

    async def test(mock: Flaresend) -> None:
        calls = [asyncio.create_task(mock.aio.expect_message(within=60)) for _ in range(5)]
        await mock.aio.messages()
        for call in calls:
            call.cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(one) for one in outcomes] == [asyncio.CancelledError] * 5
        assert [await mock.aio.sent_to(ANN) for _ in range(10)] == [[]] * 10

    with flaresend_mock_server.world() as mock:
        asyncio.run(test(mock))
        assert waiting()
    for thread in waiting():
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.slow
def test_playwrights_loop_is_none_that_a_call_blocks(flaresend_mock: Flaresend) -> None:
    playwright = pytest.importorskip("playwright.sync_api")

    with playwright.sync_playwright():
        assert asyncio.get_event_loop().is_running()
        for call in ("expect_no_message", "settle", "clock.advance"):
            REFUSED[call](flaresend_mock)


ASYNC_SUITE = """
    import unittest
    from flaresend_mock.testing import serving

    async def waits(mock):
        await mock.aio.receive("254712345678", "hi")
        await mock.aio.expect_no_message()
        with pytest.raises(RuntimeError, match="would block"):
            mock.settle()
        await mock.aio.expect_message(within=0)
"""


def test_it_works_in_unittest(suite: Suite) -> None:
    outcome = suite.run(
        ASYNC_SUITE
        + """
    class Test(unittest.IsolatedAsyncioTestCase):
        def setUp(self):
            self.mock = self.enterContext(self.enterContext(serving()).world())

        async def test(self):
            await waits(self.mock)
        """
    )

    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["E   *ExpectationFailed: no message within 0 s"])
    assert "aio.py" not in outcome.stdout.str()


@pytest.mark.parametrize(
    ("plugin", "mark", "option"),
    [
        ("anyio", "anyio", "-v"),
        pytest.param("pytest_asyncio", "asyncio", "--asyncio-mode=strict", marks=pytest.mark.slow),
        pytest.param("pytest_asyncio", "flaresend", "--asyncio-mode=auto", marks=pytest.mark.slow),
    ],
)
def test_it_works_with_plugins(plugin: str, mark: str, option: str, suite: Suite) -> None:
    pytest.importorskip(plugin)

    outcome = suite.run(
        ASYNC_SUITE
        + f"""
    pytestmark = pytest.mark.{mark}

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    async def test(flaresend_mock):
        await waits(flaresend_mock)
        """,
        "-p" + plugin.removeprefix("pytest_"),
        option,
        process=plugin == "pytest_asyncio",  # its loops outlive a run of pytest in this process
    )

    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["E   *ExpectationFailed: no message within 0 s"])
    assert "aio.py" not in outcome.stdout.str()
