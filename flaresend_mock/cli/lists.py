"""flaresend-mock messages, requests, deliveries, events and transcript: what happened."""

import json
import sys
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from fnmatch import fnmatchcase
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.commands import json_option
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable, NotAnEmulator
from flaresend_mock.core import numbers, payloads
from flaresend_mock.core.matchers.parser import numbers_in
from flaresend_mock.core.transcript import Shown, object_in

SECONDS_BETWEEN = 1.0
MOST_TRIES = 30
_MOST_NAMED = 3
_RED = "31"
_TEXTS = ("text", "caption", "fileName", "file_name", "url", "message", "error")
# columns: those of a list, by the kind of its events; places: the list, key and name of parties, by how these end
_TABLES = json.loads((Path(__file__).parent / "assets" / "lists.json").read_text(encoding="utf-8"))


class Listing:
    """What a command lists: the items with the wanted cells, as rows of a table or as JSON."""

    def __init__(self, emulator: ControlPlane, kind: str, as_json: bool, wanted: Mapping[str, str | None]) -> None:
        self.emulator, self.kind, self.wanted = emulator, kind, {name: text for name, text in wanted.items() if text}
        self._as_json, self._names, self.looked_up = as_json, dict[str, str](), set[str]()
        self._table = output.Table(_TABLES["columns"][kind].split(" "))

    def wants(self, item: Shown) -> bool:
        row = self._row(self.kind, item) if self.wanted else {}
        return all(
            (numbers.parse(text) or text.casefold()) in row[name].casefold()  # a part of a number or name
            if name in ("to", "from")
            else fnmatchcase(row[name], text.replace("xx", "??"))
            for name, text in self.wanted.items()
        )

    def add(self, items: Sequence[Shown]) -> None:
        if self._as_json:
            for one in items:
                output.document(one)
        else:
            self._table.add([self._row(self.kind, one) for one in items])
        sys.stdout.flush()

    def _row(self, kind: str, item: Shown) -> defaultdict[str, str]:
        row = defaultdict(str, {name: str(one) for name, one in item.items() if isinstance(one, str | int)})
        row["time"] = (row["timestamp"] or row["created"])[:19].replace("T", " ")
        if not kind:
            inner = self._row(row["kind"] or "?", object_in(item.get(row["kind"])))
            columns = _TABLES["columns"].get(row["kind"], "time action id").split(" ")[1:]
            row["number"], row["what"] = row["id"], "  ".join(inner[name] for name in columns if inner[name])
            return inner | row
        body = item if kind == "message" else object_in(item.get("body"))
        content, jids = payloads.read(object_in(body.get("data")).get("message")), body.get("groupJids")
        to = [row["to"] or row["chat"], *numbers_in(body), *(map(str, jids) if isinstance(jids, list) else ())]
        row["to"] = row["with"] = ", ".join(filter(None, [*map(self._named, to[:_MOST_NAMED]), *to[_MOST_NAMED:]]))
        row["from"], row["call"] = self._named(row["from"] or row["chat"]), f"{row['method']} {row['path']}"
        row[""] = output.arrows().get(row["direction"], "")
        failed = row["status"] in ("failed", "dropped", "retrying") or (kind == "request" and row["status"][:1] != "2")
        said = object_in(item.get("response")) if failed and kind == "request" else {**asdict(content), **body}
        why = "failed" if failed and kind == "message" else ""
        if row["direction"] == "inbound":
            row["with"] = row["from"] + (f" in {row['to']}" if numbers.GROUP in row["to"] else "")
        if kind == "delivery":
            attempts = list(map(object_in, item["attempts"] if isinstance(item.get("attempts"), list) else ()))
            row["attempts"] = ", ".join(str(one.get("status") or "error") for one in attempts)
            row["type"] = content.type if content.type != payloads.OTHER else str(body.get("event"))
            why = str(attempts[-1].get("error") or "").partition(";")[0] if attempts else ""
        marks = f"({row['fault']}) ({why}) (of {row['target']}) ".replace("() ", "").replace("(of ) ", "")
        row["text"] = marks + next((str(said[name]) for name in _TEXTS if said.get(name)), "")
        return row | {"colour": _RED if failed else ""}

    def _named(self, given: str) -> str:
        """Return a number or JID with its name, from a list that is fetched once; after an event, again."""
        party = given.removesuffix(numbers.USER)
        path, key, name = next(place.split() for end, place in _TABLES["places"].items() if party.endswith(end))
        if party and party not in self._names and path not in self.looked_up:
            self.looked_up.add(path)
            with suppress(ControlPlaneError, EmulatorUnreachable):  # a row is shown without it
                found = self.emulator.items(self.emulator.call("GET", f"/{path}"), path)
                self._names |= {str(one.get(key)): str(one.get(name) or "") for one in found}
        return f"{party} {self._names.get(party, '')}".rstrip()


def _list(place: list[str], emulator: ControlPlane, as_json: bool, limit: int, since: int | None, **given: Any) -> None:
    (name, own_kind, number), follow, kind = place, given.pop("follow"), given.pop("kind", None)
    listing = Listing(emulator, own_kind, as_json, given)
    response = emulator.call("GET", f"/{name}", limit=None if listing.wanted else limit, since=since, kind=kind)
    found = emulator.items(response, name)
    items = list(filter(listing.wants, found))
    items = items[-limit:] if since is None else items[:limit]
    if as_json and not follow:
        output.document({**response, name: items})
        return
    listing.add(items)
    if follow:
        last = (items if since is not None and len(items) == limit else found or [{}])[-1]
        _follow_on(listing, str(last.get(number) or since or 0), kind or own_kind or None)
    elif not items and sys.stdout.isatty():
        output.note(f"no {name}; --follow waits for them")


def transcript(emulator: ControlPlane, as_json: bool, match: str | None, **query: Any) -> None:
    if match is not None:
        json_option("--match", match)  # checks it
    if as_json:
        output.document(emulator.call("GET", "/transcript", match=match, **query))
        return
    text, media_type = emulator.fetch("/transcript", match=match, **query)
    if media_type != "text/plain":
        raise NotAnEmulator(emulator.url)
    for line in text.decode("utf-8", "replace").splitlines():
        output.say(line)


def _follow_on(listing: Listing, last: str, kinds: str | None) -> None:
    """Show what happens after an event, until the emulator stops. A dropped connection is made again."""
    tries, never, emulator = 0, threading.Event(), listing.emulator
    while True:
        try:
            with emulator.stream("/events", last, stream="true", kind=kinds, since=last) as events:
                for number, kind, data in events:
                    tries = 0
                    last = number or last
                    _show(listing, kind, data)
            why: Exception = ConnectionError("it keeps ending the connection")
        except BrokenPipeError:
            raise
        except (ControlPlaneError, EmulatorUnreachable, OSError, ValueError, HTTPException) as error:
            if getattr(error, "is_refused", False):
                output.note(f"{emulator.url}: the emulator has stopped")
                return
            if getattr(error, "status", 500) < 500:
                raise
            why = error
        if (tries := tries + 1) > MOST_TRIES:
            raise click.ClickException(f"{emulator.url}: {why}")
        if tries > 1:
            never.wait(SECONDS_BETWEEN)


def _show(listing: Listing, kind: str, data: Any) -> None:
    listing.looked_up.clear()
    match kind, data:
        case "evicted", {"events": int(count)}:
            output.note(f"the emulator no longer keeps {count} events")
        case "world", {"world": dict(change)} if listing.kind:
            output.note(f"the world was {change.get('action')}")
        case listing.kind, {listing.kind: dict(item)}:
            listing.add([item] if listing.wants(item) else [])
        case _, {"kind": str()} if not listing.kind:
            listing.add([data] if listing.wants(data) else [])
        case _:
            raise NotAnEmulator(listing.emulator.url)


messages = partial(_list, ["messages", "message", "event"])
requests = partial(_list, ["requests", "request", "id"])
deliveries = partial(_list, ["deliveries", "delivery", "event"])
events = partial(_list, ["events", "", "id"])
