"""What happened: GET /_mock/messages, /_mock/requests and /_mock/events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from flask import Blueprint, Response
from marshmallow import fields, validate

from flaresend_mock.control import views
from flaresend_mock.control.calls import Input, chosen_world, given_query
from flaresend_mock.web import jsons

blueprint = Blueprint("lists", __name__)

Item = TypeVar("Item")


class Page(Input):
    """Which part of a list: the first `limit` after event `since`; without `since`, the newest `limit`."""

    since = fields.Integer(load_default=None, validate=validate.Range(min=0))
    limit = fields.Integer(load_default=None, validate=validate.Range(min=1))


_PAGE = Page()


@blueprint.get("/messages")
def messages() -> Response:
    """List what was sent and received, newest last."""
    page = given_query(_PAGE)
    world = chosen_world()
    with world.lock:
        found = [message for message in world.state.messages if message.event > (page["since"] or 0)]
        evicted = world.state.messages.evicted
    shown = [views.message(message) for message in cut(found, page)]
    return jsons.respond({"messages": shown, "evicted": evicted})


@blueprint.get("/requests")
def requests() -> Response:
    """List the API calls and their answers, newest last."""
    return _events("requests", "request")


@blueprint.get("/events")
def events() -> Response:
    """List everything that happened, newest last."""
    return _events("events", None)


def _events(name: str, kind: str | None) -> Response:
    page = given_query(_PAGE)
    world = chosen_world()
    with world.lock:
        found = world.state.events.since(page["since"] or 0, kind)
        evicted = world.state.events.evicted(kind)
    shown = [views.request(event) if kind else views.event(event) for event in cut(found, page)]
    return jsons.respond({name: shown, "evicted": evicted})


def cut(found: Iterable[Item], page: dict[str, Any]) -> list[Item]:
    items, limit = list(found), page["limit"]
    if limit is None:
        return items
    return items[-limit:] if page["since"] is None else items[:limit]
