"""What status says after a run that was not good: the reason, what that run itself said to type, and never what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from drtool.catalog.attempts import ended_attempt
from drtool.model.attempt import Attempts, Ending, Lesson, Task
from drtool.model.inventory import Problem
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Skipped, Step, Store
from drtool.model.report import Failure, Report, SetReport, StepReport
from drtool.model.workload import Workload
from drtool.planning.endings import ending_of, endings
from drtool.planning.overdue import untimed_statuses
from drtool.planning.status import Beyond, assess
from tests.planning.planning_values import NOW, daily, inventory, listing, policy

TASK = Task("run", "documents")


def _plan(*skipped: Skipped) -> Plan:
    store = Step("documents/store/w", Store(Workload("w", "here", "files"), "near", "P", NOW), "why", set="documents", workload="w")
    return Plan("run", "R", "home", NOW, () if skipped else (store,), skipped=skipped)


def _report(entry: SetReport, *steps: StepReport) -> Report:
    return Report("R", "run", "home", entry.outcome, NOW, NOW, 1.0, (entry,), steps)


FULL = Failure("Refused", "the repository near is full", hint="make room there, or: drtool prune near")


@pytest.mark.parametrize(
    ("plan", "report", "what", "hint"),
    [
        (
            _plan(),
            _report(SetReport("documents", Outcome.FAILED), StepReport("s", "store", "documents", "w", Outcome.FAILED, failure=FULL)),
            FULL.what,
            FULL.hint,
        ),
        (
            _plan(Skipped("documents", "nothing could be stored", "failed", set="documents", hint="mount it")),
            _report(SetReport("documents", Outcome.FAILED)),
            "nothing could be stored",
            "mount it",
        ),
        (
            _plan(),
            _report(SetReport("documents", Outcome.PARTIAL, "P", complete=False, warnings=("/s: Permission denied", "/t: x"))),
            "/s: Permission denied, and 1 more",
            "",
        ),
        (
            _plan(),
            _report(SetReport("documents", Outcome.PARTIAL, "P", complete=False, missing={"here:/gone": "/gone does not exist"})),
            "here:/gone: /gone does not exist",
            "",
        ),
    ],
)
def test_an_attempt_keeps_why_it_failed_and_what_it_said_to_type(plan: Plan, report: Report, what: str, hint: str) -> None:
    ending = endings(plan, report)[TASK]
    assert (ending.what, ending.hint) == (what, hint)
    kept = ended_attempt(Attempts(begun=(NOW,), run="R"), ending, now=NOW)
    assert (kept.hint, kept.failures[-1].hint) == (hint, hint)
    (told,) = untimed_statuses({TASK: kept}, now=NOW + timedelta(minutes=3))
    assert what in told.attention
    assert told.next == (hint or "drtool doctor"), "never the same again where it would end the same"


def test_a_quarantine_keeps_what_to_look_at_whatever_else_was_told() -> None:
    entry = SetReport(
        "documents", Outcome.PARTIAL, "P", complete=True, warnings=("entries dated before 1677", "nothing of it is forgotten")
    )
    for reason, hint in (("here:/usb: 0 files where 20 were: drtool diff A B", "drtool diff A B"), ("51 points within a day", "")):
        guarded = StepReport(
            "documents/guard", "guard", "documents", "", Outcome.PARTIAL, result={"data": {"stops": True, "reason": reason}}
        )
        (ending,) = endings(_plan(), _report(entry, guarded)).values()
        assert ending.outcome == "partial"
        assert ending.lesson is Lesson.USED, "its services are not stopped again for it"
        assert ending.what == f"nothing of it is forgotten until you have looked: {reason.partition(': drtool')[0]}"
        assert ending.hint == hint
        full = StepReport("s", "store", "documents", "w", Outcome.FAILED, failure=FULL)
        (ending,) = endings(_plan(), _report(entry, full, guarded)).values()
        assert ending.what == FULL.what


def test_what_is_remembered_of_a_failure_is_bounded() -> None:
    ending = ending_of("Refused", "x" * 9999, "y" * 9999)
    assert max(len(ending.what), len(ending.hint)) <= 300
    report = _report(SetReport("documents", Outcome.PARTIAL, "P", complete=False, warnings=("z" * 9999, "/t")))
    assert len(endings(_plan(), report)[TASK].what) <= 300


def test_what_was_good_or_killed_is_no_reason_to_look_first() -> None:
    assert untimed_statuses({TASK: Attempts(begun=(NOW,), lesson=Lesson.GOOD)}, now=NOW) == ()
    killed = ended_attempt(Attempts(begun=(NOW,)), Ending(Lesson.WAIT, "interrupted", "Interrupted", "it was killed"), now=NOW)
    assert untimed_statuses({TASK: killed}, now=NOW)[0].next == "drtool run documents"


def test_the_set_itself_says_what_the_failed_run_said() -> None:
    beyond = Beyond(after_failure={"documents": FULL.hint})
    (found,) = assess(policy(), inventory(), now=NOW, beyond=beyond)
    assert found.next == FULL.hint


def test_unknown_is_not_never() -> None:
    away = Problem("Unavailable", "its disk is not mounted", "mount it")
    silent = replace(listing("near"), problem=away)
    (found,) = assess(policy(), inventory(silent, listing("offsite")), now=NOW)
    assert found.unread == ("near",)
    assert "whether documents has a complete recovery point is not known: near could not be read" in found.attention
    assert not any("has no complete" in sentence for sentence in found.attention)
    (known,) = assess(policy(), inventory(silent, listing("offsite", daily(2))), now=NOW + timedelta(days=9))
    assert any("that is known without near is 9d" in sentence for sentence in known.attention), known.attention


@pytest.mark.parametrize(
    ("problem", "following"),
    [
        (Problem("NoRepository", "it is not there yet", "drtool init near"), "drtool init near"),
        (
            Problem("NoRepository", "nothing is there", "mount its disk; only for a new one: drtool init near"),
            "drtool doctor",
        ),
        (Problem("Refused", "no", "drtool init near"), "drtool doctor"),
    ],
)
def test_what_was_never_made_is_made(problem: Problem, following: str) -> None:
    silent = replace(listing("near"), problem=problem)
    (found,) = assess(policy(), inventory(silent, listing("offsite")), now=NOW)
    assert found.next == following
