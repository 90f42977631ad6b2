"""Reports made of values, for what real runs seldom show."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from drtool.model.ladder import Level
from drtool.model.outcome import Outcome, worst
from drtool.model.report import CheckReport, Failure, ObjectiveReport, Report, Rung, SetReport, Stage, StepReport

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
POINT = "01JDABCDEFGHJKMNPQRSTVW7QK"
# Control characters, an undecodable byte, a noncharacter, a bidirectional override, markup of every kind, and an emoji.
HOSTILE = "a]]>b\x00\x1b[31m\n\udc80\ufffe\u202e<script>alert(1)</script>\"'&amp;|`` ` *_[x](javascript:1) @all <!-- \U0001f600"


def check(name: str = "census", *, passed: bool | None = True, **more: Any) -> CheckReport:  # noqa: ANN401
    words = {"expected": "12 files", "observed": "12 files", "seconds": 0.5, **more}
    return CheckReport(name, "census", f"documents/ask/{name}", ("here:/data",), Level.COMPLETE, passed, **words)


def entry(outcome: Outcome = Outcome.SUCCEEDED, name: str = "documents", **more: Any) -> SetReport:  # noqa: ANN401
    checks = more.pop("checks", (check(),))
    values: dict[str, Any] = {
        "point": POINT,
        "bytes": 480_000,
        "files": 12,
        "checks_passed": sum(each.passed is True for each in checks),
        "checks_planned": len(checks),
        "objective": ObjectiveReport(name, POINT, NOW, 186.0, 3600.0, 10_000.0, 14_400.0),
        "copies": ("offsite",),
        "stages": (Stage("decide", 0.0, 2.0), Stage("fetch", 2.0, 150.0), Stage("restore", 152.0, 4.0), Stage("check", 156.0, 30.0)),
        "checks": checks,
        "ladder": (Rung("here:/data", Level.COMPLETE, Level.COMPLETE),),
        **more,
    }
    return SetReport(name, outcome, **values)


def step(
    name: str, *, failure: Failure | None = None, outcome: Outcome | None = Outcome.SUCCEEDED, set_name: str = "documents"
) -> StepReport:
    return StepReport(name, "restore", set_name, "here:/data", outcome, seconds=3.0, failure=failure)


def cutover(workload: str, aside: str, *, set_name: str = "documents", way_back: str = "") -> StepReport:
    """A cutover that kept something aside."""
    result = {"kind": "restored", "workload": workload, "aside": aside, "way_back": way_back}
    return StepReport(f"{set_name}/cutover/{workload}", "cutover", set_name, workload, Outcome.SUCCEEDED, seconds=1.0, result=result)


def report(*entries: SetReport, verb: str = "drill", **more: Any) -> Report:  # noqa: ANN401
    values: dict[str, Any] = {
        "outcome": worst([each.outcome for each in entries]),
        "started": NOW,
        "ended": NOW + timedelta(seconds=190),
        "seconds": 190.0,
        "sets": entries,
        "steps": (step("documents/restore/here:/data"),),
        **more,
    }
    return Report("01JDZZZZZZZZZZZZZZZZZZZRUN", verb, "homelab", **values)


def hostile() -> Report:
    """A report in which every text is hostile."""
    failure = Failure("Unavailable", HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    objective = ObjectiveReport(HOSTILE, HOSTILE, NOW, None, 3600.0, 60.0, 3600.0)
    checks = (
        check(HOSTILE, passed=False, expected=HOSTILE, observed=HOSTILE),
        check(HOSTILE, passed=None, skipped=HOSTILE),
        check(HOSTILE, expected=HOSTILE, observed=HOSTILE),
    )
    bad = entry(
        Outcome.DATA_WRONG,
        HOSTILE,
        point=HOSTILE,
        objective=objective,
        copies=(HOSTILE,),
        checks=tuple(replace(each, workloads=(HOSTILE,)) for each in checks),
        ladder=(Rung(HOSTILE, Level.READABLE, Level.COMPLETE),),
        missing={HOSTILE: HOSTILE},
        warnings=(HOSTILE,),
        key=HOSTILE,
    )
    steps = (
        step(HOSTILE, failure=failure, outcome=Outcome.FAILED, set_name=HOSTILE),
        replace(step("x", outcome=None), not_run=HOSTILE),
        cutover(HOSTILE, HOSTILE, set_name=HOSTILE),
    )
    loose = Failure("Refused", HOSTILE + "loose", HOSTILE, HOSTILE, HOSTILE)
    made = report(bad, steps=steps, failures=(failure, loose), skipped=(HOSTILE,), notes=(HOSTILE,), plan_digest=HOSTILE)
    return replace(made, run=HOSTILE, policy=HOSTILE)
