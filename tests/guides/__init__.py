"""The pages of docs/testing: their examples run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support import REPOSITORY

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # finds flaresend-mock
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FLARESEND")}


def files_of(page: str) -> dict[str, str]:
    """Return the examples of a page that have a file name: ```python test_bookings.py."""
    text = (REPOSITORY / "docs" / "testing" / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^```\w+ (\S+\.\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def text_blocks(page: str) -> list[str]:
    """Return what a page says that programs print: its blocks of ```text."""
    text = (REPOSITORY / "docs" / "testing" / page).read_text(encoding="utf-8")
    return re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def without_times(text: str) -> str:
    """Return what a program printed without the times, and without the spaces at the start of lines."""
    return re.sub(r"^ +", "", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "…", text), flags=re.MULTILINE)


def write_files(page: str, folder: Path) -> None:
    """Write the examples of a page to a folder."""
    for name, text in files_of(page).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def run(folder: Path, *command: str, seconds: float = 50, fails: bool = False, **variables: str) -> str:
    """Run a command in a folder, and return what it printed; it succeeds, or `fails`."""
    done = subprocess.run(
        command, cwd=folder, env={**CLEAN, **variables}, capture_output=True, text=True, timeout=seconds
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr
