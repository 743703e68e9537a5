"""What is wrong with data that a schema refused: the first mistake, where it is, and what may be meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema

from flaresend_mock.core.matchers.parser import unknown

_WHOLE = "_schema"


def first_mistake(schema: Schema, messages: Mapping[Any, Any]) -> tuple[str, str]:
    """Return where the first mistake is, such as groups[0].owner, and what it says.

    A name that nobody knows comes before what is missing: most likely it is what is missing, mistyped.

    Args:
        messages: what the schema found.
    """
    where = ""
    inside: Any = schema
    problem: Any = messages
    while isinstance(problem, Mapping):
        known = _names(inside)
        strange = next((name for name in problem if _is_strange(name, known)), None)
        if strange is not None:
            return where, unknown(str(strange), list(known or ()))
        name, problem = next(iter(problem.items()))
        if isinstance(name, int):
            where += f"[{name}]"
        elif name != _WHOLE:
            where += f".{name}" if where else str(name)
            inside = None if known is None else _inside(known[name])
    return where, str(problem[0])


def _names(schema: Any) -> dict[str, Any] | None:
    """Return the fields of a schema by the names they have in data; None if it is none."""
    fields = getattr(schema, "fields", None)
    return None if fields is None else {field.data_key or name: field for name, field in fields.items()}


def _is_strange(name: Any, known: Mapping[str, Any] | None) -> bool:
    return known is not None and isinstance(name, str) and name != _WHOLE and name not in known


def _inside(field: Any) -> Any:
    """Return the schema of what a field, or each item of its list, holds; None if there is none."""
    return getattr(getattr(field, "inner", field), "schema", None)
