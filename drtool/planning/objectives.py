from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drtool.model.policy import Objectives
from drtool.planning.words import spell_duration


@dataclass(frozen=True, slots=True)
class Realised:
    """What a recovery achieved, in seconds; None: it never got there."""

    rto_seconds: float | None
    rpo_seconds: float | None


def realised(*, declared: datetime, point_instant: datetime | None, last_passed: datetime | None) -> Realised:
    """Measure a recovery from the instant it was declared.

    RTO: the last required check passed minus declared (`last_passed` None: not every one passed). RPO: declared minus the point's instant,
    never below zero.
    """
    return Realised(
        rto_seconds=None if last_passed is None else max(0.0, (last_passed - declared).total_seconds()),
        rpo_seconds=None if point_instant is None else max(0.0, (declared - point_instant).total_seconds()),
    )


def missed(rto_seconds: float | None, rpo_seconds: float | None, objectives: Objectives) -> tuple[str, ...]:
    """Say in words which objectives were missed; an unknown value says nothing."""
    found = []
    for name, seconds, objective in (("RTO", rto_seconds, objectives.rto), ("RPO", rpo_seconds, objectives.rpo)):
        if seconds is not None and seconds > objective.total_seconds():
            found.append(f"{name} {spell_duration(seconds)} of {spell_duration(objective)}")
    return tuple(found)
