"""The pytest plugin, as suites use it."""

from __future__ import annotations

import pytest

from flaresend_mock import FlaresendMock

BOOKING = """
    import os, requests, pytest

    def book(text="Your order 17 is on its way"):
        key = {"Authorization": "Bearer " + os.environ["FLARESEND_API_KEY"]}
        body = {"recipients": ["254712345678"], "type": "text", "text": text}
        return requests.post(os.environ["FLARESEND_URL"] + "/send-message", headers=key, json=body)
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty folder, without what the environment says."""
    for name in ("FLARESEND_MOCK_URL", "FLARESEND_URL", "FLARESEND_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return pytester


def run(suite: pytest.Pytester, tests: str, *arguments: str) -> pytest.RunResult:
    import textwrap

    suite.makepyfile(textwrap.dedent(BOOKING) + textwrap.dedent(tests))
    return suite.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly", *arguments)


def test_each_test_has_a_world_of_its_own(suite: pytest.Pytester) -> None:
    outcome = run(
        suite,
        """
        @pytest.mark.parametrize("time", range(5))
        def test_booking(time, flaresend_mock):
            flaresend_mock.env()
            assert flaresend_mock.messages() == []
            book()
            flaresend_mock.expect_message(to="254712345678")

        def test_the_variables_are_taken_back():
            assert "FLARESEND_URL" not in os.environ
        """,
    )

    outcome.assert_outcomes(passed=6)


def test_the_same_tests_run_against_an_emulator_elsewhere(suite: pytest.Pytester) -> None:
    tests = """
        def test_booking(flaresend_mock):
            flaresend_mock.env()
            book()
            flaresend_mock.expect_message(to="254712345678")
    """
    with FlaresendMock() as elsewhere:
        outcome = run(suite, tests, f"--flaresend-mock-url={elsewhere.url}")
        left = [world.name for world in elsewhere.worlds.all()]
        calls = elsewhere.worlds.default().state.events.last_number

    outcome.assert_outcomes(passed=1)
    assert (left, calls) == (["default"], 0)


def test_a_marker_says_which_world_it_is(suite: pytest.Pytester) -> None:
    outcome = run(
        suite,
        """
        @pytest.mark.flaresend(world="demo", frozen_at="2025-11-14 13:00", seed=7)
        def test_demo(flaresend_mock):
            assert flaresend_mock.clock.now.isoformat() == "2025-11-14T10:00:00+00:00"
            groups = requests.get(flaresend_mock.url + "/groups", headers=flaresend_mock.headers).json()
            assert len(groups["data"]) >= 12

        @pytest.mark.flaresend(wrld="demo")
        def test_mistyped(flaresend_mock):
            pass
        """,
    )

    outcome.assert_outcomes(passed=1, errors=1)
    outcome.stdout.fnmatch_lines(["flaresend_mock: a world has no 'wrld'; did you mean 'world'[?]"])


def test_a_failure_explains_itself(suite: pytest.Pytester) -> None:
    outcome = run(
        suite,
        """
        def test_booking(flaresend_mock):
            flaresend_mock.env()
            book("Your order 18 is on its way")
            flaresend_mock.expect_message(to="254712345678", text={"contains": "order 17"}, within=0)

        def test_another(flaresend_mock):
            flaresend_mock.receive("254712345678", "hi")
            assert 1 == 2
        """,
    )

    outcome.assert_outcomes(failed=2)
    outcome.stdout.fnmatch_lines(
        [
            "E *Unmet: no message like to='254712345678', text={'contains': 'order 17'} within 0 s",
            'E * text is "Your order 18 is on its way", expected {"contains": "order 17"}',
            "*- flaresend-mock -*",
            '*← 254712345678 text "hi"',
        ]
    )
    outcome.stdout.no_fnmatch_line("*testing/client.py*")


def test_a_suite_that_does_not_use_it_imports_nothing_of_it(suite: pytest.Pytester) -> None:
    outcome = run(
        suite,
        """
        def test_nothing():
            import sys
            loaded = {name for name in sys.modules if name.startswith(("flaresend_mock", "waitress", "flask"))}
            assert loaded <= {"flaresend_mock", "flaresend_mock.version", "flaresend_mock.testing",
                              "flaresend_mock.testing.plugin", "flask"}
        """,
    )

    outcome.assert_outcomes(passed=1)


def test_markers_of_class_and_test_are_laid_over_each_other(suite: pytest.Pytester) -> None:
    suite.makefile(
        ".json", shop='{"version": 1, "instances": [{"number": "254711000001", "api_keys": ["k"]}]}'
    )
    suite.makefile(".json", broken="{")
    outcome = run(
        suite,
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
        """,
        "-p",
        "no:xdist",
    )

    outcome.assert_outcomes(passed=2, errors=2)
    outcome.stdout.fnmatch_lines(
        ["flaresend_mock: *broken.json: no JSON: *", "flaresend_mock: world is the name of a shipped one*"]
    )
    outcome.stdout.no_fnmatch_line("*testing/plugin.py*")


def test_ids_are_the_same_in_every_run_and_others_in_every_test(suite: pytest.Pytester) -> None:
    tests = """
        @pytest.mark.parametrize("time", range(3))
        def test_id(time, flaresend_mock):
            print("ID", flaresend_mock.receive("254712345678", "hi")["data"]["id"])
    """
    first, second = ([line for line in run(suite, tests, "-s").outlines if "ID " in line] for _ in range(2))

    assert first == second
    assert len(set(first)) == 3


def test_what_explains_itself_is_not_told_twice(suite: pytest.Pytester) -> None:
    outcome = run(
        suite,
        """
        def test_booking(flaresend_mock):
            flaresend_mock.expect_message(within=0)
        """,
        "-rf",
    )

    outcome.assert_outcomes(failed=1)
    outcome.stdout.no_fnmatch_line("*- flaresend-mock -*")
    outcome.stdout.fnmatch_lines(["FAILED *::test_booking - Unmet: *"])
