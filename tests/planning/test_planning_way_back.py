"""What is stored and nothing would take back in place: it is told on paper, and the rest comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drtool.model.errors import Refused
from drtool.model.kind import KindFacts
from drtool.model.outcome import Outcome
from drtool.model.plan import Cutover, Destination, Plan, Restore
from drtool.model.policy import Policy, SourcePolicy
from drtool.planning.restore import RestoreRequest, plan_restore
from drtool.planning.way_back import told_of_no_way_back
from tests.planning.planning_values import NOW, backup_set, manifest, policy

FACTS = {"files": KindFacts(), "stream": KindFacts(taken_by="restore")}


def planned(*workloads: str, form: str = "original", of: Policy | None = None) -> Plan:
    return plan_restore(
        of or policy(backup_set()),
        RestoreRequest(("documents",), Destination(form, path="/out" if form == "directory" else ""), workloads=workloads),
        manifests={"documents": manifest()},
        copies={"documents": ("near",)},
        now=NOW,
        declared=NOW,
        run="R1",
        facts=FACTS,
    )


def taking() -> Policy:
    made = policy(backup_set())
    billing = SourcePolicy("billing", "stream", "home", {"restore": ["load"]})
    return replace(made, sources={**made.sources, "billing": billing})


def workloads_of(plan: Plan) -> set[str]:
    return {step.workload for step in plan.steps if isinstance(step.action, Restore | Cutover)}


def test_it_is_left_out_of_a_restore_in_place_with_the_command_that_gives_it() -> None:
    plan = planned()
    assert workloads_of(plan) == {"here:/home", "here:/etc"}
    (skipped,) = plan.skipped
    assert (skipped.what, skipped.set, skipped.outcome) == ("billing", "documents", Outcome.PARTIAL)
    assert "has no `restore:` command" in skipped.reason
    point = manifest().point
    assert f"drtool restore documents --point {point} --workload billing --to directory PATH" in skipped.reason


def test_alone_it_is_refused_before_anything_starts() -> None:
    with pytest.raises(Refused, match="billing cannot be put in place") as caught:
        planned("billing")
    assert f"--point {manifest().point} --workload billing --to directory PATH" in caught.value.hint
    assert caught.value.safe == "nothing was changed"


@pytest.mark.parametrize("form", ["directory", "sandbox"])
def test_elsewhere_it_is_a_file_like_any_other(form: str) -> None:
    destination = Destination(form, path="/out" if form == "directory" else "", sandbox="lab" if form == "sandbox" else "")
    plan = plan_restore(
        policy(backup_set()),
        RestoreRequest(("documents",), destination),
        manifests={"documents": manifest()},
        copies={"documents": ("near",)},
        now=NOW,
        declared=NOW,
        run="R1",
        facts=FACTS,
    )
    assert "billing" in workloads_of(plan)
    assert plan.skipped == ()


def test_with_its_command_it_goes_in_place() -> None:
    plan = planned(of=taking())
    assert "billing" in workloads_of(plan)
    assert plan.skipped == ()


def test_it_is_told_long_before() -> None:
    (told,) = told_of_no_way_back(policy(backup_set()), FACTS)
    assert told.startswith("billing of documents has no `restore:` command")
    assert told_of_no_way_back(taking(), FACTS) == ()
