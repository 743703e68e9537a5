"""/_mock/worlds: worlds of one's own, and which of them a key leads to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core import worlds as core_worlds
from tests.defaults import ANN, INSTANCE, described
from tests.support import KEY

WORLDS = "/_mock/worlds"
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}


@pytest.fixture
def client() -> Client:
    """A client of a whole emulator, which can make more worlds; it is not started."""
    return FlaresendMock().app.test_client()


@pytest.fixture
def opened() -> Client:
    """The same, open to keys that nobody has."""
    return FlaresendMock(auth="open").app.test_client()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def make(client: Client, **given: Any) -> Any:
    response = client.post(WORLDS, json=given)
    assert response.status_code == 201, response.text
    return response.json


def refused(response: Any, status: int, code: str) -> str:
    """Make sure of how a call was refused, and return what was said."""
    assert (response.status_code, response.json["error"]["code"]) == (status, code), response.text
    message: str = response.json["error"]["message"]
    return message


def names(client: Client) -> list[str]:
    return [world["name"] for world in client.get(WORLDS).get_json()["worlds"]]


def texts(client: Client, world: str) -> list[str]:
    listed = client.get(f"/_mock/messages?world={world}").get_json()["messages"]
    return [message["text"] for message in listed]


def test_a_made_world_is_shown_with_its_key_and_instances(client: Client) -> None:
    made = make(client, name="t1", fixture="default", seed=7, api_key="t1-key")

    assert made["name"] == "t1"
    assert made["api_key"] == "t1-key"
    assert [(one["id"], one["api_keys"]) for one in made["instances"]] == [(INSTANCE, ["t1-key"])]
    assert made["warnings"] == []


def test_the_key_alone_leads_to_its_world(client: Client) -> None:
    make(client, name="t1", api_key="t1-key")

    sent = client.post("/send-message", headers=bearer("t1-key"), json=MESSAGE)
    by_key = client.get("/_mock/messages", headers=bearer("t1-key")).get_json()["messages"]

    assert sent.status_code == 200
    assert [message["text"] for message in by_key] == texts(client, "t1") == ["Hello"]
    assert texts(client, "default") == []


def test_the_name_comes_before_the_key(client: Client) -> None:
    make(client, name="t1", api_key="t1-key")
    client.post("/send-message", headers=bearer("t1-key"), json=MESSAGE)

    response = client.get("/_mock/messages?world=default", headers=bearer("t1-key"))

    assert response.get_json()["messages"] == []


def test_worlds_are_listed_oldest_first(client: Client) -> None:
    make(client, name="b")
    make(client, name="a", seed=5, time_zone="Africa/Nairobi", pairing_seconds=3)

    listed = client.get(WORLDS).get_json()["worlds"]

    assert [world["name"] for world in listed] == ["default", "b", "a"]
    assert (listed[2]["seed"], listed[2]["time_zone"]) == (5, "Africa/Nairobi")
    assert listed[2]["pairing_seconds"] == 3
    assert (listed[2]["messages"], listed[2]["faults"], listed[2]["snapshots"]) == (0, 0, [])


def test_a_shown_world_has_its_instances_with_keys_masked(client: Client) -> None:
    make(client, name="t1", api_key="a-rather-long-key")

    response = client.get(f"{WORLDS}/t1")

    assert response.get_json()["instances"][0]["api_keys"][0]["api_key"] == "…-key"
    assert "a-rather-long-key" not in response.text


def test_a_deleted_world_is_gone_with_its_key(client: Client) -> None:
    make(client, name="t1", api_key="t1-key")

    assert client.delete(f"{WORLDS}/t1").get_json() == {"deleted": "t1"}

    assert names(client) == ["default"]
    assert client.get("/groups", headers=bearer("t1-key")).status_code == 401
    refused(client.get("/_mock/messages", headers=bearer("t1-key")), 404, "not_found")
    for response in (client.get(f"{WORLDS}/t1"), client.delete(f"{WORLDS}/t1"), client.get("/_mock/clock?world=t1")):
        refused(response, 404, "world_not_found")


def test_a_deleted_world_can_be_made_again_and_is_as_new(client: Client) -> None:
    first = make(client, name="t1", api_key="t1-key")
    client.post("/send-message", headers=bearer("t1-key"), json=MESSAGE)
    client.delete(f"{WORLDS}/t1")

    assert make(client, name="t1", api_key="t1-key") == first
    assert texts(client, "t1") == []


def test_the_default_world_cannot_be_deleted(client: Client) -> None:
    refused(client.delete(f"{WORLDS}/default"), 409, "world_is_needed")

    assert client.get("/groups", headers=KEY).status_code == 200


def test_worlds_without_a_name_get_one_that_is_free(client: Client) -> None:
    make(client, name="world-2")

    assert [make(client)["name"] for _ in range(2)] == ["world-1", "world-3"]


def test_a_derived_key_depends_on_name_and_seed_alone(client: Client) -> None:
    first = make(client, name="t1", seed=7)
    client.delete(f"{WORLDS}/t1")

    same = make(client, name="t1", seed=7)
    other_name = make(client, name="t2", seed=7)
    client.delete(f"{WORLDS}/t1")
    other_seed = make(client, name="t1", seed=8)

    assert first["api_key"] == same["api_key"]
    assert first["api_key"].startswith("fm_")
    assert len({first["api_key"], other_name["api_key"], other_seed["api_key"]}) == 3


def test_a_taken_name_is_refused(client: Client) -> None:
    make(client, name="t1", api_key="one")

    refused(client.post(WORLDS, json={"name": "t1", "api_key": "two"}), 409, "world_exists")
    refused(client.post(WORLDS, json={"name": "default"}), 409, "world_exists")

    assert client.get("/groups", headers=bearer("two")).status_code == 401


def test_a_taken_key_is_refused_and_nothing_is_made(client: Client) -> None:
    make(client, name="t1", api_key="one")

    refused(client.post(WORLDS, json={"name": "t2", "api_key": "one"}), 409, "key_in_use")
    refused(client.post(WORLDS, json={"name": "t2", "api_key": "YOUR_API_KEY"}), 409, "key_in_use")

    assert names(client) == ["default", "t1"]


def test_a_key_with_a_number_that_another_instance_would_get_is_refused_too(client: Client) -> None:
    two = described(
        instances=[{"number": "254700000001", "api_keys": ["a"]}, {"number": "254700000002", "api_keys": ["b"]}],
        people=[],
        groups=[],
        channels=[],
    )
    make(client, name="t1", api_key="k-2")

    refused(client.post(WORLDS, json={"world": two, "api_key": "k"}), 409, "key_in_use")

    made = make(client, world=two, api_key="m")
    assert [one["api_keys"] for one in made["instances"]] == [["m"], ["m-2"]]
    assert client.get("/groups", headers=bearer("m-2")).status_code == 200


@pytest.mark.parametrize(
    "name", ["", ".hidden", "-x", "a b", "a/b", "ä", "x" * 65, "a\n", "a\x00", 5, None, True, ["a"]]
)
def test_a_bad_name_is_refused(name: object, client: Client) -> None:
    assert refused(client.post(WORLDS, json={"name": name}), 400, "bad_request").startswith("name: ")

    assert names(client) == ["default"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"api_key": ""}, "api_key: "),
        ({"api_key": "two words"}, "api_key: "),
        ({"api_key": "schlüssel"}, "api_key: "),
        ({"api_key": "x" * 501}, "api_key: "),
        ({"seed": 1.5}, "seed: "),
        ({"seed": "7"}, "seed: "),
        ({"seed": True}, "seed: "),
        ({"seed": 10**18}, "seed: "),
        ({"time_zone": "Mars/Olympus"}, "time_zone: "),
        ({"time_zone": "../../etc/passwd"}, "time_zone: "),
        ({"time_zone": ""}, "time_zone: "),
        ({"fixture": "nope"}, "fixture: "),
        ({"fixture": "../default"}, "fixture: "),
        ({"pairing_seconds": -1}, "pairing_seconds: "),
        ({"pairing_seconds": 1e300}, "pairing_seconds: "),
        ({"world": [1]}, "world: "),
        ({"export": "x"}, "export: "),
        ({"fixture": "default", "world": {}}, "Give one of"),
        ({"export": {}, "seed": 1}, "An export has its own"),
    ],
)
def test_what_makes_no_world_is_refused_by_name(given: dict[str, Any], said: str, client: Client) -> None:
    assert refused(client.post(WORLDS, json=given), 400, "bad_request").startswith(said)

    assert names(client) == ["default"]


def test_an_unknown_field_is_refused_with_the_nearest_one(client: Client) -> None:
    said = refused(client.post(WORLDS, json={"pairing_second": 1}), 400, "bad_request")

    assert said == "'pairing_second' is not known; did you mean 'pairing_seconds'?"


def test_a_world_can_be_given_inline(client: Client) -> None:
    file = described(clock={"now": "2030-01-01T00:00:00Z", "frozen": True}, seed=9)

    made = make(client, name="inline", world=file, pairing_seconds=None)
    shown = client.get(f"{WORLDS}/inline").get_json()

    assert (shown["now"], shown["frozen"], shown["seed"]) == ("2030-01-01T00:00:00Z", True, 9)
    assert client.get("/groups", headers=bearer(made["api_key"])).status_code == 200


@pytest.mark.parametrize(
    ("file", "where"),
    [
        ({}, "instances: "),
        ({"version": 2, "instances": [{"number": "254700000001"}]}, "version: "),
        ({"version": 1, "instances": []}, "instances: "),
        ({"version": 1, "instances": [{"number": "x"}]}, "instances[0].number: "),
        ({"version": 1, "instances": [5]}, "instances[0]: "),
        (described(groups=[{"subject": "x", "owner": "254700000009", "participants": []}]), "groups[0]"),
        (described(nope=1), "the file: 'nope' is not known; "),
    ],
)
def test_a_world_file_that_is_none_is_refused_by_its_field(file: dict[str, Any], where: str, client: Client) -> None:
    assert refused(client.post(WORLDS, json={"world": file}), 400, "invalid_world").startswith(where)


@pytest.mark.parametrize(
    ("file", "refused_name", "meant"),
    [
        (described(instancess=[]), "instancess", "instances"),
        (described(instances=[{"number": "254700000001", "api_kesy": []}]), "api_kesy", "api_keys"),
        (described(people=[{"number": "254700000001", "rules": [{"wen": "x"}]}]), "wen", "when"),
        (described(clock={"now": "2030-01-01T00:00:00Z", "frozn": True}), "frozn", "frozen"),
    ],
)
def test_an_unknown_field_inside_a_world_is_refused_with_the_nearest_one(
    file: dict[str, Any], refused_name: str, meant: str, client: Client
) -> None:
    said = refused(client.post(WORLDS, json={"world": file}), 400, "invalid_world")

    assert refused_name in said
    assert f"did you mean {meant!r}" in said


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_on_the_list_of_worlds_are_refused(method: str, client: Client) -> None:
    refused(client.open(WORLDS, method=method), 405, "method_not_allowed")


def test_worlds_share_neither_clock_nor_faults_nor_snapshots(client: Client) -> None:
    make(client, name="t1", api_key="t1-key")

    client.patch("/_mock/clock?world=t1", json={"now": "2030-01-01T00:00:00Z", "frozen": True})
    client.post("/_mock/faults?world=t1", json={"preset": "down"})
    client.post("/_mock/snapshots/x?world=t1")

    assert client.get("/_mock/clock").get_json()["frozen"] is False
    assert client.get("/_mock/faults").get_json() == {"faults": []}
    assert client.get("/_mock/snapshots").get_json() == {"snapshots": []}
    assert client.get("/groups", headers=KEY).status_code == 200
    assert client.get("/groups", headers=bearer("t1-key")).status_code == 503
    assert client.get("/_mock/health").get_json()["faults"][0]["world"] == "t1"


def test_the_same_seed_gives_the_same_ids_in_two_worlds(client: Client) -> None:
    for name in ("one", "two"):
        make(client, name=name, api_key=name, seed=7)
        client.patch(f"/_mock/clock?world={name}", json={"now": "2030-01-01T00:00:00Z", "frozen": True})
        client.post("/send-message", headers=bearer(name), json=MESSAGE)
        client.post("/groups", headers=bearer(name), json={"subject": "Friends", "participants": [ANN]})

    one, two = (client.get(f"/_mock/events?world={name}&kind=message").get_json() for name in ("one", "two"))

    assert one == two


def test_media_links_lead_to_the_world_they_are_from(client: Client) -> None:
    links = {}
    for name, words in (("one", b"of one"), ("two", b"of two")):
        make(client, name=name, seed=7)
        given = {"from": ANN, "type": "channel_image", "channel": "120363313617097254@newsletter"}
        media = {"base64": {b"of one": "b2Ygb25l", b"of two": "b2YgdHdv"}[words], "mimetype": "image/jpeg"}
        response = client.post(f"/_mock/inbound?world={name}", json={**given, "media": media})
        assert response.status_code == 201, response.text
        links[name] = response.get_json()["event"]["data"]["message"]["imageMessage"]["directPath"]

    served = {name: client.get(link).data for name, link in links.items()}
    forged = client.get(links["one"].replace("oh=01_", "oh=02_"))

    assert links["one"].partition("?")[0] == links["two"].partition("?")[0]
    assert served == {"one": b"of one", "two": b"of two"}
    assert forged.status_code == 404


def test_a_media_link_ends_with_its_world(client: Client) -> None:
    make(client, name="one")
    response = client.post("/_mock/inbound?world=one", json={"from": ANN, "type": "image"})
    link = response.get_json()["event"]["data"]["message"]["imageMessage"]["directPath"]
    assert client.get(link).status_code == 200

    client.delete(f"{WORLDS}/one")

    assert client.get(link).status_code == 404


def test_a_key_that_nobody_has_is_refused_unless_the_emulator_is_open(client: Client, opened: Client) -> None:
    assert client.get("/groups", headers=bearer("worker-1")).status_code == 401
    assert opened.get("/groups", headers=bearer("worker-1")).status_code == 200
    assert opened.get("/groups").status_code == 401
    assert len(names(client)) == 1
    assert len(names(opened)) == 2


def test_an_open_emulator_gives_each_key_a_world_of_its_own(opened: Client) -> None:
    for key in ("worker-1", "worker-2"):
        opened.post("/send-message", headers=bearer(key), json={**MESSAGE, "text": key})

    for key in ("worker-1", "worker-2"):
        listed = opened.get("/_mock/messages", headers=bearer(key)).get_json()["messages"]
        assert [message["text"] for message in listed] == [key]
    assert texts(opened, "default") == []
    assert opened.get("/_mock/clock", headers=bearer("worker-3")).status_code == 200
    assert len(names(opened)) == 4


def test_worlds_for_keys_begin_alike(opened: Client) -> None:
    responses = [opened.get("/groups", headers=bearer(key)).data for key in ("a", "b", "YOUR_API_KEY")]

    assert len(set(responses)) == 1


def test_no_name_of_a_world_shows_the_key_it_is_for(opened: Client) -> None:
    opened.get("/groups", headers=bearer("a-secret-key"))

    assert "a-secret-key" not in opened.get(WORLDS).text


@pytest.fixture
def crowded(opened: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """An open emulator with room for three worlds, which the default one and those of keys a and b have taken."""
    monkeypatch.setattr(core_worlds, "MAX_WORLDS", 3)
    for key in ("a", "b"):
        assert opened.get("/groups", headers=bearer(key)).status_code == 200
    return opened


def test_the_least_recently_used_world_is_given_up_and_its_key_says_so(crowded: Client) -> None:
    crowded.get("/groups", headers=bearer("a"))

    assert crowded.get("/groups", headers=bearer("c")).status_code == 200

    assert crowded.get("/groups", headers=bearer("b")).status_code == 401
    assert crowded.get("/groups", headers=bearer("a")).status_code == 200


def test_the_key_of_a_world_that_was_given_up_says_so(crowded: Client) -> None:
    assert crowded.get("/groups", headers=bearer("c")).status_code == 200

    in_the_api = crowded.get("/groups", headers=bearer("a"))
    assert in_the_api.status_code == 401
    assert in_the_api.get_json()["error"].startswith("This API key's world was evicted")
    refused(crowded.get("/_mock/messages", headers=bearer("a")), 410, "world_is_gone")
    assert crowded.get("/groups", headers=bearer("b")).status_code == 200


def test_a_call_with_the_key_of_an_evicted_world_is_not_under_way_for_ever(crowded: Client) -> None:
    saved = crowded.get("/_mock/world").get_json()
    crowded.get("/groups", headers=bearer("c"))
    crowded.get("/groups", headers=bearer("a"))
    crowded.get("/groups")

    assert crowded.put("/_mock/world", json=saved).status_code == 200
    crowded.get("/groups")

    assert crowded.get("/_mock/requests").get_json()["requests"][-1]["call"] == "call-1"


def test_a_made_world_is_never_given_up(opened: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_worlds, "MAX_WORLDS", 3)
    make(opened, name="t1")
    make(opened, name="t2")

    refused(opened.post(WORLDS, json={}), 409, "too_many")
    refused(opened.get("/_mock/clock", headers=bearer("c")), 409, "too_many")
    assert opened.get("/groups", headers=bearer("c")).status_code == 503


def test_a_key_whose_world_was_given_up_can_be_given_to_a_made_one(crowded: Client) -> None:
    crowded.get("/groups", headers=bearer("c"))

    make(crowded, name="again", api_key="a")

    assert crowded.get("/groups", headers=bearer("a")).status_code == 200


def test_a_deleted_world_of_a_key_begins_anew(opened: Client) -> None:
    opened.post("/send-message", headers=bearer("a"), json=MESSAGE)
    opened.delete(f"{WORLDS}/{names(opened)[1]}")

    listed = opened.get("/_mock/messages", headers=bearer("a")).get_json()

    assert listed["messages"] == []
