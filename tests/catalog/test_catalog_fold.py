"""Hand-made journals, folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drtool.catalog.fold import fold
from drtool.model.codec import canonical, decode, encode
from drtool.model.event import Event, EventKind
from drtool.model.negative_control import Controlled, Fault
from drtool.model.outcome import Outcome
from drtool.model.plan import (
    Answer,
    Ask,
    Break,
    Copy,
    Done,
    Forget,
    Objective,
    Plan,
    Result,
    Seal,
    Sealed,
    Skipped,
    Step,
    Store,
    Stored,
)
from drtool.model.point import Artifact, Census, Member, MissingMember
from drtool.model.policy import CheckPolicy
from drtool.model.report import Failure, Report
from drtool.model.workload import Workload

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
RUN = "01JD0000000000000000000000"
MEMBER = Member("here:/a", "here", "files", {}, NOW, (Artifact("a", "tree", "t", "/a", Census(3, 300), 120),))


def store(workload: str, set_name: str = "documents") -> Step:
    return Step(
        f"{set_name}/store/{workload}", Store(Workload(workload, "here", "files"), "near", "P", NOW), "", set=set_name, workload=workload
    )


STORE_A, STORE_B = store("here:/a"), store("here:/b")
SEAL = Step(
    "documents/seal", Seal("near", "P", {"here:/a": STORE_A.id, "here:/b": STORE_B.id}), "", set="documents", after=(STORE_A.id, STORE_B.id)
)
COPY = Step("documents/copy", Copy("near", "offsite", ("P",)), "", set="documents", needs=(SEAL.id,))
PLAN = Plan("run", RUN, "home", NOW, (STORE_A, STORE_B, SEAL, COPY))
ASK = Step("documents/ask", Ask(CheckPolicy("files", "files"), {}, NOW), "", set="documents")


def at(seconds: float, kind: EventKind, step: str = "", data: Mapping[str, object] | None = None) -> Event:
    return Event(kind, RUN, NOW + timedelta(seconds=seconds), seconds, step, data or {})


def started(step: Step, seconds: float = 1) -> Event:
    return at(seconds, EventKind.STEP_STARTED, step.id)


def ended(step: Step, result: Result | Failure | str, seconds: float = 2) -> Event:
    if isinstance(result, str):
        return at(seconds, EventKind.STEP_ENDED, step.id, {"not_run": result})
    key = "failure" if isinstance(result, Failure) else "result"
    return at(seconds, EventKind.STEP_ENDED, step.id, {key: encode(result, tagged=key == "result"), "seconds": 1.0})


def sealed(*, missing: tuple[MissingMember, ...] = ()) -> Sealed:
    return Sealed("P", "documents", NOW, not missing, "d", "m", 600, 6, missing)


BEGIN, END = at(0, EventKind.RUN_STARTED), at(9, EventKind.RUN_ENDED)
STORED = Stored(MEMBER, ("s",), 300)
WHOLE = [
    BEGIN,
    started(STORE_A),
    ended(STORE_A, STORED),
    started(STORE_B),
    ended(STORE_B, STORED),
    started(SEAL),
    ended(SEAL, sealed()),
    started(COPY),
    ended(COPY, Done()),
    END,
]


def test_a_whole_run() -> None:
    report = fold(PLAN, WHOLE)
    (only,) = report.sets
    assert report.outcome is only.outcome is Outcome.SUCCEEDED
    assert (only.point, only.complete, only.bytes, only.files, only.stored_bytes) == ("P", True, 600, 6, 240)
    assert report.seconds == 9
    assert decode(Report, encode(report)) == report
    assert canonical(report)


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_every_beginning_of_a_journal_is_an_interrupted_run(length: int) -> None:
    assert fold(PLAN, WHOLE[:length]).outcome is Outcome.INTERRUPTED
    assert fold(PLAN, WHOLE[:length]).ended is None


def test_a_run_settled_by_a_sweep_stays_interrupted() -> None:
    report = fold(PLAN, [*WHOLE[:4], at(0, EventKind.RUN_ENDED, data={"signal_number": 9, "swept": True})])
    assert report.outcome is Outcome.INTERRUPTED
    assert report.signal_number == 9
    assert report.sets[0].outcome is Outcome.INTERRUPTED


def test_one_member_missing_is_partial() -> None:
    missing = sealed(missing=(MissingMember("here:/b", "it could not be stored in this run"),))
    events = [BEGIN, ended(STORE_A, STORED), ended(STORE_B, Failure("Unavailable", "away")), ended(SEAL, missing), ended(COPY, Done()), END]
    report = fold(PLAN, events)
    assert report.outcome is Outcome.PARTIAL
    assert report.sets[0].missing == {"here:/b": "it could not be stored in this run"}
    assert [failure.what for failure in report.failures] == ["away"]


@pytest.mark.parametrize(("skew", "outcome"), [(300.0, Outcome.SUCCEEDED), (301.0, Outcome.OBJECTIVE_MISSED)])
def test_members_further_apart_than_promised_miss_the_objective(skew: float, outcome: Outcome) -> None:
    promised = replace(SEAL, action=Seal("near", "P", {}, consistent_within=timedelta(minutes=5)))
    plan = replace(PLAN, steps=(STORE_A, STORE_B, promised, COPY))
    events = [ended(SEAL, replace(sealed(), skew_seconds=skew)) if event is WHOLE[6] else event for event in WHOLE]
    report = fold(plan, events)
    assert report.outcome is report.sets[0].outcome is outcome
    assert report.sets[0].complete is True
    assert any("301 s apart" in warning for warning in report.sets[0].warnings) == (outcome is Outcome.OBJECTIVE_MISSED)
    assert fold(PLAN, events).outcome is Outcome.SUCCEEDED


def test_nothing_sealed_is_failed() -> None:
    events = [
        BEGIN,
        ended(STORE_A, Failure("Unavailable", "away")),
        ended(STORE_B, Failure("Unavailable", "away")),
        ended(SEAL, Failure("Refused", "none")),
        ended(COPY, "seal"),
        END,
    ]
    assert fold(PLAN, events).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("Corrupt", "data_wrong"),
        ("Refused", "refused"),
        ("Interrupted", "interrupted"),
        ("Bug", "failed"),
        ("Locked", "failed"),
        ("unheard of", "failed"),
    ],
)
def test_a_failed_copy(kind: str, outcome: str) -> None:
    events = [*WHOLE[:-2], ended(COPY, Failure(kind, "x")), END]
    assert fold(PLAN, events).outcome == outcome


def test_corrupt_is_never_softened_to_partial() -> None:
    events = [BEGIN, ended(STORE_A, STORED), ended(STORE_B, Failure("Corrupt", "x")), ended(SEAL, sealed()), ended(COPY, Done()), END]
    assert fold(PLAN, events).outcome is Outcome.DATA_WRONG


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(passed=True, expected="", observed="", compared=7), "succeeded"),
        (Answer(passed=False, expected="", observed=""), "data_wrong"),
        (Answer(passed=False, expected="", observed="", skipped="cannot"), "failed"),
        ("a restore did not succeed", "failed"),
        (Failure("Unavailable", "x"), "failed"),
    ],
)
def test_checks(answer: Answer | Failure | str, outcome: str) -> None:
    report = fold(Plan("drill", RUN, "home", NOW, (ASK,)), [BEGIN, ended(ASK, answer), END])
    assert report.outcome == outcome
    assert report.sets[0].checks_planned == 1
    assert report.sets[0].checks_passed == (1 if outcome == "succeeded" else 0)


@pytest.mark.parametrize(
    ("found", "outcome"), [(None, Outcome.FAILED), (Controlled(Fault.MISSING_FILE, detected=True, what="f"), Outcome.SUCCEEDED)]
)
def test_a_control_that_injected_nothing_but_a_wrong_key_is_hollow(found: Controlled | None, outcome: Outcome) -> None:
    door = Step("documents/break/key", Break(Fault.WRONG_KEY, (), repository="near"), "", set="documents")
    files = Step("documents/break/missing", Break(Fault.MISSING_FILE, (ASK.id,), "here:/a"), "", set="documents")
    plan = Plan("drill", RUN, "home", NOW, (ASK, files, door))
    answered = ended(ASK, Answer(passed=True, expected="", observed=""))
    broken = ended(files, found or Controlled(Fault.MISSING_FILE, detected=None, what="here:/a has no file to break"))
    closed = ended(door, Controlled(Fault.WRONG_KEY, detected=True, what="tried"))
    assert fold(plan, [BEGIN, answered, broken, closed, END]).sets[0].outcome is outcome
    assert fold(plan, [BEGIN, answered, closed]).outcome is Outcome.INTERRUPTED


def test_a_clock_that_is_set_back_makes_no_recovery_faster() -> None:
    plan = Plan("drill", RUN, "home", NOW, (ASK,), objectives=(Objective("documents", "P", NOW - timedelta(seconds=3), rto_seconds=60),))
    answered = ended(ASK, Answer(passed=True, expected="", observed=""), seconds=100)
    objective = fold(plan, [BEGIN, replace(answered, at=NOW - timedelta(hours=1)), END]).sets[0].objective
    assert objective is not None
    assert (objective.rto_seconds, objective.missed) == (103, ("rto",))


def test_a_missed_objective() -> None:
    plan = Plan(
        "drill",
        RUN,
        "home",
        NOW,
        (ASK,),
        objectives=(Objective("documents", "P", NOW, NOW - timedelta(hours=2), rto_seconds=5, rpo_seconds=3600),),
    )
    passed = Answer(passed=True, expected="", observed="")
    report = fold(plan, [BEGIN, ended(ASK, passed, seconds=4), END])
    assert report.outcome is Outcome.OBJECTIVE_MISSED
    objective = report.sets[0].objective
    assert objective is not None
    assert (objective.rto_seconds, objective.rpo_seconds, objective.missed) == (4, 7200, ("rpo",))
    late = fold(plan, [BEGIN, ended(ASK, passed, seconds=6), END]).sets[0].objective
    assert late is not None
    assert late.missed == ("rto", "rpo")


def test_a_set_that_was_not_begun_did_not_succeed() -> None:
    other = store("here:/c", "other")
    plan = Plan("run", RUN, "home", NOW, (*PLAN.steps, other))
    report = fold(plan, [*WHOLE[:-1], ended(other, "the run was told to stop"), END])
    assert [each.outcome for each in report.sets] == [Outcome.SUCCEEDED, Outcome.INTERRUPTED]
    assert report.outcome is not Outcome.SUCCEEDED


def test_what_a_plan_leaves_out_counts() -> None:
    for skipped in (Skipped("here", "the selector matches nothing", "failed", "documents"), Skipped("here", "away", "failed")):
        assert fold(Plan("run", RUN, "home", NOW, (), skipped=(skipped,)), [BEGIN, END]).outcome is Outcome.FAILED
    assert fold(Plan("run", RUN, "home", NOW, ()), [BEGIN, END]).outcome is Outcome.SUCCEEDED


def test_a_journal_that_could_not_be_written_is_no_success() -> None:
    noted = at(8, EventKind.NOTED, data={"text": "x", "failure": encode(Failure("Refused", "the journal could not be written"))})
    assert fold(PLAN, [*WHOLE[:-1], noted, END]).outcome is Outcome.REFUSED


def test_events_of_unknown_steps_are_ignored() -> None:
    assert (
        fold(PLAN, [*WHOLE[:-1], at(3, EventKind.STEP_ENDED, "elsewhere", {"failure": {"nonsense": 1}}), END]).outcome is Outcome.SUCCEEDED
    )


def test_the_last_end_of_a_step_counts() -> None:
    forget = Step("documents/forget", Forget("near", ("O",)), "", set="documents")
    plan = Plan("run", RUN, "home", NOW, (forget,))
    assert fold(plan, [BEGIN, ended(forget, Failure("Locked", "x")), ended(forget, Done()), END]).failures == ()
