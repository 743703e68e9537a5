"""The files of the package: the shipped worlds, sample media, sample events and the documentation."""

import json
import re
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from flaresend_mock.core.models import Upload

_PACKAGE = Path(__file__).parent
_IN_WHEEL = _PACKAGE / "_fixtures"
FIXTURES = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent / "fixtures"  # in a package, or beside it
_GUIDES = _PACKAGE / "_guides" if _IN_WHEEL.is_dir() else _PACKAGE.parent

read_file = cache(Path.read_bytes)  # of the package: all slow clients together hold it once

_IN_MODULE = re.compile(r"[a-z_.]+:\w+")
_SAMPLE_OF = {"image": "jpeg", "video": "mp4", "audio": "ogg", "document": "pdf", "sticker": "webp"}


def load_fixture(path: str) -> Any:
    return json.loads((FIXTURES / path).read_text(encoding="utf-8"))


def named_value(one: Any) -> Any:
    """Return a value of a JSON file of the package; for a text such as core.groups:CAPACITY, what that module has."""
    return resolve_name(f"flaresend_mock.{one}") if isinstance(one, str) and _IN_MODULE.fullmatch(one) else one


_SAMPLES: dict[str, tuple[str, str]] = load_fixture("media/samples.json")
SAMPLES = tuple(_SAMPLES)  # the names of the sample media files


def world_names() -> list[str]:
    return sorted(file.stem for file in (FIXTURES / "worlds").glob("*.json"))


def world_file(name: str) -> Path:
    """Return the path of a world file: a shipped one by name, any other by path."""
    return FIXTURES / "worlds" / f"{name}.json" if name in world_names() else Path(name)


@cache
def guides() -> dict[str, Path]:
    """Return the files of the documentation, by their paths in the repository."""
    files = (file for pattern in ("*.md", "docs/**/*.md", "docs/images/*.png") for file in _GUIDES.glob(pattern))
    return {file.relative_to(_GUIDES).as_posix(): file for file in sorted(files)}


@cache
def sample(name: str) -> Upload:
    """Return a sample media file, by its name or by a kind of message."""
    file, mimetype = _SAMPLES[_SAMPLE_OF.get(name, name)]
    return Upload((FIXTURES / "media" / file).read_bytes(), file, mimetype)


@cache
def event_names() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in (FIXTURES / "webhooks" / "assumed").glob("*.json")))


def sample_event(name: str) -> dict[str, Any]:
    return dict(load_fixture(f"webhooks/assumed/{name}.json"))
