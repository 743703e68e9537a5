"""The same calls against the same seed give the same answers, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.test import Client

from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, CARA, FOLLOWED, OWNED, PROJECT, described
from tests.support import KEY, RealTime, client_of

UPLOAD = (
    f'--b\r\nContent-Disposition: form-data; name="recipients[]"\r\n\r\n{ANN}\r\n'
    '--b\r\nContent-Disposition: form-data; name="type"\r\n\r\ndocument\r\n'
    '--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF\r\n--b--\r\n'
).encode()
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("PATCH", "/_mock/clock", {"json": {"now": "2025-11-14T13:00:00Z", "frozen": True}}),
    ("POST", "/send-message", {"json": {"recipients": [ANN, CARA, "x"], "type": "text", "text": "Hi"}}),
    ("POST", "/send-message", {"data": UPLOAD, "content_type": "multipart/form-data; boundary=b"}),
    ("POST", "/groups", {"json": {"subject": "Friends", "participants": [ANN, "4915112345678"]}}),
    ("POST", f"/groups/{PROJECT}/participants", {"json": {"action": "add", "participants": ["4915187654321"]}}),
    ("GET", "/groups", {}),
    ("GET", f"/groups/{PROJECT}/invite-link", {}),
    ("POST", "/channels", {"json": {"name": "News"}}),
    ("POST", f"/channels/{OWNED}/message", {"json": {"type": "text", "text": "Hi"}}),
    ("POST", f"/channels/{FOLLOWED}/message", {"json": {"type": "text", "text": "Hi"}}),
    (
        "POST",
        "/schedule-message",
        {"json": {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2025-11-14 13:48:00"}},
    ),
    ("GET", "/scheduled-messages", {}),
    ("POST", "/_mock/clock/advance", {"json": {"seconds": 3600}}),
    ("GET", "/_mock/messages", {}),
    ("GET", "/_mock/requests", {}),
    ("GET", "/_mock/events", {}),
]
IDS = ("/groups", "/channels", "/schedule-message", "/_mock/messages")


def answers(client: Client) -> list[tuple[str, str, bytes]]:
    """Make all the calls, and return what was answered."""
    found = []
    for method, path, request in CALLS:
        response = client.open(path, method=method, headers=KEY, **request)
        assert response.status_code in (200, 403), response.text
        found.append((method, path, response.data))
    return found


def test_two_worlds_of_one_seed_answer_the_same(make_world: Callable[[State], World], real_time: RealTime) -> None:
    one = client_of(make_world(load_world(described(), seed=7)))
    other = client_of(make_world(load_world(described(), seed=7)))

    first = answers(one)
    real_time.pass_by(days=3)

    assert answers(other) == first


def test_a_world_answers_the_same_after_a_reset(world: World) -> None:
    client = client_of(world)
    unnumbered = len(CALLS) - 3  # events keep their numbers growing over a reset
    first = answers(client)

    world.reset()

    assert answers(client)[:unnumbered] == first[:unnumbered]


def test_two_worlds_of_different_seeds_differ_in_what_is_left_to_chance(make_world: Callable[[State], World]) -> None:
    one = answers(client_of(make_world(load_world(described(), seed=7))))
    other = answers(client_of(make_world(load_world(described(), seed=8))))

    for (method, path, mine), (_, _, theirs) in zip(one, other, strict=True):
        if path in IDS:
            assert mine != theirs, (method, path)


def test_one_more_message_does_not_change_the_next_group(make_world: Callable[[State], World]) -> None:
    quiet, busy = (client_of(make_world(load_world(described()))) for _ in range(2))
    group = {"subject": "Friends", "participants": [ANN]}

    busy.post("/send-message", headers=KEY, json={"recipients": [ANN], "type": "text", "text": "Hi"})

    mine, theirs = (client.post("/groups", headers=KEY, json=group) for client in (quiet, busy))
    assert mine.data == theirs.data
