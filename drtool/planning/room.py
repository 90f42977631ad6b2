"""How much room a restore needs: that of what is asked for, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from drtool.model.plan import Plan, Reserve, Restore


def needed_bytes(action: Restore) -> int | None:
    """Return how much a restore pours; None where only single paths are poured and nobody knows how large they are."""
    return action.bytes if action.paths else whole_bytes(action)


def whole_bytes(action: Restore) -> int:
    """Return how large all of a member is, whatever of it is asked for."""
    return sum(artifact.census.bytes for artifact in action.member.artifacts)


def with_sizes(plan: Plan, sizes: Mapping[str, int | None]) -> Plan:
    """Return the plan with what single paths need (by id of the restore step); a sandbox is made as large as what goes there.

    What nobody knows is told, and tried: a refusal would be a guess.
    """
    if not sizes:
        return plan
    steps = [
        replace(step, action=replace(step.action, bytes=sizes[step.id])) if isinstance(step.action, Restore) and step.id in sizes else step
        for step in plan.steps
    ]
    restores = [step.action for step in steps if isinstance(step.action, Restore)]
    sized = tuple(
        replace(step, action=replace(step.action, bytes=_of_source(restores, step.action.source)))
        if isinstance(step.action, Reserve)
        else step
        for step in steps
    )
    unknown = [action for action in restores if action.paths and action.bytes is None]
    notes = (f"{action.member.workload}: how much room {', '.join(action.paths)} needs is not known; it is tried" for action in unknown)
    return replace(plan, steps=sized, notes=(*plan.notes, *notes))


def _of_source(restores: list[Restore], source: str) -> int:
    return sum(needed_bytes(action) or 0 for action in restores if action.member.source == source)
