"""Storing one workload: what the source shows is put into the repository, and the one is compared with the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from drtool.engine.canary import with_canary, without_failed_canary
from drtool.engine.hands import Hands
from drtool.model import plan as actions
from drtool.model.errors import Corrupt, Refused
from drtool.model.plan import Plan, Stored
from drtool.model.point import UNREADABLE, Artifact, Census, Member
from drtool.model.workload import Snapshot
from drtool.planning.stored import kept_still, leaves_out, why_not_stored
from drtool.ports import Labels, Progress, PutRequest, PutResult

_SAFE = "earlier points are untouched"


def store(
    hands: Hands,
    plan: Plan,
    action: actions.Store,
    snapshot: Snapshot,
    *,
    set: str,  # noqa: A002 - the vocabulary's word
    on_progress: Callable[[Progress], None],
) -> Stored:
    """Put a workload as its snapshot shows it into the repository; Refused when nothing of something was stored."""
    workload = action.workload
    labels = Labels(
        by=plan.policy,
        set=set,
        point=action.point,
        run=plan.run,
        workload=workload.name,
        source=workload.source,
        expires=action.expires,
        machine=hands.machine,
    )
    instant = hands.clock.now()
    snapshot = with_canary(snapshot, labels, instant=instant)
    artifacts: list[Artifact] = []
    results: list[PutResult] = []
    told: list[str] = []
    problems: list[tuple[str, Census]] = []
    with hands.sources[workload.source].export(snapshot) as export:
        for offered in export.artifacts:
            request = PutRequest(artifact=offered, runner=export.runner, labels=labels, nice=action.nice)
            put = hands.repositories[action.repository].put(request, on_progress=on_progress)
            census = without_failed_canary(export.census(offered, put), offered.path, told.append)
            if census.attributes is not None and census.attributes.undated:
                told.append(f"{census.attributes.undated} entries are dated before 1677 or after 2262: restic restores another date")
            problem = why_not_stored(offered.path, census, rules=workload.selector, vanished=bool(put.vanished))
            if problem and not put.unreadable:  # what could not be read is told of a member that is incomplete
                problems.append((problem, census))
            artifacts.append(Artifact(offered.name, offered.form, "", offered.path, census, put.stored_bytes))
            results.append(put)
    for problem, census in problems:  # after the export: what the source says of a place that was lost meanwhile goes first
        _refuse(problem, census, rules=workload.selector, empty_is_well=workload.may_be_empty)
        told.append(f"{problem}; the policy allows that: allow_empty")
    if not artifacts:
        raise Refused(f"{workload.source} offered nothing of {workload.name} to be stored", hint="drtool doctor", safe=_SAFE)
    unreadable = [item for put in results for item in put.unreadable]
    vanished = [item for put in results for item in put.vanished]
    member = Member(
        workload=workload.name,
        source=workload.source,
        kind=workload.kind,
        selector=workload.selector,
        instant=snapshot.instant or instant,
        artifacts=tuple(artifacts),
        warnings=(*_warnings(UNREADABLE, map(_unread, unreadable)), *_warnings("vanished while it was read", vanished), *told),
        complete=not unreadable,
    )
    return Stored(
        member, tuple(put.snapshot for put in results), sum(put.bytes for put in results), next((put.program for put in results), "")
    )


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
