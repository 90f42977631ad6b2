"""No stream is ever added to a chain that could not be restored, or of which nobody knows that it can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drtool.model.damage import Damage
from drtool.model.plan import Release
from drtool.model.workload import Leftover
from drtool.planning.chain import extendable, member_of
from drtool.planning.sweep import plan_sweep
from tests.planning.planning_values import BY, DAY, NOW, daily, evidence, listing, manifest, member, point, workload

WRONG = evidence(subject="verify", point="", set="", outcome="data_wrong", ended=NOW - DAY)


def choose(points: Any, **changes: Any) -> tuple[str, str]:  # noqa: ANN401 - points in any collection
    found = extendable(listing("near", points, **changes), set_name="documents", machine="m")
    return found.point.point if found.point is not None else "", found.reason


def test_the_newest_whole_point_of_this_machine_is_gone_on_with() -> None:
    points = daily(3, machine="m")
    assert choose(points) == ("P003", "")
    assert choose((*points, point("P009", NOW, machine="m", set="letters"))) == ("P003", "")
    assert choose(()) == ("", ""), "the first one is no news"


@pytest.mark.parametrize(
    ("newest", "changes", "reason"),
    [
        ({"lacking": 1}, {}, "is not whole"),
        ({"machine": "another"}, {}, "another machine"),
        ({}, {"evidence": (WRONG,)}, "found damaged"),
        ({}, {"evidence": (replace(WRONG, point="P001", set="documents"),)}, "found damaged"),
        ({}, {"damage": (Damage(NOW - DAY, "a restore", "documents", "P001"),)}, "found damaged"),
        ({}, {"evidence": (evidence(subject="drill", point="P001", outcome="data_wrong", ended=NOW),)}, "the last drill"),
    ],
)
def test_what_is_doubted_is_not(newest: dict[str, Any], changes: dict[str, Any], reason: str) -> None:
    points = daily(3, machine="m")
    found, said = choose([replace(each, **newest) if each.point == "P003" else each for each in points], **changes)
    assert found == "", "never an older one in its place, either"
    assert reason in said


def test_what_was_healed_or_drilled_since_is_again() -> None:
    healed = replace(WRONG, id="E8", outcome="succeeded", started=NOW - DAY / 2, ended=NOW)
    drilled = evidence(id="E9", subject="drill", outcome="succeeded", ended=NOW)
    wrong = replace(drilled, id="E7", outcome="data_wrong", ended=NOW - DAY)
    assert choose(daily(3, machine="m"), evidence=(WRONG, healed, wrong, drilled)) == ("P003", "")


def test_only_a_member_that_was_stored_completely_is_gone_on_with() -> None:
    stored = member("here:/home", "/home")
    home = replace(workload("here:/home"), source=stored.source, kind=stored.kind)
    assert member_of(manifest("documents", stored), home) == stored
    assert member_of(manifest("documents", replace(stored, complete=False)), home) is None
    assert member_of(manifest("documents", stored), replace(home, name="here:/etc")) is None


def test_a_sweep_takes_a_kept_snapshot_only_by_its_lease() -> None:
    def goes(expires: str) -> bool:
        left = Leftover(source="nas", what="base", locator="tank/a@drtool-x", run="ended", by=BY, expires=expires)
        ended = frozenset({"ended"})
        plan = plan_sweep((left,), run="self", now=NOW, by=BY, dead_runs=ended, live_runs=frozenset(), ended_runs=ended, over_runs=ended)
        assert not plan.skipped, "as long as it stays it is no news"
        return any(isinstance(step.action, Release) for step in plan.steps)

    assert not goes((NOW + DAY).isoformat())
    assert goes((NOW - DAY).isoformat())
