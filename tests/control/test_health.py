"""GET /_mock/health: 200 once everything runs, 503 before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import Client

from flaresend_mock.app import Application
from flaresend_mock.core.hosts import is_in_container
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.http.context import AppServices


@pytest.mark.parametrize(
    ("checks", "status", "word"),
    [
        ({"worlds": True, "scheduler": True}, 200, "ok"),
        ({"worlds": True, "scheduler": False}, 503, "starting"),
        ({"worlds": False, "scheduler": False}, 503, "starting"),
    ],
)
def test_health_tells_whether_everything_runs(checks: dict[str, bool], status: int, word: str, world: World) -> None:
    emulator = AppServices(
        worlds=Worlds(world), strict=False, version="1.2.3", health=lambda: checks, uptime=lambda: 12.34567
    )
    client = Application(emulator).test_client()

    response = client.get("/_mock/health")

    assert response.status_code == status
    assert response.json == {
        "status": word,
        "version": "1.2.3",
        "uptime": 12.346,
        "checks": checks,
        "in_container": is_in_container(),
        "worlds": 1,
        "faults": [],
    }


def test_a_probe_may_add_a_query(client: Client) -> None:
    assert client.get("/_mock/health?attempt=3").status_code == 200


def test_health_waits_for_no_world(client: Client, world: World) -> None:
    client.post("/_mock/faults", json={"preset": "down"})
    with world.lock, ThreadPoolExecutor(1) as other:
        assert len(other.submit(client.get, "/_mock/health").result(30).get_json()["faults"]) == 1
