"""What every call of the API goes through between its route and its view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any

from flask import Response
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import BadRequest

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.fields import List
from flaresend_mock.http import bodies, jsons
from flaresend_mock.http.context import current_request, emulator, notes
from flaresend_mock.http.describing import Description, described

View = Callable[..., Any]


def call(
    *,
    answer: Schema | None,
    body: Schema | None = None,
    query: Schema | None = None,
    phone: bool = True,
    forms: bool = False,
    refuses: tuple[int, ...] = (),
    links: Mapping[str, tuple[str, str]] | None = None,
) -> Callable[[View], View]:
    """Turn a view into a call of the API.

    The view gets its caller, what its route captured and, as `body`, what the request's body was loaded
    into; what it returns is dumped into the answer.

    Args:
        answer: dumps what the view returns; None where it never returns.
        body: loads the request's body; None where none is looked at.
        query: what the view reads of the query.
        phone: whether the call needs a connected instance. If it has none, it is refused before its body
            is read.
        forms: whether the documentation shows forms for this call. In strict mode others take JSON only.
        refuses: the statuses of refusals that this call has and not every call: see `errors.TABLE`.
        links: which calls its answer leads to; see `Description`.
    """
    lists = [name for name, field in body.fields.items() if isinstance(field, List)] if body else ()

    def decorate(view: View) -> View:
        @wraps(view)
        def run(**captured: Any) -> Response:
            noted = notes()
            caller: Caller = noted.caller
            request = current_request()
            strict = emulator().strict
            if phone:
                caller.world.instances.require_ready(caller.instance)
            if body is not None:
                noted.body = bodies.read(request, lists, forms=forms or not strict)
                captured["body"] = load(body, noted.body)
            done = view(caller, **captured)
            return jsons.respond(answer.dump(done) if answer else None)

        return described(
            run,
            Description(
                answers={200: answer} if answer else {},
                body=body,
                query=query,
                forms=forms,
                phone=phone,
                refuses=refuses,
                links=links or {},
            ),
        )

    return decorate


def load(schema: Schema, data: dict[str, Any]) -> Any:
    """Load data, or refuse it with the message of the first field that is wrong.

    Raises:
        BadRequest: with that message.
    """
    try:
        return schema.load(without_gaps(schema) | data, partial=True)
    except ValidationError as invalid:
        messages = invalid.messages_dict
        for name in schema.fields:
            if found := messages.get(name):
                raise BadRequest(found[0]) from None
        raise


@cache
def without_gaps(schema: Schema) -> dict[str, None]:
    """Return nulls for the fields a body must have: they are refused alike, whether missing or null.

    With them, all other fields can be loaded as if they might be missing, which spares marshmallow a look at each
    that is: most bodies have few of all fields.
    """
    return {name: None for name, field in schema.fields.items() if field.required and not schema.partial}
