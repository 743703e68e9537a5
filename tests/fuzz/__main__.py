"""Fuzz both OpenAPI documents with schemathesis, all its checks, against an emulator of its own.

    python -m tests.fuzz --seconds 120

It ends with 1 if anything was found: a response with 5xx, outside of its schema, or with an undescribed status.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from flaresend_mock import FlaresendMock
from flaresend_mock.app import document as openapi

HERE = Path(__file__).parent
LONGEST_WAIT = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="for both documents together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=50, help="how many at most of each kind for each call")
    given = parser.parse_args()
    found = 0
    for name in ("api", "control"):
        with tempfile.TemporaryDirectory() as folder, FlaresendMock(log_level="error") as running:
            file = Path(folder) / f"{name}.json"
            file.write_text(json.dumps(document(running, name)), encoding="utf-8")
            print(f"== {name}", flush=True)
            found |= schemathesis(name, file, running, given)
    return found


def document(running: FlaresendMock, name: str) -> Any:
    """Return a document in which nobody waits long, and no discriminator stands beside the enum that says the same.

    Of one that leads from several values to one schema, schemathesis takes each for wrong where another could be.
    """
    made = json.loads(
        json.dumps(openapi(name, running.url)),
        object_hook=lambda one: {key: one[key] for key in one if key != "discriminator"},
    )
    if name == "control":
        for wait in ("MessageWaitInput", "RequestWaitInput", "DeliveryWaitInput"):
            body = made["components"]["schemas"][wait]
            body["properties"]["timeout"].update(maximum=LONGEST_WAIT, default=LONGEST_WAIT)
            body["required"] = ["timeout"]
        for match in ("MessageMatch", "RequestMatch", "DeliveryMatch", "FaultMatch"):
            known = made["components"]["schemas"][match]["properties"]
            known.update({key: {} for key in known})  # a value that no item can have is no mistake: none matches
        for path in made["paths"].values():
            for one in path.values():
                _take_empty_lists(one.get("requestBody"), made)
        del made["paths"]["/_mock/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
        parameters = made["paths"]["/_mock/events"]["get"]["parameters"]
        parameters[:] = [one for one in parameters if one["name"] != "stream"]  # a stream has no end
    return made


def _take_empty_lists(shape: Any, made: Any) -> None:
    """Add to the schemas of a body that an empty list counts as an empty object: PHP writes both as []."""
    for inner in list(shape.values() if isinstance(shape, dict) else shape if isinstance(shape, list) else ()):
        _take_empty_lists(inner, made)
    if not isinstance(shape, dict):
        return
    name = str(shape.get("$ref", "")).rpartition("/")[2]
    of = made["components"]["schemas"].get(name, {})
    if "x-empty-list" not in of and name:
        of["x-empty-list"] = True
        _take_empty_lists(of, made)
    if shape.get("type") == "object":
        whole = dict(shape)
        shape.clear()
        shape["anyOf"] = [whole, {"type": "array", "maxItems": 0}]


def schemathesis(name: str, file: Path, running: FlaresendMock, given: argparse.Namespace) -> int:
    """Run it for half of the time, and return how it ended."""
    command = [
        shutil.which("st") or f"{Path(sys.executable).parent}/st",
        "--config-file",
        str(HERE / f"{name}.toml"),
        "run",
        str(file),
        "--url",
        running.url,
        "--max-time",
        str(given.seconds // 2),
        "--max-examples",
        str(given.examples),
        "--seed",
        str(given.seed),
        "--continue-on-failure",
        "--suppress-health-check=filter_too_much",  # it may discard much of what it generates
        "--generation-database",
        "none",
        "--no-color",
    ]
    if name == "api":
        command += ["--header", f"Authorization: Bearer {running.api_key}"]
    return subprocess.run(command, cwd=file.parent, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
