from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from drtool.catalog.fold import fold
from drtool.catalog.lanes import measurements, spelled
from drtool.engine.attest import attest, evidence_folder
from drtool.engine.hands import Hands
from drtool.model import plan as actions
from drtool.model.event import Event
from drtool.model.evidence import Evidence
from drtool.model.outcome import Outcome
from drtool.model.plan import Answer, Done, Plan, Restored, Result
from drtool.model.report import Report, SetReport
from drtool.ports import Question


def question_of(hands: Hands, action: actions.Ask, restored: tuple[Restored, ...]) -> Question:
    """Return the question a planned check asks of what was restored."""
    inspections = {thing.workload: hands.sources[thing.source].inspect(thing) for thing in restored}
    places = {workload: inspection.path for workload, inspection in inspections.items() if inspection.path is not None}
    seen = tuple(replace(thing, path=places.get(thing.workload, thing.path)) for thing in restored)
    return Question(action.check, seen, inspections, action.instant, hands.clock.now())


def ask(
    hands: Hands,
    action: actions.Ask,
    restored: tuple[Restored, ...],
    *,
    spoil: Callable[[Question], Question] = lambda question: question,
) -> Answer:
    """Ask one check of what was restored, from where it can be seen.

    `spoil` changes the question, for the negative control.
    """
    check = hands.checks[action.check.kind]
    question = question_of(hands, action, restored)
    missing = [name for name, inspection in question.inspections.items() if not inspection.up]
    if missing:
        observed = question.inspections[missing[0]].note or "it is not"
        return Answer(passed=False, expected=f"{', '.join(missing)} is in service", observed=observed)
    return check.ask(spoil(question))


def ask_planned(hands: Hands, action: actions.Ask, restored: tuple[Restored, ...], *, before: Result | None) -> Answer:
    """Ask a check as a plan has it; one whose address somebody answered in the step `before` is red and not asked."""
    if action.early:
        return _ask_early(hands, action)
    return _not_restored(action, before) or ask(hands, action, restored)


def record(hands: Hands, plan: Plan, action: actions.Record, events: Sequence[Event]) -> Done:
    """Sign the evidence of a drill: what was restored, from which copy, what was asked and answered, and how long it took."""
    attested = attest(hands, _drilled(hands, plan, action, events), plan=plan, events=events)
    evidence = attested.evidence
    data = {
        "evidence": evidence.id,
        "outcome": evidence.outcome,
        "rto_seconds": evidence.rto_seconds,
        "on_disk_only": attested.on_disk_only,
    }
    return Done("recorded on this disk only" if attested.on_disk_only else "recorded", data)


def record_interrupted(hands: Hands, plan: Plan, action: actions.Record, events: Sequence[Event]) -> None:
    """Sign that a drill was killed before it was recorded, once: what it did until then, and that it did not pass."""
    for kept in evidence_folder(hands).all():
        known = kept.record()
        if known is not None and (known.run, known.set, known.outcome) == (plan.run, action.set, Outcome.INTERRUPTED.value):
            return
    drilled = _drilled(hands, plan, action, events)
    died = max((event.at for event in events), default=plan.created)
    details = {**drilled.details, "why": "the run was killed before its evidence was recorded"}
    killed = replace(drilled, outcome=Outcome.INTERRUPTED, ended=died, rto_seconds=None, details=details)
    attest(hands, killed, plan=plan, events=events)


def _ask_early(hands: Hands, action: actions.Ask) -> Answer:
    """Ask at an address before anything is restored; right when nobody answers."""
    address = action.check.name
    someone = hands.checks[action.check.kind].ask(question_of(hands, action, ()))
    expected = f"nobody answers at {address} before anything is restored"
    if not someone.passed:
        return Answer(passed=True, expected=expected, observed="nobody does", compared=1)
    words = (
        f"something answered at {address} before anything was restored: it is not what was restored; give the check an address inside"
        " the sandbox, such as a port of 127.0.0.1 that only what is started there uses"
    )
    return Answer(passed=False, expected=expected, observed=words, compared=1)


def _not_restored(action: actions.Ask, early: Result | None) -> Answer | None:
    """Return the red answer of a check whose address somebody answered early, or that nobody asked early; None: it may be asked."""
    if not action.before:
        return None
    if isinstance(early, Answer):
        return None if early.passed else early
    words = "its address was not asked then, so what answers now may not be what was restored"
    return Answer(passed=False, expected="nobody answers before anything is restored", observed=words)


def _drilled(hands: Hands, plan: Plan, action: actions.Record, events: Sequence[Event]) -> Evidence:
    """Say what the run's report says of the set as far as the step that records has waited for it."""
    waited = next((step.after for step in plan.steps if step.action == action), ())
    whole = fold(replace(plan, steps=tuple(step for step in plan.steps if not step.set or step.id in waited)), events)
    report = next((each for each in whole.sets if each.set == action.set), SetReport(action.set, Outcome.FAILED))
    objective = report.objective
    return Evidence(
        id=hands.clock.fresh_id(),
        subject="drill",
        by=plan.policy,
        repository=action.repository,
        outcome=report.outcome,
        started=objective.declared if objective is not None else plan.created,
        ended=hands.clock.now(),
        set=action.set,
        point=action.point,
        rto_seconds=objective.rto_seconds if objective is not None else None,
        rpo_seconds=objective.rpo_seconds if objective is not None else None,
        bytes=report.bytes,
        files=report.files,
        checks_passed=report.checks_passed,
        checks_planned=report.checks_planned,
        key=hands.used_key.id if hands.used_key else "",
        details={
            **({"key": {"id": hands.used_key.id, "reference": hands.used_key.reference}} if hands.used_key else {}),
            "drill": action.drill,
            "objective": {"rto_seconds": action.rto_seconds, "rpo_seconds": action.rpo_seconds},
            "compared": report.compared,
            **_proves(hands, plan, action, whole),
        },
    )


def _proves(hands: Hands, plan: Plan, action: actions.Record, report: Report) -> Mapping[str, Any]:
    """Say for what this drill stands, and what it measured."""
    programs = [str(step.result["program"]) for step in report.steps if step.set == action.set and step.result.get("program")]
    restic = {"restic": programs[-1].removeprefix("restic ")} if programs else {}
    drtool = {"drtool": ".".join(hands.versions.get("drtool", "").split(".")[:2])} if hands.versions.get("drtool") else {}
    measured = spelled(measurements(plan, report, set=action.set))
    return {"fingerprint": {**action.fingerprint, **drtool, **restic}, **({"measured": measured} if measured else {})}
