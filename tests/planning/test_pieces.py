from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from drtool.model.identifier import identifier
from drtool.model.inventory import Inventory, Problem, SetInventory
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan
from drtool.model.report import Failure, Report, StepReport
from drtool.model.standing import Acceptance, Ours
from drtool.model.unfinished import Unfinished
from drtool.model.workload import Leftover, Workload
from drtool.planning.adopt import adopted, choose_leftovers, doubt
from drtool.planning.pieces import in_pieces, lies_in_pieces, still_unknown, unfinished_after, with_pieces
from drtool.planning.sweep import plan_sweep
from tests.planning.planning_values import BY, NOW

NONE: frozenset[str] = frozenset()
MOVING = Leftover("here", "staging", "/srv/.drtool-a", "01A", BY, target="/srv/docs", proven=True, machine="box")
BOX = frozenset({"box"})
KINDS = ("staging", "guest", "snapshot", "mount", "share", "clone")


def swept(*leftovers: Leftover, over: frozenset[str] = NONE, dead: frozenset[str] = NONE, live: frozenset[str] = NONE) -> Plan:
    return plan_sweep(leftovers, run="01Z", now=NOW, by=BY, machines=BOX, dead_runs=dead, live_runs=live, over_runs=over)


@pytest.mark.parametrize(("what", "proven", "target"), list(product(KINDS, (True, False), ("", "/srv/docs"))))
def test_what_is_ours_of_a_run_without_a_journal_is_told_and_goes_once_a_person_said_so(what: str, proven: bool, target: str) -> None:  # noqa: FBT001
    """A state that was lost knows no run any more: neither a label with a proof nor one at a platform's gate may be passed over."""
    left = replace(MOVING, what=what, proven=proven, target=target, expires="2099-01-01T00:00:00Z")
    plan = swept(left)
    assert plan.steps == ()
    (told,) = plan.skipped
    assert "drtool adopt --leftovers box" in told.reason
    moves = what == "guest" or (what == "staging" and target)
    assert told.outcome == ("partial" if moves else "succeeded")
    assert len(swept(left, over=frozenset({"01A"})).steps) == 1
    assert swept(left, over=frozenset({"01A"}), live=frozenset({"01A"})).steps == ()
    assert len(swept(left, dead=frozenset({"01A"})).steps) == 1


@pytest.mark.parametrize("what", ["sandbox", "kept", "placed"])
def test_what_lives_by_its_lease_or_a_persons_word_is_no_news(what: str) -> None:
    told = swept(replace(MOVING, what=what, expires="2099-01-01T00:00:00Z")).skipped
    assert not any("adopt" in each.reason for each in told)


def test_whoever_takes_over_says_that_the_runs_are_over() -> None:
    ours = Ours(BY, BOX, NONE)
    forged = replace(MOVING, proven=False, unproven="digest", machine="gone", run="01B")
    ended = replace(MOVING, run="01C")
    chosen = choose_leftovers((MOVING, forged, ended), "box", ours=ours, at=NOW, known_runs=frozenset({"01C"}))
    assert chosen.over_runs == ("01A",)
    known = adopted(Acceptance(("box",)), chosen, at=NOW)
    assert (known.over_runs, known.adopted) == (("01A",), ())
    theirs = adopted(known, choose_leftovers((forged,), "gone", ours=ours, at=NOW), at=NOW)
    assert (theirs.over_runs, theirs.labels) == (("01A", "01B"), ("digest",))
    known_run = choose_leftovers((forged,), "gone", ours=ours, at=NOW, known_runs=frozenset({"01B"}))
    assert known_run.over_runs == (), "a label that names a run of ours says nothing about that"


def test_a_run_that_was_taken_over_is_over_for_sources_alone() -> None:
    """Whoever writes a label chooses the run that it names: what is stored just now is judged by what is known of that."""
    unsealed = Leftover("near", "unsealed", "u", "01A", BY, machine="box")
    placed = replace(MOVING, what="placed")
    assert [step.id for step in swept(unsealed, placed, over=frozenset({"01A"})).steps] == []


@pytest.mark.parametrize("workload", ["/srv/docs", "/srv", "/srv/docs/sub", "/srv/other", "/srv/docs2"])
def test_a_member_that_an_exchange_touches_is_not_whole(workload: str) -> None:
    member = Workload(f"here:{workload}", "here", "files")
    found = Inventory(NOW, {"docs": SetInventory("docs", (member, replace(member, name=f"there:{workload}", source="there")))})
    here, there = with_pieces(replace(found, leftovers=(MOVING,)), by=BY).sets["docs"].workloads
    unproven = with_pieces(replace(found, leftovers=(replace(MOVING, unproven="digest"),)), by=BY)
    assert not any(each.lacks for each in unproven.sets["docs"].workloads)
    assert bool(here.lacks) is (workload in ("/srv/docs", "/srv", "/srv/docs/sub"))
    assert there.lacks == ""


@pytest.mark.parametrize(
    "other", [{"what": "kept"}, {"target": ""}, {"by": "another"}, {"spent": True}], ids=["kept", "not begun", "another's", "spent"]
)
def test_what_is_not_under_way_is_in_nobodys_way(other: dict[str, object]) -> None:
    left = replace(MOVING, **other)  # type: ignore[arg-type]
    assert not lies_in_pieces(left, by=BY)
    assert in_pieces(Inventory(NOW, leftovers=(left,)), by=BY, machines=BOX) == ()


def report_of(plan: Plan, *, well: bool) -> Report:
    step = plan.steps[0]
    failure = None if well else Failure("Conflict", "something new stands there", "", "", step.id)
    outcome = Outcome.SUCCEEDED if well else Outcome.FAILED
    steps = (StepReport(step.id, "release", "", "", outcome, failure=failure),)
    return Report(plan.run, "sweep", BY, outcome, NOW, NOW, 0.0, (), steps)


@pytest.mark.parametrize("what", ["staging", "guest"])
def test_what_a_sweep_could_not_finish_is_remembered_and_makes_a_run_partial(what: str) -> None:
    left = replace(MOVING, what=what)
    plan = swept(left, dead=frozenset({"01A"}))
    assert unfinished_after((left,), plan, report_of(plan, well=True), alive=NONE, now=NOW) == ()
    (told,) = unfinished_after((left,), plan, report_of(plan, well=False), alive=NONE, now=NOW)
    assert told.why == "something new stands there"
    for still in ((left,), ()):  # asked again, or not
        (skipped,) = in_pieces(Inventory(NOW, leftovers=still, unfinished=(told,)), by=BY, machines=BOX)
        assert skipped.outcome == "partial"
        assert "something new stands there" in skipped.reason


def test_a_failed_sandbox_keeps_nothing_out_of_service() -> None:
    left = replace(MOVING, what="sandbox")
    plan = swept(left, dead=frozenset({"01A"}))
    assert unfinished_after((left,), plan, report_of(plan, well=False), alive=NONE, now=NOW) == ()


def test_of_a_living_run_a_look_is_not_told_and_of_a_source_that_is_away_what_was_known() -> None:
    plan = swept(MOVING, live=frozenset({"01A"}))
    assert unfinished_after((MOVING,), plan, None, alive=frozenset({"01A"}), now=NOW) == ()
    (told,) = unfinished_after((MOVING,), plan, None, alive=NONE, now=NOW)
    other = Unfinished("here2", "/x", "01A", "/y", NOW)
    away = Problem("Unavailable", "here: it does not answer", "")
    assert still_unknown((told, other), (), (away,)) == (told,)
    assert still_unknown((told, other), (told,), (away,)) == ()


OWING = replace(MOVING, target="", owes="the app cloud", source="nas", locator="tank/drtool-stage-01A-x")


def test_what_was_stopped_for_an_exchange_makes_a_run_partial_until_it_runs_again() -> None:
    """Nothing of the data stands aside, and all the same an application is down for as long as nobody sweeps."""
    (told,) = in_pieces(Inventory(NOW, leftovers=(OWING,)), by=BY, machines=BOX)
    assert told.outcome == "partial"
    assert "the app cloud" in f"{told.what} {told.reason}"
    assert "may stand aside" not in told.reason
    assert with_pieces(Inventory(NOW, leftovers=(OWING,)), by=BY) == Inventory(NOW, leftovers=(OWING,)), "a point that is made now is whole"
    assert in_pieces(Inventory(NOW, leftovers=(replace(OWING, by="somebody"),)), by=BY, machines=BOX) == ()


@pytest.mark.parametrize("dead", [NONE, frozenset({"01A"})])
def test_a_look_tells_what_is_still_down_after_a_sweep(dead: frozenset[str]) -> None:
    plan = swept(OWING, dead=dead)
    report = report_of(plan, well=False) if dead else None
    (left,) = unfinished_after((OWING,), plan, report, alive=NONE, now=NOW)
    assert left.owes == "the app cloud"
    assert "the app cloud" in left.words
    assert "in no new point" not in left.words
    assert unfinished_after((OWING,), plan, report, alive=frozenset({"01A"}), now=NOW) == ()


@pytest.mark.parametrize(("ago", "doubted"), [(timedelta(minutes=4), True), (timedelta(days=2), False), (None, True)])
def test_whoever_takes_over_is_shown_what_moves_and_asked_about_what_is_fresh(ago: timedelta | None, *, doubted: bool) -> None:
    run = "whatever" if ago is None else identifier(int((NOW - ago).timestamp() * 1000), b"r" * 10)
    left = replace(MOVING, run=run, machine="gone", proven=False, unproven="d", does=("moves /srv/docs to /srv/x",))
    chosen = choose_leftovers((left,), "gone", ours=Ours(BY, BOX, NONE), at=NOW)
    assert any("moves /srv/docs to /srv/x" in each for each in chosen.places)
    assert bool(doubt(chosen, now=NOW)) is doubted
