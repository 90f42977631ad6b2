"""Storing one workload: what the source shows is put into the repository, and the one is compared with the other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.engine.canary import with_canary, without_failed_canary
from drtool.engine.earlier import earlier_member
from drtool.engine.natives import store_named
from drtool.model.errors import Conflict, Corrupt, DrtoolError, NotFound, Refused
from drtool.model.plan import Store, Stored
from drtool.model.point import UNREADABLE, Artifact, Census, Member
from drtool.model.workload import Snapshot
from drtool.planning.stored import kept_still, leaves_out, why_not_stored
from drtool.ports import ArtifactRequest, Labels, PutRequest, PutResult

_SAFE = "earlier points are untouched"
NOTHING_PUT = PutResult("", files=0, bytes=0, stored_bytes=0)
"""What a repository says of something that a platform keeps."""


def store(work: Work, action: Store) -> Stored:
    """Put a workload as its snapshot shows it into the repository; Refused when nothing of something was stored."""
    adapters, plan, workload = work.adapters, work.plan, action.workload
    snapshot = _snapshot_of(work, action)
    labels = Labels(
        by=plan.policy,
        set=work.step.set,
        point=action.point,
        run=plan.run,
        workload=workload.name,
        source=workload.source,
        expires=action.expires,
        machine=adapters.machine,
    )
    instant = adapters.clock.now()
    snapshot = with_canary(snapshot, labels, instant=instant)
    earlier, why_whole = earlier_member(work, action)
    stored = _put_all(work, action, replace(snapshot, earlier=earlier), labels, why_whole)
    artifacts, results, told = stored.artifacts, stored.results, list(stored.told)
    for problem, census in stored.problems:  # after the export: what the source says of a place that was lost meanwhile goes first
        _refuse(problem, census, rules=workload.selector, empty_is_well=workload.may_be_empty)
        told.append(f"{problem}; the policy allows that: allow_empty")
    if not artifacts:
        raise Refused(f"{workload.source} offered nothing of {workload.name} to be stored", hint="drtool doctor", safe=_SAFE)
    lacks = [*([workload.lacks] if workload.lacks else ()), *stored.lacks]
    unreadable = [item for put in results for item in put.unreadable]
    vanished = [item for put in results for item in put.vanished]
    member = Member(
        workload=workload.name,
        source=workload.source,
        kind=workload.kind,
        selector=workload.selector,
        instant=snapshot.instant or instant,
        artifacts=tuple(artifacts),
        warnings=(*_warnings(UNREADABLE, map(_unread, unreadable)), *_warnings("vanished while it was read", vanished), *lacks, *told),
        complete=not unreadable and not lacks,
    )
    programs = (put.program for put in results if put.program)
    return Stored(member, tuple(put.snapshot for put in results), stored.read_bytes, next(programs, ""))


@dataclass(slots=True)
class _Put:
    """What was put so far of one export."""

    artifacts: list[Artifact] = field(default_factory=list)
    results: list[PutResult] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    problems: list[tuple[str, Census]] = field(default_factory=list)
    read_bytes: int = 0


def _put_all(work: Work, action: Store, snapshot: Snapshot, labels: Labels, why_whole: str) -> _Put:
    """Put what a source offers; where it cannot go on with an earlier point all of it is read instead, and that is told."""
    done = _Put(told=[_whole(why_whole)] if why_whole else [])
    try:
        _put_each(work, action, snapshot, labels, done)
    except (Corrupt, NotFound, Refused) as error:
        if snapshot.earlier is None:
            raise
        with contextlib.suppress(DrtoolError):  # nothing names it, and the sweep would find it
            work.adapters.repositories[action.repository].discard(tuple(put.snapshot for put in done.results if put.snapshot))
        return _put_all(work, action, replace(snapshot, earlier=None), labels, error.what)
    return done


def _whole(reason: str) -> str:
    return f"all of it was stored, not only what changed: {reason}"


def _put_each(work: Work, action: Store, snapshot: Snapshot, labels: Labels, done: _Put) -> None:
    adapters, workload = work.adapters, action.workload
    with adapters.sources[workload.source].export(snapshot) as export:
        for offered in export.artifacts:
            if offered.places:
                done.artifacts.append(_kept(adapters, offered, export.census(offered, NOTHING_PUT)))
                done.results.append(NOTHING_PUT)
                continue
            request = PutRequest(artifact=offered, runner=offered.runner or export.runner, labels=labels, nice=action.nice)
            put = adapters.repositories[action.repository].put(request, on_progress=work.on_progress)
            done.results.append(put)
            done.read_bytes += 0 if offered.earlier is not None else put.bytes
            census = without_failed_canary(export.census(offered, put), offered.path, done.told.append)
            if offered.note:
                done.told.append(_whole(offered.note))
            done.lacks += offered.lacks
            done.told += offered.told
            if census.attributes is not None and census.attributes.undated:
                done.told.append(f"{census.attributes.undated} entries are dated before 1677 or after 2262: restic restores another date")
            problem = why_not_stored(offered.path, census, rules=workload.selector, vanished=bool(put.vanished))
            if problem and not put.unreadable:  # what could not be read is told of a member that is incomplete
                done.problems.append((problem, census))
            done.artifacts.append(Artifact(offered.name, offered.form, "", offered.path, census, put.stored_bytes, facts=offered.facts))


def _kept(adapters: Adapters, offered: ArtifactRequest, census: Census) -> Artifact:
    """Record what a platform keeps; in which failure domain it lies says its store, and not who offers it."""
    places = tuple(replace(place, site=store_named(adapters.stores, place).guarantees().site) for place in offered.places)
    return Artifact(offered.name, "native", "", offered.path, census, places=places)


def _snapshot_of(work: Work, action: Store) -> Snapshot:
    if not action.snapshot:
        return work.adapters.sources[action.workload.source].snapshot(action.workload, work.plan.run)
    snapshot = work.result(action.snapshot)
    if not isinstance(snapshot, Snapshot):
        raise Conflict(f"the step {action.snapshot} took no snapshot")
    return snapshot


def _refuse(problem: str, census: Census, *, rules: Mapping[str, Any], empty_is_well: bool) -> None:
    if census.files > census.marks or kept_still(census):
        raise Corrupt(problem, hint="run again; if it stays so, look for what hides files from restic there", safe=_SAFE)
    if empty_is_well:
        return
    if not leaves_out(rules):
        hint = (
            "no rule leaves it out: look whether what was mounted there still is, and run again; where it may be empty: allow_empty: true"
        )
        raise Refused(problem, hint=hint, safe=_SAFE)
    hint = "correct the rule that leaves everything out; where that is meant, say so: allow_empty: true"
    raise Refused(problem, hint=hint, safe=_SAFE)


def _unread(item: str) -> str:
    return f"{item}:" if ": " in item else item


def _warnings(words: str, named: Iterable[str], limit: int = 20) -> tuple[str, ...]:
    items = list(named)
    more = (f"… and {len(items) - limit} more {words}",) if len(items) > limit else ()
    return (*(f"{item} {words}" for item in items[:limit]), *more)
