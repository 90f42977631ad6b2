"""What lies in pieces: an exchange that was begun and has not ended; what is stored of its place meanwhile is not whole, and says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from drtool.model.inventory import Inventory, Problem
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Release, Skipped, Step
from drtool.model.report import Report
from drtool.model.unfinished import Unfinished
from drtool.model.workload import LOCAL, NATIVE, Leftover, Workload
from drtool.planning.standing import left_elsewhere

_NO_SERVICE: Final = frozenset(
    {"staging", "sandbox", "kept", "placed", "snapshot", "base", LOCAL, NATIVE, "unsealed", "mount", "share", "clone"}
)
"""What may stay where it is without anything being out of service; staging counts by what it was exchanging."""


def lies_in_pieces(leftover: Leftover, *, by: str) -> bool:
    """Tell whether this is an exchange under way in our name, whoever began it; a copy of the label of one that ended is none."""
    return leftover.by == by and leftover.what == "staging" and bool(leftover.target) and not leftover.spent


def in_pieces(found: Inventory, *, by: str, machines: frozenset[str]) -> tuple[Skipped, ...]:
    """Return what of a run's plan is left out because an exchange is under way, and what a sweep could not bring back into service."""
    failed = {(each.source, each.locator): each for each in found.unfinished}
    told = [
        Skipped(
            what=f"what run {each.run} was exchanging at {each.target}" + (f", and {each.owes}, which it stopped" if each.owes else ""),
            reason=f"part of it may stand aside and not be stored; {_why(each, failed, by=by, machines=machines)}",
            outcome="partial",
            hint="drtool sweep",
        )
        for each in found.leftovers
        if lies_in_pieces(each, by=by)
    ]
    told += [
        Skipped(
            what=f"{each.owes} on {each.source}, which run {each.run} stopped",
            reason=f"it is down until that is released; {_why(each, failed, by=by, machines=machines)}",
            outcome="partial",
            hint="drtool sweep",
        )
        for each in found.leftovers
        if is_down_for(each, by=by)
    ]
    there = {(each.source, each.locator) for each in found.leftovers if lies_in_pieces(each, by=by) or is_down_for(each, by=by)}
    told += [
        Skipped(
            what=f"what run {each.run} left at {each.locator} on {each.source}",
            reason=f"it could not be brought back into service: {each.why}",
            outcome="partial",
            hint="drtool sweep",
        )
        for place, each in failed.items()
        if place not in there
    ]
    return tuple(told)


def with_pieces(found: Inventory, *, by: str) -> Inventory:
    """Return an inventory whose workloads know what of them stands aside: a point that holds the rest counts as no whole one.

    For a label without a proof nothing is left out of what is stored, so what it says keeps no point from counting.
    """
    pieces = [each for each in found.leftovers if lies_in_pieces(each, by=by) and not each.unproven]
    if not pieces:
        return found
    sets = {
        name: replace(each, workloads=tuple(_lacking(workload, pieces) for workload in each.workloads)) for name, each in found.sets.items()
    }
    return replace(found, sets=sets)


def out_of_service(leftover: Leftover) -> bool:
    """Tell whether something may be out of service as long as this is not released."""
    return bool(leftover.target or leftover.owes) if leftover.what == "staging" else leftover.what not in _NO_SERVICE


def is_down_for(leftover: Leftover, *, by: str) -> bool:
    """Tell whether something of ours was stopped for this, and nothing else is wrong with it."""
    return leftover.by == by and bool(leftover.owes) and not lies_in_pieces(leftover, by=by)


def unfinished_after(
    leftovers: Iterable[Leftover], plan: Plan, report: Report | None, *, alive: frozenset[str], now: datetime
) -> tuple[Unfinished, ...]:
    """Return what still is out of service, or in pieces, after a sweep of these, and why; what a living run has under way is on its way."""
    steps = {} if report is None else {step.id: step for step in report.steps}
    done = {_place(each): steps[step.id] for step in plan.steps if (each := released_by(step)) is not None and step.id in steps}
    told = []
    for each in leftovers:
        step = done.get(_place(each))
        of_ours = lies_in_pieces(each, by=plan.policy) or is_down_for(each, by=plan.policy)
        wanted = out_of_service(each) if step is not None else of_ours
        if wanted and each.run not in alive and (step is None or step.outcome != Outcome.SUCCEEDED):
            why = step.failure.what if step is not None and step.failure is not None else ""
            told.append(Unfinished(each.source, each.locator, each.run, each.target, now, why, owes=each.owes))
    return tuple(told)


def still_unknown(known: Iterable[Unfinished], left: Iterable[Unfinished], unasked: Iterable[Problem]) -> tuple[Unfinished, ...]:
    """Return of what was known what lies at sources that could not be asked: it is there until somebody has looked."""
    seen = {(each.source, each.locator) for each in left}
    away = tuple(problem.what for problem in unasked)
    return tuple(
        each for each in known if (each.source, each.locator) not in seen and any(what.startswith(f"{each.source}: ") for what in away)
    )


def released_by(step: Step) -> Leftover | None:
    """Return what a step releases of what an earlier run left."""
    return step.action.leftover if isinstance(step.action, Release) else None


def _place(leftover: Leftover) -> tuple[str, str, str]:
    return leftover.source, leftover.what, leftover.locator


def _why(leftover: Leftover, failed: dict[tuple[str, str], Unfinished], *, by: str, machines: frozenset[str]) -> str:
    known = failed.get((leftover.source, leftover.locator))
    if known is not None and known.why:
        return f"the sweep before could not finish it: {known.why}"
    return left_elsewhere(leftover, by=by, machines=machines) or "drtool sweep finishes it, or says what stands in its way"


def _lacking(workload: Workload, pieces: Iterable[Leftover]) -> Workload:
    name = workload.name.removeprefix(f"{workload.source}:")
    aside = [each for each in pieces if each.source == workload.source and _touch(each.target, name)]
    if not aside:
        return workload
    words = "; ".join(f"part of {each.target} may stand aside: run {each.run} was exchanging it and has not ended" for each in aside)
    return replace(workload, lacks=words)


def _touch(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other.rstrip('/')}/") or other.startswith(f"{one.rstrip('/')}/")
