"""Events → Report: the only reader of a journal's meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from drtool.catalog.asked import asked, how_much_asked, of_all
from drtool.catalog.objective import StepProgress, objective_report
from drtool.catalog.recovery import CENSUS, check_report, hollow, ladder, stages
from drtool.model.codec import decode, kind_of
from drtool.model.event import Event, EventKind
from drtool.model.negative_control import Controlled, is_hollow
from drtool.model.outcome import Outcome, worst
from drtool.model.plan import Ask, Break, Cutover, EndHold, Guard, PlaceHold, Plan, Record, Restore, Seal, Skipped, Step, Store, Verify
from drtool.model.point import briefly
from drtool.model.quarantine import stops_forgetting
from drtool.model.report import CheckCounts, Failure, Report, SetReport, StepReport

RECOVERIES = frozenset({"restore", "drill"})
STOPPED = "the run was told to stop"

_OF_FAILURE = {
    "Corrupt": Outcome.DATA_WRONG,
    "Refused": Outcome.REFUSED,
    "NotNow": Outcome.REFUSED,
    "Interrupted": Outcome.INTERRUPTED,
}


def fold(plan: Plan, events: Iterable[Event]) -> Report:
    """Return the report of a run; a journal without an end is an interrupted run."""
    steps: dict[str, StepProgress] = {step.id: StepProgress() for step in plan.steps}
    started = plan.created
    ended: Event | None = None
    failures: list[Failure] = []
    notes: list[str] = []
    last = 0.0
    for event in events:
        last = max(last, event.elapsed_seconds)
        if event.kind is EventKind.RUN_STARTED:
            started = event.at
        elif event.kind is EventKind.RUN_ENDED:
            ended = event
            if "failure" in event.data:
                failures.append(decode(Failure, event.data["failure"]))
        elif event.kind is EventKind.NOTED:
            notes.append(str(event.data.get("text", "")))
            if "failure" in event.data:
                failures.append(decode(Failure, event.data["failure"]))
        elif event.step in steps:
            _take(steps[event.step], event, verb=plan.verb)
    step_reports = tuple(_step_report(step, steps[step.id]) for step in plan.steps)
    signal_number = ended.data.get("signal_number") if ended else None
    recovery = _Recovery({report.id: report for report in step_reports}, started)
    sets = tuple(_set_report(name, plan, steps, recovery) for name in dict.fromkeys(_sets_of(plan)))
    outcomes = [report.outcome for report in sets]
    outcomes += [Outcome(skipped.outcome) for skipped in plan.skipped if not skipped.set]
    outcomes += [_outcome(steps[step.id]) for step in plan.steps if not step.set]
    outcomes += map(outcome_of, failures)
    if ended is None or signal_number:
        outcomes.append(Outcome.INTERRUPTED)
    failures += [report.failure for report in step_reports if report.failure is not None]
    return Report(
        run=plan.run,
        verb=plan.verb,
        policy=plan.policy,
        outcome=worst(outcomes),
        started=started,
        ended=ended.at if ended else None,
        seconds=last,
        sets=sets,
        steps=step_reports,
        failures=tuple(failures),
        skipped=tuple(f"{skipped.what}: {skipped.reason}" for skipped in plan.skipped),
        notes=(*plan.notes, *notes, *_told_of_restores(steps.values()), *_told_of_readings(plan, steps), *_told_of_holds(plan, steps)),
        signal_number=signal_number,
        plan_digest=plan.digest,
        restored=of_all([entry.restored for entry in sets if entry.restored]),
        asked=how_much_asked(sets),
        checks=CheckCounts(
            planned=sum(entry.checks_planned for entry in sets),
            passed=sum(entry.checks_passed for entry in sets),
            wrong=sum(entry.checks_wrong for entry in sets),
            not_asked=sum(entry.checks_not_asked for entry in sets),
        ),
    )


def _told_of_restores(steps: Iterable[StepProgress]) -> tuple[str, ...]:
    results = [step.result for step in steps if step.result.get("kind") == "restored"]
    return tuple(f"{result['workload']}: {result['note']}" for result in results if result.get("note"))


def _told_of_readings(plan: Plan, steps: Mapping[str, StepProgress]) -> tuple[str, ...]:
    read = [(step.action.repository, steps[step.id].result.get("note")) for step in plan.steps if isinstance(step.action, Verify)]
    return tuple(f"{repository}: {note}" for repository, note in read if note)


def _told_of_holds(plan: Plan, steps: Mapping[str, StepProgress]) -> tuple[str, ...]:
    """Tell which holds a sweep could not end; a set tells of its own."""
    results = [steps[step.id].result for step in plan.steps if isinstance(step.action, EndHold) and not step.set]
    return tuple(words for result in results if result for words in result["data"].get("warnings", ()))


def _take(progress: StepProgress, event: Event, *, verb: str) -> None:
    data = event.data
    if event.kind is EventKind.STEP_STARTED:
        progress.started, progress.started_at = event.elapsed_seconds, event.at
    elif event.kind is EventKind.STEP_RETRIED:
        progress.retries += 1
    elif event.kind is EventKind.STEP_ENDED:
        progress.seconds = float(data.get("seconds", 0.0))
        progress.ended = event.elapsed_seconds
        progress.result = data.get("result") or {}
        progress.not_run = str(data.get("not_run", ""))
        progress.failure = decode(Failure, data["failure"]) if data.get("failure") else None
        progress.outcome = None if progress.not_run else _judge(progress, verb=verb)


def _judge(progress: StepProgress, *, verb: str) -> Outcome:
    if progress.failure is not None:
        return outcome_of(progress.failure)
    result = progress.result
    if result.get("passed") is False:
        return _not_asked(verb) if result.get("skipped") else Outcome.DATA_WRONG
    if result.get("detected") is False:
        return Outcome.FAILED
    if result.get("complete") is False or _is_unrecorded(result) or stops_forgetting(result):
        return Outcome.PARTIAL
    if result.get("kind") == "stored" and not result["member"].get("complete", True):
        return Outcome.PARTIAL
    return Outcome.SUCCEEDED


def _is_unrecorded(result: Mapping[str, Any]) -> bool:
    """Tell whether the evidence of what was tested lies on one disk only: whoever looks at the repository does not find it."""
    data = result.get("data")
    return isinstance(data, Mapping) and bool(data.get("on_disk_only"))


def _not_asked(verb: str) -> Outcome:
    """Return what a question without an answer amounts to: a drill proved nothing by it, what a restore brought back is back."""
    return Outcome.PARTIAL if verb == "restore" else Outcome.FAILED


def outcome_of(failure: Failure) -> Outcome:
    """Return the outcome that a failure stands for."""
    return _OF_FAILURE.get(failure.kind, Outcome.FAILED)


def _outcome(progress: StepProgress) -> Outcome:
    return progress.outcome or Outcome.SUCCEEDED


def _sets_of(plan: Plan) -> list[str]:
    names = [step.set for step in plan.steps if step.set]
    return names + [skipped.set for skipped in plan.skipped if skipped.set]


def _step_report(step: Step, progress: StepProgress) -> StepReport:
    return StepReport(
        id=step.id,
        action=kind_of(type(step.action)),
        set=step.set,
        workload=step.workload,
        outcome=progress.outcome,
        seconds=progress.seconds,
        started_after_seconds=progress.started,
        result=progress.result,
        failure=progress.failure,
        not_run=progress.not_run,
        retries=progress.retries,
    )


@dataclass(slots=True)
class _Tally:
    """What the results of a set's steps add up to."""

    sealed: Mapping[str, Any] = field(default_factory=dict)
    stored: int = 0
    bytes: int = 0
    files: int = 0
    asked: int = 0
    passed: int = 0
    wrong: int = 0
    compared: int = 0
    warnings: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    controls: list[Controlled] = field(default_factory=list)
    key: str = ""
    is_torn: bool = False
    """The members of the point lie further apart in time than was promised."""

    def take(self, step: Step, result: Mapping[str, Any]) -> None:
        self.warnings += result.get("warnings", ())
        match step.action:
            case Ask():
                self.asked += 1
                self.passed += result.get("passed") is True
                self.wrong += result.get("passed") is False and not result.get("skipped")
                if step.action.check.kind == CENSUS:  # what other kinds count was not compared with the source
                    self.compared += int(result.get("compared", 0))
            case Break() if result:
                self.controls.append(decode(Controlled, result))
            case PlaceHold() | EndHold() | Guard() if result:
                self.warnings += result["data"].get("warnings", ())
            case Seal() if result:
                self.sealed = result
                self._judge_skew(step.action.consistent_within, timedelta(seconds=result.get("skew_seconds", 0.0)))
            case Store() if result:
                self.stored += sum(artifact["stored_bytes"] for artifact in result["member"]["artifacts"])
                self.warnings += map(briefly, result["member"]["warnings"])
            case Restore() if result:
                self.bytes += result["bytes"]
                self.files += result["files"]
                self.copies.append(result["repository"])
                self.key = str(result.get("key") or self.key)
                self.warnings += [f"{copy}: {reason}" for copy, reason in result["failed_copies"].items()]
            case Record() if words := result.get("data", {}).get("on_disk_only"):
                self.warnings.append(f"evidence lies on this disk only: {words}")

    def _judge_skew(self, promised: timedelta | None, skew: timedelta) -> None:
        if promised is not None and skew > promised:
            self.is_torn = True
            asked = f"consistent_within asks for {promised.total_seconds():.0f} s"
            what = "the point is kept, but what depends on each other in it may not match"
            self.warnings.append(f"its members were taken {skew.total_seconds():.0f} s apart, and {asked}: {what}")


@dataclass(frozen=True, slots=True)
class _Recovery:
    steps: Mapping[str, StepReport]
    started: datetime


def _set_report(name: str, plan: Plan, progress: Mapping[str, StepProgress], recovery: _Recovery) -> SetReport:
    steps = [step for step in plan.steps if step.set == name]
    tally = _Tally()
    for step in steps:
        tally.take(step, progress[step.id].result)
    left_out = [skipped for skipped in plan.skipped if skipped.set == name and skipped.outcome != Outcome.SUCCEEDED]
    unasked = sum(skipped.of == "check" for skipped in left_out)
    outcomes = [_not_asked(plan.verb) if skipped.of == "check" else Outcome(skipped.outcome) for skipped in left_out]
    outcomes += [_outcome_in_set(step, progress[step.id], sealed=bool(tally.sealed)) for step in steps]
    idle = [progress[step.id].not_run for step in steps if progress[step.id].not_run]
    if idle and worst(outcomes).rank < Outcome.REFUSED.rank:  # what kept it from running lies elsewhere: in another set, or a signal
        outcomes.append(Outcome.INTERRUPTED if STOPPED in idle else Outcome.FAILED)
    if is_hollow(tally.controls) and len(tally.controls) == sum(isinstance(step.action, Break) for step in steps):
        outcomes.append(Outcome.FAILED)
    objective = objective_report(name, plan, steps, progress, started=recovery.started)
    if tally.is_torn or (objective is not None and objective.missed):
        outcomes.append(Outcome.OBJECTIVE_MISSED)
    sealed = tally.sealed
    checks = tuple(check_report(step, step.action, recovery.steps[step.id]) for step in steps if isinstance(step.action, Ask))
    return SetReport(
        set=name,
        outcome=worst(outcomes),
        point=sealed.get("point", "") or (objective.point if objective else ""),
        complete=sealed.get("complete"),
        bytes=int(sealed.get("bytes", tally.bytes)),
        files=int(sealed.get("files", tally.files)),
        stored_bytes=tally.stored,
        checks_passed=tally.passed,
        checks_planned=tally.asked + unasked,
        checks_wrong=tally.wrong,
        checks_not_asked=tally.asked + unasked - tally.passed - tally.wrong,
        quiet_seconds=float(tally.sealed.get("quiet_seconds", 0.0)),
        restored=_how_much(_restored(steps, progress), left_out) if plan.verb in RECOVERIES else "",
        compared=tally.compared,
        missing={entry["workload"]: entry["reason"] for entry in sealed.get("missing", ())},
        warnings=tuple(tally.warnings),
        objective=objective,
        copies=tuple(dict.fromkeys(tally.copies)),
        stages=stages(recovery.steps, plan, set=name, declared=objective.declared, started=recovery.started) if objective else (),
        checks=checks,
        ladder=ladder(_restored(steps, progress), checks, opened=_opened(steps, progress), hollow=hollow(steps)),
        controls=tuple(tally.controls),
        key=tally.key,
        **(asked(name, plan, steps, left_out) if plan.verb in RECOVERIES else {}),
    )


def _restored(steps: list[Step], progress: Mapping[str, StepProgress]) -> dict[str, bool]:
    """Tell of each workload that was to be restored whether it was put into service."""
    return {
        step.workload: progress[step.id].outcome is Outcome.SUCCEEDED
        for kind in (Restore, Cutover)
        for step in steps
        if isinstance(step.action, kind)
    }


def _how_much(restored: Mapping[str, bool], left_out: list[Skipped]) -> str:
    missing = [skipped for skipped in left_out if not skipped.of]
    if not any(restored.values()):
        return "none" if restored or missing else ""
    return "all" if all(restored.values()) and not missing else "part"


def _opened(steps: list[Step], progress: Mapping[str, StepProgress]) -> frozenset[str]:
    """Name the workloads that their own program took, such as a dump that was loaded."""
    return frozenset(step.workload for step in steps if isinstance(step.action, Cutover) and progress[step.id].result.get("opened") is True)


def _outcome_in_set(step: Step, progress: StepProgress, *, sealed: bool) -> Outcome:
    if progress.outcome is None and not progress.not_run:
        return Outcome.INTERRUPTED
    outcome = _outcome(progress)
    if isinstance(step.action, Store) and sealed and outcome not in (Outcome.SUCCEEDED, Outcome.DATA_WRONG):
        return Outcome.PARTIAL  # the point was sealed without this member
    return outcome
