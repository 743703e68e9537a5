"""Programs for a whole emulator: what one seed makes of it, step by step, and the shortest program that still fails."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from flaresend_mock.core.events import KINDS
from tests.simulation.checker import FAILS, UNKNOWN, Due, Told, demand
from tests.simulation.machine import HANG_SECONDS, Flight, Machine, Violation

Step = tuple[str, int]  # the name of an operation, and the seed of its choices
Program = list[Step]

PEOPLE = ("254712345678", "254723456789", "254799000111", "254799000222", "254799000333")
NAMES = ("default", "second")
KEYS = {"default": "YOUR_API_KEY", "second": "second-key"}
URL = "http://127.0.0.1:9/webhook"
IN_FLIGHT = ("open_deliveries", "lanes", "timers")  # what an attempt changes that begins: its end has an event
MOST_MESSAGES = 150  # a world with more begins anew: exports of large worlds are slow


class Simulation:
    """Runs a program against an emulator, with a checker for each world, and raises Violation if one is broken."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.machine.respond, self.machine.ended = self._respond, self._ended
        self.told: dict[str, Told] = {}
        self.origins: dict[str, Told] = {}
        self.last_events = dict.fromkeys(NAMES, 0)
        self.snapshots: dict[str, dict[str, Told]] = {name: {} for name in NAMES}
        self.receivers = dict.fromkeys(NAMES, "ok")
        self.texts = self.steps = 0
        self.log: list[str] = []
        self._seen: list[tuple[str, str, Any]] = []
        self._choice = random.Random(0)
        self._create("second", {"fixture": "default", "seed": 7, "api_key": KEYS["second"]})
        for name in NAMES:
            self.told[name] = self._first_look(name)
            self.origins[name] = self.told[name].copy()
        self.autosave("default")
        self._fresh = {name: (self._raw_export(name), self.told[name].copy()) for name in NAMES}

    def run(self, program: Program) -> None:
        with no_errors_logged():
            for step in program:
                self.step(*step)
            for name in NAMES:
                self._audit(name)

    def step(self, operation: str, seed: int) -> None:
        """Do one operation, and check what it caused."""
        self.steps += 1
        self._choice = random.Random(seed)
        name = self._choice.choice(NAMES)
        self.log.append(f"# {operation} in {name}")
        OPERATIONS[operation][1](self, name)
        self._check_receivers()
        self._pass_by(0.0)
        if len(self.told[name].messages) > MOST_MESSAGES:
            self._audit(name)
            demand(self._control(name, "PUT", "/_mock/world", self._fresh[name][0]).status == 200, "not imported")
            self.origins[name] = self._after_return(self._fresh[name][1])
            self.last_events[name] = 0
            self.told[name] = self.origins[name].copy()
            self._pass_by(0.0)

    def digest(self) -> str:
        """Return the hash of all responses and webhooks so far."""
        return self.machine.history.hexdigest()

    # what clients do

    def send(self, name: str) -> None:
        to = tuple(self._choice.choices((*PEOPLE, FAILS, UNKNOWN), k=self._choice.choice((1, 1, 1, 2, 3))))
        text = self._text()
        told = self.told[name]
        at = told.now(self.machine.now)
        response = self._api(name, "POST", "/send-message", {"recipients": to, "type": "text", "text": text})
        if self._is_ready(told, response.status):
            told.sent(to, text, at)

    def refuse(self, name: str) -> None:
        """Make calls that are refused: they change nothing, not even the next id."""
        before = self.machine.contents(name)
        for method, path, body in self._choice.sample(self._wrong_calls(name), 4):
            call = self._control if path.startswith("/_mock") else self._api
            response = call(name, method, path, body)
            demand(response.status >= 400, "a wrong call was accepted", method, path, body, response.body)
        hit = ("faults", "counters") if before["faults"] else ()
        self._demand_unchanged(name, before, "refused calls changed", hit)

    def _wrong_calls(self, name: str) -> list[tuple[str, str, Any]]:
        groups = list(self.told[name].groups)
        return [
            ("POST", "/send-message", {"recipients": [], "type": "text", "text": "refused"}),
            ("POST", "/send-message", {"recipients": [PEOPLE[0]], "type": "text"}),
            ("POST", "/send-message", {"recipients": ["999000000429"], "type": "text", "text": "refused"}),
            ("POST", "/schedule-message", {"recipients": [PEOPLE[0]], "type": "text", "text": "refused"}),
            ("POST", "/schedule-message", self._task("refused", "1980-01-01 00:00:00", (PEOPLE[0],))),
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
        told, to = self.told[name], tuple(self._choice.choices((*PEOPLE, FAILS), k=self._choice.choice((1, 2))))
        text, at = self._text(), self._later(told)
        response = self._api(name, "POST", "/schedule-message", self._task(text, _local(at), to))
        if response.status == 200:
            told.owe(Due(at, 0, "task", response.json["task_id"], to, text))
        else:
            demand(response.status == 503 or at <= told.now(self.machine.now), "not scheduled", response.body)

    def update(self, name: str) -> None:
        told = self.told[name]
        if not (pending := told.pending()):
            return
        task = self._choice.choice(pending)
        text, at = self._text(), self._later(told)
        changes: dict[str, Any] = {"text": text}
        if moves := self._choice.random() < 0.5:
            changes["sendAt"] = _local(at)
        response = self._api(name, "PATCH", f"/scheduled-messages/{task.id}", changes)
        if response.status == 200:
            told.cancel(task.id, None)
            due = Due(at if moves else task.at, task.order, "task", task.id, task.to, text)
            if moves:
                told.owe(due)
            else:
                told.due = sorted([*told.due, due])

    def cancel(self, name: str) -> None:
        told, control = self.told[name], self._choice.random() < 0.3
        pending = [due.id for due in told.pending()]
        wanted = self._choice.choice([*pending, *list(told.ended)[-2:], "SCHED-1"])
        if control:
            response = self._control(name, "DELETE", f"/_mock/scheduled/{wanted}")
        else:
            response = self._api(name, "DELETE", f"/scheduled-messages/{wanted}")
        if response.status == 200:
            demand(wanted in pending, "cancelled, and it was not pending", wanted)
            told.cancel(wanted, "cancelled")
        else:
            demand(response.status == 503 or wanted not in pending, "not cancelled", wanted, response.body)

    def group(self, name: str) -> None:
        told = self.told[name]
        people = self._choice.sample(PEOPLE, self._choice.choice((1, 2, 3)))
        response = self._api(name, "POST", "/groups", {"subject": self._text(), "participants": people})
        if self._is_ready(told, response.status):
            id_ = response.json["data"]["id"]
            demand(id_ not in told.groups, "the id of another group", id_)
            told.groups[id_] = {self.number: "superadmin", **dict.fromkeys(people)}

    def participants(self, name: str) -> None:
        told = self.told[name]
        id_ = self._choice.choice([one for one, who in told.groups.items() if self.number in who])
        action = self._choice.choice(("add", "remove", "promote", "demote"))
        people = self._choice.sample(PEOPLE, self._choice.choice((1, 1, 2)))
        body = {"action": action, "participants": people}
        control = self._choice.random() < 0.5
        path = f"/groups/{id_}/participants"
        call = self._control if control else self._api
        response = call(name, "POST", ("/_mock" if control else "") + path, body)
        members = dict(told.groups[id_])
        inside = [one in members for one in people]
        can = not any(inside) if action == "add" else all(inside)
        if action in ("remove", "demote"):
            can = can and all(members[one] != "superadmin" for one in people)
        if not control and not self._is_ready(told, response.status, refusals=(400, 403, 409)):
            return
        admin = control or members[self.number] is not None
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
        told, text = self.told[name], self._text()
        groups = [*self._choice.sample(list(told.groups), 2), "1@g.us"]
        body = {"groupJids": groups, "type": "text", "text": text}
        response = self._api(name, "POST", "/groups/send-message", body)
        if self._is_ready(told, response.status):
            for id_ in groups:
                if id_ in told.groups and self.number in told.groups[id_]:
                    told.messages.append(("outbound", id_, text, "sent"))

    def channel(self, name: str) -> None:
        told, subject, text = self.told[name], self._text(), self._text()
        response = self._api(name, "POST", "/channels", {"name": subject, "description": text})
        if not self._is_ready(told, response.status):
            return
        id_ = response.json["channel"]["id"]
        told.channels[id_] = (subject, text)
        response = self._api(name, "POST", f"/channels/{id_}/message", {"type": "text", "text": text})
        if self._is_ready(told, response.status):
            told.messages.append(("outbound", id_, text, "sent"))

    def inbound(self, name: str) -> None:
        """Receive one message, or several of one chat, which wait in its lane."""
        sender = self._choice.choice((PEOPLE[0], PEOPLE[0], *PEOPLE[1:]))
        for _ in range(self._choice.choice((1, 1, 1, 1, 1, 5))):
            self._receive(name, sender)

    def _receive(self, name: str, sender: str) -> None:
        told, text = self.told[name], self._text()
        body, chat = {"from": sender, "text": text}, sender + "@s.whatsapp.net"
        groups = [id_ for id_, who in told.groups.items() if sender in who and self.number in who]
        if groups and self._choice.random() < 0.3:
            body["group"] = chat = self._choice.choice(groups)
        response = self._control(name, "POST", "/_mock/inbound", body)
        demand((response.status == 409) == told.logged_out, "received and logged out", body, response.body)
        if told.logged_out:
            return
        demand(response.status == 201, "not received", body, response.body)
        told.messages.append(("inbound", chat, text, "received"))
        told.told_of(response.json["delivery"])

    def rule(self, name: str) -> None:
        number = self._choice.choice(PEOPLE[:2])
        rules = [{"after": self._choice.choice((0, 1, 7.5))}] if self._choice.random() < 0.6 else []
        self._control(name, "PUT", f"/_mock/people/{number}", {"rules": rules})
        self.told[name].rules.pop(number, None)
        if rules:
            self.told[name].rules[number] = rules[0]["after"]

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
        self.receivers[name] = self._choice.choice(("ok", "ok", "ok", "fails", "hangs", "slow", "down", "flaky"))

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
        told.webhook, told.most_retries = (ordered, len(retries)), max(told.most_retries, len(retries))
        told.forget_order()

    def no_webhook(self, name: str) -> None:
        self._look_for_pause(name)
        self._control(name, "DELETE", self._hook)
        told = self.told[name]
        told.webhook, told.deleted = None, True
        told.forget_order()

    def pause(self, name: str) -> None:
        response = self._control(name, "POST", f"{self._hook}/pause")
        demand((response.status == 200) == (self.told[name].webhook is not None), "pause", response.body)
        self.told[name].paused = True
        self.told[name].forget_order()

    def resume(self, name: str) -> None:
        self._look_for_pause(name)
        told, replay = self.told[name], self._choice.random() < 0.8
        response = self._control(name, "POST", f"{self._hook}/resume", {"replay": replay})
        told.resumed += 1
        told.forget_order()
        demand((response.status == 200) == (told.webhook is not None), "resume", response.body)

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
        self._control(name, "POST", "/_mock/instances/default/status", {"status": status})
        told.step(status, told.now(self.machine.now))

    def pairing(self, name: str) -> None:
        """Press a button of the dashboard, or scan the QR code."""
        told, now = self.told[name], self.told[name].now(self.machine.now)
        what = self._choice.choice(("disconnect", "logout", "reconnect", "reconnect", "scan", "scan"))
        body = {} if what == "scan" else None
        response = self._control(name, "POST", f"/_mock/instances/default/{what}", body)
        if what in ("disconnect", "logout"):
            demand(response.status == 200, what, response.body)
            told.logged_out = told.logged_out or what == "logout"
            told.step("disconnected", now)
            return
        possible = told.phase == ("disconnected" if what == "reconnect" else "qr")
        demand((response.status == 200) == possible, what, told.phase, response.body)
        if possible:
            told.logged_out = told.logged_out and what != "scan"
            told.step("initializing" if what == "reconnect" else "connecting", now, 1)

    def fault(self, name: str) -> None:
        told = self.told[name]
        if self._choice.random() < 0.5:
            self._control(name, "DELETE", "/_mock/faults")
            return
        times = self._choice.choice((1, 2, 3))
        what: dict[str, Any] = self._choice.choice(
            (
                {"respond": {"status": 503}},
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
        again = self._raw_export(name)
        demand(again == export, "an export changes when it is imported")
        self.origins[name] = self._after_return(self.told[name])
        self.told[name] = self.origins[name].copy()
        self.last_events[name] = 0

    def restart(self, name: str) -> None:
        """Stop the emulator, and start another one from the exports of its worlds."""
        exports = {one: self._raw_export(one) for one in NAMES}
        self.machine.boot_from(exports["default"].decode())
        self._create("second", {"export": json.loads(exports["second"]), "api_key": KEYS["second"]})
        for one in NAMES:
            demand(self._raw_export(one) == exports[one], "another world after a restart", one)
            self.origins[one] = self._after_return(self.told[one])
            self.told[one] = self.origins[one].copy()
            self.snapshots[one].clear()
            self.last_events[one] = 0

    def autosave(self, name: str) -> None:
        """Save all worlds, as --autosave does: a kill continues from here."""
        self.saved = {one: (self._raw_export(one), self.told[one].copy()) for one in NAMES}

    def kill(self, name: str) -> None:
        """Kill the emulator, and start another one from what was saved last."""
        self.machine.boot_from(self.saved["default"][0].decode())
        self._create("second", {"export": json.loads(self.saved["second"][0]), "api_key": KEYS["second"]})
        for one, (export, told) in self.saved.items():
            demand(self._raw_export(one) == export, "another world after a kill", one)
            self.origins[one] = self._after_return(told)
            self.told[one] = self.origins[one].copy()
            self.snapshots[one].clear()
            self.last_events[one] = 0

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
                    self._check_receivers()
                case _:
                    OPERATIONS[self._choice.choice(QUIET)][1](self, name)
                    self._check_receivers()
        if self.machine.version(name) == version:
            self._demand_unchanged(name, before, "changed without an event, so --autosave misses it", IN_FLIGHT)

    def follow(self, name: str) -> None:
        """Read the log on from the last event that was read: numbers increase, also over resets."""
        last, kinds = self.last_events[name], ",".join(self._choice.sample(KINDS, 3))
        found = self._control(name, "GET", f"/_mock/events?since={last}&limit=1000&kind={kinds}").json
        numbers = [event["id"] for event in found["events"]]
        demand(numbers == sorted(set(numbers)) and (not numbers or numbers[0] > last), "event numbers", last, numbers)
        self.last_events[name] = numbers[-1] if numbers else last

    def audit(self, name: str) -> None:
        self._audit(name)

    # how it is done

    number = "254708920430"
    _hook = "/_mock/instances/default/webhook"

    def _create(self, name: str, body: dict[str, Any]) -> None:
        response = self.machine.call("POST", "/_mock/worlds", {"name": name, **body})
        demand(response.status == 201, "no world", response.body)

    def _first_look(self, name: str) -> Told:
        told = Told()
        for one in self._control(name, "GET", "/_mock/groups").json["groups"]:
            told.groups[one["id"]] = {who["number"]: who["admin"] for who in one["participants"]}
        for one in self._control(name, "GET", "/_mock/channels").json["channels"]:
            told.channels[one["id"]] = (one["name"], one["description"])
        shown = self._control(name, "GET", "/_mock/clock").json
        told.set_clock(_time(shown["now"]), shown["frozen"], self.machine.now)
        return told

    def _control(self, name: str, method: str, path: str, body: Any = None) -> Any:
        return self._call(method, f"{path}{'&' if '?' in path else '?'}world={name}", body, None)

    def _api(self, name: str, method: str, path: str, body: Any = None) -> Any:
        return self._call(method, path, body, KEYS[name])

    def _call(self, method: str, path: str, body: Any, key: str | None) -> Any:
        response = self.machine.call(method, path, body, key)
        self.log.append(f"{method} {path} {json.dumps(body) if not isinstance(body, bytes) else '…'} {response.status}")
        del self.log[:-10_000]
        return response

    def _text(self) -> str:
        self.texts += 1
        return f"text {self.texts}"

    def _later(self, told: Told) -> datetime:
        at = told.now(self.machine.now) + timedelta(seconds=self._choice.choice((1, 2, 2, 10, 60, 300)))
        return at.replace(microsecond=0)

    def _task(self, text: str, at: str, to: tuple[str, ...]) -> dict[str, Any]:
        return {"recipients": to, "type": "text", "text": text, "sendAt": at}

    def _is_ready(self, told: Told, status: int, refusals: tuple[int, ...] = ()) -> bool:
        """Tell whether a call was accepted; it may be refused only by a fault, or if the phone is not connected."""
        if status == 503:
            return False
        demand((status == 425) == (not told.connected), "status and connection", status, told.connected)
        demand(status in (200, 425, *refusals), "refused", status, self.log[-1])
        return status != 425

    def _look_for_pause(self, name: str) -> None:
        """Note whether the webhook has paused itself."""
        told, webhook = self.told[name], self._control(name, "GET", self._hook).json["webhook"]
        demand((webhook is not None) == (told.webhook is not None), "webhook", webhook)
        told.paused = told.paused or bool(webhook and webhook["paused"])

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
        before = self.machine.now
        self.machine.pass_by(seconds)
        for told in self.told.values():
            if told.frozen is None:
                told.fire(before + told.ahead, self.machine.now + told.ahead)
        self._check_receivers()

    def _respond(self, world: Any, url: str, webhook_id: str, body: bytes) -> tuple[int | None, str | None, float]:
        event = json.loads(body)
        data = event["data"]
        self._seen.append((world.name, "posted", (webhook_id, data["from"], data["message"]["conversation"])))
        how = self.receivers[world.name]
        if how == "flaky":
            how = self._choice.choice(("ok", "fails", "hangs", "slow", "down"))
        status = {"ok": 200, "slow": 204, "fails": 500}.get(how)
        error = {"hangs": "no response within 15 s", "down": "Connection refused"}.get(how)
        return status, error, {"slow": 2.5, "hangs": HANG_SECONDS}.get(how, 0.0)

    def _ended(self, flight: Flight) -> None:
        if flight.generation == flight.world.deliveries.generation:
            delivery = flight.job.delivery
            about = (delivery.webhook_id, delivery.chat, flight.attempt.accepted)
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
        self._check_receivers()
        self._pass_by(0.0)
        ran = self.machine.now  # timers that fall due while deliveries settle run afterwards
        self._control(name, "POST", "/_mock/deliveries/settle")
        self._check_receivers()
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
    "inbound": (22, Simulation.inbound),
    "rule": (1, Simulation.rule),
    "set_clock": (2, Simulation.set_clock),
    "advance": (10, Simulation.advance),
    "wait": (10, Simulation.wait),
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
    "refuse": (0.3, Simulation.refuse),
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
