"""Two state directories, one policy name, one place: what one left is the other's only after an adoption."""

from __future__ import annotations

import pytest

from drtool.app.facade import App
from drtool.model.errors import Refused
from drtool.model.plan import Destination
from drtool.planning.draft import RestoreRequest
from tests.integration.key_world import KeyWorld
from tests.integration.signed_world import machine
from tests.integration.test_signed_points import world as world  # noqa: PLC0414 - a fixture


def _in_place(app: App) -> str:
    plan = app.plan_restore(RestoreRequest(("documents",), Destination("original")))
    assert app.restore(plan).outcome == "succeeded"
    return plan.run


def _names(world: KeyWorld) -> set[str]:
    return {
        str(path) for path in world.tree.parent.rglob("*") if not str(path).startswith((str(world.root / "state"), str(world.repository)))
    }


def test_what_another_machine_left_is_told_and_is_ours_after_an_adoption(world: KeyWorld) -> None:
    first = world.app()
    third = machine(world, "third")
    third.adopt(third.choose_adoption(first.machine()))
    run = _in_place(third)  # it sealed nothing, and left something
    before, name = _names(world), third.machine()
    skipped = first.plan_sweep(kept=True).skipped
    assert any(f"drtool adopt --leftovers {name}" in each.reason for each in skipped)
    skipped = first.plan_sweep(kept=True, shown=frozenset()).skipped
    assert any(f"drtool adopt --leftovers {name}" in each.reason for each in skipped)
    first.sweep(kept=True)
    assert first.kept() == ()
    with pytest.raises(Refused, match=name):
        first.plan_undo(run)
    assert _names(world) == before
    chosen = first.choose_adoption(name, leftovers=True)
    assert (chosen.signer, chosen.points) == ("", 0)
    assert first.adopt(chosen).outcome == "succeeded"
    assert len(first.kept()) == 1
    assert first.restore(first.plan_undo(run)).outcome == "succeeded"
