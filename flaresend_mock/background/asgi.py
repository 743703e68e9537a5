"""Calls applications of ASGI and of aiohttp, in event loops, with the environ of a WSGI request."""

import asyncio
import inspect
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from http.client import HTTPConnection, responses
from importlib import import_module
from typing import Any, Self
from urllib.parse import quote

from flaresend_mock.background.applications import MAX_RESPONSE, Handler, Result, default_thread, wsgi_handler

log = logging.getLogger(__name__)

START_SECONDS = 15.0
STOP_SECONDS = 5.0
TASK_SECONDS = 5.0  # how long a delivery waits for what an application does after its response

_Loop = asyncio.AbstractEventLoop
_Message = MutableMapping[str, Any]
_App = Callable[[_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]]
_VERSIONS = {"version": "3.0", "spec_version": "2.3"}


def handler(app: Any, thread: str = "own", loop: _Loop | None = None) -> AbstractContextManager[Handler]:
    """Return what calls an application of WSGI, ASGI or aiohttp, until the context ends; TypeError for another.

    The `thread` "caller" runs an ASGI application for the thread of the call, without its lifespan. Otherwise it runs
    in the `loop` of another thread, or in a new one.
    """
    web = sys.modules.get("aiohttp.web")
    if web is not None and isinstance(app, web.Application):
        return AiohttpAdapter(app, loop)
    inner = app
    while isinstance(inner, partial):
        inner = inner.func
    call, takes = type(inner).__call__ if callable(inner) else None, partial(_takes, app)
    if inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(call) or (takes(3) and not takes(2)):
        if thread != "caller":
            return AsgiAdapter(app, loop)
        if "asgiref.sync" not in sys.modules:
            raise TypeError("thread='caller' is for applications of WSGI and of Django")
        return nullcontext(partial(_call_here, app))
    if not callable(app) or not takes(2):
        hint = "; for ASGI 2, use asgiref.compatibility.guarantee_single_callable(app)" if takes(1) else ""
        raise TypeError(f"{app!r} is no application of WSGI, ASGI 3 or aiohttp{hint}")
    if loop and default_thread(app) == "caller":  # views run where asgiref runs the ORM for the test
        return AsgiAdapter(import_module("asgiref.wsgi").WsgiToAsgi(app), loop)
    return nullcontext(wsgi_handler(app))


class AsgiAdapter(AbstractContextManager["AsgiAdapter"]):
    """Calls an ASGI application in a given event loop of another thread, or in one of its own.

    Entering it starts the application's lifespan, and raises what that raises. Leaving it ends the lifespan.
    """

    def __init__(self, app: Any, loop: _Loop | None = None) -> None:
        self._app, self._given, self._stop = app, loop, asyncio.Event()
        self._state: dict[str, Any] = {}
        self._started = Future[None]()

    def __enter__(self) -> Self:
        if self._given and (not self._given.is_running() or self._given is asyncio._get_running_loop()):
            raise RuntimeError("`loop` must run in another thread; in its own, await flaresend_mock.aio.webhook_app(…)")
        self._loop = self._given or asyncio.new_event_loop()
        if not self._given:
            self._thread = threading.Thread(target=_run, args=(self._loop,), name="flaresend-mock-asgi", daemon=True)
            self._thread.start()
        self._life = asyncio.run_coroutine_threadsafe(self._live(), self._loop)
        wait([self._started], START_SECONDS)
        if not self._started.done():
            self._started.set_exception(RuntimeError(f"the application did not start within {START_SECONDS:.0f} s"))
        if self._started.exception():
            self._life.cancel()
            self.__exit__()
        self._started.result()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._loop.is_running() and asyncio._get_running_loop() is not self._loop:
            wait([self._life], STOP_SECONDS)
        elif not self._loop.is_running() and not self._loop.is_closed():  # that of a test which has ended
            self._loop.run_until_complete(asyncio.wrap_future(self._life, loop=self._loop))
        if not self._given and not self._loop.is_closed():  # an application that exits ends it
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)

    def __call__(self, environ: dict[str, Any]) -> Result:
        if not self._loop.is_running():
            raise RuntimeError("the event loop of the application does not run")
        return self._respond(environ)

    def _respond(self, environ: dict[str, Any]) -> Result:
        exchange = _Exchange(self._app, environ, self._state)
        task = asyncio.run_coroutine_threadsafe(exchange.run(), self._loop)
        result = exchange.result.result()
        wait([task], TASK_SECONDS)
        return result

    async def _live(self) -> None:
        """Live from the start to the stop, also with an application that refuses a lifespan by an error."""
        try:
            await self._lifespan()
        except BaseException as error:  # SystemExit would end the loop
            if not self._started.done():
                self._started.set_exception(error)
            elif not isinstance(error, asyncio.CancelledError):
                log.warning("the application's shutdown failed", exc_info=error)
        else:
            if not self._started.done():
                self._started.set_result(None)
            await self._stop.wait()

    async def _lifespan(self) -> None:
        kinds = iter(("startup", "shutdown"))
        failure: str | None = None

        async def receive() -> _Message:
            if self._started.done():
                await self._stop.wait()
            return {"type": f"lifespan.{next(kinds)}"}

        async def send(message: _Message) -> None:
            nonlocal failure
            if message["type"] == "lifespan.startup.complete":
                self._started.set_result(None)
            elif message["type"] == "lifespan.startup.failed":
                failure = message.get("message", "")

        try:
            await self._app({"type": "lifespan", "asgi": _VERSIONS, "state": self._state}, receive, send)
        except Exception:
            if failure is not None or self._started.done():
                raise
        if failure is not None:
            raise RuntimeError(f"the application did not start: {failure}")


class AiohttpAdapter(AsgiAdapter):
    """Calls an application of aiohttp, whose own server runs on a free port of this machine."""

    async def _lifespan(self) -> None:
        web = sys.modules["aiohttp.web"]
        runner = web.AppRunner(self._app)
        try:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._state["port"] = runner.addresses[0][1]
            self._started.set_result(None)
            await self._stop.wait()
        finally:
            await runner.cleanup()

    def _respond(self, environ: dict[str, Any]) -> Result:
        query = environ.get("QUERY_STRING")
        target = quote(environ["PATH_INFO"].encode("latin-1")) + (f"?{query}" if query else "")
        with closing(HTTPConnection("127.0.0.1", self._state["port"])) as connection:
            # not request(), which pook replaces
            connection.putrequest(environ["REQUEST_METHOD"], target, skip_host=True)
            for name, value in _headers(environ):
                connection.putheader(name, value)
            connection.endheaders(_body(environ))
            response = connection.getresponse()
            headers = [(name, value) for name, value in response.getheaders() if name.lower() != "transfer-encoding"]
            return f"{response.status} {response.reason}", headers, response.read(MAX_RESPONSE)


class _Exchange:
    def __init__(self, app: _App, environ: dict[str, Any], state: dict[str, Any]) -> None:
        path = environ["PATH_INFO"].encode("latin-1")
        self._app, self._sent = app, iter((_body(environ),))
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": _VERSIONS,
            "http_version": "1.1",
            "method": environ["REQUEST_METHOD"],
            "scheme": environ["wsgi.url_scheme"],
            "path": path.decode(errors="replace"),
            "raw_path": quote(path).encode(),
            "root_path": "",
            "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in _headers(environ)],
            "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
            "client": (environ.get("REMOTE_ADDR", "127.0.0.1"), int(environ.get("REMOTE_PORT", 0))),
            "state": state.copy(),
        }
        self._over = asyncio.Event()
        self._start: _Message = {}
        self._body = b""
        self.result = Future[Result]()

    async def run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
            if not self.result.done():
                raise RuntimeError("it ended before its response did")
        except BaseException as error:  # SystemExit would end the loop
            if self.result.done():
                log.warning("the application responded with %s and raised", self._start["status"], exc_info=error)
            else:
                self.result.set_exception(error)

    async def _receive(self) -> _Message:
        for body in self._sent:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: _Message) -> None:
        if self._over.is_set():
            raise OSError("the client has its response, and is gone")
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._body = (self._body + message.get("body", b""))[:MAX_RESPONSE]
            if len(self._body) == MAX_RESPONSE or not message.get("more_body"):
                self._over.set()
                status, pairs = self._start["status"], self._start.get("headers", ())
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
                self.result.set_result((f"{status} {responses.get(status, 'Unknown')}", headers, self._body))


def _call_here(app: _App, environ: dict[str, Any]) -> Result:
    """Call an ASGI application so that what must not change threads, such as Django's ORM, runs in this one."""
    exchange = _Exchange(app, environ, {})
    sys.modules["asgiref.sync"].async_to_sync(exchange.run)()
    return exchange.result.result()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:  # ends all tasks
        runner.get_loop().run_forever()


def _body(environ: dict[str, Any]) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return bytes(environ["wsgi.input"].read(length)) if length else b""


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    given = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    given |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return [(name.replace("_", "-").title(), value) for name, value in given.items()]


def _takes(app: Any, number: int) -> bool:
    try:
        inspect.signature(app).bind(*range(number))
    except (TypeError, ValueError) as error:
        return isinstance(error, ValueError)  # it shows no signature
    return True
