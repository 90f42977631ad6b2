from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

FREEZE = "restore"
QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Hold:
    """A record that keeps a point, or a whole set, from being forgotten: until when, by whom, why.

    `point` empty: the set's forget stops. A record with `releases` ends the hold of that id. `kind` is empty for a person's,
    `restore` for a freeze (`run` needs the point: pruning waits too) and `quarantine` for one that a run wrote when a set looked wrong.
    """

    id: str
    set: str
    by: str
    reason: str
    created: datetime
    until: datetime | None = None
    point: str = ""
    releases: str = ""
    kind: str = ""
    run: str = ""
    machine: str = ""
    """Which machine wrote it; empty: a release that did not tell machines apart."""


def active_holds(records: tuple[Hold, ...], now: datetime) -> tuple[Hold, ...]:
    """Return the holds still in force at `now`."""
    released = {record.releases for record in records if record.releases}
    return tuple(
        record for record in records if not record.releases and record.id not in released and (record.until is None or record.until > now)
    )


def frozen_by(records: tuple[Hold, ...], now: datetime) -> tuple[Hold, ...]:
    """Return the freezes in force at `now`: while one is, nothing may be taken away below a restore."""
    return tuple(hold for hold in active_holds(records, now) if hold.kind == FREEZE)


def quarantines(records: tuple[Hold, ...], set: str, now: datetime) -> tuple[Hold, ...]:  # noqa: A002 - the vocabulary's word
    """Return the quarantines of a set in force at `now`."""
    return tuple(hold for hold in active_holds(records, now) if hold.kind == QUARANTINE and hold.set == set)


def looked_at(records: tuple[Hold, ...], set: str) -> datetime | None:  # noqa: A002 - the vocabulary's word
    """Return when a person last released a quarantine of a set: what was there then has been looked at."""
    released = (record.created for record in records if record.releases and record.kind == QUARANTINE and record.set == set)
    return max(released, default=None)
