"""Places that lie in one another: what is around is put in place first, within a set and over all of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from drtool.model.errors import Refused
from drtool.model.plan import Ask, Cutover, Destination, Plan, Restore
from drtool.model.point import Manifest
from drtool.model.policy import BackupSet, Policy, SourcePolicy
from drtool.planning.restore import RestoreRequest, plan_restore
from tests.planning.planning_values import NOW, backup_set, every_wait_is_known, manifest, member, policy


def _manifest(name: str, *paths: str, source: str = "here") -> Manifest:
    return manifest(name, *(member(f"{source}:{path}", path) for path in paths))


def _plan(rules: Policy, *manifests: Manifest, to: str = "original", **changes: object) -> Plan:
    names = tuple(each.set for each in manifests)
    request = replace(RestoreRequest(names, Destination(to, path="/out", sandbox="lab")), **changes)  # type: ignore[arg-type]
    known = {each.set: each for each in manifests}
    plan = plan_restore(rules, request, manifests=known, copies=dict.fromkeys(names, ("near",)), now=NOW, declared=NOW, run="R")
    every_wait_is_known(plan)
    return plan


def _waits(plan: Plan, step: str) -> set[str]:
    """Return every step that ends before this one begins."""
    known = {each.id: each for each in plan.steps}
    found: set[str] = set()
    pending = [step]
    while pending:
        each = known[pending.pop()]
        pending += [name for name in (*each.needs, *each.after) if name not in found]
        found |= {*each.needs, *each.after}
    return found


@pytest.mark.parametrize("to", ["original", "sandbox", "directory"])
def test_what_lies_around_is_in_place_before_what_lies_in_it_is_poured(to: str) -> None:
    for paths in permutations(("/data", "/data/alice", "/data/alice/mail", "/database")):
        plan = _plan(policy(backup_set(checks=())), _manifest("documents", *paths), to=to)
        for outer, inner in (("/data", "/data/alice"), ("/data/alice", "/data/alice/mail"), ("/data", "/data/alice/mail")):
            waited = _waits(plan, f"documents/restore/here:{inner}")
            assert f"documents/cutover/here:{outer}" in waited, "its staging would lie inside what is moved"
            assert f"documents/ask/census/here:{outer}" in waited, "afterwards it holds more than was counted"
        assert "documents/cutover/here:/data" not in _waits(plan, "documents/restore/here:/database")
        within = {step.action.member.workload: step.action.within for step in plan.steps if isinstance(step.action, Restore)}
        assert within == {"here:/data": False, "here:/data/alice": True, "here:/data/alice/mail": True, "here:/database": False}
        asked = [step.workload for step in plan.steps if isinstance(step.action, Ask) and step.action.check.kind == "census"]
        assert sorted(asked) == [f"here:{path}" for path in sorted(paths)]


def _sets(*names: str, **needs: tuple[str, ...]) -> tuple[BackupSet, ...]:
    return tuple(backup_set(name, needs=needs.get(name, ()), checks=()) for name in names)


def test_sets_are_put_in_place_outermost_first() -> None:
    for names in (("inner", "outer"), ("outer", "inner")):
        manifests = {"inner": _manifest("inner", "/srv/app/data"), "outer": _manifest("outer", "/srv")}
        plan = _plan(policy(*_sets(*names)), *(manifests[name] for name in names))
        assert "outer/cutover/here:/srv" in _waits(plan, "inner/restore/here:/srv/app/data")


def test_two_sources_of_one_machine_are_compared_and_two_machines_are_not() -> None:
    also = SourcePolicy("also", "files", "home")
    far = SourcePolicy("far", "files", "home", {"ssh": "pi"})
    rules = policy(*_sets("inner", "outer"))
    rules = replace(rules, sources={**rules.sources, "also": also, "far": far})
    near = _plan(rules, _manifest("inner", "/srv/app", source="also"), _manifest("outer", "/srv"))
    assert "outer/cutover/here:/srv" in _waits(near, "inner/restore/also:/srv/app")
    apart = _plan(rules, _manifest("inner", "/srv/app", source="far"), _manifest("outer", "/srv"))
    assert "outer/cutover/here:/srv" not in _waits(apart, "inner/restore/far:/srv/app")


def test_an_order_that_would_move_away_what_was_put_in_place_is_refused() -> None:
    rules = policy(*_sets("inner", "outer", outer=("inner",)))
    with pytest.raises(Refused, match="lie in one another") as refused:
        _plan(rules, _manifest("inner", "/srv/app"), _manifest("outer", "/srv"))
    assert "drtool restore" in refused.value.hint
    both = policy(*_sets("a", "b"))
    with pytest.raises(Refused, match="lie in one another"):
        _plan(both, _manifest("a", "/x", "/y/inside"), _manifest("b", "/y", "/x/inside"))


def test_one_place_is_not_restored_twice() -> None:
    rules = policy(*_sets("a", "b"))
    with pytest.raises(Refused, match="the same place: /srv"):
        _plan(rules, _manifest("a", "/srv"), _manifest("b", "/srv"))
    parts = _plan(policy(backup_set(checks=())), _manifest("documents", "/data", "/data/alice"), paths=("/data/bob", "/data/alice"))
    assert "documents/cutover/here:/data" not in _waits(parts, "documents/restore/here:/data/alice")


def test_the_last_cutover_looks_whether_the_others_still_stand() -> None:
    plan = _plan(policy(*_sets("a", "b")), _manifest("a", "/one", "/two"), _manifest("b", "/three"))
    cutovers = {step.id: step.action for step in plan.steps if isinstance(step.action, Cutover)}
    (last,) = [name for name, action in cutovers.items() if action.others]
    assert {*cutovers[last].others, last} == set(cutovers)
    assert set(cutovers[last].others) <= _waits(plan, last)
    alone = _plan(policy(*_sets("a")), _manifest("a", "/one"))
    assert not any(step.action.others for step in alone.steps if isinstance(step.action, Cutover))
