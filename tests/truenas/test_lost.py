"""What a run left stopped or in pieces on a NAS is told by everybody who looks, also where its state directory was lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drtool.model.errors import DrtoolError
from drtool.model.plan import Plan
from drtool.model.workload import Leftover
from drtool.planning.pieces import out_of_service
from drtool.planning.sweep import plan_sweep
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, RUN, land, take, tidy
from tests.truenas.test_in_use import KINDS, ONE, app_at, furnished, running
from tests.truenas.test_owed import BOTH, killed_at, landed_tree

NEW = "01J0000000000000000000NEW0"


def of_box(lab: Lab) -> TruenasSource:
    return lab.source(by=BY, administrator=True, stop=list(KINDS), machine="box")


def planned(left: tuple[Leftover, ...], *, over: frozenset[str] = frozenset(), machines: frozenset[str] = frozenset({"box"})) -> Plan:
    now, none = datetime.now(UTC), frozenset[str]()
    return plan_sweep(left, run=NEW, now=now, by=BY, machines=machines, dead_runs=none, live_runs=none, over_runs=over)


@pytest.mark.parametrize("machines", [frozenset({"box"}), frozenset({"another"})], ids=["our machine", "another machine"])
def test_guests_that_a_lost_run_stopped_are_told_by_name(lab: Lab, tmp_path: Path, machines: frozenset[str]) -> None:
    """The same machine without its state knows nothing of that run: silence would leave them down for good."""
    source = of_box(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, *KINDS)
    words = running(client)
    landed = land(source, member, tmp_path / "copies")
    source.close()
    killed_at(lambda: of_box(lab).cutover(landed), "pool.dataset.rename")
    assert running(client) == set()
    fresh = of_box(lab)
    left = fresh.leftovers(())
    (staging,) = left
    assert (staging.target, staging.run) == ("tank/documents", RUN)
    assert out_of_service(staging)
    plan = planned(left, machines=machines)
    assert plan.steps == ()
    (told,) = plan.skipped
    assert told.outcome == "partial"
    assert all(each in f"{told.what} {told.reason}" for each in words)
    assert "drtool adopt" in told.reason
    (step,) = planned(left, over=frozenset({RUN})).steps  # a person said that it is over
    assert all(each in step.why for each in words)
    fresh.release(staging)
    assert running(client) == words
    client.close()
    tidy(fresh)


def test_a_guest_that_waits_for_the_next_cutover_is_told_too(lab: Lab, tmp_path: Path) -> None:
    """Nothing lies in pieces then, and all the same something is down."""
    source = of_box(lab)
    landed = landed_tree(source, lab, tmp_path)
    client = furnished(lab)
    words = app_at(client, *BOTH)
    source.cutover(landed[0])
    source.close()
    fresh = of_box(lab)
    left = fresh.leftovers(())
    owing = [each for each in left if each.owes]
    assert [(each.owes, each.target) for each in owing] == [(words, "")]
    told = [each for each in planned(left).skipped if each.outcome == "partial"]
    assert len(told) == 1
    assert words in told[0].what
    for each in left:
        fresh.release(each)
    assert running(client) == {words}
    client.close()
    tidy(fresh)


def test_staging_that_nothing_depends_on_is_no_alarm(lab: Lab, tmp_path: Path) -> None:
    source = of_box(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    land(source, member, tmp_path / "copies")
    fresh = of_box(lab)
    (staging,) = fresh.leftovers(())
    assert (staging.target, staging.owes) == ("", "")
    (told,) = planned((staging,)).skipped
    assert told.outcome == "succeeded"
    source.close()
    tidy(fresh)


def test_a_sweep_that_cannot_start_a_guest_keeps_it_told(lab: Lab, tmp_path: Path) -> None:
    source = of_box(lab)
    (member,) = take(source, tmp_path / "copies", ONE)
    client = furnished(lab, "app")
    landed = land(source, member, tmp_path / "copies")
    source.close()
    killed_at(lambda: of_box(lab).cutover(landed), "pool.dataset.rename", when="after", call=2)
    fresh = of_box(lab)
    lab.faults({"method": "app.start", "kind": "error", "errno": "EFAULT", "reason": "no", "call": 0})
    for each in fresh.leftovers(()):
        if each.what == "staging":
            with pytest.raises(DrtoolError):
                fresh.release(each)
    lab.faults()
    (staging,) = (each for each in fresh.leftovers(()) if each.what == "staging")
    assert staging.owes == "the app cloud"
    assert out_of_service(staging)
    fresh.release(staging)
    assert running(client) == {"the app cloud"}
    client.close()
    tidy(fresh)
