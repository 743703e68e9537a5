"""docs/architecture.md shows the layers that import-linter enforces, and names files that exist."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest

from tests.support import REPOSITORY

ARCHITECTURE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (REPOSITORY / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGE = REPOSITORY / "flaresend_mock"


def drawn() -> list[list[str]]:
    """Return the layers of each diagram, from top to bottom."""
    diagrams = re.findall(r"^```layers\n(.*?)^```$", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    return [[line for line in diagram.splitlines() if line.strip() != "↓"] for diagram in diagrams]


def test_the_diagrams_show_the_layers_that_import_linter_enforces() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]

    enforced = [
        [line.replace("flaresend_mock.", "") for line in contract["layers"]]
        for contract in contracts["contracts"]
        if contract["type"] == "layers"
    ]
    assert drawn() == enforced


def test_the_list_of_packages_is_complete() -> None:
    (tree,) = re.findall(r"^flaresend_mock/\n(.*?)^```$", ARCHITECTURE, re.MULTILINE | re.DOTALL)
    listed = {line.split()[0] for line in tree.splitlines()}
    packages = {f"{one.name}/" for one in PACKAGE.iterdir() if (one / "__init__.py").exists()}

    assert packages <= listed
    assert {name for name in listed if not (PACKAGE / name).exists()} == set()


@pytest.mark.parametrize("text", [ARCHITECTURE, CONTRIBUTING], ids=["architecture", "contributing"])
def test_files_that_are_named_exist(text: str) -> None:
    named = set(re.findall(r"`([\w./]+(?:\.\w+|/))`", text))
    places = (REPOSITORY, PACKAGE, PACKAGE / "dashboard", PACKAGE / "control", PACKAGE / "core", PACKAGE / "api")

    missing = {name for name in named if "/" in name and not any((place / name).exists() for place in places)}
    assert missing == set()


def test_what_not_every_run_needs_is_not_imported_at_the_start() -> None:
    """Imports are most of the time and the memory that the start takes."""
    script = (
        "import sys; from flaresend_mock import FlaresendMock; FlaresendMock(log_level='error').start().stop();"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert not {"requests", "urllib3", "cryptography", "PIL", "faker", "msgspec", "segno", "apispec"} & set(loaded)
