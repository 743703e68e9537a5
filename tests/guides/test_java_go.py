"""The pages for JUnit and Go: their tests pass, and fail as the pages show it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.guides import PATH, run, text_blocks, without_times, write_files

PAGES = {
    "junit.md": (
        "mvn",
        ["-B", "-ntp", "test"],
        "Tests run: 4, Failures: 0, Errors: 0",
        "src/test/java/BookingsTest.java",
    ),
    "go.md": ("go", ["test", "-count=1", "-v", "./..."], "--- PASS: TestTheBotRetries", "bookings_test.go"),
}
SECONDS = 300  # Maven may load its plugins first

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("page", PAGES)]


@pytest.fixture
def command(page: str) -> list[str]:
    program, arguments, *_ = PAGES[page]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return [program, *arguments]


def test_the_examples_pass_and_delete_their_worlds(page: str, command: list[str], tmp_path: Path) -> None:
    _, _, passed, _ = PAGES[page]
    write_files(page, tmp_path)

    assert passed in run(tmp_path, *command, seconds=SECONDS, PATH=PATH)

    with FlaresendMock(control_token="a-token") as emulator:
        settings = {"FLARESEND_MOCK_URL": emulator.url, "FLARESEND_MOCK_CONTROL_TOKEN": "a-token"}
        said = run(tmp_path, *command, seconds=SECONDS, **settings)
        left = [world.name for world in emulator.worlds.all()]
    assert passed in said
    assert left == ["default"]


def test_a_failure_is_as_the_page_shows_it(page: str, command: list[str], tmp_path: Path) -> None:
    *_, file = PAGES[page]
    write_files(page, tmp_path)
    text = (tmp_path / file).read_text()
    assert text.count('"4 seats are yours."') == 1
    (tmp_path / file).write_text(text.replace('"4 seats are yours."', '"5 seats are yours."'))

    said = run(tmp_path, *command, seconds=SECONDS, fails=True, PATH=PATH)

    (shown,) = text_blocks(page)
    assert without_times(shown) in without_times(said)


def test_a_failed_verification_shows_the_calls(page: str, command: list[str], tmp_path: Path) -> None:
    *_, file = PAGES[page]
    write_files(page, tmp_path)
    text, count = re.subn(r'"exactly"(.) 3', r'"exactly"\1 4', (tmp_path / file).read_text())
    assert count == 1
    (tmp_path / file).write_text(text)

    said = run(tmp_path, *command, seconds=SECONDS, fails=True, PATH=PATH)

    assert "expected exactly 4, found 3" in said
    assert "POST /send-message 503" in said
