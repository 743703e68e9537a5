"""The pytest plugin, as suites use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.testing import plugin

BOOKING = """
    import os, requests, pytest

    def book(text="Your order 17 is on its way"):
        key = {"Authorization": "Bearer " + os.environ["FLARESEND_API_KEY"]}
        body = {"recipients": ["254712345678"], "type": "text", "text": text}
        return requests.post(os.environ["FLARESEND_URL"] + "/send-message", headers=key, json=body)
"""

OFF = "cacheprovider faulthandler randomly threadexception timeout unraisableexception xdist"
OPTIONS = ["--import-mode=importlib", f"-p{plugin.__name__}", *(f"-pno:{name}" for name in OFF.split())]


class Suite:
    """Runs pytest in an empty folder: in this process, or in one of its own where that is the point."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture

    def run(self, tests: str, *arguments: str, process: bool = False) -> pytest.RunResult:
        file = self.folder / f"test_{self.folder.name}.py"  # a module's name is taken once in a process
        file.write_text(dedent(BOOKING) + dedent(tests), encoding="utf-8")
        command = [*OPTIONS, *arguments, file.name]
        if process:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *command], capture_output=True, text=True, timeout=110
            )
            code, said, errors = done.returncode, done.stdout, done.stderr
        else:
            self._capture.readouterr()
            code = pytest.main(command)
            said, errors = self._capture.readouterr()
        return pytest.RunResult(code, said.splitlines(), errors.splitlines(), 0)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Suite:
    """Return a suite without what the environment says, and without the plugins that happen to be installed."""
    for name in ("FLARESEND_MOCK_URL", "FLARESEND_URL", "FLARESEND_API_KEY", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PY_COLORS", "0")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(tmp_path)
    return Suite(tmp_path, capsys)


def test_pytest_finds_the_plugin_where_it_is_installed(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.get_plugin("flaresend-mock") is plugin


def test_each_test_has_a_world_of_its_own(suite: Suite) -> None:
    outcome = suite.run(
        """
        @pytest.mark.parametrize("time", range(5))
        def test_booking(time, flaresend_mock):
            flaresend_mock.env()
            assert flaresend_mock.messages() == []
            book()
            flaresend_mock.expect_message(to="254712345678")

        def test_the_variables_are_taken_back():
            assert "FLARESEND_URL" not in os.environ
        """
    )

    outcome.assert_outcomes(passed=6)


def test_the_same_tests_run_against_an_emulator_elsewhere(suite: Suite) -> None:
    tests = """
        def test_booking(flaresend_mock):
            flaresend_mock.env()
            book()
            flaresend_mock.expect_message(to="254712345678")
    """
    with FlaresendMock() as elsewhere:
        outcome = suite.run(tests, f"--flaresend-mock-url={elsewhere.url}")
        left = [world.name for world in elsewhere.worlds.all()]
        calls = elsewhere.worlds.default().state.events.last_number

    outcome.assert_outcomes(passed=1)
    assert (left, calls) == (["default"], 0)


def test_an_emulator_of_a_run_does_not_save_its_worlds(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLARESEND_MOCK_AUTOSAVE", str(tmp_path / "saved"))
    result = suite.run(
        """
        def test_booking(flaresend_mock):
            flaresend_mock.env()
            assert book().status_code == 200
        """
    )

    result.assert_outcomes(passed=1)
    assert not (tmp_path / "saved").exists()


def test_a_marker_says_which_world_it_is(suite: Suite) -> None:
    outcome = suite.run(
        """
        @pytest.mark.flaresend(world="demo", frozen_at="2025-11-14 13:00", seed=7)
        def test_demo(flaresend_mock):
            assert flaresend_mock.clock.now.isoformat() == "2025-11-14T10:00:00+00:00"
            groups = requests.get(flaresend_mock.url + "/groups", headers=flaresend_mock.headers).json()
            assert len(groups["data"]) >= 12

        @pytest.mark.flaresend(wrld="demo")
        def test_mistyped(flaresend_mock):
            pass
        """
    )

    outcome.assert_outcomes(passed=1, errors=1)
    outcome.stdout.fnmatch_lines(["flaresend_mock: the option 'wrld' is not known; did you mean 'world'[?]"])


def test_a_failure_explains_itself(suite: Suite) -> None:
    outcome = suite.run(
        """
        def test_booking(flaresend_mock):
            flaresend_mock.env()
            book("Your order 18 is on its way")
            flaresend_mock.expect_message(to="254712345678", text={"contains": "order 17"}, within=0)

        def test_another(flaresend_mock):
            flaresend_mock.receive("254712345678", "hi")
            assert 1 == 2
        """
    )

    outcome.assert_outcomes(failed=2)
    outcome.stdout.fnmatch_lines(
        [
            "E *ExpectationFailed: no message like to='254712345678', text={'contains': 'order 17'} within 0 s",
            'E * text is "Your order 18 is on its way", expected {"contains": "order 17"}',
            "*- flaresend-mock -*",
            '*← 254712345678 to 254708920430 text "hi"',
        ]
    )
    outcome.stdout.no_fnmatch_line("*testing/client.py*")


@pytest.mark.slow
def test_a_suite_that_does_not_use_it_imports_nothing_of_it(suite: Suite) -> None:
    outcome = suite.run(
        """
        def test_nothing():
            import sys
            loaded = {name for name in sys.modules if name.startswith(("flaresend_mock", "httptools", "flask"))}
            assert loaded <= {"flaresend_mock", "flaresend_mock.version", "flaresend_mock.testing",
                              "flaresend_mock.testing.plugin", "flask"}
        """,
        process=True,
    )

    outcome.assert_outcomes(passed=1)


def test_markers_of_class_and_test_are_laid_over_each_other(suite: Suite) -> None:
    shop = '{"version": 1, "instances": [{"number": "254711000001", "api_keys": ["k"]}]}'
    (suite.folder / "shop.json").write_text(shop)
    (suite.folder / "broken.json").write_text("{")
    outcome = suite.run(
        """
        @pytest.mark.flaresend(world="shop.json", time_zone="Africa/Nairobi")
        class TestShop:
            @pytest.mark.flaresend(frozen_at="2025-11-14 13:00")
            def test_both(self, flaresend_mock):
                assert flaresend_mock.clock.now.isoformat() == "2025-11-14T10:00:00+00:00"
                flaresend_mock.receive("254712345678", "hi")
                assert flaresend_mock.messages()[0].to == "254711000001"

        @pytest.mark.flaresend(world=None)
        def test_default(flaresend_mock):
            pass

        @pytest.mark.flaresend(world="broken.json")
        def test_broken(flaresend_mock):
            pass

        @pytest.mark.flaresend(world=3)
        def test_number(flaresend_mock):
            pass
        """
    )

    outcome.assert_outcomes(passed=2, errors=2)
    outcome.stdout.fnmatch_lines(
        ["flaresend_mock: *broken.json: no JSON: *", "flaresend_mock: world is the name of a shipped one*"]
    )
    outcome.stdout.no_fnmatch_line("*testing/plugin.py*")


@pytest.mark.parametrize("process", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_ids_are_the_same_in_every_run_and_others_in_every_test(suite: Suite, process: bool) -> None:
    tests = """
        @pytest.mark.parametrize("time", range(3))
        def test_id(time, flaresend_mock):
            print("ID", flaresend_mock.receive("254712345678", "hi")["data"]["id"])
    """
    runs = [suite.run(tests, "-s", process=process) for _ in range(2)]
    first, second = ([line for line in run.outlines if "ID " in line] for run in runs)

    assert first == second
    assert len(set(first)) == 3


def test_what_explains_itself_is_not_told_twice(suite: Suite) -> None:
    outcome = suite.run(
        """
        def test_booking(flaresend_mock):
            flaresend_mock.expect_message(within=0)
        """,
        "-rf",
    )

    outcome.assert_outcomes(failed=1)
    outcome.stdout.no_fnmatch_line("*- flaresend-mock -*")
    outcome.stdout.fnmatch_lines(["FAILED *::test_booking - Exp*"])
