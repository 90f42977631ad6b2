"""How much room a restore needs."""

from __future__ import annotations

from dataclasses import replace

from drtool.model.plan import Destination, Plan, Reserve, Restore
from drtool.planning.restore import RestoreRequest, plan_restore
from drtool.planning.room import needed_bytes, whole_bytes, with_sizes
from tests.planning.planning_values import NOW, backup_set, manifest, member, policy


def planned(*paths: str, form: str = "sandbox") -> Plan:
    one = member("here:/tank/a", "/tank/a")
    artifact = one.artifacts[0]
    one = replace(one, artifacts=(replace(artifact, census=replace(artifact.census, bytes=1000)),))
    point = manifest("documents", one)
    request = RestoreRequest(("documents",), Destination(form, path="/out" if form == "directory" else "", sandbox="lab"), paths=paths)
    return plan_restore(
        policy(backup_set()), request, manifests={"documents": point}, copies={"documents": ("near",)}, now=NOW, declared=NOW, run="R1"
    )


def restores(plan: Plan) -> dict[str, Restore]:
    return {step.id: step.action for step in plan.steps if isinstance(step.action, Restore)}


def reserved(plan: Plan) -> list[int]:
    return [step.action.bytes for step in plan.steps if isinstance(step.action, Reserve)]


def test_the_whole_needs_what_was_counted() -> None:
    plan = planned()
    (action,) = restores(plan).values()
    assert (needed_bytes(action), whole_bytes(action), reserved(with_sizes(plan, {}))) == (1000, 1000, [1000])


def test_single_paths_need_what_they_take_and_the_unknown_is_told() -> None:
    plan = planned("/tank/a/file")
    (name,) = restores(plan)
    sized = with_sizes(plan, {name: 7})
    assert (needed_bytes(restores(sized)[name]), reserved(sized), sized.notes) == (7, [7], plan.notes)
    unknown = with_sizes(plan, {name: None})
    assert needed_bytes(restores(unknown)[name]) is None
    assert "how much room /tank/a/file needs is not known; it is tried" in unknown.notes[-1]
