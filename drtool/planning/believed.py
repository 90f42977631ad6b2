"""How far a clock is believed: what is over by its date is over by sealed points too, and a leap of the clock forgets nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from typing import Final

from drtool.model.hold import Hold, active_holds
from drtool.model.point import RecoveryPoint
from drtool.model.policy import BackupSet
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.due import count_slots
from drtool.planning.words import spell_duration

BORNE_OUT: Final = timedelta(days=1)
"""How old a point has to be to bear the clock out: by then somebody had a day to see that it was wrong."""
_MISSED: Final = 3
"""How many scheduled times may pass without a point."""
_UNSCHEDULED: Final = timedelta(days=7)
_USUAL: Final = 2
"""How many times the gap before the last one is still no leap: a machine may well be on once a month only."""


@dataclass(frozen=True, slots=True)
class Leap:
    """A clock far beyond the newest earlier point: it runs ahead, or the machine was off."""

    now: datetime
    point: str
    gap: timedelta

    @property
    def reason(self) -> str:
        """Why a point stays, in words."""
        return f"the clock is {spell_duration(self.gap)} beyond the newest earlier point"

    @property
    def words(self) -> str:
        """What happens now, and what then."""
        clock = f"{self.now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return (
            f"nothing is forgotten in this run, and no hold is over by its date: the clock says {clock}, "
            f"{spell_duration(self.gap)} after the newest earlier point {self.point}. If that is right, the next run forgets again; "
            "if not, set the clock right, and nothing is forgotten until it has reached the date of this run's point"
        )


def leap_of(backup_set: BackupSet, earlier: Iterable[RecoveryPoint], *, now: datetime) -> Leap | None:
    """Return how far a run's clock has leapt, by the points of its set that were sealed before in any repository; None: it has not.

    That is more than three scheduled times without a point and more than a day, or a week without a schedule; and more than twice the
    gap before, as what is rare is no leap. Raises Refused for a schedule that cannot be read.
    """
    points, horizon = tuple(earlier), now + FUTURE_TOLERANCE
    if any(now - BORNE_OUT <= each.instant <= horizon for each in reversed(points)):  # no gap that short is a leap; the newest stand last
        return None
    known = nlargest(2, {(each.instant, each.point) for each in points if each.instant <= horizon})
    if not known:
        return None
    newest, point = known[0]
    gap = now - newest
    usual = _USUAL * (newest - known[1][0]) if len(known) > 1 else timedelta()
    return Leap(now, point, gap) if gap > usual and _is_long(backup_set, newest, gap) else None


def believed(points: Iterable[RecoveryPoint], *, now: datetime, lag: timedelta = BORNE_OUT) -> datetime:
    """Return the instant by which dates are judged: of the newest point that is `lag` old, else of the oldest; now where there is none.

    A clock that ran ahead is so not believed before a point that it dated is a day old by it, and what is judged is never older than by
    a clock that is right.
    """
    instants = sorted(each.instant for each in points)
    old = [each for each in instants if each <= now - lag]
    return min(now, (old or instants[:1] or [now])[-1])


def standing_holds(records: tuple[Hold, ...], points: Iterable[RecoveryPoint], *, now: datetime) -> tuple[Hold, ...]:
    """Return the holds that keep something: one with a date is over once a point is a day old and of later than that."""
    return active_holds(records, believed(points, now=now)) if records else ()


def _is_long(backup_set: BackupSet, newest: datetime, gap: timedelta) -> bool:
    if backup_set.schedule is None:
        return gap > _UNSCHEDULED
    if gap <= BORNE_OUT:
        return False
    return count_slots(backup_set.schedule, backup_set.time_zone, start=newest, length=gap, most=_MISSED + 1) > _MISSED
