"""The traffic page: API calls and webhook deliveries in one list, newest first, with filters and live updates."""

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote, urlencode

from flask import Response, request

from flaresend_mock.core import models, numbers
from flaresend_mock.core.world import World
from flaresend_mock.dashboard import exchange, message_view, pages

PAGE = 50
KEPT = 500  # the number of rows that a page keeps when as many new ones have arrived
MAX_NEWS = 4 * PAGE  # The number of new rows that are added to a page. With more, the list is replaced.
MAX_FILTER = MAX_NAMES = 200
MAX_NEEDLES = 50
MIN_DIGITS = 3

KINDS, STATUSES = message_view.TEXTS["kinds"], message_view.TEXTS["statuses"]
_UNSENT = ("held", "dropped", message_view.NOWHERE)
_FAILED = ("failed", "interrupted")
_MARKS = {"delivered": "good", **dict.fromkeys(_FAILED, "bad"), **dict.fromkeys(models.OPEN_STATUSES, "wait")}


class Filter(NamedTuple):
    """What the list shows. Empty texts let everything through, and so does `after` 0."""

    kind: str = ""
    path: str = ""
    status: str = ""
    person: str = ""
    after: int = 0

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in self._asdict().items() if value})


@pages.blueprint.get("/w/<world>/traffic")
def traffic(world: World) -> Response:
    wanted = _filter(world)
    with world.lock:
        state = world.state
        people = [(one.name, f"+{one.number}") for one in state.people.values() if one.name]
        groups = [(one.subject, "group") for one in state.groups.values()]
    if request.args.get("clear"):
        wanted = wanted._replace(after=world.state.events.last_number)
    values = {"wanted": wanted, "shown": read_page(world, wanted), "grown": 0}
    values["people"] = sorted([*people[:MAX_NAMES], *groups[:MAX_NAMES]])
    response = pages.part("traffic.html", world, tab="traffic", **values)
    response.headers["HX-Replace-Url"] = f"traffic?{wanted.query}" if wanted.query else "traffic"
    return response


@pages.blueprint.get("/w/<world>/traffic/<int:number>")
def one_entry(world: World, number: int) -> Response:
    found = exchange.explain_traffic(world, number)
    (row,) = _Listing(world, Filter()).rows([(number, found["at"], found.get("call") or found["delivery"])])
    return pages.part("traffic_entry.html", world, tab="traffic", found=found, one=row)


@pages.blueprint.get("/w/<world>/parts/traffic/older")
def older_entries(world: World) -> Response:
    shown = read_page(world, wanted := _filter(world), before=pages.number_argument("before"))
    return pages.part("traffic_older.html", world, wanted=wanted, shown=shown)


@pages.blueprint.get("/w/<world>/parts/traffic/news")
def new_entries(world: World) -> Response:
    wanted, oldest = _filter(world), pages.number_argument("oldest")
    found = read_news(world, wanted, pages.number_argument("since"), oldest)
    grown, all_ = pages.number_argument("grown") + len(found["fresh"]), found["all"]
    anew = read_page(world, wanted, count=PAGE if all_ else KEPT) if all_ or grown > KEPT else None
    values = {"wanted": wanted, "found": found, "anew": anew, "kept": KEPT, "oldest": oldest}
    values |= {"grown": 0 if anew else grown, "cut": not all_ and grown > KEPT}
    response = pages.part("traffic_news.html", world, **values)
    if found["changed"]:
        triggers = {f"delivery-{row['number']}": row["number"] for row in found["changed"]}
        response.headers["HX-Trigger"] = json.dumps(triggers)
    return response


@pages.blueprint.get("/w/<world>/parts/traffic/<int:number>")
def details(world: World, number: int) -> Response:
    return pages.part("traffic_details.html", world, found=exchange.explain_traffic(world, number))


def read_page(world: World, wanted: Filter, before: int | None = None, count: int = PAGE) -> message_view.Shown:
    """Return the newest rows that a filter selects, or those before an event; the list continues before `older`."""
    with world.lock:
        events, last = world.state.events.since(wanted.after), world.state.events.last_number
    listing = _Listing(world, wanted)
    found = (one for one in exchange.newest(events) if (before is None or one[0] < before) and listing.fits(one[2]))
    entries = list(islice(found, count + 1))
    older = entries[count - 1][0] if len(entries) > count else None
    return {"rows": listing.rows(entries[:count]), "older": older, "last": last}


def read_news(world: World, wanted: Filter, since: int, oldest: int) -> message_view.Shown:
    """Return the rows to add to a list that was read at an event, and its rows from `oldest` on that changed since."""
    with world.lock:
        log = world.state.events
        events, last = log.since(since), log.last_number
        known = log.since(max(oldest - 1, wanted.after), "delivery") if oldest and events else []
    listing = _Listing(world, wanted)
    fresh = {entry[0]: entry for entry in exchange.newest(events) if entry[0] > wanted.after and listing.fits(entry[2])}
    earlier = {entry[0]: entry for entry in exchange.newest([one for one in known if one.number <= since])}
    changed: dict[int, exchange.Entry] = {}
    for event in events:
        if not isinstance(now := event.subject, models.Delivery) or now.event not in earlier:
            continue
        number, began, before = earlier[now.event]
        if (rows := changed if listing.fits(before) else fresh if listing.fits(now) else None) is not None:
            rows.pop(number, None)
            rows[number] = number, began, now
    if len(fresh) > MAX_NEWS:  # the whole list is replaced
        return {"fresh": [], "changed": [], "last": last, "all": True}
    shown = {"fresh": listing.rows(fresh.values()), "changed": listing.rows(changed.values())}
    return {**shown, "last": last, "all": False}


def _filter(world: World) -> Filter:
    kind, status, after = request.args.get("kind", ""), request.args.get("status", ""), pages.number_argument("after")
    path, person = (request.args.get(name, "")[:MAX_FILTER].strip() for name in ("path", "person"))
    known = {"kind": kind if kind in KINDS else "", "status": status if status in STATUSES else ""}
    return Filter(path=path, person=person, after=after if after <= world.state.events.last_number else 0, **known)


class _Listing:
    def __init__(self, world: World, wanted: Filter) -> None:
        self._world, self._wanted = world, wanted
        self._path = wanted.path.strip().lower()
        with world.lock:
            self._needles = _needles(world, wanted.person) if wanted.person.strip() else None
            self._urls = {one.id: one.webhook.url if one.webhook else "" for one in world.state.instances.values()}

    def fits(self, subject: exchange.Subject) -> bool:
        wanted = self._wanted
        return (
            wanted.kind in ("", _kind(subject))
            and (not wanted.status or wanted.status in _statuses(subject))
            and (not self._path or self._has_path(subject))
            and (self._needles is None or self._concerns(subject))
        )

    def rows(self, entries: Iterable[exchange.Entry]) -> list[message_view.Shown]:
        return [self._row(*entry) for entry in entries]

    def _row(self, number: int, at: datetime, subject: exchange.Subject) -> message_view.Shown:
        """Return one row; `mark` is good, bad, wait or off, `fits` tells whether the filter still selects it."""
        if isinstance(subject, models.Call):
            parties, mark = exchange.parties_of(subject), "good" if subject.succeeded else "bad"
        else:
            parties, mark = [subject.chat], _MARKS.get(subject.status, "off")
        row = {"number": number, "at": at, "kind": _kind(subject), "subject": subject, "mark": mark}
        with self._world.lock:  # for each row, and not for what is read of a body
            names = list(dict.fromkeys(message_view.name_of(self._world, party) for party in parties))
        return {**row, "where": self._where(subject), "names": names, "fits": self.fits(subject)}

    def _where(self, subject: exchange.Subject) -> str:
        if isinstance(subject, models.Call):
            return subject.url
        if subject.attempts:
            return subject.attempts[-1].url
        return "" if subject.status == message_view.NOWHERE else self._urls.get(subject.instance, "")

    def _has_path(self, subject: exchange.Subject) -> bool:
        where = self._where(subject).lower()
        if isinstance(subject, models.Call):
            where += f" {subject.raw_url.lower()}"
        return self._path in where or ("%" in where and self._path in unquote(where))

    def _concerns(self, subject: exchange.Subject) -> bool:
        if isinstance(subject, models.Call):
            body = subject.body if isinstance(subject.body, bytes) else str(subject.body or "").encode()
            text = unquote(f"{subject.url} ").encode(errors="replace") + body
        else:
            text = subject.chat.encode() + b" " + subject.body
        text = text.translate(None, exchange.SPELLING)
        return any(needle in text for needle in self._needles or ())


def _kind(subject: exchange.Subject) -> str:
    return "call" if isinstance(subject, models.Call) else "delivery"


def _statuses(subject: exchange.Subject) -> set[str]:
    if isinstance(subject, models.Call):
        return {_status_class(subject.status)}
    groups = {"pending": models.OPEN_STATUSES, "failed": _FAILED, "unsent": _UNSENT}
    found = {name for name, statuses in groups.items() if subject.status in statuses}
    return found | {_status_class(one.status) for one in subject.attempts[-1:]}


def _status_class(status: int | None) -> str:
    return "cut" if status is None else f"{status // 100}xx"


def _needles(world: World, person: str) -> list[bytes]:
    """Return the numbers, LIDs and JIDs that the filter for a person looks for. The caller holds the lock."""
    wanted, state = person.strip().lower(), world.state
    found = [wanted.removesuffix(numbers.USER)] if "@" in wanted else []
    digits = wanted.encode(errors="replace").translate(None, exchange.SPELLING)
    if digits.isdigit() and len(digits) >= MIN_DIGITS:
        found += [digits.decode()]
        found += [one.lid for one in state.people.values() if digits.decode() in one.number]
    for one in state.people.values():
        if one.name and wanted in one.name.lower():
            found += [one.number, one.lid]
    found += [one.id for one in state.groups.values() if wanted in one.subject.lower()]
    found += [one.id for one in state.channels.values() if wanted in one.name.lower()]
    return [one.encode(errors="replace").translate(None, exchange.SPELLING) for one in found[:MAX_NEEDLES]]
