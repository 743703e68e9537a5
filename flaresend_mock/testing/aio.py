"""The test kit for asyncio: the same calls, to be awaited.

Each call runs in a thread of its own, so the event loop stays free for the application under test. A cancelled call
goes on there until the emulator responds, at the latest when it deletes the world; its outcome is dropped.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from contextvars import copy_context
from functools import partial, wraps
from threading import Thread
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from warnings import warn

from flaresend_mock.background.applications import fulfil
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.testing.handles import AppURL, Clock, Instance
from flaresend_mock.testing.webhook_receiver import WebhookReceiver

__tracebackhide__ = True  # pytest shows the line of the test instead

_T = TypeVar("_T")
_R = TypeVar("_R")
_P = ParamSpec("_P")
_M = TypeVar("_M", bound=AbstractContextManager[Any])


async def in_thread(call: Callable[[], _R]) -> _R:
    """Await a call in a thread of its own. Unlike one of the loop's executor, it holds up no end of the loop."""
    loop, outcome = asyncio.get_running_loop(), Future[_R]()
    outcome.set_running_or_notify_cancel()  # what waits for it may be cancelled, and it may not

    Thread(target=copy_context().run, args=(fulfil, outcome, call), name="flaresend-mock-aio", daemon=True).start()
    return await asyncio.wrap_future(outcome, loop=loop)


class Entered(Generic[_M]):
    """A call that is awaited, or entered by `async with`, which ends what it returns."""

    def __init__(self, name: str, call: Callable[[], _M]) -> None:
        self._call, self._unused = call, f"{name}(…) was never awaited"

    def __del__(self) -> None:
        if self._unused:
            warn(self._unused, RuntimeWarning, stacklevel=2)

    def __await__(self) -> Generator[Any, None, _M]:
        self._unused = ""
        return in_thread(self._call).__await__()

    async def __aenter__(self) -> _M:
        self._made = await self
        return self._made

    async def __aexit__(self, *error: Any) -> None:
        await in_thread(partial(self._made.__exit__, *error))


class _Async(Generic[_T]):
    def __init__(self, blocking: _T) -> None:
        self._blocking = blocking


def _awaited(
    method: Callable[Concatenate[_T, _P], _R],
) -> Callable[Concatenate[_Async[_T], _P], Coroutine[Any, Any, _R]]:
    @wraps(method)
    async def call(self: _Async[_T], /, *args: _P.args, **options: _P.kwargs) -> _R:
        return await in_thread(partial(method, self._blocking, *args, **options))

    return call


def _entered(method: Callable[Concatenate[_T, _P], _M]) -> Callable[Concatenate[_Async[_T], _P], Entered[_M]]:
    @wraps(method)
    def call(self: _Async[_T], /, *args: _P.args, **options: _P.kwargs) -> Entered[_M]:
        return Entered(method.__name__, partial(method, self._blocking, *args, **options))

    return call


class AsyncClock(_Async[Clock]):
    """`Clock` for asyncio."""

    freeze = _awaited(Clock.freeze)
    run = _awaited(Clock.run)
    set = _awaited(Clock.set)
    advance = _awaited(Clock.advance)
    advance_to_next = _awaited(Clock.advance_to_next)


class AsyncInstance(_Async[Instance]):
    """`Instance` for asyncio."""

    connect = _awaited(Instance.connect)
    disconnect = _awaited(Instance.disconnect)
    log_out = _awaited(Instance.log_out)
    reconnect = _awaited(Instance.reconnect)
    scan = _awaited(Instance.scan)


class AsyncWebhookReceiver(_Async[WebhookReceiver]):
    """`WebhookReceiver` for asyncio."""

    expect = _awaited(WebhookReceiver.expect)


class AsyncFlaresend(_Async[Flaresend]):
    """`Flaresend` for asyncio."""

    def __init__(self, blocking: Flaresend) -> None:
        super().__init__(blocking)
        self.clock, self.instance = AsyncClock(blocking.clock), AsyncInstance(blocking.instance)

    receive = _awaited(Flaresend.receive)
    event = _awaited(Flaresend.event)
    settings = _awaited(Flaresend.settings)
    messages = _awaited(Flaresend.messages)
    sent_to = _awaited(Flaresend.sent_to)
    media = _awaited(Flaresend.media)
    expect_message = _awaited(Flaresend.expect_message)
    expect_no_message = _awaited(Flaresend.expect_no_message)
    requests = _awaited(Flaresend.requests)
    verify = _awaited(Flaresend.verify)
    deliveries = _awaited(Flaresend.deliveries)
    expect_delivery = _awaited(Flaresend.expect_delivery)
    redeliver = _awaited(Flaresend.redeliver)
    another_instance = _awaited(Flaresend.another_instance)
    settle = _awaited(Flaresend.settle)
    webhook = _awaited(Flaresend.webhook)
    webhook_receiver = _entered(Flaresend.webhook_receiver)
    scheduled = _awaited(Flaresend.scheduled)
    fault = _entered(Flaresend.fault)
    group = _awaited(Flaresend.group)
    person = _awaited(Flaresend.person)
    snapshot = _entered(Flaresend.snapshot)
    restore = _awaited(Flaresend.restore)
    reset = _awaited(Flaresend.reset)
    export = _awaited(Flaresend.export)
    transcript = _awaited(Flaresend.transcript)

    def webhook_app(self, /, app: Any, path: str = "/webhook", **options: Any) -> Entered[AppURL]:
        """Deliver the instance's events to an application, and return its URL.

        One of ASGI or aiohttp runs in this event loop. `async with` ends its lifespan in order, before the end of the
        loop cancels it. Takes the `options` of the blocking call, but `thread` and `loop`.
        """
        mount = partial(self._blocking.webhook_app, app, path, thread="own", loop=asyncio.get_running_loop())
        return Entered("webhook_app", partial(mount, **options))
