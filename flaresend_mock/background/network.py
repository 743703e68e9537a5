"""Connections to the receivers of webhooks: kept open between requests, and never to a metadata service."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

from flaresend_mock.core import hosts


class _Exchange(threading.local):
    reconnected = False  # the receiver had closed the kept connection, so a new one was used
    begun = False  # a part of the response came
    unanswered = False  # the kept connection was closed before the response began


exchange = _Exchange()


class _NotedResponse(HTTPResponse):
    def begin(self) -> None:
        exchange.begun = bool(self.fp.peek(1))
        super().begin()


class _Connection:
    """A connection that notes how it ends, and refuses a metadata service, however the host's name led to it."""

    _dns_host: str
    port: int
    response_class = _NotedResponse
    kept = False  # it is open since an earlier request

    def _new_conn(self) -> socket.socket:
        exchange.reconnected = exchange.reconnected or self.kept  # urllib3 noticed that it was closed
        self.kept = False
        for *_, address in socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM):
            _refuse_metadata(address)
        connection: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:
            _refuse_metadata(connection.getpeername())  # the name may have changed since
        except OSError:
            connection.close()
            raise
        return connection

    def request(self, *args: Any, **options: Any) -> None:
        with self._noting():
            super().request(*args, **options)  # type: ignore[misc]

    def getresponse(self) -> Any:
        with self._noting():
            return super().getresponse()  # type: ignore[misc]

    @contextmanager
    def _noting(self) -> Iterator[None]:
        exchange.begun = False
        try:
            yield
        except (OSError, HTTPException) as error:
            exchange.unanswered = self.kept and not exchange.begun and not isinstance(error, TimeoutError)
            raise


def _refuse_metadata(address: Sequence[object]) -> None:
    if hosts.is_metadata(str(address[0])):
        raise OSError("the host is a link-local address or a cloud's metadata service")


class _Pool:
    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.kept = connection.sock is not None
        super()._put_conn(connection)  # type: ignore[misc]


class _HttpPool(_Pool, HTTPConnectionPool):
    ConnectionCls = type("_HttpConnection", (_Connection, HTTPConnectionPool.ConnectionCls), {})


class _HttpsPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = type("_HttpsConnection", (_Connection, HTTPSConnectionPool.ConnectionCls), {})

    def _validate_conn(self, connection: Any) -> None:
        """Connect, and warn of nothing: `verify: false` is a choice, and a test may turn warnings into errors."""
        if connection.sock is None:
            connection.connect()


class NetworkAdapter(HTTPAdapter):
    """Sends requests to the network, but to no metadata service.

    A request over a kept connection that the receiver closes without a response is sent again over a new one. `verify`
    is the context of TLS. Connections under one context are not used under another.
    """

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def get_connection_with_tls_context(self, request: PreparedRequest, verify: Any, *_: Any, **__: Any) -> Any:
        return self.poolmanager.connection_from_url(str(request.url), {"ssl_context": verify})

    def cert_verify(self, *_: Any) -> None:
        """Add nothing to the context, which has all certificates."""

    def close(self) -> None:
        """Close all connections now; urllib3 would wait until no traceback refers to them."""
        for key in self.poolmanager.pools.keys():  # noqa: SIM118 - it is no mapping that can be iterated
            self.poolmanager.pools[key].close()
        super().close()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        exchange.unanswered = False
        try:
            return super().send(request, *args, **options)
        except ConnectionError:
            if not exchange.unanswered:
                raise
        exchange.reconnected = True
        return super().send(request, *args, **options)
