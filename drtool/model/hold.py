from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """A record that keeps a point, or a whole set, from being forgotten: until when, by whom, why.

    `point` empty: the set's forget stops. A record with `releases` ends the hold of that id.
    """

    id: str
    set: str
    by: str
    reason: str
    created: datetime
    until: datetime | None = None
    point: str = ""
    releases: str = ""


def active_holds(records: tuple[Hold, ...], now: datetime) -> tuple[Hold, ...]:
    """Return the holds still in force at `now`."""
    released = {record.releases for record in records if record.releases}
    return tuple(
        record for record in records if not record.releases and record.id not in released and (record.until is None or record.until > now)
    )
