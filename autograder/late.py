"""How late a submission is and what that costs. Pure: policy, moments and a score go in.

Lateness is elapsed time, so that a day has 24 hours also where the clocks are changed. It is
counted from the due date, which an extension has moved, and from the end of the grace period; each
day that has begun counts whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.config import Late

__all__ = ["Delay", "Lateness", "delay", "extended", "utc"]

DAY = 24 * 60 * 60
DECIMALS = 6


@dataclass(frozen=True)
class Lateness:
    """When something was handed in and when it was due, extension included; all in UTC.

    ``zero_after`` is the moment from which nothing is left, extension included; ``None`` if none.
    """

    submitted: datetime
    due: datetime
    zero_after: datetime | None = None

    @property
    def seconds(self) -> float:
        """How late it is; 0 where it is not."""
        return max(0.0, (self.submitted - self.due).total_seconds())


@dataclass(frozen=True)
class Delay:
    """A submission that was late: by how many seconds, and what percentage of the score that costs
    (0 within the grace period or without a policy)."""

    lateness: Lateness
    percent: float

    def penalty(self, score: float) -> float:
        """The points taken off ``score``: never more than there are, never negative."""
        return round(max(0.0, score) * self.percent / 100, DECIMALS)


def delay(lateness: Lateness, policy: Late | None) -> Delay:
    """What the policy makes of it."""
    return Delay(lateness, 0.0 if policy is None else _percent(lateness, policy))


def _percent(lateness: Lateness, policy: Late) -> float:
    counted = lateness.seconds - policy.grace_minutes * 60
    if counted <= 0:
        return 0.0
    if lateness.zero_after is not None and lateness.submitted > lateness.zero_after:
        return 100.0
    if policy.zero_after_days is not None and counted > policy.zero_after_days * DAY:
        return 100.0
    return min(policy.cap_percent, math.ceil(counted / DAY) * policy.percent_per_day)


def extended(moment: datetime | None, extension: timedelta | None) -> datetime | None:
    """A due date, moved by the extension that was granted in nbgrader."""
    return None if moment is None else moment + (extension or timedelta())


def utc(naive: datetime | None) -> datetime | None:
    """A moment of nbgrader's gradebook, which has them in UTC and says no zone."""
    return None if naive is None else naive.replace(tzinfo=UTC)
