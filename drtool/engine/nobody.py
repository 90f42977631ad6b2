"""Nobody answers: wrong where somebody was to, and no answer at all where nobody was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from drtool.model.plan import Answer, Ask, Plan, Restored, Result, Step
from drtool.planning.implied_checks import address_of, is_placed


def unless_nobody_was_to(answer: Answer, step: Step, plan: Plan, results: Mapping[str, Result]) -> Answer:
    """Return an answer as it counts: silence is wrong when something of ours was to answer, or answered before; else it was not asked."""
    action = step.action
    if not answer.silent or not isinstance(action, Ask) or action.early:
        return answer
    if any(_was_to_start(name, results) for name in action.started_by) or _answered_before(action, plan, results):
        return answer
    words = f"{answer.observed}; nothing of this restore was to start it: start it, and ask again"
    return replace(answer, skipped=words)


def _was_to_start(name: str, results: Mapping[str, Result]) -> bool:
    """A command that was not asked itself, and data that no program took, start nothing; a command that failed was to start it."""
    result = results.get(name)
    if isinstance(result, Restored):
        return result.opened
    return not (isinstance(result, Answer) and result.skipped)


def _answered_before(action: Ask, plan: Plan, results: Mapping[str, Result]) -> bool:
    address = address_of(action.check)
    answers = (
        results.get(step.id)
        for step in plan.steps
        if isinstance(step.action, Ask) and not step.action.early and address and address_of(step.action.check) == address
        if not is_placed(action.check) or step.action.cutovers == action.cutovers
    )
    return any(isinstance(answer, Answer) and answer.passed for answer in answers)
