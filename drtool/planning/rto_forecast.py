from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from drtool.model.forecast import RtoForecast, SetForecast
from drtool.model.inventory import Listing
from drtool.model.lane import Content, Experience
from drtool.model.plan import Destination
from drtool.model.point import Artifact, Census, Manifest, Member, RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.forecast import Forecaster, forecast
from drtool.planning.restore import RestoreRequest, plan_restore


def rto_forecasts(
    policy: Policy, newest: Mapping[tuple[str, str], RecoveryPoint], known: Experience, *, now: datetime, sets: Iterable[str] = ()
) -> dict[str, tuple[RtoForecast, ...]]:
    """Say of every set (or of those named) how long it would take from each of its copies, without asking anything.

    The newest complete point of each copy (`newest` as of `newest_points`), to the original place, with a cold cache: the disaster. What
    the workloads held when this host last stored or restored them, or a drill told it, is stretched to the size of that point. A copy
    without a point is left out.
    """
    forecaster = Forecaster(known.measurements)
    look = _look(known)
    held: dict[str, list[Content]] = {}
    for content in known.contents:
        held.setdefault(content.set, []).append(content)
    found = {}
    for name in tuple(sets) or tuple(policy.sets):
        backup_set = policy.sets[name]
        found[name] = tuple(
            _rto_forecast(policy, backup_set, repository, point, held.get(name, []), forecaster, now=now, look=look)
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


def _rto_forecast(
    policy: Policy,
    backup_set: BackupSet,
    repository: str,
    point: RecoveryPoint,
    contents: list[Content],
    forecaster: Forecaster,
    *,
    now: datetime,
    look: float,
) -> RtoForecast:
    objective = backup_set.objectives.rto.total_seconds()
    members = _members(point, contents)
    if not members:
        reason = f"what its members hold is not known here: `drtool plan restore {backup_set.name}` reads it"
        empty = SetForecast(backup_set.name, None, None, objective, reason=reason)
        return RtoForecast(backup_set.name, repository, point.bytes, point.files, empty, met=None)
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
    found = forecast(plan, forecaster, look_seconds=look)
    told = next(iter(found.sets)) if found is not None else SetForecast(backup_set.name, None, None, objective)
    return RtoForecast(backup_set.name, repository, point.bytes, point.files, told, met=told.met)


def _look(known: Experience) -> float:
    """Return how long the looking and planning before earlier recoveries took, in the middle; nothing where none was measured."""
    found = sorted(each.look_seconds for each in known.past if each.look_seconds)
    return found[len(found) // 2] if found else 0.0


def _members(point: RecoveryPoint, contents: list[Content]) -> tuple[Member, ...]:
    """Spread the point's bytes and files over its workloads as they were when last looked at."""
    listed = set(point.workloads)
    chosen = [each for each in contents if not listed or each.workload in listed]
    if listed - {each.workload for each in chosen}:
        return ()
    total, files = sum(each.bytes for each in chosen), sum(each.files for each in chosen)
    grown, more = point.bytes / total if total else 1.0, point.files / files if files else 1.0
    return tuple(_member(replace(each, bytes=round(each.bytes * grown), files=round(each.files * more)), point.instant) for each in chosen)


def _member(content: Content, instant: datetime) -> Member:
    artifact = Artifact(content.workload, content.form, "", "", Census(content.files, content.bytes))
    return Member(content.workload, content.source, content.kind, {}, instant, (artifact,))
