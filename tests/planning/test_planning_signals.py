"""What is told of how things ended, and when nothing is called well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from drtool.model.attempt import Attempts, Ending, FailedAttempt, Lesson, Task
from drtool.model.inventory import Problem
from drtool.model.outcome import Outcome
from drtool.model.signal import Heard, Occasion, Signal, SignalKind, as_heard
from drtool.planning import signals
from drtool.planning.metrics import metrics_of
from drtool.planning.overdue import TaskStatus
from drtool.planning.signals import begun, late_sets, not_well, of_policy, state
from drtool.planning.status import SetStatus, assess
from tests.planning.planning_values import DAY, NOW, backup_set, daily, inventory, listing, policy

HERE = Occasion("homelab", "pi", "R1", NOW)
RUN, DRILL = Task("run", "documents"), Task("drill", "monthly")
GOOD, FAILED = Ending(Lesson.GOOD, "succeeded"), Ending(Lesson.USED, "failed", "Corrupt", "it is damaged", "drtool verify")
AWAY = Ending(Lesson.WAIT, "failed", "Unavailable", "the NAS is away")
WAS_GOOD, WAS_BAD, WAS_AWAY = Attempts(lesson=Lesson.GOOD), Attempts(lesson=Lesson.USED), Attempts(lesson=Lesson.WAIT, kind="Unavailable")


def ended(endings: Mapping[Task, Ending], before: Mapping[Task, Attempts], occasion: Occasion) -> tuple[Signal, ...]:
    return signals.ended(endings, before, occasion, bad=not_well(endings, before))


def promises(late: tuple[SetStatus, ...]) -> Signal:
    return signals.promises(late, HERE, bad=not_well({}, {}, late))


def test_a_beginning_is_told_for_each() -> None:
    assert [(each.kind, each.subject, each.verb) for each in begun((RUN, DRILL), HERE)] == [
        (SignalKind.START, "documents", "run"),
        (SignalKind.START, "monthly", "drill"),
    ]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_what_succeeded_is_well(outcome: Outcome) -> None:
    (told,) = ended({RUN: replace(GOOD, outcome=outcome.value)}, {}, HERE)
    assert (told.kind is SignalKind.SUCCESS) is (outcome is Outcome.SUCCEEDED)


def test_a_failure_tells_why_and_what_to_type() -> None:
    (told,) = ended({RUN: FAILED}, {}, HERE)
    assert (told.kind, told.text, told.next) == (SignalKind.FAIL, "run documents: failed: it is damaged.", "drtool verify")
    (waits,) = ended({RUN: AWAY}, {}, HERE)
    assert waits.text.endswith("It is tried again soon.")
    assert waits.next == "drtool report R1"
    (put_off,) = ended({RUN: replace(AWAY, kind="NotNow", outcome="refused")}, {}, HERE)
    assert put_off.kind is SignalKind.LOG


def test_what_was_bad_before_is_told_as_over() -> None:
    assert [each.recovered for each in ended({RUN: GOOD}, {RUN: WAS_BAD}, HERE)] == [True]
    assert [each.recovered for each in ended({RUN: GOOD}, {RUN: WAS_GOOD}, HERE)] == [False]


def test_only_the_same_wait_is_no_news_to_whoever_heard_of_it() -> None:
    def repeated(ending: Ending, heard: Mapping[str, Heard] | None) -> bool:
        (told,) = ended({RUN: ending}, {RUN: WAS_AWAY}, HERE)
        return as_heard(told, heard).repeated

    (away,) = ended({RUN: AWAY}, {}, HERE)
    knows = {"run/documents": Heard(away.outcome, away.stands)}
    assert repeated(AWAY, knows)
    assert not repeated(replace(AWAY, kind="Locked"), knows)
    assert not repeated(AWAY, {}), "the attempt before failed too, and nobody was told"
    assert not repeated(AWAY, None)
    assert not repeated(FAILED, {"run/documents": Heard("failed")}), "each scheduled failure is news"


def test_what_else_is_not_well_goes_along() -> None:
    assert [each.others for each in ended({RUN: GOOD}, {RUN: WAS_BAD, DRILL: WAS_BAD}, HERE)] == [("drill/monthly",)]
    assert [each.others for each in ended({RUN: GOOD, DRILL: FAILED}, {}, HERE)] == [("drill/monthly",), ()]
    assert [each.others for each in ended({RUN: GOOD, DRILL: GOOD}, {DRILL: WAS_BAD}, HERE)] == [(), ()]


def test_the_promises_hear_of_all_that_is_not_well_and_all_hears_of_the_promises() -> None:
    of = policy(backup_set(), drills={})
    late = late_sets(assess(of, inventory(listing("near"), listing("offsite")), now=NOW))
    bad = not_well({RUN: FAILED}, {DRILL: WAS_BAD})
    assert signals.promises((), HERE, bad=bad).others == ("drill/monthly", "run/documents")
    bad = not_well({RUN: GOOD}, {}, late)
    assert [each.others for each in signals.ended({RUN: GOOD}, {}, HERE, bad=bad)] == [("status/rpo",)]
    assert signals.promises(late, HERE, bad=bad).others == ()


def test_a_missed_promise_is_not_well_until_it_is_kept() -> None:
    missed = Attempts(lesson=Lesson.GOOD, outcome=Outcome.OBJECTIVE_MISSED.value)
    assert [each.others for each in ended({RUN: GOOD}, {DRILL: missed}, HERE)] == [("drill/monthly",)]
    assert [each.recovered for each in ended({DRILL: GOOD}, {DRILL: missed}, HERE)] == [True]


def test_what_another_call_tries_now_is_as_bad_as_it_was() -> None:
    failed = FailedAttempt(NOW - DAY, "R0", "failed")
    for succeeded, bad in ((None, True), (NOW - 2 * DAY, True), (NOW - DAY / 2, False)):
        tried = Attempts(begun=(NOW,), run="R2", failures=(failed,), succeeded=succeeded)
        assert bool(not_well({}, {DRILL: tried})) is bad


def test_only_what_the_policy_still_has_is_not_well() -> None:
    of = policy(backup_set(), drills={})
    mine = {RUN: WAS_BAD, Task("verify", "near"): WAS_BAD}
    gone = {Task("run", "old"): WAS_BAD, DRILL: WAS_BAD, Task("prune", "gone"): WAS_BAD, Task("what", "documents"): WAS_BAD}
    assert of_policy(of, {**mine, **gone}) == mine
    assert of_policy(of, {RUN: replace(WAS_BAD, place="of another address")}) == {}


@pytest.mark.parametrize(("ran", "counts"), [(None, True), (NOW - 2 * DAY, True), (NOW, False)])
def test_a_copy_by_hand_that_failed_is_made_up_for_by_the_next_good_run(ran: datetime | None, counts: bool) -> None:  # noqa: FBT001
    of, copied = policy(backup_set(), drills={}), Task("copy", "documents")
    known = {copied: replace(WAS_BAD, begun=(NOW - DAY,)), RUN: Attempts(lesson=Lesson.GOOD, succeeded=ran)}
    assert (copied in of_policy(of, known)) is counts


def test_a_set_that_never_ran_is_told_by_the_promises() -> None:
    of = policy(backup_set(), backup_set("photos"))
    seen = assess(of, inventory(listing("near", daily(2)), listing("offsite", daily(2))), now=NOW)
    late = late_sets(seen)
    assert [each.set for each in late] == ["photos"]
    told = promises(late)
    assert (told.kind, told.subject) == (SignalKind.FAIL, "rpo")
    assert "photos: no point yet, promised 24h" in told.text
    knows = {"status/rpo": Heard(told.outcome, told.stands)}
    assert as_heard(told, knows).repeated
    assert not as_heard(promises(late_sets(assess(of, inventory(), now=NOW))), knows).repeated, "another set is late now"
    over = as_heard(promises(()), knows)
    assert (over.kind, over.recovered, over.repeated) == (SignalKind.SUCCESS, True, False)
    well = as_heard(promises(()), {"status/rpo": Heard(over.outcome, over.stands)})
    assert (well.recovered, well.repeated) == (False, True)


def test_what_nobody_could_read_is_not_told_as_never_made() -> None:
    away = [listing(name, problem=Problem("Unavailable", "away")) for name in ("near", "offsite")]
    told = promises(late_sets(assess(policy(backup_set(), drills={}), inventory(*away), now=NOW)))
    assert "documents: whether it has a point is not known, as near, offsite could not be read" in told.text


def test_numbers_leave_out_what_is_not_known() -> None:
    of = policy(backup_set(), backup_set("photos"))
    near = listing("near", daily(2))
    seen = assess(of, inventory(near, listing("offsite")), now=NOW)
    jobs = (
        TaskStatus(RUN, NOW - DAY, NOW - 2 * DAY, "objective_missed", NOW, None),
        TaskStatus(DRILL, None, None, "", NOW, NOW - timedelta(hours=1)),
    )
    numbers = metrics_of(seen, jobs, policy="homelab", unfinished=1, dead=0, as_of=NOW - DAY, now=NOW)
    told = {(metric.name, labels): value for metric in numbers for labels, value in metric.values}
    assert (
        told["drtool_set_newest_point_timestamp_seconds", ("homelab", "documents")] == max(each.instant for each in near.points).timestamp()
    )
    assert ("drtool_set_newest_point_timestamp_seconds", ("homelab", "photos")) not in told
    assert told["drtool_copy_whole", ("homelab", "documents", "near")] == 1
    assert told["drtool_copy_whole", ("homelab", "documents", "offsite")] == 0
    assert told["drtool_job_last_status", ("homelab", "run", "documents")] == 1
    assert ("drtool_job_last_status", ("homelab", "drill", "monthly")) not in told
    assert told["drtool_job_overdue_timestamp_seconds", ("homelab", "drill", "monthly")] == (NOW - timedelta(hours=1)).timestamp()
    assert told["drtool_unfinished_exchanges", ("homelab",)] == 1
    assert told["drtool_updated_timestamp_seconds", ("homelab",)] == NOW.timestamp()
    assert not [name for name, _labels in told if "unprotected" in name or "inventory" in name], "nobody looked yet"
    looked = metrics_of((), (), policy="homelab", unfinished=0, dead=0, as_of=NOW, now=NOW, unprotected=(0, NOW - DAY))
    values = {metric.name: [value for _labels, value in metric.values] for metric in looked}
    assert values["drtool_unprotected_assets"] == [0]
    assert values["drtool_inventory_timestamp_seconds"] == [(NOW - DAY).timestamp()]
    assert state(numbers, HERE).metrics == numbers
    assert len({metric.name for metric in numbers}) == len(numbers)
