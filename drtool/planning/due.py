from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from drtool.model.errors import Refused

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


def is_due(schedule: str, time_zone: str = "UTC", *, last_success: datetime | None, now: datetime) -> bool:
    """Tell whether a time of the schedule lies after the last success and not after `now`.

    What never succeeded is due; a success dated in the future is ignored. Raises Refused like `slots`.
    """
    slot = latest_slot(schedule, time_zone, now)
    if last_success is None or last_success > now:
        return True
    return slot is not None and slot > last_success


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
