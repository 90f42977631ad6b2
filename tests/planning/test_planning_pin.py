"""What a restore reads is held from before its first step until it was read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from drtool.model.hold import PIN, Hold
from drtool.model.plan import Cutover, Destination, EndHold, PlaceHold, Plan, Record, Restore
from drtool.model.policy import Hooks
from drtool.planning.drill import plan_drill
from drtool.planning.mount import plan_mount
from drtool.planning.restore import LEASE, RestoreRequest, plan_restore
from drtool.planning.sweep import plan_sweep
from tests.planning.planning_values import BY, DAY, HOOKS, NOW, backup_set, every_wait_is_known, manifest, point, policy

NONE: frozenset[str] = frozenset()


def restored(*, hooks: Hooks = HOOKS, **changes: object) -> Plan:
    body: dict[str, object] = {
        "manifests": {"documents": manifest()},
        "copies": {"documents": ("near", "offsite")},
        "now": NOW,
        "declared": NOW,
        "run": "R1",
    }
    request = RestoreRequest(("documents",), Destination("original"))
    plan = plan_restore(policy(backup_set(hooks=hooks)), request, **{**body, **changes})  # type: ignore[arg-type]
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
    pins = [step for step in plan.steps if isinstance(step.action, PlaceHold)]
    assert plan.steps[: len(pins)] == tuple(pins)
    assert [step.id for step in pins] == ["documents/pin/near", "documents/pin/offsite"]
    action = pins[0].action
    assert isinstance(action, PlaceHold)
    assert (action.id, action.point, action.until, action.reason) == ("R1-documents", "P-documents", NOW + LEASE, "restore R1 is running")
    for step in plan.steps[len(pins) :]:
        if not isinstance(step.action, EndHold):
            assert "documents/pin/near" in waits(plan, step.id)
            assert "documents/pin/offsite" not in waits(plan, step.id), "another copy may be out of reach"


def test_what_only_reads_begins_beside_the_pin_and_nothing_is_put_in_place_before_it() -> None:
    plan = restored(hooks=Hooks())
    for step in plan.steps:
        if isinstance(step.action, Restore):
            assert step.beside == ("documents/pin/near",)
            assert waits(plan, step.id) == set(), "the first byte waits for no record"
        elif not isinstance(step.action, PlaceHold | EndHold):
            assert "documents/pin/near" in waits(plan, step.id)


def test_a_service_is_stopped_only_for_a_point_that_is_held() -> None:
    for step in restored().steps:
        if isinstance(step.action, Restore):
            assert not step.beside


def test_it_ends_whatever_happens_once_everything_was_read() -> None:
    plan = restored()
    unpins = [step for step in plan.steps if isinstance(step.action, EndHold)]
    assert [step.id for step in unpins] == ["documents/unpin/near", "documents/unpin/offsite"]
    reads = {step.id for step in plan.steps if isinstance(step.action, Restore)}
    for step in unpins:
        assert step.always
        assert reads <= set(step.after)
        assert not step.needs
    assert not any(isinstance(step.action, Cutover) and set(step.needs) & {each.id for each in unpins} for step in plan.steps)


def test_a_drill_freezes_for_the_lease_of_its_sandbox() -> None:
    of = policy()
    plan = plan_drill(of, of.drills["monthly"], manifests={"documents": manifest()}, repository="offsite", now=NOW, declared=NOW, run="R1")
    (pin,) = [step.action for step in plan.steps if isinstance(step.action, PlaceHold)]
    assert (pin.repository, pin.until) == ("offsite", NOW + timedelta(hours=2))
    (record,) = [step for step in plan.steps if isinstance(step.action, Record)]
    assert "documents/unpin/offsite" not in record.after, "the time to release a hold is not part of the recovery time"


def test_a_mount_is_held_until_its_end() -> None:
    plan = plan_mount(point("P1"), repository="near", directory="/m", made=True, until=NOW + DAY, now=NOW, run="R1", by=BY)
    every_wait_is_known(plan)
    assert [step.id for step in plan.steps] == ["documents/pin/near", "documents/mount", "documents/unpin/near"]
    assert plan.steps[1].needs == ("documents/pin/near",)


def swept(*holds: Hold, dead: frozenset[str] = NONE, live: frozenset[str] = NONE, ended: frozenset[str] = NONE) -> list[Hold | None]:
    plan = plan_sweep((), run="S", now=NOW, by=BY, dead_runs=dead, live_runs=live, ended_runs=ended, holds={"near": holds})
    return [step.action.hold for step in plan.steps if isinstance(step.action, EndHold)]


def test_a_sweep_ends_the_freeze_of_a_run_that_is_over() -> None:
    pin = Hold("R1-documents", "documents", BY, "restore R1 is running", NOW - DAY, NOW + DAY, "P1", kind=PIN, run="R1")
    assert swept(pin, dead=frozenset({"R1"})) == [pin]
    assert swept(pin, ended=frozenset({"R1"})) == [pin]
    assert swept(pin, live=frozenset({"R1"})) == []
    assert swept(pin) == [], "a run of another machine ends with its lease"
    assert swept(replace(pin, by="another"), dead=frozenset({"R1"})) == []
    assert swept(replace(pin, kind=""), dead=frozenset({"R1"})) == [], "a person's hold is nobody else's"
    assert swept(replace(pin, until=NOW - DAY), dead=frozenset({"R1"})) == []
    assert swept(pin, replace(pin, id="X", releases=pin.id), dead=frozenset({"R1"})) == []
