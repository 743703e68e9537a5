"""JSON that is given on a command line or in a file."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def load(text: str | bytes) -> Any:
    """Read JSON, and not what Python takes for it besides.

    Raises:
        ValueError: it is none, or too deep.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("too deep") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
