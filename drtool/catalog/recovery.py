"""What a recovery amounted to, read off its steps: stages against the clock, checks as answered, the ladder."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any

from drtool.model import plan as actions
from drtool.model.ladder import Level, highest, reached
from drtool.model.plan import Plan, Step
from drtool.model.report import CheckReport, Rung, Stage, StepReport
from drtool.model.shrunk import holds_something

CENSUS = "census"
STAGES: Mapping[str, tuple[type, ...]] = {
    "reach": (actions.PlaceHold, actions.Reserve),
    "fetch": (actions.Restore,),
    "restore": (actions.Cutover,),
    "start": (actions.RunHook,),
    "check": (actions.Ask,),
}
"""Which actions make up a stage; `decide` is what lies before the first of them."""


def stages(steps: Mapping[str, StepReport], plan: Plan, *, set: str, declared: datetime, started: datetime) -> tuple[Stage, ...]:  # noqa: A002
    """Return the stages of one set's recovery, counted from its declaration."""
    decided = max(0.0, (started - declared).total_seconds())
    found = [Stage("decide", 0.0, decided)]
    for name, kinds in STAGES.items():
        spans = [
            (report.started_after_seconds, report.started_after_seconds + report.seconds)
            for step in plan.steps
            if _is_in(step.action, name, kinds) and step.set in (set, "") and (report := steps[step.id]).outcome is not None
        ]
        if spans:
            found.append(Stage(name, decided + min(start for start, _end in spans), _covered(spans)))
    return tuple(found)


def _is_in(action: actions.Action, stage: str, kinds: tuple[type, ...]) -> bool:
    if isinstance(action, actions.Ask) and action.early:  # before anything is restored: it makes ready, as a reservation does
        return stage == "reach"
    return isinstance(action, kinds)


def check_report(step: Step, action: actions.Ask, report: StepReport) -> CheckReport:
    """Return one check as it was answered."""
    answer: Mapping[str, Any] = report.result
    return CheckReport(
        name=action.check.name,
        kind=action.check.kind,
        step=step.id,
        workloads=tuple(action.cutovers),
        level=action.check.level,
        passed=answer.get("passed"),
        expected=str(answer.get("expected", "")),
        observed=str(answer.get("observed", "")) or (report.failure.what if report.failure else report.not_run),
        skipped=str(answer.get("skipped", "")),
        compared=int(answer.get("compared", 0)),
        bytes=int(answer.get("bytes", 0)),
        seconds=report.seconds,
    )


def hollow(steps: Iterable[Step]) -> frozenset[str]:
    """Name the workloads that were empty when the point was made."""
    return frozenset(
        step.workload for step in steps if isinstance(step.action, actions.Restore) and not holds_something(step.action.member)
    )


def ladder(
    restored: Mapping[str, bool], checks: Iterable[CheckReport], *, opened: Container[str] = (), hollow: Container[str] = ()
) -> tuple[Rung, ...]:
    """Return how far each workload came.

    `restored` tells whether its data was fetched whole and put into service, `opened` names those that their own program took. Of `hollow`
    ones, which were empty when the point was made, no byte was read and a census proves nothing.
    """
    asked = tuple(checks)
    rungs = []
    for workload, whole in restored.items():
        is_hollow = workload in hollow
        own = [check for check in asked if workload in check.workloads and not (is_hollow and check.kind == CENSUS)]
        held_back = [check.level for check in own if check.passed is not True]
        if not whole:
            held_back.append(Level.PRESENT)
        taken = [Level.OPENS] if workload in opened else []
        passed = (*taken, *(check.level for check in own if check.passed is True))
        base = Level.PRESENT if is_hollow else Level.READABLE
        rungs.append(Rung(workload, reached(base, passed, held_back), highest((*taken, *(check.level for check in own)))))
    return tuple(rungs)


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
