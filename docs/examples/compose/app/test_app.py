"""The application's tests, in a container of their own: they call the application, and ask the emulator what came."""

import pytest
import requests

APP = "http://app:8000"
MOCK = "http://flaresend:3577/_mock"
CUSTOMER = "254712345678"


def mock(path: str, body: dict | None = None) -> dict:
    response = requests.post(f"{MOCK}/{path}", json=body, timeout=30)
    assert response.ok, response.text
    return response.json()


@pytest.fixture(autouse=True)
def _fresh_world() -> None:
    mock("reset")


def test_an_order_is_confirmed() -> None:
    requests.post(f"{APP}/orders", json={"number": CUSTOMER, "article": "a kettle"}, timeout=20).raise_for_status()

    mock("messages/verify", {"match": {"number": CUSTOMER, "text": {"contains": "a kettle"}}, "exactly": 1})


def test_a_customer_who_writes_gets_a_reply() -> None:
    mock("inbound", {"from": CUSTOMER, "text": "Where is my kettle?"})

    mock("messages/wait", {"match": {"number": CUSTOMER, "text": "We will call you back."}, "timeout": 10})


def test_a_failure_of_flaresend_is_no_success() -> None:
    mock("faults", {"match": {"path": "/send-message"}, "respond": {"status": 503}})

    response = requests.post(f"{APP}/orders", json={"number": CUSTOMER, "article": "a kettle"}, timeout=20)

    assert response.status_code == 500
