from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.model.codec import decode, encode
from drtool.model.errors import NotFound
from drtool.model.hold import Hold
from drtool.model.inventory import Inventory, Problem
from drtool.model.plan import Copy, Forget, Plan, Seal, Step, Store, TakeSnapshot
from drtool.model.policy import Hooks, Policy, Protect, Retention
from drtool.planning.backup import LIFETIME, plan_run
from drtool.planning.copy import plan_copy
from tests.planning.planning_values import (
    DAY,
    HOOKS,
    NOW,
    WORKLOADS,
    backup_set,
    daily,
    every_wait_is_known,
    hook,
    inventory,
    listing,
    point,
    policy,
    workload,
)


def _plan(of: Policy, seen: Inventory, **changes: str) -> Plan:
    names = tuple(of.sets)
    plan = plan_run(of, seen, sets=names, now=NOW, run="R1", points={name: changes.get(name, f"NEW-{name}") for name in names})
    every_wait_is_known(plan)
    again = decode(Plan, json.loads(json.dumps(encode(plan))))
    assert again == plan
    assert again.digest == plan.digest
    return plan


def _steps(plan: Plan) -> dict[str, Step]:
    return {step.id: step for step in plan.steps}


def test_a_whole_run() -> None:
    workloads = (workload("here:/home", snapshots=True), *WORKLOADS[1:])
    plan = _plan(policy(backup_set(hooks=HOOKS, nice=True)), inventory(listing("near", daily(4)), listing("offsite"), workloads=workloads))
    steps = _steps(plan)
    assert list(steps) == [
        "documents/before/1",
        "documents/before/2",
        "documents/before/3",
        "documents/snapshot/here:/home",
        "documents/store/here:/home",
        "documents/store/here:/etc",
        "documents/store/billing",
        "documents/after/1",
        "documents/after/2",
        "documents/release/here:/home",
        "documents/seal",
        "documents/guard",
        "documents/copy/offsite",
        "documents/forget/near",
    ]
    assert steps["documents/before/3"].needs == ("documents/before/1",)
    assert steps["documents/before/3"].after == ("documents/before/2",)
    store = steps["documents/store/here:/home"]
    assert store.needs == ("documents/before/1", "documents/before/3", "documents/snapshot/here:/home")
    assert store.uses == ("repository:near", "source:here")
    assert isinstance(store.action, Store)
    assert store.action.expires == NOW + LIFETIME
    assert store.action.nice
    thaw = steps["documents/after/1"]
    assert thaw.always
    assert not thaw.needs
    assert set(thaw.after) >= {"documents/snapshot/here:/home", "documents/store/here:/etc", "documents/store/billing"}
    assert "documents/store/here:/home" not in thaw.after
    assert steps["documents/release/here:/home"].always
    copy = steps["documents/copy/offsite"]
    assert copy.action == Copy("near", "offsite", ("P001", "P002", "P003", "P004", "NEW-documents"))
    forget = steps["documents/forget/near"]
    assert forget.action == Forget("near", ("P001", "P002"), expected="NEW-documents")
    assert forget.needs == ("documents/seal",)
    assert set(forget.after) == {"documents/copy/offsite", "documents/guard"}
    assert not plan.skipped


def test_copies_only_what_is_kept_there_and_forgets_after_it() -> None:
    days = daily(9)
    seen = inventory(listing("near", days), listing("offsite", days[3:]))
    steps = _steps(_plan(policy(), seen))
    assert steps["documents/copy/offsite"].action == Copy("near", "offsite", ("P007", "P008", "P009", "NEW-documents"))
    forget = steps["documents/forget/offsite"]
    assert forget.action == Forget("offsite", ("P001", "P002"), expected="NEW-documents")
    assert forget.needs == ("documents/seal", "documents/copy/offsite")


def test_a_future_point_is_copied_and_nothing_is_forgotten() -> None:
    ahead = point("AHEAD", NOW + DAY)
    plan = _plan(policy(), inventory(listing("near", (*daily(9), ahead)), listing("offsite")))
    assert "documents/forget/near" not in _steps(plan)
    action = _steps(plan)["documents/copy/offsite"].action
    assert isinstance(action, Copy)
    assert "AHEAD" in action.points
    assert "P001" not in action.points


def test_only_our_own_points_are_judged() -> None:
    plan = _plan(policy(), inventory(listing("near", daily(9, by="another")), listing("offsite")))
    assert {verdict.point for verdict in plan.verdicts} == {"NEW-documents"}


def test_an_unreachable_repository_is_tried_and_keeps_everything() -> None:
    broken = listing("near", daily(9), problem=Problem("Unavailable", "near does not answer"))
    plan = _plan(policy(), inventory(broken))
    steps = _steps(plan)
    assert "documents/store/billing" in steps
    assert "documents/copy/offsite" in steps
    assert not any(isinstance(step.action, Forget) for step in plan.steps)
    assert len(plan.notes) == 2


def test_holds_stop_the_forget() -> None:
    hold = Hold("H1", "documents", "me", "wait", NOW - DAY)
    plan = _plan(policy(), inventory(listing("near", daily(9), holds=(hold,)), listing("offsite", daily(9)[:5])))
    assert "documents/forget/near" not in _steps(plan)


def test_missing_members_make_the_fresh_point_count_as_partial() -> None:
    seen = inventory(
        listing("near", daily(3)),
        listing("offsite", daily(3)),
        workloads=(WORKLOADS[0], workload("here:/etc", problem="no such directory"), WORKLOADS[0]),
        problems=(Problem("Unavailable", "billing does not answer"), Problem("Unavailable", "something else")),
    )
    plan = _plan(policy(), seen)
    action = _steps(plan)["documents/seal"].action
    assert isinstance(action, Seal)
    assert action.stores == {"here:/home": "documents/store/here:/home"}
    assert {(one.workload, one.reason) for one in action.missing} == {
        ("here:/etc", "no such directory"),
        ("billing", "billing does not answer"),
        ("source 2", "something else"),
    }
    assert "documents/forget/near" not in _steps(plan)


def test_an_empty_selector_fails_and_is_missing() -> None:
    plan = _plan(policy(), inventory(workloads=WORKLOADS[:2], empty=("billing",)))
    assert [(one.what, one.outcome) for one in plan.skipped] == [("documents/billing", "failed")]
    action = _steps(plan)["documents/seal"].action
    assert isinstance(action, Seal)
    assert [one.workload for one in action.missing] == ["billing"]


def test_nothing_to_store() -> None:
    failed = _plan(policy(), inventory(workloads=(), problems=(Problem("Unavailable", "here does not answer"),)))
    assert not failed.steps
    assert failed.skipped[-1].outcome == "failed"
    assert "here does not answer" in failed.skipped[-1].reason
    allowed = _plan(policy(backup_set(protect=(Protect("here", allow_empty=True),))), inventory(workloads=()))
    assert [one.outcome for one in allowed.skipped] == ["succeeded"]
    unseen = _plan(policy(), replace(inventory(), sets={}))
    assert [one.outcome for one in unseen.skipped] == ["failed"]


def test_an_unknown_set_is_told_with_the_known_ones() -> None:
    with pytest.raises(NotFound) as caught:
        plan_run(policy(), inventory(), sets=("nothing",), now=NOW, run="R1", points={})
    assert "documents" in caught.value.hint


def test_a_forget_waits_for_every_set_that_writes_there() -> None:
    both = policy(backup_set(), backup_set("photos", copies=()))
    first = inventory(listing("near", daily(9)), listing("offsite"))
    seen = replace(first, sets={**first.sets, **inventory(set_name="photos").sets})
    forget = _steps(_plan(both, seen))["documents/forget/near"]
    assert set(forget.after) == {"documents/copy/offsite", "photos/seal", "documents/guard", "photos/guard"}


@given(
    st.lists(st.booleans(), min_size=1, max_size=6),
    st.integers(0, 12),
    st.integers(0, 12),
    st.lists(st.sampled_from(["stop", "continue"]), max_size=3),
    st.integers(0, 3),
)
def test_prefixes_of_a_run_are_safe(snapshots: list[bool], near: int, offsite: int, before: list[str], last: int) -> None:
    hooks = Hooks(before=tuple(hook("x", on_failure=one) for one in before), after=(hook("y"),))
    chosen = backup_set(hooks=hooks, keep=Retention(last=last, daily=2))
    workloads = [workload(f"here:/{number}", snapshots=one) for number, one in enumerate(snapshots)]
    plan = _plan(policy(chosen), inventory(listing("near", daily(near)), listing("offsite", daily(offsite)), workloads=workloads))
    sealed = False
    arrived: set[str] = set()
    for step in plan.steps:
        if isinstance(step.action, Seal):
            sealed = True
            arrived.add(step.action.repository)
        if isinstance(step.action, Copy):
            assert sealed
            arrived.add(step.action.target)
        if isinstance(step.action, Forget):
            assert step.action.repository in arrived
            assert step.action.expected == "NEW-documents"
            assert step.action.expected not in step.action.points
            kept = {one.point for one in plan.verdicts if one.repository == step.action.repository and one.reasons}
            assert not kept.intersection(step.action.points)


def test_a_set_is_taken_together_by_the_first_of_each_source() -> None:
    names = ("nas:tank/a", "nas:tank/b", "other:x")
    workloads = [replace(workload(name, snapshots=True), source=name.partition(":")[0]) for name in names]
    steps = _steps(_plan(policy(backup_set()), inventory(listing("near"), listing("offsite"), workloads=workloads)))
    taken = {name: steps[f"documents/snapshot/{name}"] for name in names}
    assert [step.action.together for step in taken.values() if isinstance(step.action, TakeSnapshot)] == [("nas:tank/b",), (), ()]
    assert taken["nas:tank/b"].after == ("documents/snapshot/nas:tank/a",)
    assert taken["other:x"].after == ()


def test_plan_copy() -> None:
    alone = backup_set("alone", copies=())
    empty = backup_set("empty")
    seen = inventory(listing("near", daily(7)), listing("offsite", daily(7)[:2]))
    plan = plan_copy(policy(backup_set(), alone, empty), seen, sets=("documents", "alone", "empty"), now=NOW, run="R1")
    every_wait_is_known(plan)
    assert [step.action for step in plan.steps] == [Copy("near", "offsite", ("P003", "P004", "P005"))]
    assert [one.set for one in plan.skipped] == ["alone", "empty"]
    broken = listing("near", problem=Problem("Unavailable", "near does not answer"))
    failed = plan_copy(policy(), inventory(broken), sets=("documents",), now=NOW, run="R1")
    assert [(one.reason, one.outcome) for one in failed.skipped] == [("near does not answer", "failed")]


def test_lifetime_is_told_to_every_store() -> None:
    plan = plan_run(policy(), inventory(), sets=("documents",), now=NOW, run="R1", points={"documents": "N"}, lifetime=timedelta(hours=1))
    assert {step.action.expires for step in plan.steps if isinstance(step.action, Store)} == {NOW + timedelta(hours=1)}


def test_the_way_a_workload_is_read_is_the_reason_of_its_store() -> None:
    way = "raw blocks: it has no files"
    told = replace(workload("nas:tank/disk", snapshots=True), way=way)
    steps = _steps(_plan(policy(), inventory(listing("near"), listing("offsite"), workloads=(told, WORKLOADS[0]))))
    assert steps["documents/store/nas:tank/disk"].why == way
    assert steps["documents/store/here:/home"].why.startswith("here protects it")
