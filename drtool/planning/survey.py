from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from drtool.model.carried import Survey
from drtool.model.plan import Cutover, Plan, Restore
from drtool.model.quantity import spell_bytes


def with_surveys(plan: Plan, surveys: Mapping[str, Survey]) -> Plan:
    """Return the plan with what was seen (by id of the restore step) at the places that are exchanged, and with what it means."""
    steps = tuple(
        replace(step, action=replace(step.action, survey=surveys[step.action.restore]))
        if isinstance(step.action, Cutover) and step.action.restore in surveys
        else step
        for step in plan.steps
    )
    restores = {step.id: step.action for step in plan.steps if isinstance(step.action, Restore)}
    notes = [note for name, survey in surveys.items() for note in _notes(restores[name], survey)]
    return replace(plan, steps=steps, notes=(*plan.notes, *notes))


def _notes(action: Restore, survey: Survey) -> list[str]:
    name = action.member.workload
    told = []
    if survey.carried_files:
        carried = _spell(survey.carried_files, survey.carried_bytes)
        told.append(f"{name}: {carried} that the point left out {_are(survey.carried_files)} carried back into service")
    if survey.newer_files:
        left_out = " newer than the point or left out of it" if action.leave_excluded else " newer than the point"
        told.append(
            f"{name}: {_spell(survey.newer_files, survey.newer_bytes)}{left_out} {'stays' if survey.newer_files == 1 else 'stay'} aside"
        )
    return [*told, *(f"{name}: {note}" for note in survey.notes)]


def _spell(files: int, size: int) -> str:
    return f"{files} {'file' if files == 1 else 'files'} ({spell_bytes(size)})"


def _are(files: int) -> str:
    return "is" if files == 1 else "are"
