from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

_STEP = 1024
DURATION_PATTERN: Final = r"^(?=\d)(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"
_DURATION: Final = re.compile(r"(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_LONGEST: Final = timedelta(days=36500)


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `15m`, `4h`, `30d`, `2w` or a combination in falling order, such as `1d12h`: every key of a policy, of whatever kind.

    Raises ValueError, in words that go on after the text itself.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError("is not a duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        duration = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError("must be shorter than a hundred years") from None
    if not duration:
        raise ValueError("must be longer than nothing")
    if duration > _LONGEST:
        raise ValueError("must be shorter than a hundred years")
    return duration


def spell_bytes(count: float) -> str:
    """Spell a number of bytes: `512 B`, `18.2 GiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < _STEP:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    return f"{value:.1f} TiB"
