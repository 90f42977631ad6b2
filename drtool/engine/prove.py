from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from drtool.catalog.fold import fold
from drtool.engine.attest import attest, evidence_folder
from drtool.engine.hands import Hands
from drtool.model import plan as actions
from drtool.model.errors import Corrupt, DrtoolError
from drtool.model.event import Event
from drtool.model.evidence import Evidence
from drtool.model.outcome import Outcome
from drtool.model.plan import Answer, Done, Fetched, Objective, Plan, Restored, Result
from drtool.ports import Progress, Question


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


def verify(
    hands: Hands, plan: Plan, action: actions.Verify, on_progress: Callable[[Progress], None], events: Callable[[], Sequence[Event]]
) -> Done:
    """Read a repository whole and sign what was found, a failure too."""
    repository = hands.repositories[action.repository]
    evidence = Evidence(
        id=hands.clock.fresh_id(),
        subject="verify",
        by=plan.policy,
        repository=action.repository,
        outcome=Outcome.SUCCEEDED,
        started=(started := hands.clock.now()),
        ended=started,
    )
    try:
        read = repository.verify(on_progress=on_progress)
    except Corrupt as error:
        with contextlib.suppress(DrtoolError):
            failed = replace(evidence, outcome=Outcome.DATA_WRONG, ended=hands.clock.now(), details={"what": error.what})
            attest(hands, failed, plan=plan, events=events())
        raise
    attested = attest(hands, replace(evidence, ended=hands.clock.now(), bytes=read), plan=plan, events=events())
    data = {"bytes": read, "evidence": attested.evidence.id, "on_disk_only": attested.on_disk_only}
    kept = f"; evidence lies on this disk only: {attested.on_disk_only}" if attested.on_disk_only else ""
    return Done(f"every byte agrees with its digest{kept}", data)


def record(hands: Hands, plan: Plan, action: actions.Record, results: Mapping[str, Result], events: Sequence[Event]) -> Done:
    """Sign the evidence of a drill: what was restored, from which copy, what was asked and answered, and how long it took."""
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
            "objective": {"rto_seconds": action.rto_seconds, "rpo_seconds": action.rpo_seconds},
            "compared": sum(answer.compared for answer in answers),
        },
    )
    attested = attest(hands, evidence, plan=plan, events=events)
    data = {"evidence": evidence.id, "outcome": outcome, "rto_seconds": rto, "on_disk_only": attested.on_disk_only}
    return Done("recorded on this disk only" if attested.on_disk_only else "recorded", data)


def record_interrupted(hands: Hands, plan: Plan, action: actions.Record, events: Sequence[Event]) -> None:
    """Sign that a drill was killed before it was recorded, once: what it did until then, and that it did not pass."""
    for kept in evidence_folder(hands).all():
        known = kept.record()
        if known is not None and (known.run, known.set, known.outcome) == (plan.run, action.set, Outcome.INTERRUPTED.value):
            return
    report = next(each for each in fold(plan, events).sets if each.set == action.set)
    objective = report.objective
    evidence = Evidence(
        id=hands.clock.fresh_id(),
        subject="drill",
        by=plan.policy,
        repository=action.repository,
        outcome=Outcome.INTERRUPTED,
        started=objective.declared if objective is not None else plan.created,
        ended=max((event.at for event in events), default=plan.created),
        set=action.set,
        point=action.point,
        rpo_seconds=objective.rpo_seconds if objective is not None else None,
        bytes=report.bytes,
        files=report.files,
        checks_passed=report.checks_passed,
        checks_planned=report.checks_planned,
        details={
            "drill": action.drill,
            "objective": {"rto_seconds": action.rto_seconds, "rpo_seconds": action.rpo_seconds},
            "compared": report.compared,
            "why": "the run was killed before its evidence was recorded",
        },
    )
    attest(hands, evidence, plan=plan, events=events)


def _outcome_of_drill(action: actions.Record, answers: list[Answer], fetched: list[Fetched], *, rto: float, rpo: float | None) -> Outcome:
    if any(not answer.passed and not answer.skipped for answer in answers):
        return Outcome.DATA_WRONG
    if len(fetched) < len(action.restores) or len(answers) < len(action.asks) or not all(answer.passed for answer in answers):
        return Outcome.FAILED
    if rto > action.rto_seconds or (rpo is not None and rpo > action.rpo_seconds):
        return Outcome.OBJECTIVE_MISSED
    return Outcome.SUCCEEDED
