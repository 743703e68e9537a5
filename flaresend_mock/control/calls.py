"""What calls of the control plane go through: which world they are about, and what they were given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from flask import g, request
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from werkzeug.exceptions import BadRequest, NotFound

from flaresend_mock.core.matchers.parser import unknown
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies, jsons
from flaresend_mock.http.auth import bearer
from flaresend_mock.http.context import emulator
from flaresend_mock.http.describing import Description, View, current_description, described
from flaresend_mock.worldfile.mistakes import first_mistake

WORLD = "world"
OBJECT = {"type": "object"}
"""What a field takes that is looked at later."""


class Input(Schema):
    """What a call is given; here, unlike in the API, a name that nobody knows is refused."""

    class Meta:
        unknown = RAISE

    error_messages = {"type": "An object is expected here."}  # noqa: RUF012 - as marshmallow declares it


NO_QUERY = Input()


class Whole(fields.Integer):
    """A whole number, and neither a text nor true."""

    def __init__(self, lowest: int, highest: int | None, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(lowest, highest), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool | str):
            raise ValidationError("Not a valid integer.")
        return super()._deserialize(value, attr, data, **kwargs)


class Number(fields.Float):
    """A number, and neither a text nor true."""

    def __init__(self, lowest: float, highest: float, **options: Any) -> None:
        super().__init__(validate=validate.Range(lowest, highest), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool | str):
            raise ValidationError("Not a valid number.")
        return super()._deserialize(value, attr, data, **kwargs)


class Switch(fields.Boolean):
    """True or false in JSON, and nothing that is only like them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Flag(fields.Boolean):
    """true or false in a query."""

    def __init__(self, **options: Any) -> None:
        super().__init__(truthy={"true", "1"}, falsy={"false", "0"}, **options)


def describes(
    answers: Any,
    *,
    status: int = 200,
    also: tuple[str, ...] = (),
    body: Schema | None = None,
    query: Schema = NO_QUERY,
    forms: bool = False,
    world: bool = True,
    refuses: tuple[int, ...] = (),
    links: Mapping[str, tuple[str, str]] | None = None,
) -> Callable[[View], View]:
    """Say what a call of the control plane takes and answers.

    Args:
        answers: the type of its answer, or a media type where that is no JSON.
        status: of its answer.
        also: other media types that it may have.
        body: what `given_body` loads.
        query: what `given_query` loads.
        forms: whether the body may be a form.
        world: whether it is about one world, which `?world=` may name.
        refuses: the statuses of refusals that this call has, and not every one.
        links: which calls its answer leads to; see `Description`.
    """
    return lambda view: described(
        view,
        Description(
            answers={status: answers},
            also=also,
            body=body,
            query=query,
            forms=forms,
            world=world,
            refuses=refuses,
            links=links or {},
        ),
    )


def chosen_world() -> World:
    """Return the world named by `?world=`, or by an API key in `Authorization`; else the default one.

    Raises:
        WorldNotFound: there is none of this name.
        NotFound: no world has this API key.
        BadRequest: the query names something else, and nobody has read it.
    """
    if "query_is_read" not in g:
        given_query()
    worlds = emulator().worlds
    name = request.args.get(WORLD)
    if name is not None:
        return worlds.get(name)
    key = bearer(request.headers.get("Authorization", ""))
    if not key:
        return worlds.default()
    found = worlds.with_key(key)
    if found is None:
        raise NotFound("No world has this API key.")
    return found[0]


def given_body(max_depth: int = jsons.MAX_DEPTH) -> dict[str, Any]:
    """Load the JSON object in the body, as the call's description says.

    Raises:
        BadRequest: it is none, or not what was expected; the message says where.
    """
    body = current_description().body
    assert body is not None
    return load(body, given_json(max_depth))


def given_json(
    max_depth: int = jsons.MAX_DEPTH, *, forms: bool = False, lists: Collection[str] = ()
) -> dict[str, Any]:
    """Return the JSON object in the body, as it is; or what a form holds, where there may be one.

    Raises:
        BadRequest: it is none.
    """
    try:
        return bodies.read(request, lists, forms=forms, max_depth=max_depth)
    except BadRequest as refusal:
        if refusal.description != bodies.NO_JSON:
            raise
        raise BadRequest("The body is no JSON object, or nested too deeply.") from None


def given_query() -> dict[str, Any]:
    """Load the query, the world's name apart, as the call's description says.

    Raises:
        BadRequest: it is not what was expected; the message says where.
    """
    g.query_is_read = True
    schema = current_description().query
    assert schema is not None
    known = [*(one.data_key or name for name, one in schema.fields.items()), WORLD]
    strange = next((name for name in request.args if name not in known), None)
    if strange is not None:
        raise BadRequest(unknown(strange, known))
    return load(schema, {name: value for name, value in request.args.items() if name != WORLD})


def load(schema: Schema, data: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Load what a call was given, or a part of it, `where` that stands.

    Raises:
        BadRequest: it is not what was expected; the message says where, and of an unknown name which is meant.
    """
    try:
        loaded: dict[str, Any] = schema.load(data)
    except ValidationError as invalid:
        place, problem = first_mistake(schema, invalid.messages_dict)
        steps = [step for step in (where, place) if step]
        raise BadRequest(": ".join([*filter(None, [".".join(steps)]), problem])) from None
    return loaded
