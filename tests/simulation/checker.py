"""What clients of one world were told, and what must therefore be true: it knows nothing else of the emulator."""

from __future__ import annotations

import re
from bisect import insort
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.machine import Violation

FAILS = "999000000500"  # the documented number to which sending fails
UNKNOWN = "999000000404"  # the documented number that is not on WhatsApp
USER = "@s.whatsapp.net"
MAX_FILES = 4_000  # bytes of files that a world keeps here, instead of 64 MiB
FILE_OVERHEAD = 300  # bytes that a file counts beside its contents
BACK = "back"  # begins the marks of messages that receivers send while they handle an event

Line = tuple[str, str, str, str, str, str]  # instance, direction, chat, type, mark, status

_MARK = re.compile(rf"(?:text|{BACK}) \d+")


def demand(holds: object, what: str, *about: object) -> None:
    if not holds:
        raise Violation(f"{what}: {', '.join(map(str, about))}")


def mark_of(texts: str, id_: str) -> str:
    """Return what tells a message from all others: its text, caption or file name, or else its id."""
    found = _MARK.search(texts)
    return found[0] if found else id_


@dataclass(frozen=True)
class Phone:
    """An instance, with its webhook."""

    id: str
    number: str
    key: str
    phase: str = "connected"
    logged_out: bool = False
    webhook: tuple[bool, int] | None = None  # is it ordered, and its number of retries
    paused: bool = False  # it was paused at some time, or may have paused itself
    deleted: bool = True  # there was no webhook at some time

    @property
    def connected(self) -> bool:
        return self.phase == "connected"


@dataclass(frozen=True, order=True)
class Due:
    """A scheduled message, an automatic reply that the emulator owes, or a step of pairing."""

    at: datetime
    order: int
    kind: str = field(compare=False)
    phone: str = field(compare=False)
    id: str = field(compare=False, default="")
    to: tuple[str, ...] = field(compare=False, default=())
    type: str = field(compare=False, default="text")
    mark: str = field(compare=False, default="")
    file: bytes = field(compare=False, default=b"")


@dataclass(frozen=True)
class Event:
    """An event of a webhook that a client was told of, and what became of it as far as its receiver knows."""

    phone: str
    chat: str
    tries: int = 0
    accepted: int = 0
    copies: int = 1  # how often it may be accepted: redeliveries add to it
    least: int = 99  # of the numbers of retries that the webhook had since
    most: int = 0


@dataclass(frozen=True)
class Letter:
    """A received message that others may change."""

    id: str
    phone: str
    chat: str
    sender: str
    type: str
    at: datetime
    data: dict[str, Any]
    deleted: bool = False


@dataclass
class Told:
    """The state of one world, as a client reckons it from the responses that it got."""

    frozen: datetime | None = None
    ahead: timedelta = timedelta()  # of a clock that runs, before real time
    duplicates: int = 0
    drops: int = 0
    chaotic: bool = False  # a webhook made duplicates at random, at some time
    orders: int = 0
    phones: dict[str, Phone] = field(default_factory=dict)
    messages: list[Line] = field(default_factory=list)
    called_back: list[Line] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    rules: dict[str, float] = field(default_factory=dict)
    groups: dict[str, dict[str, str | None]] = field(default_factory=dict)
    channels: dict[str, tuple[str, str]] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)  # of tries, by the id of a delivery that was held
    lanes: dict[tuple[str, str], tuple[tuple[str, bool], ...]] = field(default_factory=dict)  # ids; was it posted?

    def copy(self) -> Told:
        """Return a copy. Values are replaced, and never changed."""
        values = {name: value.copy() if isinstance(value, dict | list) else value for name, value in vars(self).items()}
        return Told(**values)

    def change(self, phone: str, **changes: Any) -> None:
        self.phones[phone] = replace(self.phones[phone], **changes)

    def step(self, id_: str, phase: str, now: datetime, seconds: float | None = None) -> None:
        """Note a step of pairing, and when the next one is due."""
        self.due = [due for due in self.due if due.kind != "pairing" or due.phone != id_]
        logged_out = self.phones[id_].logged_out and phase != "connected"
        self.change(id_, phase=phase, logged_out=logged_out)
        self.drops += logged_out  # events that waited are dropped
        self.forget_order(id_)
        if seconds is not None:
            self.owe(Due(now + timedelta(seconds=seconds), 0, "pairing", id_))

    def set_webhook(self, id_: str, webhook: tuple[bool, int] | None) -> None:
        self.change(id_, webhook=webhook)
        self.forget_order(id_)
        for name, event in self.events.items():
            if webhook is not None and event.phone == id_:
                least, most = min(event.least, webhook[1]), max(event.most, webhook[1])
                self.events[name] = replace(event, least=least, most=most)

    def now(self, real: datetime) -> datetime:
        return real + self.ahead if self.frozen is None else self.frozen

    def set_clock(self, now: datetime, frozen: bool, real: datetime) -> None:
        self.frozen, self.ahead = now if frozen else None, now - real

    def sent(self, phone: Phone, recipients: tuple[str, ...], type_: str, mark: str, at: datetime) -> None:
        """Note a message that was accepted, with its copies for other instances, and the replies that are owed."""
        for number in recipients:
            if number == UNKNOWN:
                continue
            status = "failed" if number == FAILS else "sent"
            self.messages.append((phone.id, "outbound", number + USER, type_, mark, status))
            for other in self.phones.values():
                if other.number == number:
                    self.received(other, phone.number + USER, type_, mark)
            if status == "sent" and number in self.rules and type_ == "text":
                after = timedelta(seconds=self.rules[number])
                self.owe(Due(at + after, 0, "auto_reply", phone.id, to=(number,), mark=mark))

    def sent_to_group(self, phone: Phone, group: str, mark: str) -> None:
        self.messages.append((phone.id, "outbound", group, "text", mark, "sent"))
        for other in self.phones.values():
            if other.number in self.groups[group] and other.id != phone.id:
                self.received(other, group, "text", mark)

    def received(self, phone: Phone, chat: str, type_: str, mark: str) -> None:
        """Note a message for an instance, which gets none while it is logged out."""
        if not phone.logged_out:
            type_ = "text" if type_ == "template" else type_
            self.messages.append((phone.id, "inbound", chat, type_, mark, "received"))

    def owe(self, due: Due) -> None:
        self.orders += 1
        insort(self.due, replace(due, order=self.orders))

    def pending(self, phone: str | None = None) -> list[Due]:
        return [due for due in self.due if due.kind == "task" and phone in (None, due.phone)]

    def has_room(self, file: bytes) -> bool:
        """Tell whether the files of scheduled messages leave room for another one."""
        others = sum(FILE_OVERHEAD + len(due.file) for due in self.pending() if due.file)
        return not others or others + len(file) <= MAX_FILES

    def cancel(self, task_id: str, ending: str | None) -> None:
        self.due = [due for due in self.due if due.id != task_id or due.kind != "task"]
        if ending:
            self.ended[task_id] = ending

    def fire(self, start: datetime, until: datetime) -> list[tuple[str, str, str]]:
        """Let time pass, and return the kind, id and result of what must have run, in order."""
        fired = []
        while self.due and self.due[0].at <= until:
            due = self.due.pop(0)
            start, phone = max(start, due.at), self.phones[due.phone]
            if due.kind == "task":
                result = "sent" if phone.connected else "failed"
                if phone.connected:
                    self.sent(phone, due.to, due.type, due.mark, start)
                self.ended[due.id] = result
                fired.append(("task", due.id, result))
            elif due.kind == "pairing":
                phase = "qr" if phone.phase == "initializing" else "connected"
                self.step(phone.id, phase, start)
                fired.append(("pairing", "", phase))
            else:
                self.received(phone, due.to[0] + USER, "text", due.mark)
                fired.append(("auto_reply", "", ""))
        return fired

    def arrives(self, mark: str, start: datetime, until: datetime | None) -> datetime | None:
        """Return when a received text with this mark is there, if nothing but time passes until then."""
        then = self.copy()
        while not any((line[1], line[3], line[4]) == ("inbound", "text", mark) for line in then.messages):
            if until is None or not then.due or then.due[0].at > until:
                return None
            start = max(start, then.due[0].at)
            then.fire(start, start)
        return start

    def told_of(self, delivery: dict[str, Any]) -> None:
        """Note a new delivery that a response showed."""
        id_, phone, chat = delivery["webhook_id"], delivery["instance"], delivery["chat"]
        again = delivery["redelivery_of"] is not None
        if id_ not in self.events:
            self._meet(id_, phone, chat)
            if delivery["status"] == "pending" and self.phones[phone].webhook is not None:
                self.lanes[phone, chat] = (*self.lanes.get((phone, chat), ()), (id_, False))
        if again:
            self.events[id_] = replace(self.events[id_], copies=self.events[id_].copies + 1)

    def _meet(self, id_: str, phone: str, chat: str) -> Event:
        webhook = self.phones[phone].webhook
        made = Event(phone, chat) if webhook is None else Event(phone, chat, least=webhook[1], most=webhook[1])
        return self.events.setdefault(id_, made)

    def posted(self, webhook_id: str, phone: str, chat: str, mark: str) -> None:
        """Check an event that a receiver got."""
        arrived = {(line[0], line[2], line[4]) for line in self.messages if line[1] == "inbound"}
        demand((phone, chat, mark) in arrived, "an event of no message", chat, mark)
        event = self._meet(webhook_id, phone, chat)
        demand((event.phone, event.chat) == (phone, chat), "an event in another chat", webhook_id, chat)
        lane, webhook = self.lanes.get((phone, chat), ()), self.phones[phone].webhook
        ids = [id_ for id_, _ in lane]
        if webhook_id in ids and webhook is not None:
            place, ordered = ids.index(webhook_id), webhook[0]
            ahead = lane[:place] if ordered else [one for one in lane[:place] if not one[1]]
            demand(not ahead or (lane[place][1] and not ordered), "out of order", webhook_id, chat, mark, lane)
            self.lanes[phone, chat] = (*lane[:place], (webhook_id, True), *lane[place + 1 :])

    def attempted(self, webhook_id: str, phone: str, chat: str, accepted: bool) -> None:
        """Note an attempt that has ended."""
        event = self._meet(webhook_id, phone, chat)
        event = replace(event, tries=event.tries + 1, accepted=event.accepted + accepted)
        self.events[webhook_id] = event
        allowed = event.copies + self.duplicates + self.chaotic
        demand(event.accepted <= allowed, "delivered more often than asked for", webhook_id, event)
        webhook, lane = self.phones[phone].webhook, self.lanes.get((phone, chat), ())
        over = accepted or (webhook is not None and event.tries > webhook[1])
        self.lanes[phone, chat] = tuple(
            (id_, posted or id_ == webhook_id) for id_, posted in lane if not (over and id_ == webhook_id)
        )

    def forget_order(self, phone: str | None = None) -> None:
        """Expect no order of the events of an instance, or of all, that are open now."""
        self.lanes = {lane: ids for lane, ids in self.lanes.items() if phone not in (None, lane[0])}

    def check_messages(self, listed: list[dict[str, Any]]) -> None:
        found = [_line(one) for one in listed]
        by_receivers = [line for line in found if line[4].startswith(BACK)]
        others = [line for line in found if not line[4].startswith(BACK)]
        for shown, expected in ((by_receivers, self.called_back), (others, self.messages)):
            if shown != expected:
                lost, more = Counter(expected) - Counter(shown), Counter(shown) - Counter(expected)
                raise Violation(f"messages: lost or late {lost}, unexpected or twice {more}")

    def check_tasks(self, listed: list[dict[str, Any]]) -> None:
        found = [(one["id"], one["instance"], tuple(one["recipients"]), one["type"], one["text"]) for one in listed]
        expected = [
            (due.id, due.phone, due.to, due.type, due.mark if due.type == "text" else None)
            for due in sorted(self.pending(), key=lambda due: due.at)
        ]
        demand(sorted(found, key=str) == sorted(expected, key=str), "scheduled messages", found, expected)

    def check_groups(self, listed: list[dict[str, Any]]) -> None:
        found = {one["id"]: {who["number"]: who["admin"] for who in one["participants"]} for one in listed}
        demand(found == self.groups, "groups", found, self.groups)

    def check_channels(self, listed: list[dict[str, Any]]) -> None:
        found = {one["id"]: (one["name"], one["description"]) for one in listed}
        demand(found == self.channels, "channels", found, self.channels)

    def check_deliveries(self, listed: list[dict[str, Any]], real: datetime) -> None:
        """Check the deliveries of a world that has settled: each one ended, or waits for a named time."""
        expected = Counter((line[0], line[2], line[4]) for line in self.messages if line[1] == "inbound")
        first = [one for one in listed if not (one["redelivery_of"] or one["duplicate_of"])]
        shown = Counter((one["instance"], one["chat"], mark_of_event(one["body"])) for one in first)
        demand(expected == shown, "inbound messages and their events", expected - shown, shown - expected)
        copies = Counter(one["webhook_id"] for one in listed if one["redelivery_of"] or not one["duplicate_of"])
        tries: Counter[str] = Counter()
        accepted: Counter[str] = Counter()
        retried = {(one["instance"], one["chat"]) for one in listed if one["status"] == "retrying"}
        for one in listed:
            self._check_status(one, retried, real)
            self._check_tries(one)
            tries[one["webhook_id"]] += len(one["attempts"])
            accepted[one["webhook_id"]] += sum(attempt["accepted"] for attempt in one["attempts"])
        for id_, event in self.events.items():
            counted = (tries[id_], accepted[id_], copies[id_])
            demand(counted == (event.tries, event.accepted, event.copies), "attempts", id_, counted, event)

    def _check_status(self, one: dict[str, Any], retried: set[tuple[str, str]], real: datetime) -> None:
        phone, attempts = self.phones[one["instance"]], one["attempts"]
        match one["status"]:
            case "delivered":
                demand(attempts and attempts[-1]["accepted"], "delivered to no receiver", one)
            case "failed":
                demand(attempts and not attempts[-1]["accepted"], "failed without a failure", one)
            case "retrying" | "delayed":
                demand(one["next_retry"], "waits for no named time", one)
                at = datetime.fromisoformat(one["next_retry"])
                demand(self.frozen is not None or at > self.now(real), "overdue", one, self.now(real))
            case "pending":
                demand((phone.id, one["chat"]) in retried, "pending, and nothing is ahead of it", one)
            case "held":
                demand(phone.paused, "held, and was never paused", one)
            case "waiting":
                demand(not phone.connected, "waits for an instance that is connected", one)
            case "no endpoint":
                demand(phone.deleted, "no endpoint, and there was a webhook all the time", one)
            case "dropped":
                demand(self.drops, "dropped, and no fault asked for that", one)
            case _:
                raise Violation(f"it neither ended nor waits for a named time: {one}")

    def _check_tries(self, one: dict[str, Any]) -> None:
        """Check that a delivery was tried as often as its webhook says: once, and its number of retries.

        One that was held may be tried once after each time it was delivered again, however often it was tried before.
        """
        event, count = self.events.get(one["webhook_id"]), len(one["attempts"])
        demand(sum(attempt["accepted"] for attempt in one["attempts"]) <= 1, "delivered twice", one)
        if event is not None:
            most = max(1 + event.most, self.limits.get(one["id"], 0))
            demand(count <= most, "tried more often than the webhook says", count, most, one)
            enough = one["status"] != "failed" or count > event.least
            demand(enough, "given up before its retries", count, event, one)


def mark_of_event(event: dict[str, Any]) -> str:
    said, _, _ = str(event["data"]["message"]).partition("'contextInfo'")  # which may quote another message
    return mark_of(said, event["data"]["id"])


def _line(one: dict[str, Any]) -> Line:
    texts = " ".join(str(one[name]) for name in ("text", "caption", "fileName", "template"))
    return one["instance"], one["direction"], one["chat"], one["type"], mark_of(texts, one["id"]), one["status"]
