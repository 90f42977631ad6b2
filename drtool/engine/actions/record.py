from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from drtool.catalog.fold import fold
from drtool.catalog.lanes import spelled
from drtool.catalog.measured import measurements
from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.engine.attest import attest, evidence_folder
from drtool.model.event import Event
from drtool.model.evidence import Evidence
from drtool.model.outcome import Outcome
from drtool.model.plan import Done, Plan, Record
from drtool.model.report import Report, SetReport


def record(work: Work, action: Record) -> Done:
    """Sign the evidence of a drill: what was restored, from which copy, what was asked and answered, and how long it took."""
    adapters, plan, events = work.adapters, work.plan, work.events()
    attested = attest(adapters, _drilled(adapters, plan, action, events), plan=plan, events=events)
    evidence = attested.evidence
    data = {
        "evidence": evidence.id,
        "outcome": evidence.outcome,
        "rto_seconds": evidence.rto_seconds,
        "on_disk_only": attested.on_disk_only,
    }
    return Done("recorded on this disk only" if attested.on_disk_only else "recorded", data)


def record_interrupted(adapters: Adapters, plan: Plan, action: Record, events: Sequence[Event]) -> None:
    """Sign that a drill was killed before it was recorded, once: what it did until then, and that it did not pass."""
    for kept in evidence_folder(adapters).all():
        known = kept.record()
        if known is not None and (known.run, known.set, known.outcome) == (plan.run, action.set, Outcome.INTERRUPTED.value):
            return
    drilled = _drilled(adapters, plan, action, events)
    died = max((event.at for event in events), default=plan.created)
    details = {**drilled.details, "why": "the run was killed before its evidence was recorded"}
    killed = replace(drilled, outcome=Outcome.INTERRUPTED, ended=died, rto_seconds=None, details=details)
    attest(adapters, killed, plan=plan, events=events)


def _drilled(adapters: Adapters, plan: Plan, action: Record, events: Sequence[Event]) -> Evidence:
    """Say what the run's report says of the set as far as the step that records has waited for it."""
    waited = next((step.after for step in plan.steps if step.action == action), ())
    whole = fold(replace(plan, steps=tuple(step for step in plan.steps if not step.set or step.id in waited)), events)
    report = next((each for each in whole.sets if each.set == action.set), SetReport(action.set, Outcome.FAILED))
    objective = report.objective
    return Evidence(
        id=adapters.clock.fresh_id(),
        subject="drill",
        by=plan.policy,
        repository=action.repository,
        outcome=report.outcome,
        started=objective.declared if objective is not None else plan.created,
        ended=adapters.clock.now(),
        set=action.set,
        point=action.point,
        rto_seconds=objective.rto_seconds if objective is not None else None,
        rpo_seconds=objective.rpo_seconds if objective is not None else None,
        bytes=report.bytes,
        files=report.files,
        checks_passed=report.checks_passed,
        checks_planned=report.checks_planned,
        key=adapters.used_key.id if adapters.used_key else "",
        details={
            **({"key": {"id": adapters.used_key.id, "reference": adapters.used_key.reference}} if adapters.used_key else {}),
            "drill": action.drill,
            "objective": {"rto_seconds": action.rto_seconds, "rpo_seconds": action.rpo_seconds},
            "compared": report.compared,
            **_proves(adapters, plan, action, whole),
        },
    )


def _proves(adapters: Adapters, plan: Plan, action: Record, report: Report) -> Mapping[str, Any]:
    """Say for what this drill stands, and what it measured."""
    programs = [str(step.result["program"]) for step in report.steps if step.set == action.set and step.result.get("program")]
    restic = {"restic": programs[-1].removeprefix("restic ")} if programs else {}
    drtool = {"drtool": ".".join(adapters.versions.get("drtool", "").split(".")[:2])} if adapters.versions.get("drtool") else {}
    measured = spelled(measurements(plan, report, set=action.set))
    return {"fingerprint": {**action.fingerprint, **drtool, **restic}, **({"measured": measured} if measured else {})}
