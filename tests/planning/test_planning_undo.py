from __future__ import annotations

from dataclasses import replace

import pytest

from drtool.model.errors import NotFound, Refused
from drtool.model.inventory import Problem
from drtool.model.plan import Plan, Undo
from drtool.model.workload import Leftover
from drtool.planning.sweep import plan_sweep
from drtool.planning.undo import plan_undo
from tests.planning.planning_values import NOW


def left(run: str, target: str, *, what: str = "kept", by: str = "us") -> Leftover:
    return Leftover("here", what, f"{target}.before-{run}", run, by, target=target)


def planned(*leftovers: Leftover, undone: str = "01A", problems: tuple[Problem, ...] = ()) -> Plan:
    return plan_undo(leftovers, undone=undone, run="01Z", now=NOW, by="us", problems=problems)


def test_inner_places_go_first_and_one_after_the_other() -> None:
    plan = planned(
        left("01A", "/srv"), left("01A", "/srv/a/b", what="placed"), left("01A", "/srv/a"), left("01A", "/srv/x", what="staging")
    )
    actions = [step.action for step in plan.steps]
    assert [action.leftover.target for action in actions if isinstance(action, Undo)] == ["/srv/a/b", "/srv/a", "/srv"]
    assert [len(step.after) for step in plan.steps] == [0, 1, 2]


def test_what_was_exchanged_again_is_taken_back_first() -> None:
    with pytest.raises(Refused, match="by run 01C") as caught:
        planned(left("01A", "/srv"), left("01B", "/srv"), left("01C", "/srv"))
    assert "--undo 01C" in caught.value.hint
    assert planned(left("01A", "/srv"), left("01B", "/other"), left("01C", "/srv", by="them")).steps


def test_an_exchange_inside_or_around_is_taken_back_first() -> None:
    for later in ("/srv/deep", "/", "/srv"):
        with pytest.raises(Refused, match="by run 01B"):
            planned(left("01A", "/srv"), left("01B", later))
    assert planned(left("01A", "/srv"), left("01B", "/srv2")).steps


def test_what_was_taken_back_since_stands_in_no_way() -> None:
    """Restored by A, again by B, B taken back by C: A can be taken back; not when D brought B back again."""
    back = replace(left("01C", "/srv"), took_back="01B")
    assert planned(left("01A", "/srv"), back).steps
    with pytest.raises(Refused, match="by run 01D"):
        planned(left("01A", "/srv"), left("01D", "/srv"))
    with pytest.raises(NotFound, match="taken back already, by run 01C"):
        planned(replace(back, took_back="01A"))


def test_a_run_of_which_nothing_is_kept_is_told_with_what_was_not_asked() -> None:
    with pytest.raises(NotFound, match=r"01A.*pi: it is away"):
        planned(left("01B", "/srv"), left("01A", "/srv", by="them"), problems=(Problem("Unavailable", "pi: it is away", ""),))


def test_a_run_is_named_by_its_end_and_several_are_not() -> None:
    assert planned(left("01A", "/srv"), left("02B", "/var"), undone="2b").steps[0].workload == "here:/var"
    with pytest.raises(NotFound, match="fits 2 runs"):
        planned(left("01A", "/srv"), left("02A", "/var"), undone="a")


def test_what_was_kept_goes_after_what_lies_in_pieces() -> None:
    """Some of what was kept aside may still wait in the staging place to be carried back."""
    staging = Leftover("here", "staging", "/srv/.drtool-R-1", "R", "homelab")
    kept = Leftover("here", "kept", "/srv/data.before-P", "R", "homelab")
    elsewhere = Leftover("there", "staging", "/srv/.drtool-R-2", "R", "homelab")
    dead = frozenset({"R"})
    plan = plan_sweep((kept, staging, elsewhere), run="S", now=NOW, by="homelab", dead_runs=dead, live_runs=frozenset(), kept=True)
    waits = {step.id: step.after for step in plan.steps}
    assert waits["sweep/here/kept//srv/data.before-P"] == ("sweep/here/staging//srv/.drtool-R-1",)
    assert not waits["sweep/here/staging//srv/.drtool-R-1"]


def back(run: str, target: str, *, of: str = "", again: str = "", inside: str = "") -> Leftover:
    return replace(left(run, target), took_back=of, brought_back=again, inside=inside)


def targets(plan: Plan) -> list[str]:
    return [step.action.leftover.target for step in plan.steps if isinstance(step.action, Undo)]


def test_what_was_taken_back_comes_back_from_the_outside_in() -> None:
    outer = back("01B", "/srv", of="01A")
    plan = planned(back("01B", "/srv/a", of="01A", inside=outer.locator), outer, undone="01B")
    assert targets(plan) == ["/srv", "/srv/a"]
    assert plan.steps[1].needs == (plan.steps[0].id,)


def test_a_call_that_died_is_gone_on_with() -> None:
    """B took back what lies inside and died, C did the rest; D brought the outer back and died."""
    inner, outer = back("01B", "/srv/a", of="01A"), left("01A", "/srv")
    assert targets(planned(inner, outer)) == ["/srv"]
    outer = back("01C", "/srv", of="01A")
    for name in ("01B", "01C"):
        assert targets(planned(replace(inner, inside=outer.locator), outer, undone=name)) == ["/srv", "/srv/a"]
    brought = back("01D", "/srv", again="01A")
    assert targets(planned(inner, brought, undone="01B")) == ["/srv/a"]
    rest = back("01E", "/srv/a", again="01A")
    assert targets(planned(brought, rest, undone="01D")) == ["/srv/a", "/srv"]


def test_what_another_run_keeps_around_it_comes_back_first() -> None:
    outer = back("01C", "/srv", of="01B")
    with pytest.raises(Refused, match="which run 01C put aside") as caught:
        planned(replace(left("01D", "/srv/a"), inside=outer.locator), outer, undone="01D")
    assert "--undo 01C" in caught.value.hint


def test_what_lies_in_something_kept_is_swept_with_it() -> None:
    outer = left("01A", "/srv")
    inner = replace(left("01A", "/srv/a"), inside=outer.locator)
    plan = plan_sweep((inner, outer), run="S", now=NOW, by="us", dead_runs=frozenset({"01A"}), live_runs=frozenset(), kept=True)
    assert [step.id for step in plan.steps] == [f"sweep/here/kept/{outer.locator}"]


def test_a_source_that_was_not_looked_at_is_told_with_what_to_type() -> None:
    problem = Problem("Refused", "nas: it comes out of the repository", "repeat with --trust-commands")
    with pytest.raises(NotFound, match="it comes out of the repository") as caught:
        planned(problems=(problem,))
    assert caught.value.hint == problem.hint
    assert "not looked at: nas: it comes out of the repository" in planned(left("01A", "/srv"), problems=(problem,)).notes


def test_a_run_that_is_done_again_names_the_last_one_that_did_it() -> None:
    """A restored, B took that back, C brought it back, D took it back again."""
    again = replace(back("01C", "/srv", again="01A"), exchanged=("01A", "01B"))
    with pytest.raises(NotFound, match="01A was taken back, and what it did is done again since, by run 01C") as caught:
        planned(again)
    assert caught.value.hint.endswith("--undo 01C")
    with pytest.raises(NotFound, match="01B was taken back already, by run 01C"):
        planned(again, undone="01B")
    once_more = replace(back("01D", "/srv", of="01C"), exchanged=("01A", "01B", "01C"))
    with pytest.raises(NotFound, match="01A was taken back already, by run 01D"):
        planned(once_more)
    with pytest.raises(NotFound, match="01B was taken back, and what it did is done again since, by run 01D"):
        planned(once_more, undone="01B")
    with pytest.raises(NotFound, match="done again since, by run 01C"):
        planned(replace(again, exchanged=())), "a label of a release that wrote less down"


def by_hand(run: str, target: str) -> Leftover:
    return Leftover("nas", "kept", f"{target}.before-{run}", run, "us", target=target, way_back=f"rename {target} away")


def test_what_no_source_takes_back_is_refused_before_it_is_shown() -> None:
    """Also where a later run exchanged the same place: to take that back first is no way out."""
    with pytest.raises(Refused, match="run 01A put tank/a and tank/b into service, and drtool does not take that back") as caught:
        planned(by_hand("01A", "tank/a"), by_hand("01A", "tank/b"), by_hand("01B", "tank/a"))
    assert caught.value.hint == "rename tank/a away; rename tank/b away"
    assert caught.value.safe == "nothing was changed"


def test_of_a_run_of_both_kinds_what_can_be_taken_back_is_and_the_rest_is_a_problem() -> None:
    plan = planned(by_hand("01A", "tank/a"), left("01A", "/srv"))
    assert [step.action.leftover.target for step in plan.steps if isinstance(step.action, Undo)] == ["/srv"]
    (rest,) = plan.skipped
    assert (rest.what, rest.outcome) == ("nas:tank/a", "partial")
    assert "rename tank/a away" in rest.reason
