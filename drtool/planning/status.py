from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drtool.model.evidence import Evidence
from drtool.model.forecast import Outlook
from drtool.model.hold import Hold, quarantines
from drtool.model.inventory import Inventory, Problem
from drtool.model.memory import Damage
from drtool.model.point import FUTURE_TOLERANCE, RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.planning.caution import advice_on_damage, went_back
from drtool.planning.evidence import believable, damage, passed
from drtool.planning.memory import spell_vanished
from drtool.planning.others import Told, others_of
from drtool.planning.outlook import advice_on_outlook, worst
from drtool.planning.proof import decayed, fingerprint, refuted
from drtool.planning.words import spell_count, spell_duration

_UNASKED = Problem("", "it was not asked")


@dataclass(frozen=True, slots=True)
class SetStatus:
    """How well a set is protected; seconds throughout, None where there is nothing to measure.

    `copies` hold the newest point that is complete and whole, `missing_copies` should and do not (or could not be read). `attention` are
    sentences; `next` is what to type about the first of them, empty when all is well.
    """

    set: str
    point: str
    instant: datetime | None
    age_seconds: float | None
    rpo_seconds: float
    rpo_met: bool
    copies: tuple[str, ...]
    missing_copies: tuple[str, ...]
    last_proof: Evidence | None
    proof_age_seconds: float | None
    rto_seconds: float | None
    rto_objective_seconds: float
    rto_met: bool | None
    attention: tuple[str, ...]
    next: str
    outlook: Outlook | None = None
    """The copy that would take longest."""
    moved: tuple[str, ...] = ()
    """Why the last proof proves no longer; empty: it does, or there is none."""
    never_drilled: tuple[str, ...] = ()
    """Copies that no passed drill ever restored from."""
    damaged_copies: tuple[str, ...] = ()
    """Those that were found damaged: whatever they hold is no copy until it was read and found good."""
    unknown: tuple[str, ...] = ()
    """Repositories that could hold evidence of the set and were not read: what is not proven or measured may be so there."""
    unread: tuple[str, ...] = ()
    """Repositories of the set that were not read: they may hold a point, or a newer one, than is known here."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """What the listings do not tell: by set how long each copy would take, its fingerprint now, and since when each part of that is so.

    `after_failure` says what to type by what the last attempt at a set said, where that was not good.
    """

    outlooks: Mapping[str, tuple[Outlook, ...]] = field(default_factory=dict)
    present: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    since: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    after_failure: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    """What one pass over the listings finds of a set."""

    newest: RecoveryPoint | None = None
    holders: set[str] = field(default_factory=set)
    partial: RecoveryPoint | None = None
    future: set[str] = field(default_factory=set)
    broken: dict[str, set[str]] = field(default_factory=dict)
    """By repository the points that are not whole there."""
    proof: Evidence | None = None
    drill: Evidence | None = None
    quarantines: dict[str, Hold] = field(default_factory=dict)
    held: dict[str, RecoveryPoint] = field(default_factory=dict)
    """By repository the newest complete point in it."""
    vanished: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By repository what was known there and is gone, in words."""
    drilled: set[str] = field(default_factory=set)
    others: tuple[Told, ...] = ()


def assess(policy: Policy, inventory: Inventory, *, now: datetime, beyond: Beyond | None = None) -> tuple[SetStatus, ...]:
    """Judge every set of the policy by what the listings tell: age against RPO, copies, last passed drill and forecast against RTO."""
    listings = tuple(inventory.repositories.values())
    seen = {name: _Seen(others=others_of(listings, name, by=policy.name, now=now)) for name in policy.sets}
    horizon = now + FUTURE_TOLERANCE
    unread: dict[str, Problem] = {}
    damaged: dict[str, Damage] = {}
    for repository in policy.repositories:
        listing = inventory.repositories.get(repository)
        if listing is None or listing.problem is not None:
            unread[repository] = _UNASKED if listing is None or listing.problem is None else listing.problem
        if listing is not None:
            _see_points(listing.points, seen, repository=repository, horizon=horizon)
            _see_evidence(believable(listing), seen)
            if (found := damage(listing)) is not None:
                damaged[repository] = found
            for name, sight in seen.items():
                sight.quarantines.update({hold.id: hold for hold in quarantines(listing.holds, name, now)})
                sight.vanished[repository] = spell_vanished(repository, listing.vanished, set=name)
    more = beyond or Beyond()
    return tuple(_judge(policy, backup_set, seen[name], (unread, damaged), more, now=now) for name, backup_set in policy.sets.items())


def _see_points(points: Iterable[RecoveryPoint], seen: dict[str, _Seen], *, repository: str, horizon: datetime) -> None:
    for point in points:
        found = seen.get(point.set)
        if found is None:
            continue
        if point.instant > horizon:
            found.future.add(point.point)
        elif not point.whole:
            found.broken.setdefault(repository, set()).add(point.point)
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


def _judge(
    policy: Policy,
    backup_set: BackupSet,
    seen: _Seen,
    amiss: tuple[Mapping[str, Problem], Mapping[str, Damage]],
    beyond: Beyond,
    *,
    now: datetime,
) -> SetStatus:
    unread, damaged = amiss
    newest, proof = seen.newest, seen.proof
    age = None if newest is None else max(0.0, (now - newest.instant).total_seconds())
    rpo = backup_set.objectives.rpo.total_seconds()
    rto = backup_set.objectives.rto.total_seconds()
    realised = None if proof is None else proof.rto_seconds
    repositories = policy.repositories_of(backup_set)
    missing = tuple(name for name in repositories if name not in seen.holders)
    unknown = tuple(name for name in unread if name in {*repositories, *_drilled_from(policy, backup_set)})
    silent = tuple(name for name in repositories if name in unread)
    moved = () if proof is None else (*refuted(seen.drill, proof, damaged), *_moved(policy, backup_set, proof, newest, beyond, now=now))
    outlook = worst(beyond.outlooks.get(backup_set.name, ()))
    advice = (
        *_about_repositories(repositories, unread),
        *_about_vanished(backup_set, seen, repositories),
        *advice_on_damage(repositories, damaged, now=now),
        *_about_quarantines(backup_set.name, seen),
        *_about_points(backup_set, seen, silent, again=beyond.after_failure.get(backup_set.name, ""), age=age, now=now),
        *_about_broken(backup_set.name, seen),
        *_about_copies(backup_set, () if newest is None else missing, unread, seen),
        *_about_drills(policy, backup_set, seen, moved, unknown),
        *((told.words, told.next) for told in seen.others),
        *advice_on_outlook(outlook, now=now),
    )
    return SetStatus(
        set=backup_set.name,
        point="" if newest is None else newest.point,
        instant=None if newest is None else newest.instant,
        age_seconds=age,
        rpo_seconds=rpo,
        rpo_met=age is not None and age <= rpo,
        copies=tuple(name for name in repositories if name in seen.holders and name not in damaged),
        missing_copies=missing,
        last_proof=proof,
        proof_age_seconds=None if proof is None else max(0.0, (now - proof.ended).total_seconds()),
        rto_seconds=realised,
        rto_objective_seconds=rto,
        rto_met=None if realised is None else realised <= rto,
        attention=tuple(sentence for sentence, _ in advice),
        next=advice[0][1] if advice else "",
        outlook=outlook,
        moved=moved,
        never_drilled=tuple(name for name in repositories if name in seen.holders and name not in seen.drilled) if seen.drilled else (),
        damaged_copies=tuple(name for name in repositories if name in seen.holders and name in damaged),
        unknown=unknown,
        unread=silent,
    )


def _about_repositories(repositories: tuple[str, ...], unread: Mapping[str, Problem]) -> list[tuple[str, str]]:
    return [
        (f"the repository {name} could not be read: {unread[name].what}", _remedy(unread[name])) for name in repositories if name in unread
    ]


def _remedy(problem: Problem) -> str:
    """What was never made is made; of anything else the cause is looked for."""
    return problem.hint if problem.kind == "NoRepository" and problem.hint.startswith("drtool init ") else "drtool doctor"


def _about_vanished(backup_set: BackupSet, seen: _Seen, repositories: tuple[str, ...]) -> list[tuple[str, str]]:
    advice = [(words, f"drtool doctor {name}") for name in repositories for words in seen.vanished.get(name, ())]
    origin = backup_set.to
    if seen.newest is None or seen.vanished.get(origin) or seen.newest.point in seen.broken.get(origin, ()):
        return advice
    return [*advice, *went_back(backup_set, seen.held.get(origin), seen.newest, holders=seen.holders)]


def _about_quarantines(name: str, seen: _Seen) -> list[tuple[str, str]]:
    advice = []
    for hold in seen.quarantines.values():
        why, _, look = hold.reason.rpartition(": drtool ")
        then = f"if all is well: drtool hold release {hold.id}"
        advice.append(
            (
                f"nothing of {name} is forgotten until you have looked: {why or hold.reason}; {then}",
                f"drtool {look}" if why else f"drtool points {name}",
            )
        )
    return advice


def _about_points(
    backup_set: BackupSet, seen: _Seen, silent: tuple[str, ...], *, again: str, age: float | None, now: datetime
) -> list[tuple[str, str]]:
    name = backup_set.name
    advice = []
    again = again or f"drtool run {name}"
    if (age is None or seen.newest is None) and silent:
        words = f"whether {name} has a complete recovery point is not known: {', '.join(silent)} could not be read"
        advice.append((words, f"drtool doctor {silent[0]}"))
    elif age is None or seen.newest is None:
        advice.append((f"{name} has no complete recovery point", again))
    elif age > backup_set.objectives.rpo.total_seconds():
        objective = spell_duration(backup_set.objectives.rpo)
        known = f" that is known without {', '.join(silent)}" if silent else ""
        advice.append((f"the newest complete point of {name}{known} is {spell_duration(age)} old, RPO {objective}", again))
    if seen.partial is not None and (seen.newest is None or seen.partial.instant > seen.newest.instant):
        old = spell_duration(max(0.0, (now - seen.partial.instant).total_seconds()))
        advice.append((f"the last backup of {name}, {old} ago, is partial", again))
    if seen.future:
        count = spell_count(len(seen.future), "point")
        advice.append((f"{count} of {name} dated in the future: nothing of it is forgotten", f"drtool points {name}"))
    return advice


def _about_broken(name: str, seen: _Seen) -> list[tuple[str, str]]:
    told = []
    for repository, points in seen.broken.items():
        are = "is" if len(points) == 1 else "are"
        told.append((f"{spell_count(len(points), 'point')} of {name} in {repository} {are} not whole: data is gone", f"drtool copy {name}"))
    return told


def _about_copies(backup_set: BackupSet, missing: tuple[str, ...], unread: Mapping[str, Problem], seen: _Seen) -> list[tuple[str, str]]:
    name, newest = backup_set.name, "" if seen.newest is None else seen.newest.point
    return [
        (
            f"{repository} does not hold the newest point of {name}",
            f"drtool run {name}" if repository == backup_set.to else f"drtool copy {name}",
        )
        for repository in missing
        if repository not in unread and newest not in seen.broken.get(repository, ())
    ]


def _drilled_from(policy: Policy, backup_set: BackupSet) -> set[str]:
    return {drill.repository for drill in policy.drills.values() if backup_set.name in drill.sets}


def _about_drills(
    policy: Policy, backup_set: BackupSet, seen: _Seen, moved: tuple[str, ...], unknown: tuple[str, ...]
) -> list[tuple[str, str]]:
    name = backup_set.name
    drill = next((drill.name for drill in policy.drills.values() if name in drill.sets), name)
    again = f"drtool drill {drill}"
    if seen.drill is not None and not passed(seen.drill):
        return [(f"the last drill of {name} ended {seen.drill.outcome.replace('_', ' ')}", again)]
    if seen.proof is None and unknown:
        return [(f"whether {name} was ever proven is not known: {', '.join(unknown)} could not be read", f"drtool doctor {unknown[0]}")]
    if seen.proof is None:
        return [(f"{name} was never proven by a drill", again)]
    advice = [(f"{name} is not proven: {'; '.join(moved)}", again)] if moved else []
    realised, objective = seen.proof.rto_seconds, backup_set.objectives.rto
    if realised is not None and realised > objective.total_seconds():
        took, limit = spell_duration(realised), spell_duration(objective)
        advice.append((f"the last drill of {name} took {took}, RTO {limit}", again))
    return advice


def _moved(
    policy: Policy, backup_set: BackupSet, proof: Evidence, newest: RecoveryPoint | None, beyond: Beyond, *, now: datetime
) -> tuple[str, ...]:
    held = () if newest is None else (each.workload for each in newest.data)
    present = beyond.present.get(backup_set.name) or fingerprint(policy, backup_set, workloads=held)
    since = beyond.since.get(backup_set.name, {})
    return decayed(backup_set, proof, newest=newest, present=present, since=since, now=now)
