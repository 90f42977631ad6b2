"""What a restore reads is held from before its first step until it was read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from drtool.model.hold import FREEZE, Hold
from drtool.model.plan import Cutover, Destination, EndHold, PlaceHold, Plan, Record, Restore
from drtool.planning.drill import plan_drill
from drtool.planning.mount import plan_mount
from drtool.planning.restore import LEASE, RestoreRequest, plan_restore
from drtool.planning.sweep import plan_sweep
from tests.planning.planning_values import BY, DAY, HOOKS, NOW, backup_set, every_wait_is_known, manifest, point, policy

NONE: frozenset[str] = frozenset()


def restored(**changes: object) -> Plan:
    body: dict[str, object] = {
        "manifests": {"documents": manifest()},
        "copies": {"documents": ("near", "offsite")},
        "now": NOW,
        "declared": NOW,
        "run": "R1",
    }
    request = RestoreRequest(("documents",), Destination("original"))
    plan = plan_restore(policy(backup_set(hooks=HOOKS)), request, **{**body, **changes})  # type: ignore[arg-type]
    every_wait_is_known(plan)
    return plan


def waits(plan: Plan, identifier: str) -> set[str]:
    """Everything a step waits for, however far away."""
    steps = {step.id: step for step in plan.steps}
    found: set[str] = set()
    open_ = [identifier]
    while open_:
        step = steps[open_.pop()]
        new = {*step.needs, *step.after} - found
        found |= new
        open_ += new
    return found


def test_nothing_is_touched_before_the_copy_in_use_is_frozen() -> None:
    plan = restored()
    freezes = [step for step in plan.steps if isinstance(step.action, PlaceHold)]
    assert plan.steps[: len(freezes)] == tuple(freezes)
    assert [step.id for step in freezes] == ["documents/freeze/near", "documents/freeze/offsite"]
    action = freezes[0].action
    assert isinstance(action, PlaceHold)
    assert (action.id, action.point, action.until, action.reason) == ("R1-documents", "P-documents", NOW + LEASE, "restore R1 is running")
    for step in plan.steps[len(freezes) :]:
        if not isinstance(step.action, EndHold):
            assert "documents/freeze/near" in waits(plan, step.id)
            assert "documents/freeze/offsite" not in waits(plan, step.id), "another copy may be out of reach"


def test_it_ends_whatever_happens_once_everything_was_read() -> None:
    plan = restored()
    thaws = [step for step in plan.steps if isinstance(step.action, EndHold)]
    assert [step.id for step in thaws] == ["documents/thaw/near", "documents/thaw/offsite"]
    reads = {step.id for step in plan.steps if isinstance(step.action, Restore)}
    for step in thaws:
        assert step.always
        assert reads <= set(step.after)
        assert not step.needs
    assert not any(isinstance(step.action, Cutover) and set(step.needs) & {each.id for each in thaws} for step in plan.steps)


def test_a_drill_freezes_for_the_lease_of_its_sandbox() -> None:
    of = policy()
    plan = plan_drill(of, of.drills["monthly"], manifests={"documents": manifest()}, repository="offsite", now=NOW, declared=NOW, run="R1")
    (freeze,) = [step.action for step in plan.steps if isinstance(step.action, PlaceHold)]
    assert (freeze.repository, freeze.until) == ("offsite", NOW + timedelta(hours=2))
    (record,) = [step for step in plan.steps if isinstance(step.action, Record)]
    assert "documents/thaw/offsite" not in record.after, "the time to release a hold is not part of the recovery time"


def test_a_mount_is_held_until_its_end() -> None:
    plan = plan_mount(point("P1"), repository="near", directory="/m", made=True, until=NOW + DAY, now=NOW, run="R1", by=BY)
    every_wait_is_known(plan)
    assert [step.id for step in plan.steps] == ["documents/freeze/near", "documents/mount", "documents/thaw/near"]
    assert plan.steps[1].needs == ("documents/freeze/near",)


def swept(*holds: Hold, dead: frozenset[str] = NONE, live: frozenset[str] = NONE, ended: frozenset[str] = NONE) -> list[Hold | None]:
    plan = plan_sweep((), run="S", now=NOW, by=BY, dead_runs=dead, live_runs=live, ended_runs=ended, holds={"near": holds})
    return [step.action.hold for step in plan.steps if isinstance(step.action, EndHold)]


def test_a_sweep_ends_the_freeze_of_a_run_that_is_over() -> None:
    freeze = Hold("R1-documents", "documents", BY, "restore R1 is running", NOW - DAY, NOW + DAY, "P1", kind=FREEZE, run="R1")
    assert swept(freeze, dead=frozenset({"R1"})) == [freeze]
    assert swept(freeze, ended=frozenset({"R1"})) == [freeze]
    assert swept(freeze, live=frozenset({"R1"})) == []
    assert swept(freeze) == [], "a run of another machine ends with its lease"
    assert swept(replace(freeze, by="another"), dead=frozenset({"R1"})) == []
    assert swept(replace(freeze, kind=""), dead=frozenset({"R1"})) == [], "a person's hold is nobody else's"
    assert swept(replace(freeze, until=NOW - DAY), dead=frozenset({"R1"})) == []
    assert swept(freeze, replace(freeze, id="X", releases=freeze.id), dead=frozenset({"R1"})) == []
