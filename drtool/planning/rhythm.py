"""How often a set is backed up so that it keeps its RPO."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

_WEEKLY: Final = "30 1 * * 0"
_DAILY: Final = "30 1 * * *"
_HOURS: Final = (12, 8, 6, 4, 3, 2)
_MINUTES: Final = (30, 20, 15, 10)
_LEAST: Final = "*/5 * * * *"
"""Timers ask no more often than that unless they are told to."""


def schedule_for(rpo: timedelta) -> str:
    """Return a schedule that comes at least twice within an RPO, so that one attempt may fail; of less than ten minutes it comes once."""
    half = rpo / 2
    if half >= timedelta(weeks=1):
        return _WEEKLY
    if half >= timedelta(days=1):
        return _DAILY
    for hours in _HOURS:
        if half >= timedelta(hours=hours):
            return f"30 */{hours} * * *"
    if half >= timedelta(hours=1):
        return "30 * * * *"
    return next((f"*/{minutes} * * * *" for minutes in _MINUTES if half >= timedelta(minutes=minutes)), _LEAST)
