"""What one run measured, and what its workloads held, read off its plan and its report."""

from __future__ import annotations

from dataclasses import replace

from drtool.model.forecast import PastForecast
from drtool.model.lane import Content, Measurement
from drtool.model.load import loads
from drtool.model.outcome import Outcome
from drtool.model.plan import Action, Ask, Cutover, Plan, Restore, Start, Store
from drtool.model.report import Report, StepReport


def measurements(plan: Plan, report: Report, *, set: str = "") -> tuple[Measurement, ...]:  # noqa: A002 - the vocabulary's word
    """Return what the steps of a recovery took, of one `set` only when it is named.

    Left out: steps that failed, were tried again, restored only some paths, or needed a second copy, as their time tells of something else.
    """
    steps = {step.id: step for step in plan.steps}
    reports = {each.id: each for each in report.steps}
    found = []
    for name, load in loads(plan).items():
        step, done = steps[name], reports.get(name)
        if done is None or not _counts(done) or (set and step.set not in (set, "")) or _is_part(step.action):
            continue
        result = done.result if isinstance(step.action, Restore) else {}
        found.append(
            Measurement(
                lane=replace(load.lane, repository=str(result.get("repository", load.lane.repository))),
                bytes=load.bytes,
                files=load.files,
                seconds=round(done.seconds, 3),
                at=report.started,
                run=plan.run,
                step=name,
                program=str(result.get("program", "")),
            )
        )
    return tuple(found)


def _counts(done: StepReport) -> bool:
    return done.outcome is Outcome.SUCCEEDED and not done.retries and not done.result.get("failed_copies")


def _is_part(action: Action) -> bool:
    return isinstance(action, Restore) and bool(action.paths)


def contents(plan: Plan, report: Report) -> tuple[Content, ...]:
    """Return what the workloads held that a run stored or a recovery brought back whole."""
    steps = {step.id: step for step in plan.steps}
    found = []
    for done in report.steps:
        action = steps[done.id].action
        if done.outcome is Outcome.SUCCEEDED and isinstance(action, Store | Restore) and not _is_part(action):
            member = done.result["member"]
            census = [artifact["census"] for artifact in member["artifacts"]]
            form = next((str(artifact["form"]) for artifact in member["artifacts"]), "")
            size, files = sum(each["bytes"] for each in census), sum(each["files"] for each in census)
            found.append(Content(done.set, done.workload, member["source"], member["kind"], form, size, files, report.started))
    return tuple(found)


def past_forecasts(plan: Plan, report: Report) -> tuple[PastForecast, ...]:
    """Return the forecasts of a plan beside what came of them, from the declaration to each set's last check, without a person's pause."""
    reports = {each.id: each for each in report.steps}
    found = []
    for each in plan.forecast.sets if plan.forecast else ():
        last = [reports[step.id] for step in plan.steps if step.set == each.set and isinstance(step.action, Ask | Cutover | Start)]
        look = plan.forecast.look_seconds if plan.forecast else 0.0
        real = max((done.started_after_seconds + done.seconds for done in last), default=0.0)
        if each.p50_seconds is None or each.p90_seconds is None or not real or any(done.outcome is not Outcome.SUCCEEDED for done in last):
            continue
        past = PastForecast(plan.run, plan.verb, each.set, report.started, each.p50_seconds, each.p90_seconds, round(look + real, 3), look)
        found.append(past)
    return tuple(found)
