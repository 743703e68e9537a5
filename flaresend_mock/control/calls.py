"""What calls of the control plane go through: which world they are about, and what they were given."""

from __future__ import annotations

import difflib
from typing import Any

from flask import request
from marshmallow import RAISE, Schema, ValidationError
from werkzeug.exceptions import BadRequest, NotFound

from flaresend_mock.core.world import World
from flaresend_mock.web import bodies
from flaresend_mock.web.auth import bearer
from flaresend_mock.web.context import emulator

WORLD = "world"


class Input(Schema):
    """What a call is given; here, unlike in the API, a name that nobody knows is refused."""

    class Meta:
        unknown = RAISE


def chosen_world() -> World:
    """Return the world named by `?world=`, or by an API key in `Authorization`; else the default one.

    Raises:
        NotFound: there is no such world.
    """
    worlds = emulator().worlds
    name = request.args.get(WORLD)
    if name is not None:
        world = worlds.get(name)
        if world is None:
            raise NotFound(f"There is no world named {name!r}.")
        return world
    key = bearer(request.headers.get("Authorization", ""))
    if not key:
        return worlds.default()
    found = worlds.with_key(key)
    if found is None:
        raise NotFound("No world has this API key.")
    return found[0]


def given_body(schema: Schema) -> dict[str, Any]:
    """Load the JSON object in the body.

    Raises:
        BadRequest: it is none, or not what was expected; the message says where.
    """
    return load(schema, bodies.read(request, forms=False))


def given_query(schema: Schema) -> dict[str, Any]:
    """Load the query, the world's name apart.

    Raises:
        BadRequest: it is not what was expected; the message says where.
    """
    return load(schema, {name: value for name, value in request.args.items() if name != WORLD})


def load(schema: Schema, data: dict[str, Any]) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(data)
    except ValidationError as invalid:
        raise BadRequest(_explain(schema, invalid.messages_dict)) from None
    return loaded


def _explain(schema: Schema, messages: dict[str, Any]) -> str:
    name, problem = next(iter(messages.items()))
    where = [name]
    while isinstance(problem, dict):
        inner, problem = next(iter(problem.items()))
        where.append(str(inner))
    place = ".".join(step for step in where if step != "_schema")
    known = [field.data_key or field_name for field_name, field in schema.fields.items()]
    if name not in known and name != "_schema":
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return f"{name!r} is not known; {hint}"
    return f"{place}: {problem[0]}" if place else str(problem[0])
