"""What every answer of the API has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields


class Answer(Schema):
    """A documented body: its fields stand in the documented order, `success` first."""

    success = fields.Constant(True)


def computed(write: Callable[[Any], Any]) -> fields.Function:
    """A field that is computed from what the view returned."""
    return fields.Function(serialize=write)


class Said(Answer):
    """An answer that only says that it was done.

    Args:
        message: what it says.
    """

    def __init__(self, message: str) -> None:
        super().__init__()
        self.said = message

    message = fields.Method("say")

    def say(self, result: Any) -> str:
        return self.said
