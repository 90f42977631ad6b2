from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_MINUTE = 60
_HOUR = 3600
_DAY = 86400


def spell_duration(duration: timedelta | float) -> str:
    """Spell a duration (a number is seconds) in at most two units: `45s`, `31m`, `2h04`, `24h`, `30d`."""
    seconds = int(duration.total_seconds() if isinstance(duration, timedelta) else duration)
    if seconds < 0:
        return f"-{spell_duration(-seconds)}"
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _HOUR:
        minutes, rest = divmod(seconds, _MINUTE)
        return f"{minutes}m{rest:02d}s" if rest else f"{minutes}m"
    if seconds < 2 * _DAY:
        hours, rest = divmod(seconds, _HOUR)
        return f"{hours}h{rest // _MINUTE:02d}" if rest >= _MINUTE else f"{hours}h"
    days, rest = divmod(seconds, _DAY)
    return f"{days}d{rest // _HOUR}h" if rest >= _HOUR else f"{days}d"


def spell_instant(instant: datetime) -> str:
    """Spell an instant to the minute, in UTC: `2026-11-23 14:02 UTC`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def spell_count(number: int, noun: str) -> str:
    """Spell a number of things: `1 point`, `3 points`, `2 copies`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("py") else f"{number} {noun}s"


def spell_some(words: Sequence[str], most: int, *, between: str = ", ") -> str:
    """Spell a list of which a stranger may decide how long it is: so many of it, and how many more there are."""
    more = len(words) - most
    return between.join((*words[:most], f"and {more} more") if more > 0 else words)
