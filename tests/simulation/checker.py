"""What clients of one world were told, and what must therefore be true: it knows nothing else of the emulator."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.machine import Violation

FAILS = "999000000500"  # the documented number to which sending fails
UNKNOWN = "999000000404"  # the documented number that is not on WhatsApp
USER = "@s.whatsapp.net"

Line = tuple[str, str, str, str]  # direction, chat, text, status


def demand(holds: object, what: str, *about: object) -> None:
    if not holds:
        raise Violation(f"{what}: {', '.join(map(str, about))}")


@dataclass(frozen=True, order=True)
class Due:
    """A scheduled message, or an automatic reply that the emulator owes."""

    at: datetime
    order: int
    kind: str = field(compare=False)
    id: str = field(compare=False)
    to: tuple[str, ...] = field(compare=False)
    text: str = field(compare=False)


@dataclass(frozen=True)
class Event:
    """An event of a webhook that a client was told of, and what became of it as far as its receiver knows."""

    chat: str
    tries: int = 0
    accepted: int = 0
    copies: int = 1  # how often it may be accepted: redeliveries add to it


@dataclass
class Told:
    """The state of one world, as a client reckons it from the responses that it got."""

    frozen: datetime | None = None
    ahead: timedelta = timedelta()  # of a clock that runs, before real time
    phase: str = "connected"
    logged_out: bool = False
    webhook: tuple[bool, int] | None = None  # is it ordered, and its number of retries
    most_retries: int = 0
    resumed: int = 0
    duplicates: int = 0
    drops: int = 0
    chaotic: bool = False  # a webhook made duplicates at random, at some time
    paused: bool = False  # it was paused at some time, or may have paused itself
    deleted: bool = True  # there was no webhook at some time
    orders: int = 0
    messages: list[Line] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    rules: dict[str, float] = field(default_factory=dict)
    groups: dict[str, dict[str, str | None]] = field(default_factory=dict)
    channels: dict[str, tuple[str, str]] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    lanes: dict[str, tuple[tuple[str, bool], ...]] = field(default_factory=dict)  # webhook ids; was it posted?

    def copy(self) -> Told:
        """Return a copy. Values are replaced, and never changed."""
        values = {name: value.copy() if isinstance(value, dict | list) else value for name, value in vars(self).items()}
        return Told(**values)

    @property
    def connected(self) -> bool:
        return self.phase == "connected"

    def step(self, phase: str, now: datetime, seconds: float | None = None) -> None:
        """Note a step of pairing, and when the next one is due."""
        self.due = [due for due in self.due if due.kind != "pairing"]
        self.phase, self.logged_out = phase, self.logged_out and phase != "connected"
        self.drops += self.logged_out  # events that waited are dropped
        self.forget_order()
        if seconds is not None:
            self.owe(Due(now + timedelta(seconds=seconds), 0, "pairing", "", (), ""))

    def now(self, real: datetime) -> datetime:
        return real + self.ahead if self.frozen is None else self.frozen

    def set_clock(self, now: datetime, frozen: bool, real: datetime) -> None:
        self.frozen, self.ahead = now if frozen else None, now - real

    def sent(self, recipients: tuple[str, ...], text: str, at: datetime) -> None:
        """Note a message that was accepted, with the replies that its recipients owe."""
        for number in recipients:
            if number == UNKNOWN:
                continue
            status = "failed" if number == FAILS else "sent"
            self.messages.append(("outbound", number + USER, text, status))
            if status == "sent" and number in self.rules:
                self.owe(Due(at + timedelta(seconds=self.rules[number]), 0, "auto_reply", "", (number,), text))

    def owe(self, due: Due) -> None:
        self.orders += 1
        insort(self.due, Due(due.at, self.orders, due.kind, due.id, due.to, due.text))

    def pending(self) -> list[Due]:
        return [due for due in self.due if due.kind == "task"]

    def cancel(self, task_id: str, ending: str | None) -> None:
        self.due = [due for due in self.due if due.id != task_id]
        if ending:
            self.ended[task_id] = ending

    def fire(self, start: datetime, until: datetime) -> list[tuple[str, str, str]]:
        """Let time pass, and return the kind, id and result of what must have run, in order."""
        fired = []
        while self.due and self.due[0].at <= until:
            due = self.due.pop(0)
            start = max(start, due.at)
            if due.kind == "task":
                result = "sent" if self.connected else "failed"
                if self.connected:
                    self.sent(due.to, due.text, start)
                self.ended[due.id] = result
                fired.append(("task", due.id, result))
            elif due.kind == "pairing":
                self.step("qr" if self.phase == "initializing" else "connected", start)
                fired.append(("pairing", "", self.phase))
            else:
                if not self.logged_out:
                    self.messages.append(("inbound", due.to[0] + USER, due.text, "received"))
                fired.append(("auto_reply", "", ""))
        return fired

    def told_of(self, delivery: dict[str, Any]) -> None:
        """Note a new delivery that a response showed."""
        id_ = delivery["webhook_id"]
        known = self.events.get(id_)
        if known is None:
            self.events[id_] = Event(delivery["chat"])
            if delivery["status"] == "pending" and self.webhook is not None:
                self.lanes[delivery["chat"]] = (*self.lanes.get(delivery["chat"], ()), (id_, False))
        elif delivery["redelivery_of"] is not None:
            self.events[id_] = Event(known.chat, known.tries, known.accepted, known.copies + 1)

    def posted(self, webhook_id: str, chat: str, text: str) -> None:
        """Check an event that a receiver got."""
        demand(("inbound", chat, text, "received") in self.messages, "an event of no message", chat, text)
        event = self.events.setdefault(webhook_id, Event(chat))
        demand(event.chat == chat, "an event in another chat", webhook_id, chat)
        lane = self.lanes.get(chat, ())
        ids = [id_ for id_, _ in lane]
        if webhook_id in ids and self.webhook is not None:
            place, ordered = ids.index(webhook_id), self.webhook[0]
            ahead = lane[:place] if ordered else [one for one in lane[:place] if not one[1]]
            demand(not ahead or (lane[place][1] and not ordered), "out of order", webhook_id, chat, text, lane)
            self.lanes[chat] = (*lane[:place], (webhook_id, True), *lane[place + 1 :])

    def attempted(self, webhook_id: str, chat: str, accepted: bool) -> None:
        """Note an attempt that has ended, and check how many there were."""
        event = self.events.get(webhook_id, Event(chat))
        event = Event(event.chat, event.tries + 1, event.accepted + accepted, event.copies)
        self.events[webhook_id] = event
        allowed = event.copies + self.duplicates + self.chaotic
        demand(event.accepted <= allowed, "delivered more often than asked for", webhook_id, event)
        most = (1 + self.most_retries) * allowed + self.resumed
        demand(event.tries <= most, "tried more often than the webhook says", webhook_id, event, most)
        over = accepted or (self.webhook is not None and event.tries > self.webhook[1])
        lane = self.lanes.get(event.chat, ())
        self.lanes[event.chat] = tuple(
            (id_, posted or id_ == webhook_id) for id_, posted in lane if not (over and id_ == webhook_id)
        )

    def forget_order(self) -> None:
        """Expect no order of the events that are open now."""
        self.lanes.clear()

    def check_messages(self, listed: list[dict[str, Any]]) -> None:
        found = [(one["direction"], one["chat"], one["text"], one["status"]) for one in listed]
        if found != self.messages[-len(found) :] or len(found) < min(len(self.messages), 1000):
            lost = Counter(self.messages) - Counter(found)
            more = Counter(found) - Counter(self.messages)
            raise Violation(f"messages: lost or late {lost}, unexpected or twice {more}")

    def check_tasks(self, listed: list[dict[str, Any]]) -> None:
        found = [(one["id"], tuple(one["recipients"]), one["text"]) for one in listed]
        expected = [(due.id, due.to, due.text) for due in sorted(self.pending(), key=lambda due: due.at)]
        demand(sorted(found) == sorted(expected), "scheduled messages", found, expected)

    def check_groups(self, listed: list[dict[str, Any]]) -> None:
        found = {one["id"]: {who["number"]: who["admin"] for who in one["participants"]} for one in listed}
        demand(found == self.groups, "groups", found, self.groups)

    def check_channels(self, listed: list[dict[str, Any]]) -> None:
        found = {one["id"]: (one["name"], one["description"]) for one in listed}
        demand(found == self.channels, "channels", found, self.channels)

    def check_deliveries(self, listed: list[dict[str, Any]], real: datetime) -> None:
        """Check the deliveries of a world that has settled: each one ended, or waits for a named time."""
        listed_ids = {one["webhook_id"] for one in listed}
        lost = self.events.keys() - listed_ids
        demand(not lost, "lost events", lost)
        untold = Counter(line[1:3] for line in self.messages if line[0] == "inbound")
        shown = Counter(
            (one["chat"], _text(one["body"])) for one in listed if not (one["redelivery_of"] or one["duplicate_of"])
        )
        demand(untold == shown, "inbound messages and their events", untold - shown, shown - untold)
        tries: Counter[str] = Counter()
        retried = {one["chat"] for one in listed if one["status"] == "retrying"}
        for one in listed:
            event = self.events.get(one["webhook_id"], Event(one["chat"]))
            status, attempts = one["status"], one["attempts"]
            tries[one["webhook_id"]] += len(attempts)
            match status:
                case "delivered":
                    demand(attempts and attempts[-1]["accepted"], "delivered to no receiver", one)
                case "failed":
                    demand(attempts and not attempts[-1]["accepted"], "failed without a failure", one)
                case "retrying" | "delayed":
                    demand(one["next_retry"], "waits for no named time", one)
                    at = datetime.fromisoformat(one["next_retry"])
                    demand(self.frozen is not None or at > self.now(real), "overdue", one, self.now(real))
                case "pending":
                    demand(one["chat"] in retried, "pending, and nothing is ahead of it", one)
                case "held":
                    demand(self.paused, "held, and was never paused", one)
                case "waiting":
                    demand(not self.connected, "waits for an instance that is connected", one)
                case "no endpoint":
                    demand(self.deleted, "no endpoint, and there was a webhook all the time", one)
                case "dropped":
                    demand(self.drops, "dropped, and no fault asked for that", one)
                case _:
                    raise Violation(f"it neither ended nor waits for a named time: {one}")
            if status == "delivered":
                demand(event.accepted or one["fault"], "delivered, and the receiver accepted nothing", one)
        for id_, event in self.events.items():
            demand(tries[id_] == event.tries, "attempts", id_, tries[id_], event)


def _text(body: dict[str, Any]) -> str:
    return str(body["data"]["message"]["conversation"])
