from __future__ import annotations

from datetime import datetime

from drtool.model.evidence import Evidence
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.point import FUTURE_TOLERANCE

_PASSED = frozenset({Outcome.SUCCEEDED.value, Outcome.OBJECTIVE_MISSED.value})


def passed(evidence: Evidence) -> bool:
    """Tell whether the data was good: a drill that only took too long proved its point all the same."""
    return evidence.outcome in _PASSED


def believable(listing: Listing) -> tuple[Evidence, ...]:
    """Return the evidence that is about this repository and was there when it was listed.

    What is dated later was written by a clock that ran ahead: it would outlive every failure after it, and never grow old.
    """
    horizon = listing.taken + FUTURE_TOLERANCE
    return tuple(each for each in listing.evidence if each.repository == listing.repository and each.ended <= horizon)


def damage(listing: Listing) -> Evidence | None:
    """Return the newest reading of the repository that found data wrong, unless everything was read and found good since."""
    readings = [each for each in believable(listing) if each.subject == "verify" and not each.point]
    wrong = [each for each in readings if each.outcome == Outcome.DATA_WRONG.value]
    found = max(wrong, key=lambda each: each.ended, default=None)
    if found is None or any(_heals(each, found) for each in readings if each.outcome == Outcome.SUCCEEDED.value):
        return None
    return found


def _heals(reading: Evidence, found: Evidence) -> bool:
    """Tell whether a reading says that everything is good again; a cycle begun before the damage read its first slices too early.

    A slice that was found wrong is read again before its own cycle is complete.
    """
    if reading.ended <= found.ended or reading.reading is None:
        return reading.ended > found.ended
    return reading.reading.complete and (found.reading is not None or reading.reading.cycle > found.ended)


def verified_points(listing: Listing) -> frozenset[str]:
    """Return the ids of the points whose data in this repository is known to be good.

    Those with a passed drill or a successful reading of their own here, and those sealed before the start of a reading of the
    whole repository that succeeded: at once, or slice by slice in a cycle that was completed. What was found wrong later, in the
    whole repository or in the point alone, takes that back.
    """
    found = damage(listing)
    here = [each for each in believable(listing) if found is None or each.ended > found.ended]
    wrong: dict[str, datetime] = {}
    for each in here:
        if each.point and each.subject in ("drill", "verify") and each.outcome == Outcome.DATA_WRONG.value:
            wrong[each.point] = max(each.ended, wrong.get(each.point, each.ended))

    def stands(evidence: Evidence, point: str) -> bool:
        return point not in wrong or evidence.ended > wrong[point]

    read = [each for each in here if each.subject == "verify" and each.outcome == Outcome.SUCCEEDED.value]
    own = [*read, *(each for each in here if each.subject == "drill" and passed(each))]
    # Listed once: what a reading found good and is not whole any more is good no longer.
    broken = {each.point for each in listing.points if not each.whole}
    good = {each.point for each in own if each.point and each.point not in broken and stands(each, each.point)}
    everything = [(since, each) for each in read if (since := _everything_since(each)) is not None]
    newest = max((since for since, _each in everything), default=None)
    if newest is None:
        return frozenset(good)
    good |= {each.point for each in listing.points if each.sealed < newest and each.whole and each.point not in wrong}
    doubted = [each for each in listing.points if each.point in wrong and each.whole]
    return frozenset(
        good | {each.point for each in doubted if any(each.sealed < since and stands(by, each.point) for since, by in everything)}
    )


def _everything_since(reading: Evidence) -> datetime | None:
    """Return since when everything stored before has been read; None when it was not everything."""
    if reading.point:
        return None
    if reading.reading is None:
        return reading.started
    return reading.reading.cycle if reading.reading.complete else None


def last_proof(listing: Listing, set: str) -> Evidence | None:  # noqa: A002 - the vocabulary's word
    """Return the newest passed drill of a set in this listing, or None."""
    drills = [evidence for evidence in believable(listing) if evidence.subject == "drill" and evidence.set == set]
    return max(filter(passed, drills), key=lambda evidence: evidence.ended, default=None)
