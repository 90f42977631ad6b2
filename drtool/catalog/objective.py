from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from drtool.model.outcome import Outcome
from drtool.model.plan import Ask, Cutover, Objective, Plan, Restore, Start, Step
from drtool.model.report import Failure, ObjectiveReport

CANARY = "canary"


@dataclass(slots=True)
class StepProgress:
    """How far a journal tells that a step came; `started` and `ended` are seconds since the run began."""

    started: float = 0.0
    started_at: datetime | None = None
    ended: float | None = None
    outcome: Outcome | None = None
    seconds: float = 0.0
    result: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    not_run: str = ""
    retries: int = 0


def objective_report(
    name: str, plan: Plan, steps: list[Step], progress: Mapping[str, StepProgress], *, started: datetime
) -> ObjectiveReport | None:
    """Return what became of the objective of a set, None where nothing was promised or declared."""
    promised = next((objective for objective in plan.objectives if objective.set == name), None)
    if promised is None or promised.declared is None:
        return None
    return ObjectiveReport(
        set=name,
        point=promised.point,
        declared=promised.declared,
        rto_seconds=(rto := _realised_rto(promised, steps, progress, started=started)),
        rto_objective_seconds=promised.rto_seconds,
        rpo_seconds=(rpo := _realised_rpo(promised)),
        rpo_objective_seconds=promised.rpo_seconds,
        canary_rpo_seconds=_canary_rpo(promised.declared, steps, progress),
        missed=tuple(
            word
            for word, realised, objective in (("rto", rto, promised.rto_seconds), ("rpo", rpo, promised.rpo_seconds))
            if realised is not None and objective is not None and realised > objective
        ),
    )


def _realised_rto(promised: Objective, steps: list[Step], progress: Mapping[str, StepProgress], *, started: datetime) -> float | None:
    """Last required check passed minus declared; None while a check, a start or a cutover has not succeeded.

    From the start of the run on it is counted by the clock that never goes backwards: the other may be set while a recovery runs.
    """
    required = [progress[step.id] for step in steps if isinstance(step.action, Ask | Cutover | Start)]
    ends = [step.ended for step in required if step.outcome is Outcome.SUCCEEDED and step.ended is not None]
    if not required or len(ends) < len(required) or promised.declared is None:
        return None
    return max(0.0, (started - promised.declared).total_seconds()) + max(ends)


def _realised_rpo(promised: Objective) -> float | None:
    if promised.declared is None or promised.point_instant is None:
        return None
    return (promised.declared - promised.point_instant).total_seconds()


def _canary_rpo(declared: datetime, steps: list[Step], progress: Mapping[str, StepProgress]) -> float | None:
    """Declared minus the instant of the oldest canary that was found again; None where none was."""
    found = {
        workload
        for step in steps
        if isinstance(step.action, Ask) and step.action.check.kind == CANARY and progress[step.id].outcome is Outcome.SUCCEEDED
        for workload in step.action.cutovers
    }
    planted = [
        artifact.census.canary.instant
        for step in steps
        if isinstance(step.action, Restore) and step.workload in found
        for artifact in step.action.member.artifacts
        if artifact.census.canary is not None
    ]
    return (declared - min(planted)).total_seconds() if planted else None
