"""The ladder and the stages, read off reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as some

from drtool.catalog.recovery import ladder, stages
from drtool.model.ladder import Level, reached
from drtool.model.outcome import Outcome
from drtool.model.plan import Action, Ask, Cutover, Destination, Plan, Restore, Step
from drtool.model.point import Member
from drtool.model.policy import CheckPolicy
from drtool.model.report import CheckReport, StepReport

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LEVELS = some.lists(some.sampled_from([level for level in Level if level]))


@given(LEVELS, LEVELS)
def test_nothing_at_or_above_what_failed_counts(passed: list[Level], failed: list[Level]) -> None:
    level = reached(Level.READABLE, passed, failed)
    assert all(level.rank < each.rank for each in failed)
    assert level in (Level.NONE, Level.READABLE, *passed)


def check(level: Level, *, passed: bool | None) -> CheckReport:
    return CheckReport(level.value, "command", "", ("w",), level, passed)


def test_a_skipped_check_holds_its_level_back() -> None:
    checks = [check(Level.COMPLETE, passed=True), check(Level.ANSWERS, passed=None), check(Level.RIGHT, passed=True)]
    (rung,) = ladder({"w": True}, checks)
    assert (rung.reached, rung.asked) == (Level.COMPLETE, Level.RIGHT)


def test_what_never_came_back_reached_nothing() -> None:
    (rung,) = ladder({"w": False}, [check(Level.COMPLETE, passed=True)])
    assert rung.reached is Level.NONE


def test_what_was_empty_is_there_and_no_more() -> None:
    census = CheckReport("census", "census", "", ("w", "empty"), Level.COMPLETE, passed=True)
    full, empty = ladder({"w": True, "empty": True}, [census], hollow={"empty"})
    assert (full.reached, full.asked) == (Level.COMPLETE, Level.COMPLETE)
    assert (empty.reached, empty.asked) == (Level.PRESENT, Level.NONE)
    (asked,) = ladder({"empty": True}, [CheckReport("there", "command", "", ("empty",), Level.RIGHT, passed=True)], hollow={"empty"})
    assert asked.reached is Level.RIGHT, "a question of its own proves what it asks"


ASKED = Ask(CheckPolicy("census", "census"), {}, NOW)


def test_stages_of_parallel_steps_are_not_counted_twice() -> None:
    member = Member("w", "here", "files", {}, NOW, ())
    destination = Destination("sandbox")
    actions: dict[str, Action] = {
        "a": Restore("p", member, ("near",), destination),
        "b": Restore("p", member, ("near",), destination),
        "c": Cutover("a", "here"),
        "d": ASKED,
    }
    plan = Plan("drill", "r", "by", NOW, tuple(Step(name, action, "", set="s") for name, action in actions.items()))
    spans = {"a": (1.0, 4.0), "b": (2.0, 4.0), "c": (6.0, 1.0), "d": (7.0, 0.5)}
    reports = {
        name: StepReport(name, "", "s", "w", Outcome.SUCCEEDED, started_after_seconds=start, seconds=seconds)
        for name, (start, seconds) in spans.items()
    }
    early = Step("early", replace(ASKED, early=True), "")
    plan = replace(plan, steps=(early, *plan.steps))
    reports["early"] = StepReport("early", "", "", "", Outcome.SUCCEEDED, started_after_seconds=0.5, seconds=0.5)
    found = {
        stage.name: (stage.started_after_seconds, stage.seconds) for stage in stages(reports, plan, set="s", declared=NOW, started=NOW)
    }
    assert found == {"decide": (0.0, 0.0), "reach": (0.5, 0.5), "fetch": (1.0, 5.0), "restore": (6.0, 1.0), "check": (7.0, 0.5)}
