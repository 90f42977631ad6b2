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
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.evidence import damage, verified_points
from drtool.planning.retention import verdicts

SLACK: Final = timedelta(days=1)
"""How long before the last look a point that was not there then may be dated: a run takes time, and so does its copy.

A look of longer ago than that says nothing of the days since: nobody knows when in them a point came.
"""
_WITHOUT = " without what came late"
_TWICE = "another manifest bears its id"


def arrived(before: Arrivals | None, points: Iterable[RecoveryPoint], *, now: datetime) -> Arrivals:
    """Return what is known after a look; nothing came late where nobody looked before."""
    there = {point.point: point for point in points}
    if before is None:
        return Arrivals(now, tuple(sorted(there)))
    known, aside = frozenset(before.known), frozenset(before.aside)
    since = max(before.looked, now - SLACK)
    came = {name for name, point in there.items() if name not in known and point.instant < since - SLACK}
    late = (came | aside | {*before.late}) & there.keys()
    return Arrivals(now, tuple(sorted(there)), tuple(sorted(late)), tuple(sorted(aside & there.keys())))


def looked_over(found: Arrivals, before: Arrivals | None, points: Iterable[RecoveryPoint]) -> Arrivals:
    """Return what is known once a person has looked: what was told as late before is believed, and what is dated ahead set aside.

    What came late only now stays late: nobody can have looked at it.
    """
    ahead = {point.point for point in points if is_ahead(point, found.looked)}
    aside = ahead | {*found.aside}
    late = ({*found.late} - ({*before.late} if before else set())) | aside
    return replace(found, late=tuple(sorted(late)), aside=tuple(sorted(aside)))


def is_ahead(point: RecoveryPoint, now: datetime) -> bool:
    """Tell whether a point is dated in the future."""
    return point.instant > now + FUTURE_TOLERANCE


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

    A point is kept by what keeps it among all, and by what would keep it if nothing, or of what came late it alone, were there beside
    what came in time: a good one may have come late as well, and no forged one takes its place.
    """
    every, behind = tuple(points), frozenset(late)
    shared = {point.point for point in listing.others}
    timely = tuple(point for point in every if point.point not in behind and point.point not in shared)
    verified, damaged = verified_points(listing), damage(listing) is not None

    def judged(*chosen: RecoveryPoint) -> tuple[Verdict, ...]:
        return verdicts(
            chosen, keep, repository=listing.repository, set=set, now=now, verified=verified, holds=listing.holds, damaged=damaged
        )

    among = judged(*every)
    further = {each.point: each.reasons for each in judged(*timely)}
    undecided = {each.point for each in among if not each.reasons and each.point in behind and each.point not in shared}
    for point in every:
        if point.point in undecided:
            further[point.point] = next(each.reasons for each in judged(*timely, point) if each.point == point.point)
    return tuple(_joined(each, further.get(each.point, ()), is_shared=each.point in shared) for each in among)


def _joined(verdict: Verdict, alone: tuple[str, ...], *, is_shared: bool) -> Verdict:
    reasons = verdict.reasons or tuple(f"{reason}{_WITHOUT}" for reason in alone)
    return replace(verdict, reasons=(*reasons, _TWICE) if is_shared else reasons)
