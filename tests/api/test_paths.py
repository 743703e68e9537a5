"""Ids in paths and pages in queries: percent-encoded, malformed, out of range."""

from __future__ import annotations

import pytest
from werkzeug.test import Client

from flaresend_mock.core.world import World
from tests.contents import contents
from tests.defaults import ANN, CARA, OWNED, PROJECT
from tests.support import KEY

PEOPLE = {"action": "add", "participants": [CARA]}


@pytest.mark.parametrize("id_", [PROJECT.replace("@", "%40"), "%31" + PROJECT[1:], PROJECT])
def test_a_group_id_may_be_percent_encoded(id_: str, client: Client) -> None:
    info = client.get(f"/groups/{id_}", headers=KEY)
    managed = client.post(f"/groups/{id_}/participants", headers=KEY, json=PEOPLE)

    assert info.status_code == managed.status_code == 200
    assert managed.json is not None
    assert managed.json["groupId"] == PROJECT


@pytest.mark.parametrize(
    "id_", ["x", "@g.us", "1203634227123381@g.us", f"{PROJECT}x", OWNED, ANN, "%00", "%ff", "%20", "a" * 5000, "..%2e"]
)
def test_a_malformed_group_id_is_not_found(id_: str, client: Client, world: World) -> None:
    before = contents(world)

    responses = [
        client.get(f"/groups/{id_}", headers=KEY),
        client.get(f"/groups/{id_}/invite-link", headers=KEY),
        client.post(f"/groups/{id_}/participants", headers=KEY, json=PEOPLE),
    ]

    for response in responses:
        assert response.status_code == 404
        assert response.json == {"success": False, "message": "Group not found"}
    assert contents(world) == before


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "limit=0", "limit=1.5", "page=1&limit=١", "page=1e3"])
def test_a_page_that_is_no_positive_integer_is_refused(query: str, client: Client) -> None:
    response = client.get(f"/groups?{query}", headers=KEY)

    assert response.status_code == 400
    assert response.json == {"success": False, "message": "page and limit must be positive integers"}


@pytest.mark.parametrize("query", ["page=1000000000", "page=2", "page=999999999999999999999999", "page=3&limit=2"])
def test_a_page_past_the_end_is_empty(query: str, client: Client) -> None:
    response = client.get(f"/groups?{query}", headers=KEY)

    assert response.status_code == 200
    assert response.json is not None
    assert response.json["data"] == {}
