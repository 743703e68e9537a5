"""What a world knows, apart from its log: for tests that nothing was changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from werkzeug.test import Client, TestResponse

from flaresend_mock.core.clock import Due, TimerQueue
from flaresend_mock.core.world import World
from tests.support import KEY

END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def contents(world: World) -> dict[str, Any]:
    """Return everything a world knows that only a call that succeeds may change.

    People are left out: to be looked up by LID, they are entered when they are first shown.
    """
    state = world.state
    return {
        "clock": world.clock.setting,
        "counters": dict(state.counters),
        "instances": dict(state.instances),
        "groups": dict(state.groups),
        "channels": dict(state.channels),
        "tasks": dict(state.tasks),
        "timers": due(state.timers),
        "ended tasks": list(state.ended_tasks),
        "messages": list(state.messages),
        "media": list(state.media),
    }


def due(timers: TimerQueue) -> list[Due]:
    """Return what is on an timers, in order, and leave it there."""
    copy = timers.copy()
    found = []
    while (entry := copy.pop_due(END_OF_TIME)) is not None:
        found.append(entry)
    return found


def refused(client: Client, world: World, method: str, path: str, **request: Any) -> TestResponse:
    """Make a call that is refused, and see that it changed nothing."""
    before = contents(world)

    response = client.open(path, method=method, headers=KEY, **request)

    assert response.status_code in (400, 413, 415), response.text
    assert response.content_type == "application/json; charset=utf-8"
    assert contents(world) == before
    return response
