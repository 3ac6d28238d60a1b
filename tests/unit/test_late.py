"""What being late costs: days that have begun, grace, cap, the moment from which all is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from autograder.config import Late
from autograder.late import Lateness, delay, extended, utc

DUE = datetime(2026, 3, 1, 22, 59, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
TENTH = Late(percent_per_day=10.0)


def percent(late: timedelta, policy: Late | None, zero_after: datetime | None = None) -> float:
    return delay(Lateness(DUE + late, DUE, zero_after), policy).percent


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (-DAY, 0),
        (timedelta(0), 0),
        (timedelta(microseconds=1), 10),
        (SECOND, 10),
        (DAY, 10),
        (DAY + SECOND, 20),
        (9 * DAY, 90),
        (9 * DAY + SECOND, 100),
        (40 * DAY, 100),
    ],
)
def test_each_day_that_has_begun_costs_the_percentage(late, expected):
    assert percent(late, TENTH) == expected


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (timedelta(minutes=15), 0),
        (timedelta(minutes=15, seconds=1), 10),
        (DAY + timedelta(minutes=15), 10),
        (DAY + timedelta(minutes=15, seconds=1), 20),
    ],
)
def test_days_are_counted_from_the_end_of_the_grace_period(late, expected):
    assert percent(late, Late(percent_per_day=10.0, grace_minutes=15.0)) == expected


def test_the_cap_is_the_most_that_days_can_cost():
    policy = Late(percent_per_day=20.0, cap_percent=50.0)

    assert [percent(days * DAY, policy) for days in (1, 2, 3, 30)] == [20, 40, 50, 50]


def test_behind_the_days_of_zero_nothing_is_left_whatever_the_cap():
    policy = Late(percent_per_day=10.0, cap_percent=50.0, zero_after_days=7.0)

    assert percent(7 * DAY, policy) == 50
    assert percent(7 * DAY + SECOND, policy) == 100


def test_behind_the_moment_of_zero_nothing_is_left():
    policy, zero = Late(zero_after="as the config says"), DUE + 2 * DAY

    assert percent(2 * DAY, policy, zero) == 0
    assert percent(2 * DAY + SECOND, policy, zero) == 100


def test_the_grace_period_reaches_beyond_the_moment_of_zero():
    policy = Late(zero_after_days=0.0, grace_minutes=10.0)

    assert percent(timedelta(minutes=10), policy) == 0
    assert percent(timedelta(minutes=11), policy) == 100


def test_without_a_policy_being_late_costs_nothing_and_is_still_known():
    late = delay(Lateness(DUE + DAY, DUE), None)

    assert (late.percent, late.penalty(8.0), late.lateness.seconds) == (0.0, 0.0, 86_400.0)


@pytest.mark.parametrize(
    ("score", "penalty"), [(8.0, 0.8), (0.0, 0.0), (-1.0, 0.0), (1 / 3, 0.033333)]
)
def test_a_penalty_is_a_part_of_the_score_and_never_negative(score, penalty):
    assert delay(Lateness(DUE + SECOND, DUE), TENTH).penalty(score) == penalty


def test_a_day_has_24_hours_also_where_the_clocks_are_changed():
    """On the night of 29 March 2026 a day in Madrid has 23 hours on the wall."""
    from zoneinfo import ZoneInfo

    madrid = ZoneInfo("Europe/Madrid")
    due = datetime(2026, 3, 28, 23, 59, tzinfo=madrid).astimezone(UTC)
    same_hour_next_day = datetime(2026, 3, 29, 23, 59, tzinfo=madrid).astimezone(UTC)
    lateness = Lateness(same_hour_next_day + timedelta(minutes=59), due)

    assert lateness.seconds == 24 * 3600 - 60
    assert delay(lateness, TENTH).percent == 10


def test_an_extension_moves_a_due_date_and_no_due_date_stays_none():
    assert extended(DUE, timedelta(hours=5)) == DUE + timedelta(hours=5)
    assert extended(DUE, None) == DUE
    assert extended(None, timedelta(hours=5)) is None


def test_the_gradebooks_moments_are_in_utc():
    assert utc(datetime(2026, 3, 1)) == datetime(2026, 3, 1, tzinfo=UTC)
    assert utc(None) is None
