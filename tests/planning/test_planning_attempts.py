"""One attempt for each scheduled time, repeated soon only where waiting helps: a timer that calls every few minutes, on paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drtool.catalog.attempts import AttemptBook
from drtool.model.attempt import UNTIL_LOOKED, Attempts, Ending, Lesson, Task
from drtool.model.errors import Unscheduled
from drtool.model.inventory import Problem
from drtool.model.outcome import Outcome
from drtool.model.plan import Skipped
from drtool.model.policy import VerifyPolicy
from drtool.model.report import Failure, Report, SetReport, StepReport
from drtool.planning.attempted import told_by
from drtool.planning.backup import plan_run
from drtool.planning.due import is_overdue, latest_slot, next_turn, slots
from drtool.planning.endings import endings, tasks_of
from drtool.planning.maintenance import put_off
from drtool.planning.overdue import once_released, task_statuses, untimed_statuses
from drtool.planning.schedule import Timed, agenda, drill_tasks, every_task, left_out, places, run_tasks
from tests.planning.planning_values import DAY, NOW, backup_set, daily, evidence, inventory, listing, point, policy, repository

MINUTE = timedelta(minutes=1)
TASK = Task("run", "documents")
ENDINGS = {
    Lesson.GOOD: Ending(Lesson.GOOD, "succeeded"),
    Lesson.USED: Ending(Lesson.USED, "partial", "", "unreadable"),
    Lesson.WAIT: Ending(Lesson.WAIT, "failed", "Unavailable", "away"),
}
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe"])
# Nights in which the clocks change, a leap day, and any other time.
STARTS = st.sampled_from(
    [
        datetime(2026, 3, 28, 20, tzinfo=UTC),
        datetime(2026, 10, 24, 20, tzinfo=UTC),
        datetime(2026, 3, 7, 22, tzinfo=UTC),
        datetime(2026, 10, 31, 22, tzinfo=UTC),
        datetime(2028, 2, 28, 20, tzinfo=UTC),
        datetime(2026, 11, 23, 14, 3, tzinfo=UTC),
    ]
)
SCHEDULES = st.sampled_from(["30 2 * * *", "0 * * * *", "*/15 * * * *", "0 */6 * * *", "15 4 29 2 *", "@daily"])
LESSONS = st.lists(st.sampled_from([Lesson.GOOD, Lesson.USED, Lesson.WAIT, None]), min_size=1, max_size=40)


@dataclass
class Timer:
    """A timer that calls again and again; what is remembered goes through the file, as it does on a host."""

    folder: Path
    schedule: str
    zone: str = "UTC"
    tried: list[datetime] = field(default_factory=list)

    def known(self) -> Attempts:
        return AttemptBook(str(self.folder), by="homelab").load().get(TASK, Attempts())

    def call(self, now: datetime, lesson: Callable[[int], Lesson | None], *, took: timedelta = MINUTE) -> bool:
        """One call; a lesson of None is a run that was killed before anybody wrote its end down."""
        known = self.known()
        if known.run and known.lesson is None:
            known = replace(known, lesson=Lesson.WAIT, ended=known.last)
        if not next_turn(self.schedule, self.zone, known=known, now=now).due:
            return False
        book, run = AttemptBook(str(self.folder), by="homelab"), f"R{len(self.tried)}"
        book.begin({TASK: known}, run=run, now=now, places={})
        taught = lesson(len(self.tried))
        self.tried.append(now)
        if taught is not None:
            book.end({TASK: ENDINGS[taught]}, run=run, now=now + took)
        return True

    def calls(self, start: datetime, *, hours: float, every: timedelta, lesson: Callable[[int], Lesson | None]) -> None:
        now = start
        while now < start + timedelta(hours=hours):
            self.call(now, lesson)
            now += every


@settings(deadline=None, max_examples=5)
@given(SCHEDULES, ZONES, STARTS, LESSONS)
def test_no_scheduled_time_is_tried_twice_unless_waiting_helps(
    tmp_path_factory: pytest.TempPathFactory, schedule: str, zone: str, start: datetime, lessons: list[Lesson | None]
) -> None:
    taught: dict[datetime, Lesson | None] = {}
    timer = Timer(tmp_path_factory.mktemp("state"), schedule, zone)
    now = start
    while now < start + timedelta(hours=20):
        number = len(timer.tried)
        if timer.call(now, lambda number: lessons[number % len(lessons)]):
            taught[now] = lessons[number % len(lessons)]
        now += 5 * MINUTE
    times = list(taught)
    assert times[0] == start, "what was never tried is due"
    for earlier, later in pairwise(times):
        slot = latest_slot(schedule, zone, later)
        assert slot is not None
        if earlier >= slot:  # a repetition
            assert taught[earlier] in (Lesson.WAIT, None), (earlier, later, taught[earlier])
            following = slots(schedule, zone, start=slot, count=1)[0]
            first = next(each for each in times if each >= slot)
            assert later - first <= (following - slot) / 2, "at most until half the interval"
            assert later - earlier >= 5 * MINUTE * 2 ** (len([each for each in times if slot <= each < later]) - 1)
    missed = [slot for slot in slots(schedule, zone, start=start, count=200) if slot + 5 * MINUTE < start + timedelta(hours=20)]
    for slot in missed:
        following = slots(schedule, zone, start=slot, count=1)[0]
        assert any(slot <= each < following for each in times), f"{slot} was never tried"


@settings(deadline=None, max_examples=5)
@given(ZONES, STARTS)
def test_a_good_attempt_comes_once_for_each_time_also_in_the_nights_of_the_clocks(
    tmp_path_factory: pytest.TempPathFactory, zone: str, start: datetime
) -> None:
    timer = Timer(tmp_path_factory.mktemp("state"), "30 2 * * *", zone)
    timer.calls(start, hours=50, every=11 * MINUTE, lesson=lambda _number: Lesson.GOOD)
    expected = [slot for slot in slots("30 2 * * *", zone, start=start, count=9) if slot <= timer.tried[-1]]
    assert len(timer.tried) == 1 + len(expected)


def test_waiting_doubles_until_half_the_interval(tmp_path: Path) -> None:
    timer = Timer(tmp_path, "0 0 * * *")
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    timer.call(midnight - 2 * timedelta(hours=1), lambda _number: Lesson.GOOD)
    timer.calls(midnight, hours=12, every=MINUTE, lesson=lambda _number: Lesson.WAIT)
    minutes = [(each - midnight) / MINUTE for each in timer.tried[1:]]
    # each waits 5, 10, 20 … minutes from the end of the one before, which took one
    assert minutes == [0, 6, 17, 38, 79, 160, 321, 642]


def test_what_ended_well_or_needs_a_person_is_not_repeated(tmp_path: Path) -> None:
    for lesson in (Lesson.GOOD, Lesson.USED):
        timer = Timer(tmp_path / lesson, "0 3 1 1 *")
        timer.calls(NOW, hours=24, every=10 * MINUTE, lesson=lambda _number, lesson=lesson: lesson)  # type: ignore[misc]
        assert timer.tried == [NOW]


@settings(deadline=None, max_examples=6)
@given(st.integers(min_value=-90 * 24 * 60, max_value=90 * 24 * 60), st.sampled_from([Lesson.GOOD, Lesson.USED, Lesson.WAIT]))
def test_a_clock_that_is_set_back_or_forth_costs_one_attempt_at_most(
    tmp_path_factory: pytest.TempPathFactory, minutes: int, lesson: Lesson
) -> None:
    """Also one that had run ahead by months: its stamps lie in the future and would keep everything from running."""
    timer = Timer(tmp_path_factory.mktemp("state"), "0 3 * * *")
    timer.call(NOW, lambda _number: Lesson.GOOD)
    moved = NOW + minutes * MINUTE
    before = len(timer.tried)
    timer.calls(moved, hours=2, every=5 * MINUTE, lesson=lambda _number: lesson)
    repeated = 6 if lesson is Lesson.WAIT else 0
    assert len(timer.tried) - before <= 1 + len(slots("0 3 * * *", start=moved, count=1)) + repeated
    timer.calls(moved + timedelta(hours=2), hours=26, every=20 * MINUTE, lesson=lambda _number: Lesson.GOOD)
    assert timer.known().succeeded is not None
    assert any(each > moved + timedelta(hours=2) for each in timer.tried), "a day later it has run again"


def test_a_small_step_back_of_the_clock_repeats_nothing(tmp_path: Path) -> None:
    timer = Timer(tmp_path, "0 14 * * *")
    assert timer.call(NOW, lambda _number: Lesson.USED)
    assert not timer.call(NOW - MINUTE, lambda _number: Lesson.GOOD)
    assert not timer.call(NOW + 5 * MINUTE, lambda _number: Lesson.GOOD)


def test_killed_between_the_stamp_and_the_run_waits_five_minutes(tmp_path: Path) -> None:
    timer = Timer(tmp_path, "0 3 * * *")
    assert timer.call(NOW, lambda _number: None)
    assert not timer.call(NOW + 4 * MINUTE, lambda _number: Lesson.GOOD)
    assert timer.call(NOW + 5 * MINUTE, lambda _number: None)
    assert not timer.call(NOW + 14 * MINUTE, lambda _number: Lesson.GOOD)
    assert timer.call(NOW + 15 * MINUTE, lambda _number: Lesson.GOOD)
    assert not timer.call(NOW + 60 * MINUTE, lambda _number: Lesson.GOOD)


def test_the_file_forgets_nothing_by_count_and_is_no_more_than_a_memory(tmp_path: Path) -> None:
    book = AttemptBook(str(tmp_path), by="homelab")
    yearly = Task("prune", "near")
    book.begin({yearly: Attempts()}, run="R0", now=NOW - 300 * DAY, places={})
    book.end({yearly: ENDINGS[Lesson.GOOD]}, run="R0", now=NOW - 300 * DAY)
    for number in range(200):
        known = book.load().get(TASK, Attempts())
        book.begin({TASK: known}, run=f"R{number}", now=NOW + number * MINUTE, places={})
        book.end({TASK: ENDINGS[Lesson.WAIT]}, run=f"R{number}", now=NOW + number * MINUTE)
    assert book.load()[yearly].succeeded == NOW - 300 * DAY
    assert not next_turn("0 5 1 1 *", known=book.load()[yearly], now=NOW).due
    assert len(book.load()[TASK].failures) == 10
    assert len(book.load()[TASK].begun) == 32
    assert (tmp_path / "attempts.json").stat().st_size < 10_000
    assert AttemptBook(str(tmp_path), by="another").load() == {}, "two policies may share a state directory"
    (tmp_path / "attempts.json").write_text('{"policies": {"homelab": {"run/documents": {"begun": 3}, "prune/near": {}}}}')
    assert book.load() == {yearly: Attempts()}
    (tmp_path / "attempts.json").write_text("[")
    assert book.load() == {}


def test_lost_state_is_made_up_from_the_repository() -> None:
    of = policy(backup_set(), repositories={"near": replace(repository("near"), prune="0 5 * * 0"), "offsite": repository("offsite")})
    whole, partial = point("A", NOW - DAY), point("B", NOW - timedelta(hours=2), complete=False)
    told = told_by(of, TASK, listing("near", (whole, partial, point("X", NOW, by="another"))), now=NOW)
    assert told is not None
    assert (told.last, told.lesson, told.succeeded) == (partial.instant, Lesson.USED, whole.instant)
    assert told_by(of, TASK, listing("near"), now=NOW) is None, "never stored: due"

    read = Task("verify", "near")
    wrong = evidence(subject="verify", point="", set="", started=NOW - timedelta(hours=1), outcome="data_wrong")
    alone = evidence(id="E2", subject="verify", point="P1", started=NOW - timedelta(minutes=61))
    told = told_by(of, read, listing("near", evidence=(wrong, alone)), now=NOW)
    assert told is not None
    assert (told.last, told.lesson, told.succeeded) == (wrong.started, Lesson.USED, None)

    prune = Task("prune", "near")  # Sunday is 2026-11-22
    for newest, due in ((datetime(2026, 11, 22, 4, tzinfo=UTC), True), (datetime(2026, 11, 22, 6, tzinfo=UTC), False)):
        told = told_by(of, prune, listing("near", daily(9, newest=newest)), now=NOW)
        assert told is not None
        assert next_turn("0 5 * * 0", known=told, now=NOW).due is due
    told = told_by(of, prune, listing("near"), now=NOW)
    assert told is not None
    assert not next_turn("0 5 * * 0", known=told, now=NOW).due, "nothing lies there that could be freed"


def test_drills_are_known_by_the_name_in_their_evidence() -> None:
    of = policy()
    task = Task("drill", "monthly")
    (drill,) = of.drills.values()

    def told(*records: object) -> Attempts | None:
        return told_by(of, task, listing("offsite", evidence=records), now=NOW)

    mine = evidence(repository="offsite", details={"drill": "monthly"}, started=NOW - DAY, ended=NOW - DAY)
    by_hand = replace(mine, id="E2", details={"drill": "documents"}, started=NOW, ended=NOW)
    assert told() is None
    assert told(by_hand) is None, "a drill of the set by hand is another, lesser one"
    known = told(mine, by_hand)
    assert known is not None
    assert (known.last, known.lesson) == (NOW - DAY, Lesson.GOOD)
    nameless = told(replace(mine, details={}))
    assert nameless is not None, "an earlier release named none"
    killed = told(mine, replace(mine, id="E3", started=NOW - MINUTE, ended=NOW, outcome="interrupted"))
    assert killed is not None
    assert (killed.lesson, killed.succeeded) == (Lesson.WAIT, None)
    two = replace(of, drills={"monthly": replace(drill, sets=("documents", "photos"))})
    assert told_by(two, task, listing("offsite", evidence=(mine,)), now=NOW) is None, "a set was added since"


def test_of_another_place_nothing_is_known() -> None:
    of = policy()
    tasks = run_tasks(of, of.sets)
    where = places(of, tasks)
    good = Attempts(begun=(NOW,), lesson=Lesson.GOOD, succeeded=NOW, place=where[TASK])
    assert agenda(tasks, {TASK: good}, places=where, now=NOW).unknown == ()
    assert agenda(tasks, {TASK: replace(good, place="elsewhere")}, places=where, now=NOW).unknown == (TASK,)
    assert agenda(tasks, {}, places=where, now=NOW).unknown == (TASK,)
    late = agenda(tasks, {TASK: good}, places=where, now=NOW + 3 * DAY)
    assert late.names("run") == ("documents",)
    assert agenda(tasks, {TASK: good}, alive=(TASK,), places=where, now=NOW + 3 * DAY).due == (), "it is under way"


def test_a_call_that_could_never_do_anything_says_so() -> None:
    silent = policy(backup_set(schedule=None), drills={})
    with pytest.raises(Unscheduled, match="nothing in the policy has a schedule"):
        run_tasks(silent, silent.sets)
    with pytest.raises(Unscheduled, match="no drill"):
        drill_tasks(silent, silent.drills)
    assert every_task(silent) == {}
    mixed = policy(backup_set(), backup_set("photos", schedule=None))
    assert left_out(mixed) == ("photos",)
    assert left_out(silent) == (), "where no set has one nobody expects it"
    assert set(run_tasks(mixed, mixed.sets)) == {TASK}
    with pytest.raises(Unscheduled, match="photos has no schedule"):
        run_tasks(mixed, ("photos",))
    kept = replace(silent, repositories={"near": replace(repository("near"), verify=VerifyPolicy("@daily"))})
    assert set(run_tasks(kept, kept.sets)) == {Task("verify", "near")}


def _report(outcome: Outcome, *failures: str, complete: bool | None = None) -> Report:
    steps = tuple(
        StepReport(f"documents/{number}", "store", "documents", "", Outcome.FAILED, failure=Failure(kind, f"{kind} it was"))
        for number, kind in enumerate(failures)
    )
    entry = SetReport("documents", outcome, complete=complete)
    return Report("R", "run", "homelab", outcome, NOW, NOW, 1.0, sets=(entry,), steps=steps)


@pytest.mark.parametrize(
    ("report", "lesson"),
    [
        (_report(Outcome.SUCCEEDED, complete=True), Lesson.GOOD),
        (_report(Outcome.OBJECTIVE_MISSED, complete=True), Lesson.GOOD),
        (_report(Outcome.PARTIAL, "Unavailable", complete=False), Lesson.USED),
        (_report(Outcome.DATA_WRONG, "Corrupt"), Lesson.USED),
        (_report(Outcome.REFUSED, "Refused"), Lesson.USED),
        (_report(Outcome.REFUSED, "NotNow"), Lesson.WAIT),
        (_report(Outcome.FAILED, "Unavailable"), Lesson.WAIT),
        (_report(Outcome.FAILED, "Locked", "Unavailable"), Lesson.WAIT),
        (_report(Outcome.FAILED, "Unavailable", "WrongKey"), Lesson.USED),
        (_report(Outcome.FAILED, "Bug"), Lesson.USED),
        (_report(Outcome.FAILED), Lesson.USED),
        (_report(Outcome.INTERRUPTED), Lesson.WAIT),
        (_report(Outcome.INTERRUPTED, "Interrupted"), Lesson.WAIT),
        (_report(Outcome.INTERRUPTED, complete=True), Lesson.USED),
        (_report(Outcome.FAILED, "Unavailable", complete=True), Lesson.USED),
    ],
)
def test_what_an_attempt_teaches(report: Report, lesson: Lesson) -> None:
    """A point that was sealed has used the time up, also when its copy failed: nothing is stopped once more for that."""
    plan = plan_run(policy(), inventory(), sets=("documents",), now=NOW, run="R", points={"documents": "N"})
    assert tasks_of(plan) == (TASK,)
    assert endings(plan, report)[TASK].lesson is lesson


def test_a_source_or_repository_that_is_away_is_waited_for() -> None:
    plan = plan_run(policy(), inventory(), sets=("documents",), now=NOW, run="R", points={"documents": "N"})
    for because, lesson in (("Unavailable", Lesson.WAIT), ("Refused", Lesson.USED), ("", Lesson.USED)):
        skipped = replace(plan, steps=(), skipped=(Skipped("documents", "away", "failed", set="documents", because=because),))
        assert endings(skipped, _report(Outcome.FAILED))[TASK].lesson is lesson
    away = inventory(replace(listing("near"), problem=Problem("Unavailable", "near does not answer")), listing("offsite"))
    (waits,) = put_off(policy(), away, ("documents",))
    assert (waits.set, waits.because, waits.outcome) == ("documents", "Unavailable", "failed")
    assert put_off(policy(), inventory(), ("documents",)) == ()


def test_a_hold_that_is_released_is_no_reason_to_look_any_more() -> None:
    held = Attempts(
        begun=(NOW,), ended=NOW, lesson=Lesson.USED, outcome="partial", what=f"{UNTIL_LOOKED}: 0 files where 20 were", hint="drtool points"
    )
    other = replace(held, what="near is away", hint="drtool doctor near")
    drill = Task("drill", "documents")
    known = {TASK: held, Task("run", "photos"): other, drill: held}
    assert once_released(known, {"documents"}) == known
    found = once_released(known, ())
    assert found == {**known, TASK: found[TASK]}
    (told, *_others) = untimed_statuses(found, now=NOW + MINUTE)
    assert "until you have looked" not in told.attention
    assert "ended partial (nothing of it was forgotten then; that hold is released, and the next run forgets again)" in told.attention
    assert told.next == "drtool run documents"


def test_status_tells_of_what_was_missed_and_of_what_failed() -> None:
    tasks = {TASK: Timed("0 3 * * *"), Task("drill", "monthly"): Timed("0 4 1 * *"), Task("prune", "near"): Timed("0 5 * * 0")}
    yesterday = NOW - DAY
    good = Attempts(begun=(yesterday,), lesson=Lesson.GOOD, succeeded=yesterday)
    (run, drill, prune) = task_statuses(tasks, {TASK: good}, now=NOW)
    assert (run.attention, drill.attention, prune.attention) == ("", "", ""), "a time is overdue after half its interval"
    (run, *_others) = task_statuses(tasks, {TASK: good}, now=NOW + timedelta(hours=2))
    assert "was due at 2026-11-23 03:00 UTC and was not tried since" in run.attention
    assert run.next == "drtool run --due"
    assert task_statuses(tasks, {TASK: good}, alive=(TASK,), now=NOW + timedelta(hours=2))[0].attention == ""
    monthly = replace(good, begun=(NOW - 40 * DAY,), succeeded=NOW - 40 * DAY)
    (_run, drill, _prune) = task_statuses(tasks, {Task("drill", "monthly"): monthly}, now=NOW)
    assert "the drill monthly was due at 2026-11-01 04:00 UTC" in drill.attention
    assert "drtool drill --due" in drill.attention
    failed = Attempts(begun=(NOW,), ended=NOW, lesson=Lesson.WAIT, outcome="failed", kind="Unavailable", what="near is away")
    (run, *_others) = task_statuses(tasks, {TASK: failed}, now=NOW + MINUTE)
    said = "the last attempt at the backup of documents, 1m ago, ended failed (near is away)"
    assert run.attention == f"{said}; a timer's call tries again from 2026-11-23 14:05 UTC on"
    assert is_overdue("@daily", known=Attempts(), now=NOW) is None
