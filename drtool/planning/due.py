from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from drtool.model.attempt import Attempts, Lesson
from drtool.model.errors import Refused
from drtool.model.tolerance import FUTURE_TOLERANCE

FIRST_WAIT = timedelta(minutes=5)
"""After the first attempt at a scheduled time that taught to wait; each further wait is twice as long."""
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS = 5
_WINDOWS = tuple(timedelta(days=days) for days in (1 / 24, 1, 8, 32, 367, 9 * 366))
"""How far back the latest time is looked for, step by step: walking backwards, the library never gives up on a date that never came."""
_HINT = "five cron fields such as `30 2 * * *`, or one of " + " ".join(_NAMED)


@lru_cache(maxsize=4096)
def slots(schedule: str, time_zone: str = "UTC", *, start: datetime, count: int) -> tuple[datetime, ...]:
    """Return the next times of a schedule after `start`, in UTC.

    At most `count`; fewer when the schedule names a date that never comes. A schedule with a fixed hour happens once in the night in
    which the clocks go back. Raises Refused for a schedule or a zone that cannot be read.
    """
    return tuple(islice(_walk(schedule, time_zone, start=start), count))


def count_slots(schedule: str, time_zone: str = "UTC", *, start: datetime, length: timedelta, most: int) -> int:
    """Return how many times a schedule has after `start` within `length`, at most `most`. Raises Refused like `slots`."""
    until = start + length
    return sum(1 for _slot in islice(takewhile(lambda slot: slot <= until, _walk(schedule, time_zone, start=start)), most))


@lru_cache(maxsize=4096)
def latest_slot(schedule: str, time_zone: str, now: datetime) -> datetime | None:
    """Return the last time of a schedule at or before `now`, in UTC; None when there never was one. Raises Refused like `slots`."""
    for window in _WINDOWS:
        latest = None
        for slot in _walk(schedule, time_zone, start=now - window):
            if slot > now:
                break
            latest = slot
        if latest is not None:
            return latest
    return None


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether something is to be done now, and when it comes next; `at` is now or earlier when it is due, None when it never comes.

    `slot` is the latest scheduled time; `again` says that this is (or will be) another attempt at a time that was tried before.
    """

    due: bool
    at: datetime | None
    slot: datetime | None
    again: bool = False


def next_turn(schedule: str, time_zone: str = "UTC", *, known: Attempts, now: datetime) -> Turn:
    """Decide whether a schedule asks for an attempt now, by what is remembered of earlier ones.

    One attempt for each scheduled time, and what was never tried is due. When the attempt taught that waiting may help (or was
    killed) it is repeated after 5, 10, 20 … minutes, until half the interval to the next scheduled time is over. What is dated in the
    future (the clock was set back) is not believed. Raises Refused like `slots`.
    """
    horizon = now + FUTURE_TOLERANCE
    slot = latest_slot(schedule, time_zone, now)
    upcoming = next(iter(slots(schedule, time_zone, start=now, count=1)), None)
    begun = tuple(each for each in known.begun if each <= horizon)
    settled = [each for each in (known.succeeded, known.since) if each is not None and each <= horizon]
    if not begun and not settled:
        return Turn(due=True, at=now, slot=slot)
    if slot is None or any(each >= slot for each in settled):
        return Turn(due=False, at=upcoming, slot=slot)
    tried = tuple(each for each in begun if each >= slot)
    if not tried:
        return Turn(due=True, at=slot, slot=slot)
    if known.lesson not in (None, Lesson.WAIT) or upcoming is None:
        return Turn(due=False, at=upcoming, slot=slot)
    # The window opens with the first attempt: a machine that was off at the scheduled time has as long as any other.
    closes = tried[0] + (upcoming - slot) / 2
    ended = known.ended if known.ended is not None and known.ended <= horizon else tried[-1]
    at = max(ended, tried[-1]) + FIRST_WAIT * 2 ** (len(tried) - 1)
    if max(at, now) > closes:
        return Turn(due=False, at=upcoming, slot=slot)
    return Turn(due=now >= at, at=at, slot=slot, again=True)


def is_overdue(schedule: str, time_zone: str = "UTC", *, known: Attempts, now: datetime) -> datetime | None:
    """Return the scheduled time that passed without any attempt, once half the interval (a day at most) is over since; else None.

    Of what was never tried nothing is said. Raises Refused like `slots`.
    """
    horizon = now + FUTURE_TOLERANCE
    times = [each for each in (*known.begun, known.succeeded, known.since) if each is not None and each <= horizon]
    if not times:
        return None
    missed = next(iter(slots(schedule, time_zone, start=max(times), count=1)), None)
    following = None if missed is None else next(iter(slots(schedule, time_zone, start=missed, count=1)), None)
    if missed is None or following is None:
        return None
    return missed if now > missed + min((following - missed) / 2, timedelta(days=1)) else None


def _walk(schedule: str, time_zone: str, *, start: datetime) -> Iterator[datetime]:
    from croniter import CroniterBadDateError, CroniterError, croniter  # noqa: PLC0415 - `status` stays fast

    expression = _NAMED.get(schedule.strip(), schedule.strip())
    cron_fields = expression.split()
    if len(cron_fields) != _FIELDS:
        raise Refused(f"`{schedule}` is not a schedule", hint=_HINT)
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused(f"there is no time zone `{time_zone}`", hint="a name such as Europe/Berlin, or UTC") from error
    try:
        iterator = croniter(expression, start.astimezone(zone))
    except (CroniterError, ValueError) as error:
        raise Refused(f"`{schedule}` is not a schedule", hint=_HINT) from error
    fixed_hour = "*" not in cron_fields[1]
    while True:
        try:
            local = iterator.get_next(datetime)
        except CroniterBadDateError:
            return
        if not (fixed_hour and local.fold):
            yield local.astimezone(UTC)
