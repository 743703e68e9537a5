"""What calls say about themselves, for the OpenAPI documents: the very schemas they load and dump with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import current_app, request
from marshmallow import Schema

View = TypeVar("View", bound=Callable[..., Any])

_ATTRIBUTE = "flaresend_mock_description"


@dataclass(frozen=True, slots=True)
class Description:
    """What a call takes, answers and refuses. What it does is said by its view's docstring.

    `answers` has by status a schema that dumps, a type that is written as JSON, or a media type for what is no JSON;
    `also` has other media types that the answer may have.
    `phone`: whether it needs a connected instance; `world`: whether `?world=` may name the world it is about.
    `refuses` has the statuses of refusals that this call has, and not every call. `links` names, by the view that the
    answer leads to, the parameter it fills and where in the answer that stands, as a JSON pointer.
    """

    answers: Mapping[int, Any]
    also: tuple[str, ...] = ()
    body: Schema | None = None
    query: Schema | None = None
    forms: bool = False
    phone: bool = False
    world: bool = False
    refuses: tuple[int, ...] = ()
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def described(view: View, description: Description) -> View:
    """Have a view carry its description."""
    setattr(view, _ATTRIBUTE, description)
    return view


def description_of(view: Callable[..., Any]) -> Description | None:
    """Return what a view says about itself, if it does."""
    found: Description | None = getattr(view, _ATTRIBUTE, None)
    return found


def current_description() -> Description:
    """Return the description of the view that handles the current request."""
    found = description_of(current_app.view_functions[request.endpoint or ""])
    assert found is not None
    return found
