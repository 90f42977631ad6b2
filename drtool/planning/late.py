"""Points that come long after their date: whoever may add to a repository dates what he adds as he likes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from drtool.model.arrivals import Arrivals
from drtool.model.inventory import Listing
from drtool.model.plan import Verdict
from drtool.model.point import RecoveryPoint
from drtool.model.policy import Retention
from drtool.planning.evidence import damage, verified_points
from drtool.planning.retention import verdicts

SLACK: Final = timedelta(days=1)
"""How long before the last look a point that was not there then may be dated: a run takes time, and so does its copy."""
_WITHOUT = " without what came late"
_TWICE = "another manifest bears its id"


def arrived(before: Arrivals | None, points: Iterable[RecoveryPoint], *, now: datetime) -> Arrivals:
    """Return what is known after a look; nothing came late where nobody looked before."""
    there = {point.point: point for point in points}
    if before is None:
        return Arrivals(now, tuple(sorted(there)))
    known, late = frozenset(before.known), frozenset(before.late)
    came = {name for name, point in there.items() if name not in known and point.instant < before.looked - SLACK}
    return Arrivals(now, tuple(sorted(there)), tuple(sorted((late | came) & there.keys())))


def verdicts_for_another(
    points: Iterable[RecoveryPoint],
    keep: Retention,
    *,
    listing: Listing,
    set: str,  # noqa: A002 - the vocabulary's word
    now: datetime,
    late: Iterable[str],
) -> tuple[Verdict, ...]:
    """Judge the points of a set for their machine: what came `late` takes no other's place, nor does what shares its id with another.

    A point is kept by what keeps it among all, and by what would keep it if nothing had come late.
    """
    every, behind = tuple(points), frozenset(late)
    shared = {point.point for point in listing.others}
    timely = tuple(point for point in every if point.point not in behind and point.point not in shared)
    among, alone = (
        verdicts(
            chosen,
            keep,
            repository=listing.repository,
            set=set,
            now=now,
            verified=verified_points(listing),
            holds=listing.holds,
            damaged=damage(listing) is not None,
        )
        for chosen in (every, timely)
    )
    further = {each.point: each.reasons for each in alone}
    return tuple(_joined(each, further.get(each.point, ()), is_shared=each.point in shared) for each in among)


def _joined(verdict: Verdict, alone: tuple[str, ...], *, is_shared: bool) -> Verdict:
    reasons = verdict.reasons or tuple(f"{reason}{_WITHOUT}" for reason in alone)
    return replace(verdict, reasons=(*reasons, _TWICE) if is_shared else reasons)
