"""Programs for a whole emulator: what one seed makes of it, step by step, and the shortest program that still fails."""

from __future__ import annotations

import json
import logging
import random
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from flaresend_mock.core import state
from flaresend_mock.core.events import KINDS
from tests.simulation.checker import BACK, FAILS, MAX_FILES, UNKNOWN, USER, Due, Letter, Phone, Told, demand
from tests.simulation.checker import mark_of_event as mark_of
from tests.simulation.machine import HANG_SECONDS, JSON, Flight, Machine, Violation
from tests.unsealing import open_vote

Step = tuple[str, int]  # the name of an operation, and the seed of its choices
Program = list[Step]

PEOPLE = ("254712345678", "254723456789", "254799000111", "254799000222", "254799000333")
NAMES = ("default", "second")
KEYS = {"default": "YOUR_API_KEY", "second": "second-key"}  # of the first instance of each world
CONTENTS = ("image", "document", "template")  # the kinds that instances send, beside texts
WRITTEN = ("location", "contact", "poll", "document", "button_reply")  # those that people write
FORM = "multipart/form-data; boundary=part"
URL = "http://127.0.0.1:9/webhook"
FILE_URL = "https://shop.example/{}.jpg"
OPTIONS = ["Saturday", "Sunday"]
MAX_EDIT_AGE = timedelta(minutes=15)
IN_FLIGHT = ("open_deliveries", "lanes", "timers")  # what an attempt changes that begins: its end has an event
MOST_MESSAGES = 150  # a world with more begins anew: exports of large worlds are slow
RECEIVERS = ("ok", "ok", "ok", "fails", "hangs", "slow", "down", "flaky", "calls back", "calls back")


@contextmanager
def small_worlds() -> Iterator[None]:
    """Let worlds keep few bytes of files, so that files are evicted."""
    with patch.object(state, "MAX_MEDIA_BYTES", MAX_FILES):
        yield


class Simulation:
    """Runs a program against an emulator, with a checker for each world, and raises Violation if one is broken."""

    @small_worlds()
    def __init__(self) -> None:
        self.machine = Machine()
        self.machine.respond, self.machine.ended = self._respond, self._ended
        self.told: dict[str, Told] = {}
        self.origins: dict[str, Told] = {}
        self.last_events = dict.fromkeys(NAMES, 0)
        self.snapshots: dict[str, dict[str, Told]] = {name: {} for name in NAMES}
        self.receivers: dict[str, str] = {}
        self.texts = self.steps = 0
        self.log: list[str] = []
        self.phone = Phone("", "", "")
        self._seen: list[tuple[str, str, Any]] = []
        self._choice = random.Random(0)
        made = self.machine.call("POST", "/_mock/worlds", {"name": "second", "seed": 7, "api_key": KEYS["second"]})
        demand(made.status == 201, "no world", made.body)
        self._fresh = {}
        for name in NAMES:
            shop = {"name": "Shop", "number": "254733000111", "status": "connected", "api_key": f"{KEYS[name]}-shop"}
            demand(self._control(name, "POST", "/_mock/instances", shop).status == 201, "no instance")
            self.told[name] = self._first_look(name)
            self._fresh[name] = self._raw_export(name), self.told[name].copy()
            self._begin_anew(name)
        self.machine.save()
        self.saved = {name: told.copy() for name, told in self.told.items()}

    def run(self, program: Program) -> None:
        with no_errors_logged(), small_worlds():
            for step in program:
                self.step(*step)
            for name in NAMES:
                self._audit(name)

    def step(self, operation: str, seed: int) -> None:
        """Do one operation, and check what it caused."""
        self.steps += 1
        self._choice = random.Random(seed)
        name = self._choice.choice(NAMES)
        self.phone = self._choice.choice(list(self.told[name].phones.values()))
        self.log.append(f"# {operation} in {name}")
        OPERATIONS[operation][1](self, name)
        self._catch_up()
        self._pass_by(0.0)
        if len(self.told[name].messages) > MOST_MESSAGES:
            self._audit(name)
            self._begin_anew(name)
            self._pass_by(0.0)

    def digest(self) -> str:
        """Return the hash of all responses and webhooks so far."""
        return self.machine.history.hexdigest()

    # what clients do

    def send(self, name: str) -> None:
        told, phone = self.told[name], self.phone
        to = tuple(self._choice.choices(self._numbers(told), k=self._choice.choice((1, 1, 1, 2, 3))))
        kind, mark, at = self._choice.choice(("text", "text", *CONTENTS)), self._text(), told.now(self.machine.now)
        body = {"recipients": to, "type": kind, **content(kind, mark)}
        response = self._api("POST", "/send-message", body)
        if self._is_ready(told, response.status):
            told.sent(phone, to, kind, mark, at)

    def upload(self, name: str) -> None:
        """Send or schedule a file. That of a scheduled message is kept until then, whatever else is sent."""
        told, phone, to = self.told[name], self.phone, self._choice.choice(self._numbers(self.told[name]))
        mark, at, now = self._text(), self._later(told), told.now(self.machine.now)
        file = f"{mark};".encode() * self._choice.choice((50, 100, 200))
        parts = {"recipients[]": to, "type": "document", "caption": mark}
        is_later = self._choice.random() < 0.5
        if is_later:
            parts["sendAt"] = _local(at)
        response = self._api("POST", "/schedule-message" if is_later else "/send-message", form(parts, file))
        if not is_later:
            if self._is_ready(told, response.status):
                told.sent(phone, (to,), "document", mark, now)
        elif response.status == 200:
            demand(told.has_room(file), "there is no room for this file", len(file))
            told.owe(Due(at, 0, "task", phone.id, response.json["task_id"], (to,), "document", mark, file))
        else:
            expected = response.status == 503 or at <= now or (response.status == 429 and not told.has_room(file))
            demand(expected, "not scheduled", response.body)
        self._catch_up()  # the call may have been delayed
        for due in told.pending():
            kept = self.machine.file_of(name, due.id) if due.file else due.file
            demand(kept == due.file, "a pending task has lost its file", due.id)

    def refuse(self, name: str) -> None:
        """Make calls that are refused: they change nothing, not even the next id."""
        before, at = self.machine.contents(name), self.machine.now
        for method, path, body in self._choice.sample(self._wrong_calls(name), 6):
            is_control = path.startswith("/_mock")
            response = self._control(name, method, path, body) if is_control else self._api(method, path, body)
            demand(response.status >= 400, "a wrong call was accepted", method, path, body, response.body)
        hit = ("faults", "counters") if before["faults"] else ()
        if self.machine.now == at:  # else a fault has delayed one, and what was due meanwhile was sent
            self._demand_unchanged(name, before, "refused calls changed", hit)
        self._catch_up()

    def _wrong_calls(self, name: str) -> list[tuple[str, str, Any]]:
        groups, past = list(self.told[name].groups), {"sendAt": "1980-01-01 00:00:00"}
        return [
            ("POST", "/send-message", {"recipients": [], "type": "text", "text": "refused"}),
            ("POST", "/send-message", {"recipients": [PEOPLE[0]], "type": "text"}),
            ("POST", "/send-message", {"recipients": ["999000000429"], "type": "text", "text": "refused"}),
            ("POST", "/schedule-message", {"recipients": [PEOPLE[0]], "type": "text", "text": "refused"}),
            ("POST", "/schedule-message", {"recipients": [PEOPLE[0]], "type": "text", "text": "refused", **past}),
            ("POST", "/send-message", {"recipients": [PEOPLE[0]], "type": "image", "caption": "refused"}),
            ("POST", "/_mock/inbound", {"from": PEOPLE[0], "type": "poll_vote", "target": "none", "choices": []}),
            ("POST", "/_mock/inbound", {"from": PEOPLE[0], "type": "image", "media": {"base64": "?"}}),
            ("POST", "/_mock/instances", {"number": self.phone.number}),
            ("POST", "/_mock/messages/wait", {"timeout": -1}),
            ("PATCH", "/scheduled-messages/SCHED-0", {"text": "refused"}),
            ("DELETE", "/scheduled-messages/SCHED-0", None),
            ("POST", "/groups", {"subject": "refused", "participants": [UNKNOWN]}),
            ("POST", f"/groups/{groups[0]}/participants", {"action": "add", "participants": [UNKNOWN]}),
            ("POST", f"/groups/{groups[0]}/participants", {"action": "remove", "participants": ["254700999999"]}),
            ("POST", "/channels", {"description": "refused"}),
            ("POST", "/_mock/inbound", {"from": UNKNOWN, "text": "refused"}),
            ("POST", "/_mock/inbound", {"from": PEOPLE[0], "text": "refused", "group": "1@g.us"}),
            ("POST", "/_mock/faults", {"times": 1}),
            ("POST", "/_mock/clock/advance", {"seconds": -1}),
            ("PUT", "/_mock/world", {"instances": []}),
            ("POST", "/_mock/instances", {"api_key": KEYS[name]}),
            ("POST", "/_mock/snapshots/none/restore", None),
        ]

    def schedule(self, name: str) -> None:
        told, to = self.told[name], tuple(self._choice.choices(self._numbers(self.told[name]), k=self._few()))
        to, kind = tuple(one for one in to if one != UNKNOWN) or PEOPLE[:1], self._choice.choice(("text", *CONTENTS))
        mark, at, now = self._text(), self._later(told), told.now(self.machine.now)
        body = {"recipients": to, "type": kind, "sendAt": _local(at), **content(kind, mark)}
        response = self._api("POST", "/schedule-message", body)
        if response.status == 200:
            told.owe(Due(at, 0, "task", self.phone.id, response.json["task_id"], to, kind, mark))
        else:
            demand(response.status == 503 or at <= now, "not scheduled", response.body)

    def update(self, name: str) -> None:
        told = self.told[name]
        if not (pending := told.pending(self.phone.id)):
            return
        task = self._choice.choice(pending)
        mark, at = self._text(), self._later(told)
        changes: dict[str, Any] = {"text": mark} if task.type == "text" else {}
        if moves := self._choice.random() < 0.5:
            changes["sendAt"] = _local(at)
        response = self._api("PATCH", f"/scheduled-messages/{task.id}", changes)
        if response.status == 200:
            told.cancel(task.id, None)
            due = replace(task, at=at if moves else task.at, mark=changes.get("text", task.mark))
            if moves:
                told.owe(due)
            else:
                told.due = sorted([*told.due, due])

    def cancel(self, name: str) -> None:
        told, control = self.told[name], self._choice.random() < 0.3
        pending = [due.id for due in told.pending(None if control else self.phone.id)]
        wanted = self._choice.choice([*pending, *list(told.ended)[-2:], "SCHED-1"])
        if control:
            response = self._control(name, "DELETE", f"/_mock/scheduled/{wanted}")
        else:
            response = self._api("DELETE", f"/scheduled-messages/{wanted}")
        if response.status == 200:
            demand(wanted in pending, "cancelled, and it was not pending", wanted)
            told.cancel(wanted, "cancelled")
        else:
            demand(response.status == 503 or wanted not in pending, "not cancelled", wanted, response.body)

    def group(self, name: str) -> None:
        told = self.told[name]
        people = self._choice.sample([*PEOPLE, self._other(told).number], self._choice.choice((1, 2, 3)))
        response = self._api("POST", "/groups", {"subject": self._text(), "participants": people})
        if self._is_ready(told, response.status):
            id_ = response.json["data"]["id"]
            demand(id_ not in told.groups, "the id of another group", id_)
            told.groups[id_] = {self.phone.number: "superadmin", **dict.fromkeys(people)}

    def participants(self, name: str) -> None:
        told, number = self.told[name], self.phone.number
        control = self._choice.random() < 0.5
        mine = [one for one, who in told.groups.items() if number in who]
        if not (possible := list(told.groups) if control else mine):
            return
        id_ = self._choice.choice(possible)
        action = self._choice.choice(("add", "add", "remove", "promote", "demote"))
        people = self._choice.sample([*PEOPLE, self._other(told).number], self._choice.choice((1, 1, 2)))
        body = {"action": action, "participants": people}
        path = f"/groups/{id_}/participants"
        response = self._control(name, "POST", f"/_mock{path}", body) if control else self._api("POST", path, body)
        members = dict(told.groups[id_])
        inside = [one in members for one in people]
        can = not any(inside) if action == "add" else all(inside)
        if action in ("remove", "demote"):
            can = can and all(members[one] != "superadmin" for one in people)
        if not control and not self._is_ready(told, response.status, refusals=(400, 403, 409)):
            return
        admin = control or members[number] is not None
        demand((response.status == 200) == (can and admin), "participants", id_, body, response.body, members)
        if response.status != 200:
            return
        for one in people:
            if action == "remove":
                del members[one]
            else:
                members[one] = "admin" if action == "promote" and not members[one] else members.get(one)
                members[one] = None if action == "demote" else members[one]
        told.groups[id_] = members

    def group_send(self, name: str) -> None:
        told, mark = self.told[name], self._text()
        groups = [*self._choice.sample(list(told.groups), 2), "1@g.us"]
        response = self._api("POST", "/groups/send-message", {"groupJids": groups, "type": "text", "text": mark})
        if self._is_ready(told, response.status):
            for id_ in groups:
                if self.phone.number in told.groups.get(id_, ()):
                    told.sent_to_group(self.phone, id_, mark)

    def channel(self, name: str) -> None:
        told, subject, mark = self.told[name], self._text(), self._text()
        response = self._api("POST", "/channels", {"name": subject, "description": mark})
        if not self._is_ready(told, response.status):
            return
        id_ = response.json["channel"]["id"]
        told.channels[id_] = (subject, mark)
        self._catch_up()
        response = self._api("POST", f"/channels/{id_}/message", {"type": "text", "text": mark})
        if self._is_ready(told, response.status):
            told.messages.append((self.phone.id, "outbound", id_, "text", mark, "sent"))

    def inbound(self, name: str) -> None:
        """Receive one message, or several of one chat, which wait in its lane."""
        sender = self._choice.choice((PEOPLE[0], PEOPLE[0], *PEOPLE[1:]))
        for _ in range(self._choice.choice((1, 1, 1, 1, 1, 1, 1, 5))):
            told, kind = self.told[name], self._choice.choice(("text", "text", "text", *WRITTEN))
            groups = [id_ for id_, who in told.groups.items() if sender in who and self.phone.number in who]
            group = self._choice.choice(groups) if groups and self._choice.random() < 0.3 else None
            self._receive(name, sender, group, {"type": kind, **written(kind, self._text())})

    def change(self, name: str) -> None:
        """React to a received message, edit it, delete it, or vote in it: only its sender may edit and delete it."""
        told = self.told[name]
        if not (letters := [one for one in told.letters[-20:] if one.phone == self.phone.id] or told.letters):
            return
        letter = self._choice.choice(letters)
        kind = self._choice.choice(("reaction", "edit", "delete", "poll_vote" if letter.type == "poll" else "edit"))
        is_own = kind in ("edit", "delete") or self._choice.random() < 0.7
        sender = letter.sender if is_own else PEOPLE[0]
        what: dict[str, Any] = {"edit": {"text": self._text()}, "poll_vote": {"choices": OPTIONS[:1]}}.get(kind, {})
        group = None if letter.chat.endswith(USER) else letter.chat
        same_chat = letter.phone == self.phone.id and (group or sender + USER) == letter.chat
        fits = {"edit": letter.type in ("text", "document"), "poll_vote": letter.type == "poll"}.get(kind, True)
        young = kind != "edit" or told.now(self.machine.now) - letter.at <= MAX_EDIT_AGE
        members = told.groups.get(letter.chat, {})
        inside = group is None or (sender in members and self.phone.number in members)
        can = same_chat and fits and young and inside and not letter.deleted
        event = self._receive(name, sender, group, {"type": kind, "target": letter.id, **what}, can=can)
        if event and kind == "delete":
            told.letters = [replace(one, deleted=True) if one.id == letter.id else one for one in told.letters]
        elif event and kind == "poll_vote":
            demand(open_vote(letter.data, event["data"]) == OPTIONS[:1], "a vote for something else", letter.id)

    def _receive(self, name: str, sender: str, group: str | None, what: dict[str, Any], *, can: bool = True) -> Any:
        """Receive a message, which must be refused unless it `can` be, and return its event."""
        told, phone = self.told[name], self.phone
        body = {"from": sender, "instance": phone.id, **({"group": group} if group else {}), **what}
        response = self._control(name, "POST", "/_mock/inbound", body)
        is_full = what["type"] == "document" and b"the files of undelivered events are too large" in response.body
        can = can and not phone.logged_out and not is_full
        demand((response.status == 201) == can, "received", can, body, response.body)
        if not can:
            return None
        event, chat, now = response.json["event"], group or sender + USER, told.now(self.machine.now)
        told.received(phone, chat, what["type"], mark_of(event))
        told.told_of(response.json["delivery"])
        if "target" not in what:
            told.letters.append(Letter(event["data"]["id"], phone.id, chat, sender, what["type"], now, event["data"]))
        return event

    def rule(self, name: str) -> None:
        after = self._choice.choice((0, 1, 7.5)) if self._choice.random() < 0.6 else None
        self._set_rule(name, self._choice.choice(PEOPLE[:2]), after)

    def _set_rule(self, name: str, number: str, after: float | None) -> None:
        """Let a person reply to each text after some seconds, or never."""
        self._control(name, "PUT", f"/_mock/people/{number}", {"rules": [] if after is None else [{"after": after}]})
        self.told[name].rules.pop(number, None)
        if after is not None:
            self.told[name].rules[number] = after

    def _ask(self, name: str) -> None:
        """Send a text to a person who replies."""
        told, mark, at = self.told[name], self._text(), self.told[name].now(self.machine.now)
        self._set_rule(name, PEOPLE[0], self._choice.choice((1, 7.5)))
        response = self._api("POST", "/send-message", {"recipients": [PEOPLE[0]], "type": "text", "text": mark})
        if self._is_ready(told, response.status):
            told.sent(self.phone, PEOPLE[:1], "text", mark, at)
        self._catch_up()

    def wait_for(self, name: str) -> None:
        """Wait for a message that is there, is due, or never comes: the response comes at once, then, or in time."""
        if self._choice.random() < 0.5:
            self._ask(name)
        told, start = self.told[name], self.machine.now
        there = [line[4] for line in told.messages[-5:] if line[1] == "inbound"]
        owed = [due.mark for due in told.due if due.kind == "auto_reply"]
        mark, timeout = self._choice.choice([*there[-1:], *(3 * owed), "text 0"]), self._choice.choice((0, 0.5, 2, 10))
        now = told.now(start)
        until = now + timedelta(seconds=timeout) if told.frozen is None and timeout else None
        expected = told.arrives(mark, now, until)
        match = {"text": {"regex": rf"\b{mark}\b"}, "direction": "inbound", "type": "text"}
        response = self._control(name, "POST", "/_mock/messages/wait", {"match": match, "timeout": timeout})
        took = self.machine.now - start
        wanted = timedelta(seconds=timeout) if expected is None else expected - now
        demand((response.status == 200) == (expected is not None), "waited", mark, timeout, expected, response.body)
        demand(took == wanted, "a call waited for another time", mark, took, wanted)

    # time

    def set_clock(self, name: str) -> None:
        told = self.told[name]
        change: dict[str, Any] = {}
        if self._choice.random() < 0.6:
            seconds = self._choice.choice((-100, -1, 0, 1, 5, 50))
            change["now"] = (told.now(self.machine.now) + timedelta(seconds=seconds)).isoformat()
        if not change or self._choice.random() < 0.6:
            change["frozen"] = self._choice.random() < 0.6
        shown = self._control(name, "PATCH", "/_mock/clock", change).json
        if "now" in change:
            demand(_time(shown["now"]) == _time(change["now"]), "the clock", change, shown)
        told.set_clock(_time(shown["now"]), shown["frozen"], self.machine.now)

    def advance(self, name: str) -> None:
        told, start = self.told[name], self.told[name].now(self.machine.now)
        if self._choice.random() < 0.3:
            shown = self._control(name, "POST", "/_mock/clock/advance", {"to_next": True}).json
            target = _time(shown["now"])
            demand(not told.due or target <= max(told.due[0].at, start), "advanced beyond the next timer", shown)
        else:
            seconds = self._choice.choice((0, 1, 1.5, 5, 30, 120))
            target = start + timedelta(seconds=seconds)
            shown = self._control(name, "POST", "/_mock/clock/advance", {"seconds": seconds}).json
            demand(_time(shown["now"]) == target, "the clock", shown["now"], target)
        told.set_clock(target, told.frozen is not None, self.machine.now)
        expected = told.fire(start, target)
        fired = [_ran(one) for one in shown["fired"] if one["kind"] in ("task", "auto_reply", "pairing")]
        demand(fired == expected, "what ran", fired, expected)

    def wait(self, name: str) -> None:
        self._pass_by(self._choice.choice((0.001, 0.2, 1, 3, 20)))

    # webhooks

    def receiver(self, name: str) -> None:
        self.receivers[self.phone.key] = self._choice.choice(RECEIVERS)

    def webhook(self, name: str) -> None:
        self._look_for_pause(name)
        told, retries = self.told[name], [1, 5, 30][: self._choice.choice((0, 1, 2, 3))]
        ordered = self._choice.random() < 0.7
        body: dict[str, Any] = {"url": URL, "retries": retries, "ordered": ordered}
        if self._choice.random() < 0.2:
            kinds = {"duplicate": 0.3, "reorder": 0.3, "drop": 0.2, "delay": 1.5}
            body["chaos"] = dict(self._choice.sample(list(kinds.items()), 2))
            told.chaotic = told.chaotic or "duplicate" in body["chaos"]
            told.drops += "drop" in body["chaos"]
        demand(self._control(name, "PUT", self._hook, body).status == 200, "no webhook", body)
        told.set_webhook(self.phone.id, (ordered, len(retries)))

    def no_webhook(self, name: str) -> None:
        self._look_for_pause(name)
        self._control(name, "DELETE", self._hook)
        self.told[name].set_webhook(self.phone.id, None)
        self.told[name].change(self.phone.id, deleted=True)

    def pause(self, name: str) -> None:
        response = self._control(name, "POST", f"{self._hook}/pause")
        demand((response.status == 200) == (self.phone.webhook is not None), "pause", response.body)
        self.told[name].change(self.phone.id, paused=True)
        self.told[name].forget_order(self.phone.id)

    def resume(self, name: str) -> None:
        self._look_for_pause(name)
        told, replay = self.told[name], self._choice.random() < 0.8
        response = self._control(name, "POST", f"{self._hook}/resume", {"replay": replay})
        told.forget_order(self.phone.id)
        demand((response.status == 200) == (self.phone.webhook is not None), "resume", response.body)
        for delivery in response.json["replayed"] if response.status == 200 else ():
            told.limits[delivery["id"]] = len(delivery["attempts"]) + 1

    def redeliver(self, name: str) -> None:
        told = self.told[name]
        if self._choice.random() < 0.5 or not told.events:
            response = self._control(name, "POST", "/_mock/deliveries/redeliver", {"status": "failed"})
        else:
            id_ = self._choice.choice(list(told.events))
            response = self._control(name, "POST", f"/_mock/deliveries/{id_}/redeliver")
        if response.status == 202:
            told.forget_order()
            for delivery in response.json["deliveries"]:
                told.told_of(delivery)

    def connection(self, name: str) -> None:
        told, connected = self.told[name], self._choice.random() < 0.7
        status = "connected" if connected else "disconnected"
        self._control(name, "POST", f"/_mock/instances/{self.phone.id}/status", {"status": status})
        told.step(self.phone.id, status, told.now(self.machine.now))

    def pairing(self, name: str) -> None:
        """Press a button of the dashboard, or scan the QR code."""
        told, phone, now = self.told[name], self.phone, self.told[name].now(self.machine.now)
        likely = {"disconnected": "reconnect", "qr": "scan"}.get(phone.phase, "logout")
        what = self._choice.choice(("disconnect", "logout", "reconnect", "scan", likely, likely, likely))
        body = {} if what == "scan" else None
        response = self._control(name, "POST", f"/_mock/instances/{phone.id}/{what}", body)
        if what in ("disconnect", "logout"):
            demand(response.status == 200, what, response.body)
            told.change(phone.id, logged_out=phone.logged_out or what == "logout")
            told.step(phone.id, "disconnected", now)
            return
        possible = phone.phase == ("disconnected" if what == "reconnect" else "qr")
        demand((response.status == 200) == possible, what, phone.phase, response.body)
        if possible:
            told.change(phone.id, logged_out=phone.logged_out and what != "scan")
            told.step(phone.id, "initializing" if what == "reconnect" else "connecting", now, 1)

    def fault(self, name: str) -> None:
        told = self.told[name]
        if self._choice.random() < 0.5:
            self._control(name, "DELETE", "/_mock/faults")
            return
        times = self._choice.choice((1, 2, 3))
        what: dict[str, Any] = self._choice.choice(
            (
                {"respond": {"status": 503}},
                {"delay": 2},
                {"on": "deliveries", "action": "drop"},
                {"on": "deliveries", "action": "duplicate"},
                {"on": "deliveries", "action": "reorder"},
                {"on": "deliveries", "action": "reset"},
                {"on": "deliveries", "action": "drop_response"},
                {"on": "deliveries", "delay": 3},
                {"on": "deliveries", "respond": {"status": 500}},
                {"on": "deliveries", "respond": {"status": 200}},
            )
        )
        demand(self._control(name, "POST", "/_mock/faults", {**what, "times": times}).status == 201, "no fault")
        told.forget_order()
        told.duplicates += times * (what.get("action") == "duplicate")
        told.drops += times * (what.get("action") == "drop")

    # whole worlds

    def snapshot(self, name: str) -> None:
        taken = self._choice.choice("ab")
        demand(self._control(name, "POST", f"/_mock/snapshots/{taken}").status == 201, "no snapshot")
        self.snapshots[name][taken] = self.told[name].copy()

    def restore(self, name: str) -> None:
        taken = self._choice.choice("ab")
        response = self._control(name, "POST", f"/_mock/snapshots/{taken}/restore")
        demand((response.status == 200) == (taken in self.snapshots[name]), "restore", response.body)
        if response.status == 200:
            self._return_to(name, self.snapshots[name][taken])

    def reset(self, name: str) -> None:
        demand(self._control(name, "POST", "/_mock/reset").status == 200, "reset")
        self._return_to(name, self.origins[name])

    def reimport(self, name: str) -> None:
        export = self._raw_export(name)
        response = self._control(name, "PUT", "/_mock/world", export)
        demand(response.status == 200, "not imported", response.body)
        demand(self._raw_export(name) == export, "an export changes when it is imported")
        self.told[name].forget_order()
        self._continue(name, self.told[name])

    def restart(self, name: str) -> None:
        """Stop the emulator, which saves its worlds, and start another one."""
        self.machine.stop()
        self._boot(dict(self.told))

    def autosave(self, name: str) -> None:
        self.machine.save()
        self.saved = {one: told.copy() for one, told in self.told.items()}

    def kill(self, name: str) -> None:
        """Kill the emulator, often while it saves, and start another one."""
        if self._choice.random() < 0.7:
            written = self.machine.save(kill_at=self._choice.randrange(2))
            self.saved |= {one: self.told[one].copy() for one in written}
        self.machine.kill()
        self._boot(self.saved)

    def _boot(self, told: dict[str, Told]) -> None:
        self.machine.boot()
        for one in NAMES:
            demand(self._raw_export(one) == self.machine.saved(one), "another world than was saved", one)
            self._continue(one, told[one])
            self.snapshots[one].clear()
        self.saved = {one: told.copy() for one, told in self.told.items()}

    def unsaved(self, name: str) -> None:
        """Do what may record no event: --autosave would miss a change."""
        before, version = self.machine.contents(name), self.machine.version(name)
        for _ in range(self._choice.choice((1, 1, 3))):
            match self._choice.randrange(6):
                case 0:
                    self._pass_by(self._choice.choice((0.0, 0.5)))
                case 1:
                    for path in ("groups", "channels", "people", "messages", "deliveries", "instances", "transcript"):
                        self._control(name, "GET", f"/_mock/{path}")
                case 2:
                    method, path, body = self._choice.choice(self._wrong_calls(name))
                    if path.startswith("/_mock"):
                        self._control(name, method, path, body)
                case 3:
                    self._control(name, "POST", "/_mock/deliveries/settle")
                    self._catch_up()
                case _:
                    OPERATIONS[self._choice.choice(QUIET)][1](self, name)
                    self._catch_up()
            self.phone = self.told[name].phones[self.phone.id]
        if self.machine.version(name) == version:
            self._demand_unchanged(name, before, "changed without an event, so --autosave misses it", IN_FLIGHT)

    def follow(self, name: str) -> None:
        """Stream the events after the last one that was read: each comes once, in order, also over resets."""
        last, kinds = self.last_events[name], ",".join(self._choice.sample(KINDS, 3))
        path = f"/_mock/events?world={name}&since={last}&kind={kinds}"
        streamed = self.machine.stream(f"{path}&stream=true", self._choice.choice((0, 0.5, 5))).body.decode()
        numbers = [int(line.removeprefix("id: ")) for line in streamed.split("\n") if line.startswith("id: ")]
        listed = [event["id"] for event in self._call("GET", f"{path}&limit=1000", None, None).json["events"]]
        demand(numbers == listed, "streamed and listed events", last, numbers, listed)
        demand(numbers == sorted(set(numbers)) and (not numbers or numbers[0] > last), "event numbers", last, numbers)
        self.last_events[name] = numbers[-1] if numbers else last

    def audit(self, name: str) -> None:
        self._audit(name)

    # how it is done

    @property
    def _hook(self) -> str:
        return f"/_mock/instances/{self.phone.id}/webhook"

    def _first_look(self, name: str) -> Told:
        told = Told()
        for one in self._control(name, "GET", "/_mock/instances?with_secrets=true").json["instances"]:
            told.phones[one["id"]] = Phone(one["id"], one["number"], one["api_keys"][0]["api_key"])
        for one in self._control(name, "GET", "/_mock/groups").json["groups"]:
            told.groups[one["id"]] = {who["number"]: who["admin"] for who in one["participants"]}
        for one in self._control(name, "GET", "/_mock/channels").json["channels"]:
            told.channels[one["id"]] = (one["name"], one["description"])
        shown = self._control(name, "GET", "/_mock/clock").json
        told.set_clock(_time(shown["now"]), shown["frozen"], self.machine.now)
        return told

    def _begin_anew(self, name: str) -> None:
        export, told = self._fresh[name]
        demand(self._control(name, "PUT", "/_mock/world", export).status == 200, "not imported")
        self._continue(name, told)

    def _continue(self, name: str, told: Told) -> None:
        """Expect a world that was imported or started, to which resets return from now on."""
        self.origins[name] = self._after_return(told)
        self.told[name] = self.origins[name].copy()
        self.last_events[name] = 0

    def _control(self, name: str, method: str, path: str, body: Any = None) -> Any:
        return self._call(method, f"{path}{'&' if '?' in path else '?'}world={name}", body, None)

    def _api(self, method: str, path: str, body: Any = None) -> Any:
        return self._call(method, path, body, self.phone.key)

    def _call(self, method: str, path: str, body: Any, key: str | None) -> Any:
        kind = FORM if isinstance(body, bytes) and key else JSON
        response = self.machine.call(method, path, body, key, content_type=kind)
        self.log.append(f"{method} {path} {json.dumps(body) if not isinstance(body, bytes) else '…'} {response.status}")
        del self.log[:-10_000]
        return response

    def _numbers(self, told: Told) -> tuple[str, ...]:
        return (*PEOPLE, FAILS, UNKNOWN, self._other(told).number)

    def _other(self, told: Told) -> Phone:
        return next(one for one in told.phones.values() if one.id != self.phone.id)

    def _few(self) -> int:
        return self._choice.choice((1, 2))

    def _text(self) -> str:
        self.texts += 1
        return f"text {self.texts}"

    def _later(self, told: Told) -> datetime:
        at = told.now(self.machine.now) + timedelta(seconds=self._choice.choice((1, 2, 2, 10, 60, 300)))
        return at.replace(microsecond=0)

    def _is_ready(self, told: Told, status: int, refusals: tuple[int, ...] = ()) -> bool:
        """Tell whether a call was accepted; it may be refused only by a fault, or if the phone is not connected."""
        if status == 503:
            return False
        connected = told.phones[self.phone.id].connected
        demand((status == 425) == (not connected), "status and connection", status, connected)
        demand(status in (200, 425, *refusals), "refused", status, self.log[-1])
        return status != 425

    def _look_for_pause(self, name: str) -> None:
        """Note whether the webhook has paused itself."""
        webhook = self._control(name, "GET", self._hook).json["webhook"]
        demand((webhook is not None) == (self.phone.webhook is not None), "webhook", webhook)
        self.told[name].change(self.phone.id, paused=self.phone.paused or bool(webhook and webhook["paused"]))

    def _raw_export(self, name: str) -> bytes:
        body: bytes = self._control(name, "GET", "/_mock/world?with_secrets=true").body
        return body

    def _demand_unchanged(self, name: str, before: dict[str, Any], what: str, apart_from: tuple[str, ...]) -> None:
        now = self.machine.contents(name)
        changed = [part for part, was in before.items() if was != now[part] and part not in apart_from]
        demand(not changed, what, changed, *((before[part], now[part]) for part in changed[:1]))

    def _return_to(self, name: str, past: Told) -> None:
        """Expect what a client was told before; a clock that ran has kept running."""
        self.told[name] = self._after_return(past)

    def _after_return(self, past: Told) -> Told:
        told = past.copy()
        told.forget_order()
        return told

    def _pass_by(self, seconds: float) -> None:
        self.machine.pass_by(seconds)
        self._catch_up()

    def _catch_up(self) -> None:
        """Note what must have happened while time passed, and check what receivers got."""
        passed = self.machine.passed.copy()
        self.machine.passed.clear()
        for told in self.told.values():
            for start, end in passed if told.frozen is None else ():
                told.fire(start + told.ahead, end + told.ahead)
        self._check_receivers()

    def _respond(self, world: Any, url: str, webhook_id: str, body: bytes) -> tuple[int | None, str | None, float]:
        event = json.loads(body)
        phone = self.told[world.name].phones[event["instanceId"]]
        chat = event["data"]["from"]
        self._seen.append((world.name, "posted", (webhook_id, phone.id, chat, mark_of(event))))
        how = self.receivers.get(phone.key, "ok")
        if how == "flaky":
            how = self._choice.choice(("ok", "fails", "hangs", "slow", "down"))
        if how == "calls back":
            self._call_back(world.name, phone)
        status = {"ok": 200, "calls back": 200, "slow": 204, "fails": 500}.get(how)
        error = {"hangs": "no response within 15 s", "down": "Connection refused"}.get(how)
        return status, error, {"slow": 2.5, "hangs": HANG_SECONDS}.get(how, 0.0)

    def _call_back(self, name: str, phone: Phone) -> None:
        """Reply to an event while it is handled, as a bot does."""
        self.texts += 1
        mark, to = f"{BACK} {self.texts}", PEOPLE[-1]
        self.machine.delays = False
        body = {"recipients": [to], "type": "text", "text": mark}
        response = self._call("POST", "/send-message", body, phone.key)
        self.machine.delays = True
        demand(response.status in (200, 425, 503), "called back", response.status, response.body)
        if response.status == 200:
            line = (phone.id, "outbound", to + USER, "text", mark, "sent")
            self.told[name].called_back.append(line)

    def _ended(self, flight: Flight) -> None:
        if flight.generation == flight.world.deliveries.generation:
            delivery = flight.job.delivery
            about = (delivery.webhook_id, delivery.instance, delivery.chat, flight.attempt.accepted)
            self._seen.append((flight.world.name, "ended", about))

    def _check_receivers(self) -> None:
        seen, self._seen = self._seen, []
        for name, what, about in seen:
            told = self.told[name]
            if what == "posted":
                told.posted(*about)
            else:
                told.attempted(*about)

    def _audit(self, name: str) -> None:
        """Compare what lists show with what clients were told, once no delivery is under way."""
        told = self.told[name]
        settled = self._control(name, "POST", "/_mock/deliveries/settle").json["settled"]
        demand(settled, "not settled")
        self._catch_up()
        self._pass_by(0.0)
        ran = self.machine.now  # timers that fall due while deliveries settle run afterwards
        self._control(name, "POST", "/_mock/deliveries/settle")
        self._catch_up()
        for phone in told.phones.values():
            self.phone = phone
            self._look_for_pause(name)
        told.check_messages(self._control(name, "GET", "/_mock/messages?limit=1000").json["messages"])
        told.check_tasks(self._control(name, "GET", "/_mock/scheduled").json["scheduled"])
        told.check_groups(self._control(name, "GET", "/_mock/groups").json["groups"])
        told.check_channels(self._control(name, "GET", "/_mock/channels").json["channels"])
        deliveries = self._control(name, "GET", "/_mock/deliveries?limit=1000").json["deliveries"]
        told.check_deliveries(deliveries, ran)


OPERATIONS: dict[str, tuple[float, Callable[[Simulation, str], None]]] = {
    "send": (14, Simulation.send),
    "schedule": (8, Simulation.schedule),
    "update": (3, Simulation.update),
    "cancel": (3, Simulation.cancel),
    "group": (1, Simulation.group),
    "participants": (4, Simulation.participants),
    "group_send": (3, Simulation.group_send),
    "channel": (1, Simulation.channel),
    "upload": (2, Simulation.upload),
    "inbound": (22, Simulation.inbound),
    "change": (4, Simulation.change),
    "rule": (1, Simulation.rule),
    "set_clock": (2, Simulation.set_clock),
    "advance": (10, Simulation.advance),
    "wait": (10, Simulation.wait),
    "wait_for": (2, Simulation.wait_for),
    "receiver": (3, Simulation.receiver),
    "webhook": (2, Simulation.webhook),
    "no_webhook": (0.3, Simulation.no_webhook),
    "pause": (0.7, Simulation.pause),
    "resume": (2, Simulation.resume),
    "redeliver": (2, Simulation.redeliver),
    "connection": (2, Simulation.connection),
    "pairing": (1, Simulation.pairing),
    "fault": (2, Simulation.fault),
    "snapshot": (1, Simulation.snapshot),
    "restore": (1, Simulation.restore),
    "reset": (0.5, Simulation.reset),
    "reimport": (0.15, Simulation.reimport),
    "restart": (0.05, Simulation.restart),
    "autosave": (0.2, Simulation.autosave),
    "kill": (0.08, Simulation.kill),
    "unsaved": (0.5, Simulation.unsaved),
    "follow": (1, Simulation.follow),
    "refuse": (1, Simulation.refuse),
    "audit": (1, Simulation.audit),
}
"""Each operation with its share."""
QUIET = "cancel participants rule set_clock webhook no_webhook pause resume redeliver connection pairing fault".split()
"""Operations that call the control plane, whose calls have no event of their own."""


def program(seed: int, steps: int) -> Iterator[Step]:
    """Yield the program of a seed. A longer one begins like a shorter one."""
    choice = random.Random(seed)
    names, weights = list(OPERATIONS), [share for share, _ in OPERATIONS.values()]
    for _ in range(steps):
        yield choice.choices(names, weights)[0], choice.getrandbits(32)


def content(kind: str, mark: str) -> dict[str, Any]:
    """Return the contents of a message that an instance sends."""
    file = {"url": FILE_URL.format(mark.split()[-1]), "caption": mark}
    return {"text": {"text": mark}, "template": {"template": mark}}.get(kind, file)


def written(kind: str, mark: str) -> dict[str, Any]:
    """Return the contents of a message that a person writes. Some have no text to tell them apart: their ids do."""
    file = {"base64": b64encode(mark.encode()).decode(), "fileName": "list.txt", "mimetype": "text/plain"}
    match kind:
        case "location":
            return {"latitude": 1.5, "longitude": 36.5, "name": "Shop"}
        case "contact":
            return {"contact": {"name": "Jane", "number": PEOPLE[1]}}
        case "poll":
            return {"text": mark, "options": OPTIONS}
        case "document":
            return {"caption": mark, "media": file}
        case _:
            return {"text": mark}


def form(fields: dict[str, str], file: bytes) -> bytes:
    """Return a multipart form with a file."""
    parts = [f'form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts.append(b'form-data; name="file"; filename="list.txt"\r\nContent-Type: text/plain\r\n\r\n' + file)
    return b"".join(b"--part\r\nContent-Disposition: " + part + b"\r\n" for part in parts) + b"--part--\r\n"


def failure(steps: Program) -> Exception | None:
    """Run a program, and return what it violates."""
    try:
        Simulation().run(steps)
    except Exception as error:
        return error
    return None


def shrunk(steps: Program) -> Program:
    """Return a short program that still fails: parts are left out, of half its length at first and then of less."""
    simulation = Simulation()
    try:
        simulation.run(steps)
    except Exception as error:
        steps, wanted = list(steps[: simulation.steps]), _kind(error)
    size = max(1, len(steps) // 2)
    while True:
        start, smaller = 0, False
        while start < len(steps):
            shorter = steps[:start] + steps[start + size :]
            if shorter and _kind(failure(shorter)) == wanted:
                steps, smaller = shorter, True
            else:
                start += size
        if size == 1 and not smaller:
            return steps
        size = max(1, size // 2)


def _kind(error: Exception | None) -> str:
    return "" if error is None else f"{type(error).__name__}: {error}".partition(":")[2].partition(":")[0]


class _Errors(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise Violation(f"logged: {record.getMessage()}") from (record.exc_info[1] if record.exc_info else None)


@contextmanager
def no_errors_logged() -> Iterator[None]:
    """Raise Violation for each record of level ERROR."""
    logger, handler = logging.getLogger("flaresend_mock"), _Errors(logging.ERROR)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _ran(fired: dict[str, Any]) -> tuple[str, str, str]:
    kind, id_, result = fired["kind"], fired["id"], fired["result"]
    return (kind, id_, result) if kind == "task" else (kind, "", result if kind == "pairing" else "")


def _local(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
