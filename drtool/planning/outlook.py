from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from drtool.model.forecast import Outlook, SetForecast
from drtool.model.inventory import Listing
from drtool.model.lane import Content, Experience
from drtool.model.plan import Destination
from drtool.model.point import FUTURE_TOLERANCE, Artifact, Census, Manifest, Member, RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.planning.forecast import Forecaster, forecast, spell_source
from drtool.planning.restore import RestoreRequest, plan_restore
from drtool.planning.words import spell_duration


def outlooks(
    policy: Policy, newest: Mapping[tuple[str, str], RecoveryPoint], known: Experience, *, now: datetime, sets: Iterable[str] = ()
) -> dict[str, tuple[Outlook, ...]]:
    """Say of every set (or of those named) how long it would take from each of its copies, without asking anything.

    The newest complete point of each copy (`newest` as of `newest_points`), to the original place, with a cold cache: the disaster. What
    the workloads held when this host last stored or restored them, or a drill told it, is stretched to the size of that point. A copy
    without a point is left out.
    """
    forecaster = Forecaster(known.measurements)
    held: dict[str, list[Content]] = {}
    for content in known.contents:
        held.setdefault(content.set, []).append(content)
    found = {}
    for name in tuple(sets) or tuple(policy.sets):
        backup_set = policy.sets[name]
        found[name] = tuple(
            _outlook(policy, backup_set, repository, point, held.get(name, []), forecaster, now=now)
            for repository in policy.repositories_of(backup_set)
            if (point := newest.get((name, repository))) is not None
        )
    return found


def newest_points(listings: Mapping[str, Listing], *, now: datetime) -> dict[tuple[str, str], RecoveryPoint]:
    """Return the newest complete, whole point of ours that is not dated in the future, by set and repository."""
    horizon = now + FUTURE_TOLERANCE
    newest: dict[tuple[str, str], RecoveryPoint] = {}
    for repository, listing in listings.items():
        for point in listing.points:
            if point.counts and point.instant <= horizon:
                known = newest.get((point.set, repository))
                if known is None or point.instant > known.instant:
                    newest[point.set, repository] = point
    return newest


def _outlook(
    policy: Policy,
    backup_set: BackupSet,
    repository: str,
    point: RecoveryPoint,
    contents: list[Content],
    forecaster: Forecaster,
    *,
    now: datetime,
) -> Outlook:
    objective = backup_set.objectives.rto.total_seconds()
    members = _members(point, contents)
    if not members:
        reason = f"what its members hold is not known here: `drtool plan restore {backup_set.name}` reads it"
        empty = SetForecast(backup_set.name, None, None, objective, reason=reason)
        return Outlook(backup_set.name, repository, point.bytes, point.files, empty, met=None)
    manifest = Manifest(
        point=point.point,
        set=backup_set.name,
        by=policy.name,
        run="",
        instant=point.instant,
        sealed=point.sealed,
        complete=True,
        members=members,
    )
    plan = plan_restore(
        policy,
        RestoreRequest((backup_set.name,), Destination("original")),
        manifests={backup_set.name: manifest},
        copies={backup_set.name: (repository,)},
        now=now,
        declared=now,
        run="",
        fresh_cache=True,
    )
    found = forecast(plan, forecaster)
    told = next(iter(found.sets)) if found is not None else SetForecast(backup_set.name, None, None, objective)
    return Outlook(backup_set.name, repository, point.bytes, point.files, told, met=told.met)


def _members(point: RecoveryPoint, contents: list[Content]) -> tuple[Member, ...]:
    """Spread the point's bytes and files over its workloads as they were when last looked at."""
    listed = {each.workload for each in point.data}
    chosen = [each for each in contents if not listed or each.workload in listed]
    if listed - {each.workload for each in chosen}:
        return ()
    total, files = sum(each.bytes for each in chosen), sum(each.files for each in chosen)
    grown, more = point.bytes / total if total else 1.0, point.files / files if files else 1.0
    return tuple(_member(replace(each, bytes=round(each.bytes * grown), files=round(each.files * more)), point.instant) for each in chosen)


def _member(content: Content, instant: datetime) -> Member:
    artifact = Artifact(content.workload, content.form, "", "", Census(content.files, content.bytes))
    return Member(content.workload, content.source, content.kind, {}, instant, (artifact,))


def worst(found: Iterable[Outlook]) -> Outlook | None:
    """Return the copy that takes longest of those with a forecast: a disaster chooses which one is left."""
    known = [each for each in found if each.forecast.p90_seconds is not None]
    return max(known, key=lambda each: each.forecast.p90_seconds or 0.0, default=None)


def advice_on_outlook(outlook: Outlook | None, *, now: datetime) -> list[tuple[str, str]]:
    """Say that a set cannot make its RTO, and what to type about it; nothing where it can, or nobody knows."""
    if outlook is None or outlook.met is not False:
        return []
    found, name = outlook.forecast, outlook.set
    middle, late = spell_duration(found.p50_seconds or 0.0), spell_duration(found.p90_seconds or 0.0)
    limit = spell_duration(found.objective_seconds or 0.0)
    words = f"{name} cannot make its RTO from {outlook.repository}: forecast {middle} (p90 {late}) of {limit}, {spell_source(found, now)}"
    return [(words, f"drtool forecast {name}")]
