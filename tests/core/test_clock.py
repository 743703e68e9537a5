"""The clock: it runs, stands still, and is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flaresend_mock.core.clock import EARLIEST, LATEST, Clock, ClockSetting
from flaresend_mock.core.errors import ClockOutOfRange
from tests.support import NOW, RealTime

LATER = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_a_clock_shows_real_time_at_first(real_time: RealTime) -> None:
    clock = Clock(real_time)
    real_time.pass_by(seconds=5)

    assert clock.now() == NOW + timedelta(seconds=5)
    assert not clock.frozen


def test_a_frozen_clock_stands_still(real_time: RealTime) -> None:
    clock = Clock(real_time)

    clock.change(frozen=True)
    real_time.pass_by(hours=5)

    assert clock.frozen
    assert clock.now() == NOW


def test_a_clock_that_runs_again_goes_on_from_where_it_stood(real_time: RealTime) -> None:
    clock = Clock(real_time)
    clock.change(frozen=True)
    real_time.pass_by(hours=5)

    clock.change(frozen=False)
    real_time.pass_by(seconds=3)

    assert clock.now() == NOW + timedelta(seconds=3)


def test_a_running_clock_that_is_set_runs_on_from_there(real_time: RealTime) -> None:
    clock = Clock(real_time)

    clock.change(now=LATER)
    real_time.pass_by(seconds=3)

    assert clock.now() == LATER + timedelta(seconds=3)


def test_a_frozen_clock_that_is_set_stands_still_there(real_time: RealTime) -> None:
    clock = Clock(real_time)
    clock.change(frozen=True)

    clock.change(now=LATER)
    real_time.pass_by(seconds=3)

    assert clock.frozen
    assert clock.now() == LATER


def test_a_clock_is_set_back_too(real_time: RealTime) -> None:
    clock = Clock(real_time)

    clock.change(now=NOW - timedelta(days=365))

    assert clock.now() == NOW - timedelta(days=365)


def test_a_clock_starts_out_as_its_setting_says(real_time: RealTime) -> None:
    frozen = Clock(real_time, ClockSetting(frozen_at=LATER))
    running = Clock(real_time, ClockSetting(starts_at=LATER))
    real_time.pass_by(seconds=3)

    assert frozen.now() == LATER
    assert running.now() == LATER + timedelta(seconds=3)


@pytest.mark.parametrize("moment", [EARLIEST, LATEST - timedelta(seconds=1)])
def test_a_clock_shows_times_from_1970_to_9998(moment: datetime, real_time: RealTime) -> None:
    clock = Clock(real_time)

    clock.change(now=moment)

    assert clock.now() == moment


@pytest.mark.parametrize("moment", [EARLIEST - timedelta(microseconds=1), LATEST])
def test_a_clock_refuses_other_times_and_stays_as_it_was(moment: datetime, real_time: RealTime) -> None:
    clock = Clock(real_time)

    with pytest.raises(ClockOutOfRange, match=r"^the clock shows times from 1970 to 9998$"):
        clock.change(now=moment, frozen=True)

    assert clock.now() == NOW
    assert not clock.frozen


def test_a_running_clock_knows_when_a_moment_comes_in_real_time(real_time: RealTime) -> None:
    clock = Clock(real_time)
    clock.change(now=LATER)

    assert clock.real_time_of(LATER + timedelta(hours=1)) == NOW + timedelta(hours=1)


def test_no_moment_comes_while_the_clock_is_frozen(real_time: RealTime) -> None:
    clock = Clock(real_time, ClockSetting(frozen_at=LATER))

    assert clock.real_time_of(LATER) is None


def test_a_moment_that_no_calendar_reaches_never_comes(real_time: RealTime) -> None:
    clock = Clock(real_time)
    clock.change(now=EARLIEST)

    assert clock.real_time_of(datetime.max.replace(tzinfo=UTC)) is None


def test_a_clock_that_has_run_to_the_end_can_be_frozen_there() -> None:
    real = RealTime()
    clock = Clock(real)
    clock.change(now=LATEST - timedelta(seconds=1))
    real.pass_by(days=400)
    assert clock.now() == LATEST

    clock.change(frozen=True)

    assert clock.frozen


def test_what_is_overdue_by_ages_has_come_by_now() -> None:
    real = RealTime()
    clock = Clock(real)
    clock.change(now=LATEST - timedelta(days=1))

    assert clock.real_time_of(EARLIEST) == real()
