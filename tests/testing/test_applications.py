"""Applications in this process that misbehave: their deliveries come to their end all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response

from flaresend_mock.background.applications import MAX_RESPONSE
from flaresend_mock.testing import Flaresend
from tests.defaults import ANN


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError


def streams(error: BaseException) -> Callable[..., Any]:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a"
        raise error

    return app


def attempt(mock: Flaresend, app: Any) -> Any:
    """Have an event delivered to an application that fails, and return the attempt."""
    mock.webhook_app(app, retries=[])
    mock.receive(ANN, "hi")
    mock.settle()
    (delivery,) = mock.deliveries()
    return delivery.attempts[0]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RuntimeError("boom"), "the application raised RuntimeError: boom"),
        (SystemExit(3), "the application raised SystemExit: 3"),
        (RuntimeError("\udcff"), "the application raised RuntimeError: \\udcff"),
        (Speechless(), "the application raised Speechless"),
    ],
)
def test_what_is_raised_amid_a_stream_is_said_of_the_attempt(
    error: BaseException, says: str, flaresend_mock: Flaresend
) -> None:
    assert attempt(flaresend_mock, streams(error)).error == says
    assert "transcript, " in flaresend_mock.transcript()


def test_an_application_that_hangs_is_given_up(flaresend_mock: Flaresend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.background.posting.TIMEOUT_SECONDS", 0.05)
    hangs = threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        hangs.wait(60)
        start_response("200 OK", [])
        return [b""]

    assert attempt(flaresend_mock, app).error.startswith("no response within")
    hangs.set()


def test_an_answer_without_an_end_is_read_as_far_as_others_are(flaresend_mock: Flaresend) -> None:
    app = Flask("endless")
    closed = threading.Event()

    def forever() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
        finally:
            closed.set()

    @app.post("/hook")
    def hook() -> Response:
        return Response(forever())

    flaresend_mock.webhook_app(app, "hook")
    flaresend_mock.receive(ANN, "hi")

    assert len(flaresend_mock.expect_delivery().attempts[0].response) == MAX_RESPONSE
    assert closed.is_set()


def test_nobody_waits_for_the_end_of_what_they_do_themselves(flaresend_mock: Flaresend) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        flaresend_mock.expect_no_message(text="no")
        raise AssertionError

    assert "cannot wait for its end" in attempt(flaresend_mock, app).error
