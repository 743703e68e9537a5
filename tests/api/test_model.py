"""Whatever is called in whatever order: groups and scheduled messages agree with a model of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from tests.support import KEY, NOW, client_of, default_state, examples

ME = "254708920430"
PEOPLE = ("254711000001", "254711000002", "254711000003", "254711000004")
NOBODY = "999000404"
people = st.lists(st.sampled_from((*PEOPLE, NOBODY)), min_size=1, max_size=3, unique=True)


@dataclass
class Group:
    """Who is in a group, and who of them are admins."""

    members: set[str]
    admins: set[str] = field(default_factory=set)


class Flaresend(RuleBasedStateMachine):
    groups = Bundle("groups")
    tasks = Bundle("tasks")

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.world = World("default", default_state(), lambda: self.now, HostServices())
        self.world.timeline.change(frozen=True)
        self.client = client_of(self.world)
        self.lids: dict[str, str] = {}
        self.known: dict[str, Group] = {}
        self.pending: dict[str, datetime] = {}
        self.sent: list[str] = []

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        response = self.client.open(path, method=method, json=body, headers=KEY)
        return response.status_code, response.json

    @rule(target=groups, participants=people)
    def create(self, participants: list[str]) -> str:
        status, response = self.call("POST", "/groups", {"subject": "Friends", "participants": participants})
        there = {number for number in participants if number != NOBODY}
        if not there:
            assert (status, response["message"]) == (400, "No valid participants")
            return ""
        assert status == 200
        self.known[response["data"]["id"]] = Group({ME, *there}, {ME})
        return str(response["data"]["id"])

    @rule(group=groups, action=st.sampled_from(("add", "remove", "promote", "demote")), participants=people)
    def manage(self, group: str, action: str, participants: list[str]) -> None:
        if not group:
            return
        body = {"action": action, "participants": participants}
        status, response = self.call("POST", f"/groups/{group}/participants", body)
        model, named = self.known[group], set(participants)
        fits = NOBODY not in named and not named & model.members if action == "add" else named <= model.members
        assert (status == 200) == fits, response
        if status != 200:
            assert status == 400
            return
        if action == "add":
            model.members |= named
        elif action == "remove":
            model.members -= named
            model.admins -= named
        elif action == "promote":
            model.admins |= named
        else:
            model.admins -= named

    @rule(group=groups, action=st.sampled_from(("remove", "demote")))
    def touch_the_creator(self, group: str, action: str) -> None:
        if group:
            body = {"action": action, "participants": [ME]}
            assert self.call("POST", f"/groups/{group}/participants", body)[0] == 403

    @rule(target=tasks, minutes=st.integers(-5, 300))
    def schedule(self, minutes: int) -> str:
        at = self.now.replace(tzinfo=None) + self.passed() + timedelta(minutes=minutes)
        status, response = self.call("POST", "/schedule-message", self.message(at))
        assert status == (200 if minutes > 0 else 400)
        if status != 200:
            return ""
        self.pending[response["task_id"]] = at
        return str(response["task_id"])

    @rule(task=tasks, minutes=st.integers(1, 300))
    def retime(self, task: str, minutes: int) -> None:
        if not task:
            return
        at = self.now.replace(tzinfo=None) + self.passed() + timedelta(minutes=minutes)
        status, _ = self.call("PATCH", f"/scheduled-messages/{task}", {"sendAt": f"{at:%Y-%m-%d %H:%M:%S}"})
        assert status == (200 if task in self.pending else 400)
        if task in self.pending:
            self.pending[task] = at

    @rule(task=tasks)
    def cancel(self, task: str) -> None:
        if task:
            status, _ = self.call("DELETE", f"/scheduled-messages/{task}")
            assert status == (200 if self.pending.pop(task, None) else 404)

    @rule(minutes=st.integers(0, 240))
    def advance(self, minutes: int) -> None:
        status, response = self.call("POST", "/_mock/clock/advance", {"seconds": 60 * minutes})
        assert status == 200
        now = self.now.replace(tzinfo=None) + self.passed()
        due = {task for task, at in self.pending.items() if at <= now}
        assert {one["id"] for one in response["fired"]} == due
        assert len(response["fired"]) == len(due)
        for task in due:
            del self.pending[task]
            self.sent.append(task)

    @invariant()
    def groups_agree(self) -> None:
        for jid, model in self.known.items():
            _, response = self.call("GET", f"/groups/{jid}")
            shown = response["data"]["participants"]
            listed = self.call("GET", "/groups")[1]["data"][jid]
            assert len(shown) == len({one["id"] for one in shown}) == listed["size"] == len(model.members)
            assert {self.number(one["id"]) for one in shown} == model.members
            assert {self.number(one["id"]) for one in shown if one["admin"]} == model.admins
            assert [self.number(one["id"]) for one in shown if one["admin"] == "superadmin"] == [ME]

    @invariant()
    def tasks_agree(self) -> None:
        listed = self.call("GET", "/scheduled-messages")[1]["data"]
        assert {one["id"]: one["sendAt"] for one in listed} == {
            task: f"{at:%Y-%m-%d %H:%M:%S}" for task, at in self.pending.items()
        }
        assert [one["sendAt"] for one in listed] == sorted(one["sendAt"] for one in listed)
        assert len(self.world.state.messages) == len(self.sent)

    def passed(self) -> timedelta:
        return self.world.clock.now() - self.now

    def number(self, lid: str) -> str:
        return next(person.number for person in self.world.state.people.values() if person.lid == lid)

    def message(self, at: datetime) -> dict[str, Any]:
        return {"recipients": [PEOPLE[0]], "type": "text", "text": "hi", "sendAt": f"{at:%Y-%m-%d %H:%M:%S}"}


TestModel = Flaresend.TestCase
TestModel.settings = settings(max_examples=examples(40), stateful_step_count=25, derandomize=True)
