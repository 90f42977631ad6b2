"""What listings amount to, in one pass over them: what every look needs, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drtool.model.attempt import Attempts
from drtool.model.damage import Damage
from drtool.model.evidence import Evidence
from drtool.model.forecast import RtoForecast
from drtool.model.hold import Hold, quarantines
from drtool.model.inventory import Listing, Problem
from drtool.model.point import RecoveryPoint
from drtool.model.policy import Policy
from drtool.model.summary import OthersSummary, SetSummary, Summary
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.attempted import told_by
from drtool.planning.evidence import believable, damage
from drtool.planning.gone import gone_sets
from drtool.planning.memory import spell_vanished
from drtool.planning.others import summarise_others
from drtool.planning.proof import passed
from drtool.planning.reading import summarise_readings
from drtool.planning.schedule import every_task, repository_of

_UNASKED = Problem("", "it was not asked")


@dataclass(slots=True)
class _Seen:
    """What one pass over the listings finds of a set."""

    newest: RecoveryPoint | None = None
    holders: set[str] = field(default_factory=set)
    partial: RecoveryPoint | None = None
    future: set[str] = field(default_factory=set)
    broken: dict[str, set[str]] = field(default_factory=dict)
    unasked: dict[str, set[str]] = field(default_factory=dict)
    proof: Evidence | None = None
    drill: Evidence | None = None
    quarantines: dict[str, Hold] = field(default_factory=dict)
    held: dict[str, RecoveryPoint] = field(default_factory=dict)
    vanished: dict[str, tuple[str, ...]] = field(default_factory=dict)
    drilled: set[str] = field(default_factory=set)

    def summary(self, others: OthersSummary) -> SetSummary:
        newest = self.newest
        return SetSummary(
            point="" if newest is None else newest.point,
            instant=None if newest is None else newest.instant,
            bytes=0 if newest is None else newest.bytes,
            workloads=() if newest is None else newest.workloads,
            holders=tuple(sorted(self.holders)),
            partial=None if self.partial is None else self.partial.instant,
            future=len(self.future),
            broken={name: len(points) for name, points in self.broken.items()},
            newest_broken=() if newest is None else tuple(name for name, points in self.broken.items() if newest.point in points),
            unasked={name: len(points) for name, points in self.unasked.items()},
            natives=0 if newest is None else newest.natives,
            native_sites=() if newest is None else newest.native.sites,
            proof=self.proof,
            drill=self.drill,
            drilled=tuple(sorted(self.drilled)),
            quarantines=tuple(self.quarantines.values()),
            held={name: point.instant for name, point in self.held.items()},
            vanished={name: words for name, words in self.vanished.items() if words},
            others=others,
        )


def summarise(
    policy: Policy,
    listings: Mapping[str, Listing],
    *,
    now: datetime,
    rto_forecasts: Mapping[str, tuple[RtoForecast, ...]] | None = None,
    present: Mapping[str, Mapping[str, str]] | None = None,
) -> Summary:
    """Return what the listings amount to for a policy; `rto_forecasts` and `present` are what was worked out of them beside."""
    seen = {name: _Seen() for name in policy.sets}
    horizon = now + FUTURE_TOLERANCE
    damaged: dict[str, Damage] = {}
    for repository in policy.repositories:
        listing = listings.get(repository)
        if listing is None:
            continue
        _see_points(listing.points, seen, repository=repository, horizon=horizon)
        _see_evidence(believable(listing), seen)
        if (found := damage(listing)) is not None:
            damaged[repository] = found
        for name, sight in seen.items():
            sight.quarantines.update({hold.id: hold for hold in quarantines(listing.holds, name, now)})
            sight.vanished[repository] = spell_vanished(repository, listing.vanished, set=name)
    others = summarise_others(listings.values(), policy.sets, by=policy.name, now=now)
    return Summary(
        taken=now,
        as_of=min((listing.taken for listing in listings.values()), default=now),
        until=_within_sight(listings.values(), now),
        sets={name: sight.summary(others[name]) for name, sight in seen.items()},
        damaged=damaged,
        readings=summarise_readings(policy, listings),
        gone=gone_sets(policy, listings),
        told=_told(policy, listings, now=now),
        rto_forecasts=rto_forecasts or {},
        present=present or {},
    )


def unread_in(policy: Policy, listings: Mapping[str, Listing]) -> dict[str, Problem]:
    """Return the repositories that were not read, and why."""
    found = {}
    for name in policy.repositories:
        listing = listings.get(name)
        if listing is None:
            found[name] = _UNASKED
        elif listing.problem is not None:
            found[name] = listing.problem
    return found


def _told(policy: Policy, listings: Mapping[str, Listing], *, now: datetime) -> dict[str, Attempts]:
    found = {}
    for task in every_task(policy):
        listing = listings.get(repository_of(policy, task))
        told = told_by(policy, task, listing, now=now) if listing is not None and listing.problem is None else None
        if told is not None:
            found[str(task)] = told
    return found


def _within_sight(listings: Iterable[Listing], now: datetime) -> datetime | None:
    """Return when the first of what is dated later than now is not any more, or is near enough to be believed, or a hold is over."""
    known = tuple(listings)
    dated = {instant for listing in known for point in listing.points for instant in (point.instant, point.sealed) if instant > now}
    turns = {turn for instant in dated for turn in (instant - FUTURE_TOLERANCE, instant)}
    turns |= {hold.until for listing in known for hold in listing.holds if hold.until is not None}
    return min((turn for turn in turns if turn > now), default=None)


def _see_points(points: Iterable[RecoveryPoint], seen: dict[str, _Seen], *, repository: str, horizon: datetime) -> None:
    for point in points:
        found = seen.get(point.set)
        if found is None:
            continue
        if point.instant > horizon:
            found.future.add(point.point)
        elif not point.whole:
            places = found.unasked if point.stored and point.unasked else found.broken
            places.setdefault(repository, set()).add(point.point)
        elif not point.complete:
            if found.partial is None or point.instant > found.partial.instant:
                found.partial = point
        else:
            if repository not in found.held or point.instant > found.held[repository].instant:
                found.held[repository] = point
            if found.newest is None or (point.instant, point.point) > (found.newest.instant, found.newest.point):
                found.newest = point
                found.holders = {repository}
            elif point.point == found.newest.point:
                found.holders.add(repository)


def _see_evidence(records: Iterable[Evidence], seen: dict[str, _Seen]) -> None:
    for evidence in records:
        found = seen.get(evidence.set)
        if found is None or evidence.subject != "drill":
            continue
        if found.drill is None or evidence.ended > found.drill.ended:
            found.drill = evidence
        if passed(evidence) and (found.proof is None or evidence.ended > found.proof.ended):
            found.proof = evidence
        if passed(evidence):
            found.drilled.add(evidence.repository)
