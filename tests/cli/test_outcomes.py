"""Whatever became of a run: the screen says what is safe and what to type next."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from pydantic import ValidationError

from drtool.checks import schema
from drtool.cli.render.report import report_lines
from drtool.cli.render.verdict import headline, left_behind
from drtool.model.outcome import Outcome
from drtool.model.report import CheckCounts, Failure, StepReport
from tests.cli.report_values import check, entry, report, step

VERBS = ("restore", "drill", "run", "copy", "verify", "prune", "sweep", "init")
BAD = [outcome for outcome in Outcome if outcome is not Outcome.SUCCEEDED]
FAILURES = (None, Failure("Refused", "no"), Failure("Refused", "no", hint="do"), Failure("Refused", "no", safe="all", hint="do"))


@pytest.mark.parametrize(("verb", "outcome"), list(itertools.product(VERBS, BAD)))
def test_every_outcome_has_its_safe_and_next(verb: str, outcome: Outcome) -> None:
    for failure, restored in itertools.product(FAILURES, ("", "all", "part", "none")):
        told = report(entry(outcome), verb=verb, steps=(step("x", failure=failure, outcome=outcome),), restored=restored)
        lines = report_lines(told, code=1)
        assert any(line.strip().startswith("safe: ") for line in lines), lines
        assert any(line.strip().startswith("next: ") for line in lines), lines


def test_what_was_refused_is_not_looked_for_in_an_older_point() -> None:
    refused = report(entry(Outcome.REFUSED), verb="restore", restored="none")
    assert not any("drtool points" in line for line in report_lines(refused, code=6))
    assert any("drtool points" in line for line in report_lines(report(entry(Outcome.FAILED), verb="restore", restored="none"), code=1))


@pytest.mark.parametrize("verb", VERBS)
def test_what_was_stopped_is_typed_again(verb: str) -> None:
    stopped = report(entry(Outcome.INTERRUPTED), verb=verb, restored="none" if verb in ("restore", "drill") else "")
    lines = "\n".join(report_lines(replace(stopped, outcome=Outcome.INTERRUPTED), code=130))
    assert "next: the same command again" in lines
    assert "drtool points" not in lines


def test_a_stopped_restore_tells_what_it_left_of_what_is_not_in_service() -> None:
    def poured(name: str, action: str, outcome: Outcome | None) -> StepReport:
        return replace(step(name, outcome=outcome), action=action, set="documents", workload=name, seconds=1.0)

    steps = (
        *(poured("here:/in-service", "restore", Outcome.SUCCEEDED), poured("here:/in-service", "cutover", Outcome.SUCCEEDED)),
        *(poured("here:/half", "restore", Outcome.INTERRUPTED), poured("here:/half", "cutover", None)),
        replace(poured("here:/never", "restore", None), seconds=0.0),
    )
    stopped = replace(report(entry(Outcome.INTERRUPTED), verb="restore", steps=steps), outcome=Outcome.INTERRUPTED, signal_number=2)
    left = [line for line in report_lines(stopped, code=130) if "staging folder" in line]
    assert [line.split(": ")[0].strip() for line in left] == ["here:/half"]
    assert not left_behind(replace(stopped, verb="run"))


LATE = Failure("TimedOut", "restic did not end before the deadline of the run")


@pytest.mark.parametrize("verb", ["restore", "drill"])
def test_a_deadline_asks_for_more_time_and_not_for_an_older_point(verb: str) -> None:
    late = report(entry(Outcome.FAILED), verb=verb, steps=(step("here:/data", failure=LATE, outcome=Outcome.FAILED),), restored="none")
    lines = "\n".join(report_lines(late, code=124))
    assert "next: the same command with more time (--deadline)" in lines
    assert "drtool points" not in lines
    assert ("drtool sweep removes what it left" in lines) is (verb == "restore")
    damaged = step("here:/other", failure=Failure("Corrupt", "no"), outcome=Outcome.DATA_WRONG)
    assert "drtool points" in "\n".join(report_lines(replace(late, steps=(*late.steps, damaged)), code=5))


def test_success_asks_for_nothing() -> None:
    assert not any("next: " in line for line in report_lines(report(entry(), verb="restore", restored="all"), code=0))


def test_what_is_said_first() -> None:
    unasked = replace(
        report(entry(Outcome.PARTIAL, checks=(check(passed=False, skipped="no route"),)), verb="restore", restored="all"),
        checks=CheckCounts(2, 1, 0, 1),
    )
    assert report_lines(unasked, code=3)[0].startswith("everything is back; 1 check was not asked")
    assert headline(unasked) == "Everything is back; 1 check was not asked."
    assert report_lines(replace(unasked, restored="part"), code=3)[0].startswith("partial")
    assert report_lines(replace(unasked, verb="drill"), code=3)[0].startswith("partial")
    hooks = replace(unasked, checks=CheckCounts(2, 2, 0, 0))
    assert report_lines(hooks, code=3)[0].startswith("everything is back; not all else")


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("sql", {"database": "x.db"}, "sqlite: x.db"),
        ("sql", {"database": "app/data.sqlite3"}, "sqlite: app/data.sqlite3"),
        ("sql", {"database": "postgresql://production/x"}, "name of a database alone"),
        ("sql", {"database": "host=production dbname=x"}, "name of a database alone"),
        ("sql", {"database": ""}, "name of a database"),
        ("tcp", {"address": "http://localhost:8080/"}, "http: {url: http://localhost:8080/}"),
        ("http", {"url": "localhost:8080/status"}, "did you mean http://localhost:8080/status?"),
    ],
)
def test_a_check_that_can_never_fit_gets_the_right_word(kind: str, settings: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        schema.CHECKS[kind].model_validate(settings)
    assert words in str(caught.value)
