"""Suites with libraries that stop or replace HTTP."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
from flask import Flask

from flaresend_mock.testing import Flaresend, serving
from tests.testing.test_plugin import Suite, suite

__all__ = ["suite"]

ANN = "254712345678"
PASSES: dict[str, Callable[[Any], Any]] = {
    "responses": lambda library: library.RequestsMock(),
    "requests_mock": lambda library: library.Mocker(),
    "respx": lambda library: library.mock(),
    "pook": lambda library: library.use(),
    "vcr": lambda library: library.use_cassette("none.yaml", record_mode="none"),
}
STOPS = {
    "responses": 'responses stopped the call: Connection refused by Responses*with responses.add_passthru("http://*")',
    "pook": 'pook stopped the call: pook error!*with pook.enable_network("127.0.0.1")',
}


@pytest.fixture
def kit() -> Iterator[Flaresend]:
    with serving() as server, server.world() as kit:
        yield kit


@pytest.mark.parametrize("name", PASSES)
def test_calls_of_the_kit_and_deliveries_in_process_pass(name: str, kit: Flaresend) -> None:
    app = Flask("bot")
    app.add_url_rule("/webhook", view_func=dict, methods=["POST"])
    library = importlib.import_module(name)

    with PASSES[name](library):
        kit.webhook_app(app)
        kit.receive(ANN, "hi")
        kit.settle()
        attempts = kit.expect_delivery(within=30).attempts

    assert [(attempt.status, attempt.error) for attempt in attempts] == [(200, None)]


@pytest.mark.parametrize("name", ["requests_mock", "respx", "vcr"])
def test_deliveries_over_the_network_pass(name: str, kit: Flaresend) -> None:
    receiver = kit.webhook_receiver()
    with PASSES[name](importlib.import_module(name)):
        kit.receive(ANN, "hi")
        receiver.expect(1)


@pytest.mark.parametrize("name", STOPS)
def test_an_attempt_that_is_stopped_says_by_what(name: str, kit: Flaresend) -> None:
    receiver = kit.webhook_receiver()
    with PASSES[name](importlib.import_module(name)):
        kit.receive(ANN, "hi")
        kit.settle()
        [delivery] = kit.deliveries()

    assert not receiver.events
    assert fnmatch(delivery.attempts[0].error, STOPS[name])


def test_pytest_socket_is_named_with_what_lets_the_kit_through(suite: Suite) -> None:
    tests = """
        def test_booking(flaresend_mock):
            receiver = flaresend_mock.webhook_receiver()
            flaresend_mock.receive("254712345678", "hi")
            receiver.expect(1)
    """
    closed = suite.run(tests, "-ppytest_socket", "--disable-socket", process=True)
    allowed = suite.run(tests, "-ppytest_socket", "--disable-socket", "--allow-hosts=127.0.0.1", process=True)

    closed.assert_outcomes(errors=1)
    closed.stdout.fnmatch_lines(
        ["flaresend_mock: pytest-socket stopped the call: A test tried*with pytest --disable-socket --allow-hosts=127*"]
    )
    allowed.assert_outcomes(passed=1)
