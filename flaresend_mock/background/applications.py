"""Applications of this process that receive webhooks: WSGI, in a thread of their own or in that of a test."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from ssl import SSLContext
from traceback import format_exception
from typing import Any, Literal, TypeVar
from wsgiref.types import WSGIApplication

from flaresend_mock.core import hosts

log = logging.getLogger(__name__)
__tracebackhide__ = True  # pytest shows the line of the test instead

HOST = "testserver"  # of requests: Django's tests allow it, and Starlette's client has it
MAX_RESPONSE = 64 * 1024

origin: ContextVar[tuple[Any, Any] | None] = ContextVar("origin", default=None)
"""The application of the emulator and the world that a delivery comes from, for the bot."""

Result = tuple[str, list[tuple[str, str]], bytes]  # the status with its phrase, the headers and the body
Handler = Callable[[dict[str, Any]], Result]  # takes the environ of a WSGI request
_T = TypeVar("_T")

_apps: dict[str, Application] = {}
_numbers = count(1)
_handled: ContextVar[Future[Result] | None] = ContextVar("handled", default=None)


class ApplicationError(Exception):
    """An application raised, or was not called."""


def is_handling() -> bool:
    """Return whether the caller is an application that is handling a delivery."""
    handled = _handled.get()
    return handled is not None and not handled.done()


def refuse_while_handling() -> None:
    """Raise RuntimeError in an application that would wait for the end of the delivery that it is handling."""
    if is_handling():
        raise RuntimeError("an application that handles a delivery cannot wait for its end")


def default_thread(app: object) -> Literal["caller", "own"]:
    """Return "caller" for Django's applications, and for all while a Django test has an open transaction here."""
    base, conf = sys.modules.get("django.core.handlers.base"), sys.modules.get("django.conf")
    if base is not None and isinstance(app, base.BaseHandler):
        return "caller"
    db = sys.modules.get("django.db") if conf is not None and conf.settings.configured else None
    is_open = db is not None and any(one.in_atomic_block for one in db.connections.all(initialized_only=True))
    return "caller" if is_open else "own"


def wsgi_handler(app: WSGIApplication) -> Handler:
    """Return what calls a WSGI application, and reads no more of its response than is kept."""

    def handle(environ: dict[str, Any]) -> Result:
        from werkzeug.test import run_wsgi_app  # only tests deliver here
        from werkzeug.wsgi import ClosingIterator

        chunks, status, headers = run_wsgi_app(app, environ)
        body = b""
        with closing(ClosingIterator(chunks)) as parts:
            for part in parts:
                body = (body + part)[:MAX_RESPONSE]
                if len(body) == MAX_RESPONSE:
                    break
        return status, list(headers), body

    return handle


class Application:
    """An application, called in a thread for each request, as it may hang, or in the thread of a test.

    It is a WSGI application in turn, for a server.
    """

    def __init__(self, handle: Handler, caller: CallerThread | None = None, context: Context | None = None) -> None:
        self._handle, self._caller, self._context = handle, caller, context or Context()

    def respond(self, environ: dict[str, Any], seconds: float | None = None) -> Result:
        """Return the response to a request: ApplicationError, or TimeoutError if it takes longer than the seconds."""
        call = _Call(partial(self._handle, {**environ, "HTTP_HOST": HOST}))
        if self._caller is None:
            run = partial(self._context.copy().run, call.run)
            threading.Thread(target=run, name="flaresend-mock-application", daemon=True).start()
        else:
            self._caller.submit(call)
        call.begun.wait()
        return call.outcome.result(seconds)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        from werkzeug.wsgi import get_input_stream

        status, headers, body = self.respond({**environ, "wsgi.input": get_input_stream(environ)})  # which ends
        start_response(status, headers)
        return [body]


class _Call:
    def __init__(self, work: Callable[[], Result]) -> None:
        self._work, self.outcome, self.begun = work, Future[Result](), threading.Event()

    def run(self) -> BaseException | None:
        """Do the work, and return the error that it raised."""
        before = _handled.set(self.outcome)
        self.begun.set()
        try:
            self.outcome.set_result(self._work())
        except BaseException as error:  # SystemExit and pytest.fail(), too: the delivery must end
            log.warning("the application raised\n%s", printable("".join(format_exception(error))))
            self.outcome.set_exception(ApplicationError(_said(error)))
            return error
        finally:
            _handled.reset(before)
        return None

    def cancel(self) -> None:
        self.outcome.set_exception(ApplicationError("the test ended before it called the application"))
        self.begun.set()


class CallerThread:
    """A thread that runs the calls of applications while it waits for something else."""

    def __init__(self) -> None:
        self.thread: int | None = None
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._closing, self._closed = threading.Lock(), False

    def join(self) -> None:
        """Become the calling thread."""
        self.thread = threading.get_ident()

    @property
    def is_here(self) -> bool:
        return self.thread == threading.get_ident()

    @property
    def is_awaited(self) -> bool:
        """Whether calls wait for this thread, which is not the calling one."""
        return not self.is_here and not self._calls.empty()

    def submit(self, call: _Call) -> None:
        with self._closing:
            if not self._closed:
                self._calls.put(call)
                return
        call.cancel()

    def run(self, work: Callable[[], _T]) -> _T:
        """Return the result of work, which another thread does. Meanwhile, this thread runs calls.

        An application's exit or interruption, such as that by a test's time limit, is raised here.
        """
        if not self.is_here or is_handling():
            return work()
        done = Future[_T]()
        done.add_done_callback(lambda _: self._calls.put(None))
        threading.Thread(target=fulfil, args=(done, work), name="flaresend-mock-kit", daemon=True).start()
        while not done.done():
            if (call := self._calls.get()) is not None:
                error = call.run()
                if error is not None and not isinstance(error, Exception):
                    raise error
        if (problem := done.exception()) is not None:
            raise problem
        return done.result()

    def close(self) -> None:
        """Run no more calls. Those that wait end with an error."""
        with self._closing:
            self._closed = True
        with suppress(Empty):
            while True:
                if (call := self._calls.get_nowait()) is not None:
                    call.cancel()


def fulfil(outcome: Future[_T], work: Callable[[], _T]) -> None:
    """Do some work, and keep its result or the error that it raised."""
    try:
        outcome.set_result(work())
    except BaseException as error:  # the thread that waits raises it
        outcome.set_exception(error)


@contextmanager
def mounted(app: Application) -> Iterator[str]:
    """Mount an application for all emulators of this process, and return the beginning of its URL, which is new."""
    host = f"app-{next(_numbers)}{hosts.IN_PROCESS}"
    _apps[host] = app
    try:
        yield f"http://{host}"
    finally:
        del _apps[host]


@contextmanager
def served(app: WSGIApplication, host: str, context: SSLContext | None = None) -> Iterator[int]:
    """Serve an application on a free port of an address, over TLS if it has a context for that, and yield the port."""
    from werkzeug.serving import WSGIRequestHandler, make_server, select_address_family

    class Handler(WSGIRequestHandler):
        def log(self, *_: Any) -> None:
            """Log nothing: clients may leave, and need not trust the certificate."""

    with socket.create_server((host, 0), family=select_address_family(host, 0)) as listening:  # Werkzeug would exit
        server = make_server(host, 0, app, threaded=True, request_handler=Handler, fd=listening.fileno())
    if context is not None:
        server.ssl_context = context
        # the thread of a connection shakes hands when it reads, so a client that is slow holds up no other
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="flaresend-mock-served", daemon=True)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def application_at(host: str) -> Application:
    """Return the mounted application, or the bot of the world `demo`; ApplicationError if it is no longer mounted."""
    if host == hosts.DEMO_BOT:
        from flaresend_mock.background.demo_bot import bot  # few runs need it

        return Application(wsgi_handler(bot), context=copy_context())
    if host not in _apps:
        raise ApplicationError("the application is no longer mounted")
    return _apps[host]


def _said(error: BaseException) -> str:
    try:
        text = f": {error}"
    except Exception:  # of the error's own __str__
        text = ""
    return f"the application raised {type(error).__name__}{text}"


def printable(text: str) -> str:
    """Return text that can be encoded as UTF-8: file names may have lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()
