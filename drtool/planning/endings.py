from __future__ import annotations

from typing import TYPE_CHECKING

from drtool.model.attempt import UNTIL_LOOKED, Ending, Lesson, Task
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Prune, Record, Skipped, Step, Verify
from drtool.model.quarantine import COMPARE, stops_forgetting

if TYPE_CHECKING:
    from drtool.model.report import Failure, Report, SetReport, StepReport

WAITING_HELPS = frozenset({"Unavailable", "Locked", "Interrupted", "NotNow"})
"""Errors, by class name, after which an attempt is repeated before its next scheduled time; all others need a person, or more time."""
KILLED = Ending(Lesson.WAIT, Outcome.INTERRUPTED.value, "Interrupted", "it was killed")
_GOOD = frozenset({Outcome.SUCCEEDED, Outcome.OBJECTIVE_MISSED})
_ORDER = {Lesson.GOOD: 0, Lesson.WAIT: 1, Lesson.USED: 2}
_WORDS = 300
"""So much of an error is remembered."""


def sets_of(plan: Plan) -> tuple[str, ...]:
    """Name the sets that a plan is about."""
    names = (*(step.set for step in plan.steps), *(skipped.set for skipped in plan.skipped))
    return tuple(dict.fromkeys(filter(None, names)))


def tasks_of(plan: Plan) -> tuple[Task, ...]:
    """Return what a plan is an attempt at."""
    found: list[Task] = []
    if plan.verb in ("run", "copy"):
        found += [Task(plan.verb, name) for name in sets_of(plan)]
    for step in plan.steps:
        match step.action:
            case Prune() as action:
                found.append(Task("prune", action.repository))
            case Verify(point="") as action:
                found.append(Task("verify", action.repository))
            case Record() as action:
                found.append(Task("drill", action.drill))
    return tuple(dict.fromkeys(found))


def endings(plan: Plan, report: Report) -> dict[Task, Ending]:
    """Say of each task of a plan how the attempt ended, by the report of its run."""
    steps = {step.id: step for step in report.steps}
    found = {}
    for task in tasks_of(plan):
        if task.verb in ("prune", "verify"):
            own = [steps[step.id] for step in plan.steps if _repository_step(step, task)]
            found[task] = _of_steps(own)
        else:
            names = _sets_of(plan, task)
            ended = [_of_set(plan, report, name) for name in names]
            found[task] = max(ended, key=lambda each: (_ORDER[each.lesson], Outcome(each.outcome).rank), default=KILLED)
    return found


def ending_of(kind: str, what: str, hint: str = "") -> Ending:
    """Say how an attempt ended that an error stopped before it had a plan."""
    waits = kind in WAITING_HELPS
    outcome = Outcome.INTERRUPTED if kind == "Interrupted" else Outcome.REFUSED if kind in ("Refused", "NotNow") else Outcome.FAILED
    return Ending(Lesson.WAIT if waits else Lesson.USED, outcome.value, kind, what[:_WORDS], hint[:_WORDS])


def _repository_step(step: Step, task: Task) -> bool:
    kind = Prune if task.verb == "prune" else Verify
    return isinstance(step.action, kind) and step.action.repository == task.name


def _sets_of(plan: Plan, task: Task) -> tuple[str, ...]:
    if task.verb != "drill":
        return (task.name,)
    return tuple(step.action.set for step in plan.steps if isinstance(step.action, Record) and step.action.drill == task.name)


def _of_set(plan: Plan, report: Report, name: str) -> Ending:
    """A point that was sealed has used its time, whatever failed after it: a repetition would stop the set's services once more."""
    entry = next((each for each in report.sets if each.set == name), None)
    if entry is None:
        return KILLED
    if entry.outcome in _GOOD:
        return Ending(Lesson.GOOD, entry.outcome.value)
    failures = [step.failure for step in report.steps if step.set == name and step.failure is not None]
    skipped = [each for each in plan.skipped if each.set == name and Outcome(each.outcome) not in _GOOD]
    kinds = [failure.kind for failure in failures] + [each.because for each in skipped]
    what, hint = _why(entry, failures, skipped, _quarantined(report, name))
    kind = next(iter(kinds), "Interrupted" if entry.outcome is Outcome.INTERRUPTED else "")
    interrupted = entry.outcome is Outcome.INTERRUPTED
    waits = entry.complete is None and (interrupted or bool(kinds)) and WAITING_HELPS.issuperset(kinds)
    return Ending(Lesson.WAIT if waits else Lesson.USED, entry.outcome.value, kind, what[:_WORDS], hint[:_WORDS])


def _quarantined(report: Report, name: str) -> tuple[str, str]:
    """Return why nothing of a set is forgotten until a person has looked, and what to look at; empty: it is as usual."""
    found = (step.result for step in report.steps if step.set == name and stops_forgetting(step.result))
    result = next(found, None)
    if result is None:
        return "", ""
    why, colon, shows = str(result["data"]["reason"]).rpartition(COMPARE)
    return f"{UNTIL_LOOKED}: {why if colon else shows}", f"drtool {shows}" if colon else ""


def _why(entry: SetReport, failures: list[Failure], skipped: list[Skipped], quarantined: tuple[str, str]) -> tuple[str, str]:
    """Return the first cause of what a set ended by, and what was said to type about it: an error, what was left out, what was missed."""
    if failures:
        return failures[0].what, failures[0].hint
    if skipped:
        return skipped[0].reason, skipped[0].hint
    if any(quarantined):
        return quarantined
    told = (*(f"{name}: {why}" for name, why in entry.missing.items()), *entry.warnings)
    more = f", and {len(told) - 1} more" if len(told) > 1 else ""
    return (f"{told[0][: _WORDS - len(more)]}{more}", "") if told else ("", "")


def _of_steps(steps: list[StepReport]) -> Ending:
    bad = next((step for step in steps if step.outcome is not Outcome.SUCCEEDED), None)
    if bad is None:
        return Ending(Lesson.GOOD, Outcome.SUCCEEDED.value)
    outcome = bad.outcome or Outcome.INTERRUPTED
    if bad.failure is None:
        return Ending(Lesson.WAIT if outcome is Outcome.INTERRUPTED else Lesson.USED, outcome.value, "", bad.not_run)
    failure = bad.failure
    lesson = Lesson.WAIT if failure.kind in WAITING_HELPS else Lesson.USED
    return Ending(lesson, outcome.value, failure.kind, failure.what[:_WORDS], failure.hint[:_WORDS])
