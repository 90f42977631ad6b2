from __future__ import annotations

from drtool.model.evidence import Evidence
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome

_PASSED = frozenset({Outcome.SUCCEEDED.value, Outcome.OBJECTIVE_MISSED.value})


def passed(evidence: Evidence) -> bool:
    """Tell whether the data was good: a drill that only took too long proved its point all the same."""
    return evidence.outcome in _PASSED


def verified_points(listing: Listing) -> frozenset[str]:
    """Return the ids of the points whose data in this repository is known to be good.

    Those with a passed drill here, and those sealed before the start of a reading of the whole repository that succeeded.
    """
    here = [evidence for evidence in listing.evidence if evidence.repository == listing.repository]
    drilled = {evidence.point for evidence in here if evidence.subject == "drill" and evidence.point and passed(evidence)}
    readings = [evidence.started for evidence in here if evidence.subject == "verify" and evidence.outcome == Outcome.SUCCEEDED.value]
    if not readings:
        return frozenset(drilled)
    newest = max(readings)
    return frozenset(drilled | {point.point for point in listing.points if point.sealed < newest})


def last_proof(listing: Listing, set: str) -> Evidence | None:  # noqa: A002 - the vocabulary's word
    """Return the newest passed drill of a set in this listing, or None."""
    drills = [evidence for evidence in listing.evidence if evidence.subject == "drill" and evidence.set == set]
    return max(filter(passed, drills), key=lambda evidence: evidence.ended, default=None)
