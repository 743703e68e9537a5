"""World files: every mistake is refused by the name of its field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.core import clock, models
from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.models import Rule
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.package_data import FIXTURES
from flaresend_mock.server import CannotStart
from flaresend_mock.settings import resolve
from flaresend_mock.world_format import WorldFileError, load_file, load_world, schema
from flaresend_mock.world_format.schema import SCHEMA
from tests.defaults import ANN, ANN_LID, BEN, INSTANCE, OUR_LID, OUR_NUMBER, described
from tests.support import KEY, NOW, REPOSITORY, RealTime, client_of

ANOTHER = "11111111-1111-1111-1111-111111111111"
US = {"id": INSTANCE, "number": OUR_NUMBER, "lid": OUR_LID, "api_keys": ["YOUR_API_KEY"]}
BOSS = {"number": OUR_NUMBER, "admin": "superadmin"}
GROUP = {"id": "120363000000000001@g.us", "subject": "Friends", "owner": OUR_NUMBER, "participants": [BOSS]}
WORLDS = (REPOSITORY / "docs" / "worlds.md").read_text(encoding="utf-8")
CHANNEL = {"id": "120363000000000001@newsletter", "name": "News", "invite": "0029V" + "a" * 19}


def refusal(**sections: Any) -> InvalidWorld:
    """Return why a small world with these sections is refused."""
    with pytest.raises(InvalidWorld) as refused:
        load_world({"version": 1, "instances": [US], **sections})
    return refused.value


def test_a_world_needs_no_more_than_a_version_and_an_instance() -> None:
    state = load_world({"version": 1, "instances": [{"id": INSTANCE, "number": OUR_NUMBER}]})

    assert state.instances[INSTANCE].status == "connected"
    assert state.instances[INSTANCE].api_keys == ()
    assert (state.seed, state.time_zone) == (1, "UTC")


@pytest.mark.parametrize(
    ("sections", "where"),
    [
        ({"version": 2}, "version"),
        ({"version": "1"}, "version"),
        ({"version": None}, "version"),
        ({"seed": "x"}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"time_zone": "\x00"}, "time_zone"),
        ({"time_zone": 3}, "time_zone"),
        ({"instances": []}, "instances"),
        ({"instances": {}}, "instances"),
        ({"instances": [None]}, "instances[0]"),
        ({"instances": [{**US, "id": "x"}]}, "instances[0].id"),
        ({"instances": [{**US, "number": "0712"}]}, "instances[0].number"),
        ({"instances": [{**US, "number": 254708920430}]}, "instances[0].number"),
        ({"instances": [{**US, "number": "+254708920430"}]}, "instances[0].number"),
        ({"instances": [{**US, "lid": "x"}]}, "instances[0].lid"),
        ({"instances": [{**US, "status": "asleep"}]}, "instances[0].status"),
        ({"instances": [{**US, "api_keys": "YOUR_API_KEY"}]}, "instances[0].api_keys"),
        ({"instances": [{**US, "api_keys": ["ok", ""]}]}, "instances[0].api_keys[1]"),
        ({"instances": [{**US, "api_keys": ["two words"]}]}, "instances[0].api_keys[0]"),
        ({"instances": [{**US, "api_keys": ["clé"]}]}, "instances[0].api_keys[0]"),
        ({"instances": [{**US, "api_keys": ["a\n"]}]}, "instances[0].api_keys[0]"),
        ({"people": [{"number": ANN}, {}]}, "people[1].number"),
        ({"people": [{"number": "x"}]}, "people[0].number"),
        ({"people": [{"number": ANN, "lid": "12@lid"}]}, "people[0].lid"),
        ({"people": [{"number": ANN, "lid": ANN_LID + "\n"}]}, "people[0].lid"),
        ({"people": [{"number": ANN, "on_whatsapp": "maybe"}]}, "people[0].on_whatsapp"),
        ({"people": [{"number": ANN, "name": 5}]}, "people[0].name"),
        ({"groups": [{**GROUP, "id": "x"}]}, "groups[0].id"),
        ({"groups": [{**GROUP, "subject": ""}]}, "groups[0].subject"),
        ({"groups": [{**GROUP, "subject": "x" * 101}]}, "groups[0].subject"),
        ({"groups": [{**GROUP, "created": "2025-08-12"}]}, "groups[0].created"),
        ({"groups": [{**GROUP, "created": 5}]}, "groups[0].created"),
        ({"groups": [{**GROUP, "invite": "x"}]}, "groups[0].invite"),
        ({"groups": [{**GROUP, "owner": ANN}]}, "groups[0].owner"),
        ({"groups": [{**GROUP, "participants": [{**BOSS, "admin": "king"}]}]}, "groups[0].participants[0].admin"),
        ({"groups": [{**GROUP, "participants": [BOSS, {"number": 5}]}]}, "groups[0].participants[1].number"),
        ({"groups": [GROUP, {"subject": "x", "owner": ANN}]}, "groups[1].participants"),
        ({"channels": [{**CHANNEL, "id": "x@newsletter"}]}, "channels[0].id"),
        ({"channels": [{**CHANNEL, "name": ""}]}, "channels[0].name"),
        ({"channels": [{**CHANNEL, "invite": "x"}]}, "channels[0].invite"),
        ({"channels": [{**CHANNEL, "subscribers": -1}]}, "channels[0].subscribers"),
        ({"channels": [{**CHANNEL, "subscribers": 1.5}]}, "channels[0].subscribers"),
        ({"channels": [{**CHANNEL, "roles": [{"number": ANN, "role": "BOSS"}]}]}, "channels[0].roles[0].role"),
        ({"clock": {}}, "clock.now"),
        ({"clock": {"now": "tomorrow"}}, "clock.now"),
        ({"clock": {"now": "2025-11-14T10:00:00"}}, "clock.now"),
        ({"clock": {"now": "2025-11-14T10:00:00Z", "frozen": "perhaps"}}, "clock.frozen"),
        ({"populate": {"people": -1}}, "populate.people"),
        ({"populate": {"groups": 10_001}}, "populate.groups"),
        ({"populate": {"people": "many"}}, "populate.people"),
    ],
)
def test_a_mistake_is_refused_by_the_name_of_its_field(sections: dict[str, Any], where: str) -> None:
    invalid = refusal(**sections)

    assert invalid.where == where
    assert invalid.problem
    assert str(invalid) == f"{where}: {invalid.problem}"


@pytest.mark.parametrize(
    ("sections", "where"),
    [
        ({"instance": []}, "instance"),
        ({"instances": [{**US, "key": "x"}]}, "instances[0].key"),
        ({"people": [{"number": ANN}, {"number": BEN, "onWhatsApp": True}]}, "people[1].onWhatsApp"),
        ({"groups": [{**GROUP, "desc": "x"}]}, "groups[0].desc"),
        ({"groups": [{**GROUP, "participants": [{**BOSS, "role": "x"}]}]}, "groups[0].participants[0].role"),
        ({"channels": [{**CHANNEL, "photo": "x"}]}, "channels[0].photo"),
        ({"clock": {"now": "2025-11-14T10:00:00Z", "freeze": True}}, "clock.freeze"),
        ({"populate": {"channels": 1}}, "populate.channels"),
    ],
)
def test_a_field_that_nobody_knows_is_refused(sections: dict[str, Any], where: str) -> None:
    invalid = refusal(**sections)
    parent, _, name = where.rpartition(".")

    assert invalid.where == (parent or "the file")
    assert invalid.problem.startswith(f"'{name}' is not known; ")


@pytest.mark.parametrize(
    ("sections", "where"),
    [
        ({"instances": [US, {**US, "number": ANN, "lid": ANN_LID}]}, "instances[1].id"),
        ({"instances": [US, {"id": ANOTHER, "number": OUR_NUMBER}]}, "instances[1].number"),
        (
            {"instances": [US, {"id": ANOTHER, "number": ANN, "api_keys": ["x", "YOUR_API_KEY"]}]},
            "instances[1].api_keys[1]",
        ),
        ({"instances": [US, {"id": ANOTHER, "number": ANN, "lid": OUR_LID}]}, "instances[1].lid"),
        ({"people": [{"number": ANN}, {"number": ANN}]}, "people[1].number"),
        ({"people": [{"number": ANN, "lid": ANN_LID}, {"number": BEN, "lid": ANN_LID}]}, "people[1].lid"),
        ({"people": [{"number": OUR_NUMBER, "lid": ANN_LID}]}, "instances[0].lid"),
        ({"groups": [GROUP, GROUP]}, "groups[1].id"),
        ({"groups": [{**GROUP, "participants": [BOSS, {"number": OUR_NUMBER}]}]}, "groups[0].participants"),
        ({"channels": [CHANNEL, {**CHANNEL, "invite": "0029V" + "b" * 19}]}, "channels[1].id"),
        ({"channels": [CHANNEL, {**CHANNEL, "id": "120363000000000002@newsletter"}]}, "channels[1].invite"),
        (
            {"channels": [{**CHANNEL, "roles": [{"number": ANN, "role": "OWNER"}, {"number": ANN, "role": "ADMIN"}]}]},
            "channels[0].roles",
        ),
    ],
)
def test_what_is_there_twice_is_refused(sections: dict[str, Any], where: str) -> None:
    assert refusal(**sections).where == where


def test_a_group_of_more_than_1024_people_is_refused() -> None:
    people = [{"number": str(254720000000 + n)} for n in range(1024)]

    assert refusal(groups=[{**GROUP, "participants": [BOSS, *people]}]).where == "groups[0].participants"


@pytest.mark.parametrize(
    "now", ["1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_a_time_that_no_clock_shows_is_refused(now: str) -> None:
    assert refusal(clock={"now": now, "frozen": False}).where == "clock.now"


def test_a_group_that_began_before_any_clock_breaks_nothing(make_world: Callable[[State], World]) -> None:
    sections = {"groups": [{**GROUP, "created": "0001-01-01T00:00:00Z"}], "time_zone": "America/New_York"}

    with suppress(InvalidWorld):  # refusing it is fine
        client = client_of(make_world(load_world(described(**sections))))
        assert client.get("/groups", headers=KEY).status_code == 200


def test_a_lone_surrogate_in_a_text_breaks_nothing(tmp_path: Path, make_world: Callable[[State], World]) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps(described(groups=[{**GROUP, "subject": "a\ud800b"}])))

    with suppress(WorldFileError):  # refusing it is fine
        client = client_of(make_world(load_file(path)))
        assert client.get("/groups", headers=KEY).status_code == 200


@pytest.mark.parametrize("data", [None, [], "x", 5, [{}]])
def test_what_is_no_object_is_no_world(data: Any) -> None:
    with pytest.raises(InvalidWorld) as refused:
        load_world(data)

    assert refused.value.where == "the file"


def test_the_person_behind_an_instance_may_be_described_too() -> None:
    state = load_world({"version": 1, "instances": [US], "people": [{"number": OUR_NUMBER, "name": "Us"}]})

    assert state.people[OUR_NUMBER].name == "Us"
    assert state.people[OUR_NUMBER].lid == OUR_LID


def test_a_syntax_error_is_named_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text('{\n  "version": 1,\n  "instances": [}\n}\n')

    with pytest.raises(WorldFileError, match=r"world\.json: line 3 column 17: "):
        load_file(path)


def test_a_mistake_in_a_file_is_named_by_file_and_field(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps({"version": 1, "instances": [{**US, "status": "asleep"}]}))

    with pytest.raises(WorldFileError, match=r"world\.json: instances\[0\]\.status: "):
        load_file(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"null", b'{"seed": ' + b"9" * 5000 + b"}"])
def test_a_file_that_is_no_world_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_bytes(content)

    with pytest.raises(WorldFileError, match=r"world\.json: "):
        load_file(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match=r"missing\.json: No such file"):
        load_file(tmp_path / "missing.json")
    with pytest.raises(WorldFileError, match="directory"):
        load_file(tmp_path)


def test_what_is_asked_for_goes_before_what_the_file_says() -> None:
    state = load_world(described(seed=3), seed=9, time_zone="Africa/Nairobi", api_key="MINE", history=5)

    assert (state.seed, state.time_zone, state.history) == (9, "Africa/Nairobi", 5)
    assert state.instances[INSTANCE].api_keys == ("MINE",)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_world_may_begin_at_a_time_of_its_own(
    frozen: bool, make_world: Callable[[State], World], real_time: RealTime
) -> None:
    clock = {"now": "2030-01-01T03:00:00+03:00", "frozen": frozen}
    world = make_world(load_world(described(clock=clock)))
    beginning = datetime(2030, 1, 1, tzinfo=UTC)

    real_time.pass_by(seconds=5)

    assert world.clock.frozen is frozen
    assert world.clock.now() == (beginning if frozen else beginning + timedelta(seconds=5))


def test_a_clock_with_only_a_time_stands_still() -> None:
    state = load_world(described(clock={"now": "2030-01-01T00:00:00Z"}))

    assert state.clock.frozen_at == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_world_without_a_clock_shows_real_time(world: World) -> None:
    assert world.clock.now() == NOW


@pytest.mark.parametrize("path", sorted((FIXTURES / "worlds").glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_world_can_be_loaded(path: Path) -> None:
    state = load_file(path)

    assert next(iter(state.instances.values())).api_keys == ("YOUR_API_KEY",)


def test_the_documented_example_is_a_world() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", WORLDS, re.DOTALL)

    state = load_world(json.loads(example))

    assert state.people[ANN].rules == (Rule("price", "How much?", 2),)
    assert [group.subject for group in state.groups.values()] == ["Customers"]


def test_a_world_is_given_as_its_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services of hosted CI cannot mount files."""
    contents = json.dumps({"instances": [{"number": "254708920499", "name": "Ä/.", "api_keys": ["k"]}]}, indent=1)
    monkeypatch.setenv("FLARESEND_MOCK_WORLD", f"\n{contents}\n")

    first = FlaresendMock(resolve({})).worlds.default().instances.first()
    assert (first.number, first.name, first.api_keys) == ("254708920499", "Ä/.", ("k",))
    fresh = FlaresendMock(world=contents, auth="open", seed=5).worlds.with_key("of-another")
    assert fresh is not None
    assert (fresh[0].state.seed, fresh[1].number) == (5, "254708920499")


def test_each_rule_is_of_a_field_of_one_record() -> None:
    classes = {one for of in (clock, models, schema) for one in vars(of).values() if isinstance(one, type)}
    known = [(one.__name__, field.name) for one in classes if is_dataclass(one) for field in fields(one)]

    assert [rule for rule in schema.RULES if known.count(rule) != 1] == []


@pytest.mark.parametrize("mistyped", [{"minimum": 0, "maximim": 1}, {"patern": "[0-9]+"}, {"enum": "core.models:NONE"}])
def test_a_mistyped_rule_is_refused(mistyped: dict[str, Any]) -> None:
    with pytest.raises((KeyError, AttributeError)):
        schema._rule(mistyped)


def test_every_field_is_documented() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", WORLDS, re.MULTILINE)

    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == SCHEMA.keys()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://hooks.example.com/flaresend", True),
        ("http://other.example.com/flaresend", False),
        ("http://169.254.169.254/", False),
        ("https://metadata.google.internal/", False),
    ],
)
def test_a_webhook_of_a_world_goes_where_an_option_allows_it(url: str, allowed: bool, tmp_path: Path) -> None:
    hosts = "hooks.example.com,169.254.0.0/16,metadata.google.internal"
    world = {"instances": [{"number": "254708920430", "webhook": {"url": url}}]}
    file = tmp_path / "world.json"
    file.write_text(json.dumps(world), encoding="utf-8")

    if not allowed:
        with pytest.raises(CannotStart, match=r"instances\[0\].webhook.url: "):
            FlaresendMock(world=str(file), allow_webhook_host=hosts)
    else:
        FlaresendMock(world=str(file), allow_webhook_host=hosts)
        with pytest.raises(CannotStart, match=r"instances\[0\].webhook.url: "):
            FlaresendMock(world=str(file))
    client = FlaresendMock(allow_webhook_host=hosts).app.test_client()
    assert client.put("/_mock/world", json=world).status_code == (200 if allowed else 400)
    assert client.post("/_mock/worlds", json={"world": world}).status_code == (201 if allowed else 400)


def test_strict_mode_knows_no_exception_for_webhooks_of_worlds() -> None:
    client = FlaresendMock(strict=True, allow_webhook_host="hooks.example.com").app.test_client()
    for url, status in (
        ("http://bot:5000/", 400),
        ("https://bot/", 200),
        ("http://hooks.example.com/", 200),
        ("http://app-1.wsgi.localhost/", 200),
    ):
        world = {"instances": [{"number": "254708920430", "webhook": {"url": url}}]}
        assert client.put("/_mock/world", json=world).status_code == status, url


@pytest.mark.parametrize("around", ["[%s]", "\ufeff%s", "'%s'", "// comment\n%s", "%s%s"])
def test_contents_that_are_no_world_are_not_repeated(around: str) -> None:
    world = '{"instances": [{"number": "254712345678", "api_keys": ["my-own-key-1"]}]}'

    with pytest.raises(CannotStart) as refusal:
        FlaresendMock(world=around.replace("%s", world))

    assert str(refusal.value).startswith("world: ")
    assert "my-own-key-1" not in str(refusal.value)


@pytest.mark.parametrize("option", ["world", "import_"])
def test_a_file_name_that_is_too_long_is_said_so(option: str) -> None:
    with pytest.raises(CannotStart, match="File name too long"):
        FlaresendMock(**{option: "x" * 5000})
