from __future__ import annotations

from datetime import datetime

from drtool.model.evidence import Evidence
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome

_PASSED = frozenset({Outcome.SUCCEEDED.value, Outcome.OBJECTIVE_MISSED.value})


def passed(evidence: Evidence) -> bool:
    """Tell whether the data was good: a drill that only took too long proved its point all the same."""
    return evidence.outcome in _PASSED


def verified_points(listing: Listing) -> frozenset[str]:
    """Return the ids of the points whose data in this repository is known to be good.

    Those with a passed drill or a successful reading of their own here, and those sealed before the start of a reading of the
    whole repository that succeeded: at once, or slice by slice in a cycle that was completed.
    """
    here = [evidence for evidence in listing.evidence if evidence.repository == listing.repository]
    proven = {evidence.point for evidence in here if evidence.subject == "drill" and evidence.point and passed(evidence)}
    read = [evidence for evidence in here if evidence.subject == "verify" and evidence.outcome == Outcome.SUCCEEDED.value]
    proven |= {evidence.point for evidence in read if evidence.point}
    newest = max(filter(None, map(_everything_since, read)), default=None)
    if newest is None:
        return frozenset(proven)
    return frozenset(proven | {point.point for point in listing.points if point.sealed < newest})


def _everything_since(reading: Evidence) -> datetime | None:
    """Return since when everything stored before has been read; None when it was not everything."""
    if reading.point:
        return None
    if reading.reading is None:
        return reading.started
    return reading.reading.cycle if reading.reading.complete else None


def last_proof(listing: Listing, set: str) -> Evidence | None:  # noqa: A002 - the vocabulary's word
    """Return the newest passed drill of a set in this listing, or None."""
    drills = [evidence for evidence in listing.evidence if evidence.subject == "drill" and evidence.set == set]
    return max(filter(passed, drills), key=lambda evidence: evidence.ended, default=None)
