"""Nobody answers: wrong where somebody was to, and no answer at all where nobody was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from drtool.model.plan import Answer, Ask, Plan, Restored, Result, Step
from drtool.planning.implied_checks import address_of, is_placed

_IN_PLACE: Final = "original"


def unless_nobody_was_to(answer: Answer, step: Step, plan: Plan, results: Mapping[str, Result]) -> Answer:
    """Return an answer as it counts: silence is wrong when something of ours was to answer, or answered before; else it was not asked."""
    action = step.action
    if not answer.silent or not isinstance(action, Ask) or action.early:
        return answer
    if any(_was_to_start(name, action, plan, results) for name in action.started_by) or _answered_before(action, plan, results):
        return answer
    words = f"{answer.observed}; nothing of this restore was to start it: start it, and ask again"
    return replace(answer, skipped=words)


def _was_to_start(name: str, action: Ask, plan: Plan, results: Mapping[str, Result]) -> bool:
    """Tell whether a step was to start what did not answer, whether or not it succeeded.

    A stream that its program took in place started nothing: only the check of that stream may count on the program. In place a
    command of `checks:` asks, and what shall start there is started by hooks; one that was not asked itself starts nothing anywhere.
    """
    result = results.get(name)
    if isinstance(result, Restored):
        return result.opened and (result.destination.form != _IN_PLACE or action.check.of in (result.workload, result.source))
    if isinstance(result, Answer) and result.skipped:
        return False
    asks = any(step.id == name and isinstance(step.action, Ask) for step in plan.steps)
    return not (asks and _is_in_place(action, results))


def _is_in_place(action: Ask, results: Mapping[str, Result]) -> bool:
    restored = (results.get(name) for name in action.cutovers.values())
    return any(isinstance(each, Restored) and each.destination.form == _IN_PLACE for each in restored)


def _answered_before(action: Ask, plan: Plan, results: Mapping[str, Result]) -> bool:
    address = address_of(action.check)
    answers = (
        results.get(step.id)
        for step in plan.steps
        if isinstance(step.action, Ask) and not step.action.early and address and address_of(step.action.check) == address
        if not is_placed(action.check) or step.action.cutovers == action.cutovers
    )
    return any(isinstance(answer, Answer) and answer.passed for answer in answers)
