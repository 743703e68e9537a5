"""What every answer of the API has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from marshmallow import Schema, fields


class Computed(fields.Field[Any]):
    """A field that is computed from what the view returned.

    Args:
        write: computes it.
        of: the type of what that returns, if its annotation does not say so.
    """

    def __init__(self, write: Callable[[Any], Any], of: Any = None) -> None:
        super().__init__(dump_only=True)
        self.write = write
        self.of = of

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> Any:
        return self.write(obj)


class Answer(Schema):
    """A documented body: its fields stand in the documented order, `success` first."""

    success = Computed(lambda result: True, Literal[True])


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
