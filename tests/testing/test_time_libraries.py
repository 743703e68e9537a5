"""Suites that fake time, from the first import of the emulator on."""

import pytest

from tests.testing.test_plugin import Suite, suite

__all__ = ["suite"]

FREEZEGUN, TIME_MACHINE = "from freezegun import freeze_time as travel", "from time_machine import travel"
LIBRARIES = [
    (FREEZEGUN, "travel('2025-03-04 05:00')"),
    pytest.param(FREEZEGUN, "travel('2025-03-04 05:00', tick=True)", marks=pytest.mark.slow),
    (TIME_MACHINE, "travel('2025-03-04 05:00+0000', tick=False)"),
    pytest.param(TIME_MACHINE, "travel('2025-03-04 05:00+0000')", marks=pytest.mark.slow),
]
SUITE = """
    from datetime import datetime, timedelta, timezone
    {library}
    real = datetime.now(timezone.utc)

    def schedule(flaresend_mock, seconds):
        when = (flaresend_mock.clock.now + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")
        body = {{"recipients": ["254712345678"], "type": "text", "text": "soon", "sendAt": when}}
        url = flaresend_mock.url + "/schedule-message"
        requests.post(url, headers=flaresend_mock.headers, json=body).raise_for_status()

    @pytest.fixture(autouse=True)
    def faked():
        with {faking} as faked:
            yield faked

    def test_waits_end(faked, flaresend_mock):
        assert datetime.now().year == 2025
        with pytest.raises(AssertionError, match="no message"):
            flaresend_mock.expect_message(within=0.1)
        flaresend_mock.expect_no_message(within=0.1)

    @pytest.mark.flaresend(time_zone="UTC")
    def test_the_world_follows_real_time(faked, flaresend_mock, tmp_path):
        assert timedelta() <= flaresend_mock.clock.now - real < timedelta(minutes=1)
        flaresend_mock.webhook_receiver(tls=True)
        flaresend_mock.receive("254712345678", "hi")
        flaresend_mock.expect_delivery(within=30)
        flaresend_mock.clock.freeze("2025-03-04 05:00:00")
        schedule(flaresend_mock, seconds=1)
        flaresend_mock.clock.run()
        flaresend_mock.expect_message(text="soon", within=30)
        flaresend_mock.export(tmp_path / "world.json")

    @pytest.mark.flaresend(time_zone="UTC", clock="process")
    def test_the_world_follows_the_process(faked, flaresend_mock):
        assert abs(flaresend_mock.clock.now - datetime.now(timezone.utc)) < timedelta(seconds=30)
        schedule(flaresend_mock, seconds=3600)
        flaresend_mock.expect_no_message(within=0.1)

        moved = datetime(2025, 3, 4, 7, tzinfo=timezone.utc)
        faked.move_to(moved)

        assert timedelta() <= flaresend_mock.messages()[0].at - moved < timedelta(minutes=1)
        flaresend_mock.reset()
        assert flaresend_mock.clock.now.hour == 7
"""


@pytest.mark.slow
@pytest.mark.parametrize(("library", "faking"), LIBRARIES)
def test_waits_take_real_time_and_a_world_that_of_its_marker(suite: Suite, library: str, faking: str) -> None:
    outcome = suite.run(SUITE.format(library=library, faking=faking), process=True)

    outcome.assert_outcomes(passed=3)


def test_a_message_that_time_makes_due_is_sent_while_nothing_calls(suite: Suite) -> None:
    tests = SUITE.format(library=FREEZEGUN, faking="travel('2025-03-04 05:00')").partition("    def test_waits")[0]
    outcome = suite.run(
        tests
        + """
    @pytest.mark.flaresend(time_zone="UTC", clock="process")
    def test_bot(faked, flaresend_mock):
        import threading
        flaresend_mock.receive("254712345678", "hi")
        schedule(flaresend_mock, seconds=3600)
        threading.Timer(0.2, faked.tick, [timedelta(hours=2)]).start()
        flaresend_mock.expect_message(text="soon", within=30)

    @pytest.mark.flaresend(clock="wall")
    def test_wrong(flaresend_mock):
        pass
        """,
        process=True,  # freezegun reads all that is imported, which has docker's client look for its daemon
    )

    outcome.assert_outcomes(passed=1, errors=1)
    outcome.stdout.fnmatch_lines(["flaresend_mock: clock: 'real', or 'process' with an emulator*, not 'wall'"])
