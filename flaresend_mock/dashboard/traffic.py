"""The traffic page: API calls and webhook deliveries in one list, as they happen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlencode

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from flaresend_mock.core import numbers
from flaresend_mock.core.deliveries import OPEN
from flaresend_mock.core.events import Event
from flaresend_mock.core.matchers.fields import numbers_in
from flaresend_mock.core.models import Call, Delivery
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.exchange import Subject, read_details
from flaresend_mock.dashboard.message_view import name_of
from flaresend_mock.dashboard.pages import number_argument, page, part, place
from flaresend_mock.http.context import emulator

blueprint = Blueprint("traffic_page", __name__)

LONGEST = 200
NAMES = 200
KEPT = 500
"""How many rows stay on a page that is left open, each time as many have come."""


@blueprint.get("/w/<world>/traffic")
def traffic(world: str) -> Response:
    """Show calls and deliveries, the newest first."""
    chosen = emulator().worlds.get(world)
    wanted = _filter(chosen)
    if request.args.get("clear"):
        wanted = replace(wanted, after=chosen.state.events.last_number)
    shown = read_page(chosen, wanted)
    answer = page(
        "traffic.html",
        chosen,
        "traffic",
        wanted=wanted,
        shown=shown,
        kinds=KINDS,
        statuses=STATUSES,
        people=_people(chosen),
        address=emulator().public_url(),
        grown=0,
    )
    answer.headers["HX-Replace-Url"] = f"traffic?{wanted.query}" if wanted.query else "traffic"
    return answer


@blueprint.get("/w/<world>/parts/traffic/older")
def older(world: str) -> Response:
    """Return what happened before."""
    chosen = emulator().worlds.get(world)
    wanted = _filter(chosen)
    shown = read_page(chosen, wanted, before=number_argument("before"))
    return part("traffic_older.html", chosen, wanted=wanted, shown=shown)


@blueprint.get("/w/<world>/parts/traffic/news")
def news(world: str) -> Response:
    """Return what happened meanwhile, and what has changed of what happened before."""
    chosen = emulator().worlds.get(world)
    wanted = _filter(chosen)
    found = read_news(chosen, wanted, number_argument("since"), number_argument("oldest"))
    grown = number_argument("grown") + len(found.fresh)
    anew = None
    if found.all or grown > KEPT:
        anew = read_page(chosen, wanted, count=PAGE if found.all else KEPT)
    answer = part(
        "traffic_news.html",
        chosen,
        wanted=wanted,
        found=found,
        anew=anew,
        grown=0 if anew else grown,
        kept=KEPT,
        cut=not found.all and grown > KEPT,
        oldest=number_argument("oldest"),
        address=emulator().public_url(),
    )
    if found.changed:
        answer.headers["HX-Trigger"] = json.dumps(
            {f"delivery-{row.number}": row.number for row in found.changed}
        )
    return answer


@blueprint.get("/w/<world>/parts/traffic/<int:number>")
def details(world: str, number: int) -> Response:
    """Return one call or delivery in full."""
    chosen = emulator().worlds.get(world)
    found = read_details(chosen, number, place(chosen))
    if found is None:
        raise NotFound("This is no longer kept.")
    return part("traffic_details.html", chosen, found=found)


def _filter(world: World) -> Filter:
    """Return the filter in the query string; what it cannot mean is left out."""
    kind, status = request.args.get("kind", ""), request.args.get("status", "")
    after = number_argument("after")
    return Filter(
        kind if kind in KINDS else "",
        request.args.get("path", "")[:LONGEST].strip(),
        status if status in STATUSES else "",
        request.args.get("person", "")[:LONGEST].strip(),
        after if after <= world.state.events.last_number else 0,  # else it is of another log
    )


def _people(world: World) -> list[tuple[str, str]]:
    """Return name and number of people and groups, to choose from."""
    with world.lock:
        state = world.state
        people = [(one.name, f"+{one.number}") for one in state.people.values() if one.name]
        groups = [(one.subject, "group") for one in state.groups.values()]
    return sorted([*people[:NAMES], *groups[:NAMES]])


PAGE = 50
KINDS = {"call": "API calls", "delivery": "Webhook deliveries"}
STATUSES = {
    "2xx": "2xx, done",
    "3xx": "3xx",
    "4xx": "4xx, refused",
    "5xx": "5xx, broken",
    "cut": "Cut off, no answer",
    "pending": "Pending",
    "failed": "Failed",
    "unsent": "Not sent",
}
NOWHERE = "no endpoint"
_UNSENT = {"held": "held", "dropped": "dropped", NOWHERE: "no webhook"}
_FAILED = frozenset({"failed", "interrupted"})
_SPELLING = b" +-()."
_GROUPS = ("groupJids", "groupJid", "groupId")
MAX_NEEDLES = 50
FEWEST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """What is to be seen; empty texts let everything through, and so does `after` 0."""

    kind: str = ""
    path: str = ""
    status: str = ""
    person: str = ""
    after: int = 0

    @property
    def query(self) -> str:
        """This filter, as it stands behind the question mark of the page."""
        return urlencode({name: value for name, value in self.fields.items() if value})

    @property
    def earlier(self) -> str:
        """The same, but for what is hidden since the view was cleared."""
        return replace(self, after=0).query

    @property
    def fields(self) -> dict[str, str | int]:
        return {
            "kind": self.kind,
            "path": self.path,
            "status": self.status,
            "person": self.person,
            "after": self.after,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list; `mark` is good, bad, wait or off, `fits` whether the filter still lets it through."""

    number: int
    at: datetime
    kind: str
    method: str
    where: str
    who: str
    status: str
    mark: str
    note: str = ""
    fault: str = ""
    fits: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list; `older` is the event before which it goes on, or None if that is all."""

    rows: list[Row]
    older: int | None
    last: int

    @property
    def oldest(self) -> int:
        return self.rows[-1].number if self.rows else 0


@dataclass(frozen=True, slots=True)
class News:
    """What came since an event, newest first, and earlier rows that have changed; `all` if it is too much to add."""

    fresh: list[Row]
    changed: list[Row]
    last: int
    all: bool


def read_page(world: World, wanted: Filter, before: int | None = None, count: int = PAGE) -> Page:
    """Return the newest calls and deliveries that a filter lets through, or those before an event."""
    with world.lock:
        events = world.state.events.since(wanted.after)
        last = world.state.events.last_number
    look = _Look(world, wanted)
    rows: list[tuple[int, datetime, Subject]] = []
    for number, at, subject in _newest(events):
        if (before is None or number < before) and look.fits(subject):
            if len(rows) == count:
                return Page(look.rows(rows), rows[-1][0], last)
            rows.append((number, at, subject))
    return Page(look.rows(rows), None, last)


def read_news(world: World, wanted: Filter, since: int, oldest: int) -> News:
    """Return what is to be added to a list that was read up to an event, and what of it has changed.

    Args:
        oldest: the event of the list's last row; what is older is not on the page.
    """
    with world.lock:
        log = world.state.events
        events, last = log.since(since), log.last_number
        earlier = _states(log.since(oldest - 1, "delivery"), since) if oldest and events else {}
    look = _Look(world, wanted)
    fresh = [found for found in _newest(events) if found[0] > wanted.after and look.fits(found[2])]
    changed: list[tuple[int, datetime, Subject]] = []
    for event in events:
        now = event.subject
        if not isinstance(now, Delivery) or now.event > since or now.event <= wanted.after:
            continue
        before = earlier.get((now.id, now.event))
        if before is None:
            continue
        changed = [one for one in changed if one[0] != now.event]
        if look.fits(before[1]):
            changed.append((now.event, before[0], now))
        elif look.fits(now):
            fresh = [one for one in fresh if one[0] != now.event]
            fresh.append((now.event, before[0], now))
    if len(fresh) > 4 * PAGE:
        return News([], [], last, True)
    return News(look.rows(fresh), look.rows(changed), last, False)


def status_classes(subject: Subject) -> set[str]:
    """Return all of STATUSES that a call or a delivery is."""
    if isinstance(subject, Call):
        return {_class(subject.status)}
    found = {_class(subject.attempts[-1].status)} if subject.attempts else set()
    if subject.status in OPEN:
        found.add("pending")
    if subject.status in _FAILED:
        found.add("failed")
    if subject.status in _UNSENT:
        found.add("unsent")
    return found


def _class(status: int | None) -> str:
    return "cut" if status is None else f"{status // 100}xx"


def _newest(events: list[Event]) -> Iterator[tuple[int, datetime, Subject]]:
    """Yield calls and deliveries, the newest first, each delivery where it began and as it stands."""
    states: dict[tuple[str, int], Delivery] = {}
    for event in reversed(events):
        subject = event.subject
        if isinstance(subject, Call):
            yield event.number, event.at, subject
        elif isinstance(subject, Delivery):
            now = states.setdefault((subject.id, subject.event), subject)
            if subject.event == event.number:
                yield event.number, event.at, now


def _states(events: list[Event], until: int) -> dict[tuple[str, int], tuple[datetime, Delivery]]:
    """Return when deliveries began, and how they stood at an event."""
    found: dict[tuple[str, int], tuple[datetime, Delivery]] = {}
    for event in events:
        if event.number > until:
            break
        now = event.subject
        if isinstance(now, Delivery):
            began = found[now.id, now.event][0] if (now.id, now.event) in found else event.at
            if event.number == now.event or (now.id, now.event) in found:
                found[now.id, now.event] = began, now
    return found


class _Look:
    """Looks at calls and deliveries through a filter."""

    def __init__(self, world: World, wanted: Filter) -> None:
        self._world = world
        self._wanted = wanted
        self._path = wanted.path.strip().lower()
        with world.lock:
            state = world.state
            self._needles = _needles(world, wanted.person) if wanted.person.strip() else None
            self._urls = {one.id: one.webhook.url if one.webhook else "" for one in state.instances.values()}
            self._faults = {fault.id: fault.name for fault in state.faults.values()}

    def fits(self, subject: Subject) -> bool:
        wanted = self._wanted
        kind = "call" if isinstance(subject, Call) else "delivery"
        if wanted.kind and wanted.kind != kind:
            return False
        if wanted.status and wanted.status not in status_classes(subject):
            return False
        if self._path and not self._leads(subject):
            return False
        return self._needles is None or self._concerns(subject)

    def rows(self, found: Iterable[tuple[int, datetime, Subject]]) -> list[Row]:
        with self._world.lock:
            return [
                self._call(number, at, one) if isinstance(one, Call) else self._delivery(number, at, one)
                for number, at, one in found
            ]

    def _call(self, number: int, at: datetime, call: Call) -> Row:
        good = call.status is not None and call.status < 400
        return Row(
            number,
            at,
            "call",
            call.method,
            self._where(call),
            self._named(_parties(call)),
            "cut off" if call.status is None else str(call.status),
            "good" if good else "bad",
            fault=self._fault(call.fault),
        )

    def _delivery(self, number: int, at: datetime, delivery: Delivery) -> Row:
        tries = len(delivery.attempts)
        answered = delivery.attempts[-1].status if tries else None
        state = _UNSENT.get(delivery.status, delivery.status)
        return Row(
            number,
            at,
            "delivery",
            "POST",
            self._where(delivery) or "there was no webhook",
            self._named([delivery.chat]),
            state if answered is None else f"{answered} {state}",
            {"delivered": "good"}.get(delivery.status)
            or ("wait" if delivery.status in OPEN else "bad" if delivery.status in _FAILED else "off"),
            "again" if delivery.redelivery_of else f"{tries} attempts" if tries > 1 else "",
            self._fault(delivery.fault),
            self.fits(delivery),
        )

    def _where(self, subject: Subject) -> str:
        if isinstance(subject, Call):
            return f"{subject.path}?{subject.query}" if subject.query else subject.path
        if subject.attempts:
            return subject.attempts[-1].url
        return "" if subject.status == NOWHERE else self._urls.get(subject.instance, "")

    def _leads(self, subject: Subject) -> bool:
        where = self._where(subject).lower()
        return self._path in where or ("%" in where and self._path in unquote(where))

    def _concerns(self, subject: Subject) -> bool:
        if isinstance(subject, Call):
            told = subject.body if isinstance(subject.body, bytes) else str(subject.body or "").encode()
            told = unquote(f"{subject.path}?{subject.query} ").encode(errors="replace") + told
        else:
            told = subject.chat.encode() + b" " + subject.body
        told = told.translate(None, _SPELLING)
        return any(needle in told for needle in self._needles or ())

    def _named(self, parties: list[str]) -> str:
        names = list(dict.fromkeys(name_of(self._world, party) for party in parties))
        return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")

    def _fault(self, fault: str | None) -> str:
        return self._faults.get(fault, fault) if fault else ""


def _parties(call: Call) -> list[str]:
    """Return the numbers and JIDs of those whom a call names."""
    jids = [part for part in unquote(call.path).split("/") if part.endswith((numbers.GROUP, numbers.CHANNEL))]
    body: Any = call.body
    if isinstance(body, bytes):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            body = None
    if not isinstance(body, Mapping):
        return jids
    body = {str(name).removesuffix("[]"): value for name, value in body.items()}
    for name in _GROUPS:
        given = body.get(name)
        jids += [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]
    return jids + numbers_in(body)


def _needles(world: World, wanted: str) -> list[bytes]:
    """Return what stands in calls and deliveries that concern whoever is wanted: numbers, LIDs and JIDs.

    The caller holds the lock.
    """
    wanted = wanted.strip().lower()
    state = world.state
    found = [wanted.removesuffix(numbers.USER)] if "@" in wanted else []
    digits = wanted.encode(errors="replace").translate(None, _SPELLING)
    if digits.isdigit() and len(digits) >= FEWEST_DIGITS:
        found += [digits.decode()]
        found += [one.lid for one in state.people.values() if digits.decode() in one.number]
    for person in state.people.values():
        if person.name and wanted in person.name.lower():
            found += [person.number, person.lid]
    found += [one.id for one in state.groups.values() if wanted in one.subject.lower()]
    found += [one.id for one in state.channels.values() if wanted in one.name.lower()]
    return [one.encode(errors="replace").translate(None, _SPELLING) for one in found[:MAX_NEEDLES]]
