"""The types of matchers and faults. matchers.pyi has their fields, for editors and type checkers alone."""

from typing import Any, TypedDict

_NAMES = ("DeliveryMatch", "FaultFields", "MessageMatch", "Operators", "RequestMatch")
_made: Any = (TypedDict(name, {}, total=False) for name in _NAMES)
DeliveryMatch, FaultFields, MessageMatch, Operators, RequestMatch = _made
