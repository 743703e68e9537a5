"""Reads world files, and says what is wrong with them by file and field."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.state import State
from flaresend_mock.worldfile.building import build
from flaresend_mock.worldfile.mistakes import first_mistake
from flaresend_mock.worldfile.schema import WorldSection

__all__ = ["WorldFileError", "load_file", "load_world"]


class WorldFileError(Exception):
    """A world file that cannot be used; the message names the file and the field."""


def load_file(path: Path, **overrides: Any) -> State:
    """Read a world file.

    Args:
        overrides: as in `load_world`.

    Raises:
        WorldFileError: the file cannot be read, or describes no world.
    """
    data = read_json(path)
    try:
        return load_world(data, **overrides)
    except InvalidWorld as invalid:
        raise WorldFileError(f"{path}: {invalid}") from None


def read_json(path: Path) -> Any:
    """Read a file of JSON.

    Raises:
        WorldFileError: it cannot be read, or is none.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise WorldFileError(f"{path}: not a regular file")  # one that never ends would never be read
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
        json.dumps(data, ensure_ascii=False).encode()
    except OSError as error:
        raise WorldFileError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise WorldFileError(f"{path}: not a UTF-8 text file") from None
    except UnicodeEncodeError:
        raise WorldFileError(f"{path}: holds half of a surrogate pair, which is no character") from None
    except json.JSONDecodeError as error:
        raise WorldFileError(f"{path}: line {error.lineno} column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise WorldFileError(f"{path}: {error}") from None
    return data


def load_world(
    data: Any,
    *,
    seed: int | None = None,
    time_zone: str | None = None,
    api_key: str | None = None,
    history: int | None = None,
) -> State:
    """Build a world's state from the contents of a world file.

    Args:
        data: the JSON of the file.
        seed, time_zone: used instead of the file's.
        api_key: used instead of the first instance's keys.
        history: how many messages and events the world keeps.

    Raises:
        InvalidWorld: it describes no world, or one that contradicts itself.
    """
    if isinstance(data, dict) and "format" in data:
        raise InvalidWorld("format", "This is an export and no world file: import it (--import).")
    try:
        loaded: dict[str, Any] = WorldSection().load(data)
    except ValidationError as error:
        where, problem = first_mistake(WorldSection(), error.messages_dict)
        raise InvalidWorld(where or "the file", problem) from None
    if seed is not None:
        loaded["seed"] = seed
    if time_zone is not None:
        loaded["time_zone"] = time_zone
    state = build(loaded, history)
    if api_key is not None:
        first = next(iter(state.instances.values()))
        state.instances[first.id] = replace(first, api_keys=(api_key,))
    return state
