from __future__ import annotations

from collections.abc import Callable, Mapping

from drtool.engine.hands import Hands
from drtool.model import plan as actions
from drtool.model.evidence import Evidence
from drtool.model.outcome import Outcome
from drtool.model.plan import Answer, Done, Fetched, Objective, Plan, Restored, Result
from drtool.ports import Question


def question_of(hands: Hands, action: actions.Ask, restored: tuple[Restored, ...]) -> Question:
    """Return the question a planned check asks of what was restored."""
    inspections = {thing.workload: hands.sources[thing.source].inspect(thing) for thing in restored}
    return Question(action.check, restored, inspections, action.instant, hands.clock.now())


def ask(
    hands: Hands,
    action: actions.Ask,
    restored: tuple[Restored, ...],
    *,
    spoil: Callable[[Question], Question] = lambda question: question,
) -> Answer:
    """Ask one check of what was restored, from where it can be seen; a command of an untrusted policy is not run.

    `spoil` changes the question, for the negative control.
    """
    check = hands.checks[action.check.kind]
    if action.check.kind == "command" and not action.trusted:
        words = "the command comes from the repository; add --trust-commands to ask it"
        return Answer(passed=False, expected=action.check.name, observed=words, skipped=words)
    question = question_of(hands, action, restored)
    missing = [name for name, inspection in question.inspections.items() if not inspection.up]
    if missing:
        observed = question.inspections[missing[0]].note or "it is not"
        return Answer(passed=False, expected=f"{', '.join(missing)} is in service", observed=observed)
    return check.ask(spoil(question))


def record(hands: Hands, plan: Plan, action: actions.Record, results: Mapping[str, Result]) -> Done:
    """Append the evidence of a drill: what was restored, from which copy, what was asked and answered, and how long it took."""
    now = hands.clock.now()
    answers = [answer for step in action.asks if isinstance(answer := results.get(step), Answer)]
    fetched = [result for step in action.restores if isinstance(result := results.get(step), Fetched)]
    passed = sum(answer.passed for answer in answers)
    promised = next((objective for objective in plan.objectives if objective.set == action.set), Objective(action.set))
    declared = promised.declared or plan.created
    rto = (now - declared).total_seconds()
    rpo = (declared - promised.point_instant).total_seconds() if promised.point_instant else None
    outcome = _outcome_of_drill(action, answers, fetched, rto=rto, rpo=rpo)
    evidence = Evidence(
        id=hands.clock.fresh_id(),
        subject="drill",
        by=plan.policy,
        repository=action.repository,
        outcome=outcome,
        started=declared,
        ended=now,
        set=action.set,
        point=action.point,
        rto_seconds=rto if passed == len(action.asks) else None,
        rpo_seconds=rpo,
        bytes=sum(result.bytes for result in fetched),
        files=sum(result.files for result in fetched),
        checks_passed=passed,
        checks_planned=len(action.asks),
        key=hands.used_key.id if hands.used_key else "",
        details={
            **({"key": {"id": hands.used_key.id, "reference": hands.used_key.reference}} if hands.used_key else {}),
            "drill": action.drill,
            "run": plan.run,
            "plan": plan.digest,
            "versions": dict(hands.versions),
            "objective": {"rto_seconds": action.rto_seconds, "rpo_seconds": action.rpo_seconds},
            "compared": sum(answer.compared for answer in answers),
        },
    )
    hands.repositories[action.repository].append(evidence)
    return Done("recorded", {"evidence": evidence.id, "outcome": outcome, "rto_seconds": rto})


def _outcome_of_drill(action: actions.Record, answers: list[Answer], fetched: list[Fetched], *, rto: float, rpo: float | None) -> Outcome:
    if any(not answer.passed and not answer.skipped for answer in answers):
        return Outcome.DATA_WRONG
    if len(fetched) < len(action.restores) or len(answers) < len(action.asks) or not all(answer.passed for answer in answers):
        return Outcome.FAILED
    if rto > action.rto_seconds or (rpo is not None and rpo > action.rpo_seconds):
        return Outcome.OBJECTIVE_MISSED
    return Outcome.SUCCEEDED
