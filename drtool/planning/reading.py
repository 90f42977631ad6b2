"""How much of a repository was read again, and which slice of it is next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from drtool.model.evidence import Evidence, Reading
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.policy import Policy, VerifyPolicy
from drtool.model.summary import ReadingSummary
from drtool.planning.cycle import ReadingStatus, reading_statuses
from drtool.planning.due import count_slots
from drtool.planning.evidence import believable

MOST_SLICES = 256
"""A store picks its slices by the first byte of its names."""
_ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)
"""Times are counted from here, so that a policy always gives the same number of slices."""


def slices_of(rules: VerifyPolicy) -> int:
    """Return into how many slices a cycle is cut: as many as its schedule has times within it, 256 at most, at least one."""
    if rules.cycle is None:
        return 1
    return max(1, count_slots(rules.schedule, start=_ANCHOR, length=rules.cycle, most=MOST_SLICES))


def next_slice(listing: Listing | None, *, slices: int) -> tuple[int, datetime | None]:
    """Return the slice to read next and the start of its cycle; None begins a new one.

    A slice whose reading failed, or whose data moved since, comes first, being the lowest that is not done.
    """
    last = _last(listing)
    if last is None or last.complete or last.slices != slices:  # cut otherwise by an earlier policy: that cycle is given up
        return 1, None
    return next(number for number in range(1, slices + 1) if number not in last.done), last.cycle


def reading_status(policy: Policy, listings: Mapping[str, Listing], *, now: datetime) -> tuple[ReadingStatus, ...]:
    """Tell of every repository that is read in slices how far its cycle is; one that was never read has nothing to tell."""
    return reading_statuses(policy, summarise_readings(policy, listings), now=now)


def summarise_readings(policy: Policy, listings: Mapping[str, Listing]) -> dict[str, ReadingSummary]:
    """Return how far the cycle of every repository is that is read in slices."""
    found = {}
    for name, repository in policy.repositories.items():
        listing = listings.get(name)
        last = _last(listing) if repository.verify is not None and repository.verify.cycle is not None else None
        if listing is not None and last is not None:
            read = _read_at(listing, slices=last.slices)
            oldest = min(read.values()) if len(read) == last.slices else None
            found[name] = ReadingSummary(len(last.done), last.slices, last.cycle, last.complete, oldest)
    return found


def _readings(listing: Listing | None) -> list[Evidence]:
    return [each for each in believable(listing) if each.subject == "verify"] if listing is not None else []


def _last(listing: Listing | None) -> Reading | None:
    sliced = [each for each in _readings(listing) if each.reading is not None]
    newest = max(sliced, key=lambda each: (each.ended, each.id), default=None)
    return newest.reading if newest is not None else None


def _read_at(listing: Listing, *, slices: int) -> dict[int, datetime]:
    read: dict[int, datetime] = {}
    for each in _readings(listing):
        if each.outcome != Outcome.SUCCEEDED or each.point:
            continue
        numbers = range(1, slices + 1) if each.reading is None else (each.reading.slice,) if each.reading.slices == slices else ()
        for number in numbers:
            read[number] = max(read.get(number, each.started), each.started)
    return read
