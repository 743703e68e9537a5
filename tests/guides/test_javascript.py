"""The page for JavaScript: its examples in each runner, with the packages of NODE_FOLDER."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.guides import PATH, files_of, run, text_blocks, write_files
from tests.support import REPOSITORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed"),
]

PAGE = "javascript.md"
MODULES = Path(os.environ.get("NODE_FOLDER", "")).resolve() / "node_modules"
TEXT = (REPOSITORY / "docs" / "testing" / PAGE).read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([\w:]+) \| `(import .+?)` \| `(.+?)` \|$", TEXT, re.MULTILINE)
PACKAGES = {"Vitest": "vitest", "Jest": "jest", "Mocha": "mocha", "Playwright": "@playwright/test"}
PASSED = {
    "Vitest": r"Tests +5 passed",
    "node:test": r"pass 5\b",
    "Jest": r"Tests: +5 passed",
    "Mocha": r"\b5 passing",
    "Playwright": r"\b5 passed",
}

STOPPING = {
    "msw": """
        import { http, passthrough } from "msw";
        import { setupServer } from "msw/node";
        const server = setupServer();
        const stop = () => server.listen({ onUnhandledRequest: "error" });
    """,
    "nock": """
        import nock from "nock";
        const stop = () => nock.disableNetConnect();
    """,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as a reader of the page has it: the examples, and the helpers as the command prints them."""
    write_files(PAGE, tmp_path)
    for name, file in (("node", "flaresend.mjs"), ("node-cjs", "flaresend.cjs")):
        printed = run(tmp_path, "flaresend-mock", "helper", name, PATH=PATH)
        (tmp_path / "test" / file).write_text(printed, encoding="utf-8")
    (tmp_path / "package.json").write_text("{}")
    if MODULES.is_dir():
        (tmp_path / "node_modules").symlink_to(MODULES)
    return tmp_path


def only(folder: Path, test: str) -> None:
    """Delete the other tests, and the flavours of the page that its reader does not have."""
    for file in (folder / "test").glob("*.test.*"):
        if file.name != test:
            file.unlink()


def needs(package: str) -> None:
    if not (MODULES / package).is_dir():
        pytest.skip(f"not in the node_modules of NODE_FOLDER: {package}")


def sh(folder: Path, command: str, *, fails: bool = False, **variables: str) -> str:
    variables = {"PATH": PATH, "NO_COLOR": "1", "npm_config_offline": "true", **variables}
    return run(folder, "sh", "-c", command, seconds=100, fails=fails, **variables)


def test_the_table_names_each_runner() -> None:
    assert [name for name, _, _ in ROWS] == list(PASSED)


@pytest.mark.parametrize(("runner", "line", "command"), ROWS, ids=[name for name, _, _ in ROWS])
def test_the_bot_passes_its_tests_in_each_runner(folder: Path, runner: str, line: str, command: str) -> None:
    if runner in PACKAGES:
        needs(PACKAGES[runner])
    only(folder, "bookings.test.mjs")
    suite = folder / "test" / "bookings.test.mjs"
    first, rest = suite.read_text().split("\n", 1)
    assert first == ROWS[0][1]
    suite.write_text(f"{line}\n{rest}")

    assert re.search(PASSED[runner], sh(folder, command))


@pytest.mark.parametrize("runner", ["Vitest", "Jest", "Playwright"])
def test_one_emulator_serves_all_files_of_a_run(folder: Path, runner: str) -> None:
    needs(PACKAGES[runner])
    only(folder, "bookings.test.mjs")
    _, line, command = next(row for row in ROWS if row[0] == runner)
    _, rest = (folder / "test" / "bookings.test.mjs").read_text().split("\n", 1)
    for name in ("bookings", "second"):
        (folder / "test" / f"{name}.test.mjs").write_text(
            f"{line}\n{rest}\ntest('where it runs', () => console.log(`<${{flaresend.url}}>`));\n"
        )
    setting = 'globalSetup: "./test/flaresend.mjs"'
    setting = {"Vitest": f"test: {{ {setting} }}", "Playwright": f"{setting}, workers: 2"}.get(runner, setting)
    (folder / f"{runner.lower()}.config.mjs").write_text(f"export default {{ {setting} }};\n")

    said = sh(folder, command)

    urls = re.findall(r"<(http://\S+)>", said)
    assert len(urls) == 2
    assert len(set(urls)) == 1


def test_the_example_in_commonjs_passes(folder: Path) -> None:
    needs("jest")
    only(folder, "first.test.cjs")

    assert re.search(r"Tests: +1 passed", sh(folder, "npx jest"))


def test_a_failure_is_as_the_page_shows_it(folder: Path) -> None:
    needs("vitest")
    only(folder, "first.test.mjs")
    first = folder / "test" / "first.test.mjs"
    assert re.search(r"Tests +1 passed", sh(folder, "npx vitest run"))
    first.write_text(first.read_text().replace('{ to: "254712345678" }', '{ text: "5 seats are yours." }'))

    said = sh(folder, "npx vitest run", fails=True)

    shown = next(block for block in text_blocks(PAGE) if "ExpectationFailed" in block)
    times = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.sub(times, "…", shown) in re.sub(times, "…", said)


@pytest.mark.parametrize("library", list(STOPPING))
def test_libraries_that_stop_http_let_the_helper_through(folder: Path, library: str) -> None:
    needs(library)
    (line,) = re.findall(rf"^\| `{library}` .*? \| `(.*?)` \|$", TEXT, re.MULTILINE)
    program = f"""
        {STOPPING[library]}
        import {{ world }} from "./test/flaresend.mjs";
        const flaresend = await world("of a program that stops HTTP");
        stop();
        const reason = await flaresend.messages().catch((error) => error.message);
        {line}
        console.log(reason, await flaresend.messages());
        await flaresend.close();
    """
    (folder / "program.mjs").write_text(program)

    said = sh(folder, "node program.mjs")

    assert re.search(rf"Cannot reach an emulator at http://\S+: .*{library}.* \[\]\n", said, re.IGNORECASE)


def test_no_world_is_left_at_an_emulator_that_stays(folder: Path) -> None:
    _, line, command = next(row for row in ROWS if row[0] == "node:test")
    suite = folder / "test" / "bookings.test.mjs"
    suite.write_text(f"{line}\n{suite.read_text().split(chr(10), 1)[1]}")

    with FlaresendMock() as emulator:
        said = sh(folder, command, FLARESEND_MOCK_URL=emulator.url, FLARESEND_MOCK_APP_HOST="localhost")
        left = [world.name for world in emulator.worlds.all()]

    assert re.search(PASSED["node:test"], said)
    assert left == ["default"]


def test_each_example_is_executed() -> None:
    assert set(files_of(PAGE)) == {
        "bookings.mjs",
        "test/first.test.mjs",
        "test/bookings.test.mjs",
        "test/first.test.cjs",
    }
