"""What a status, a run and a copy say of a repository that lost something, or was found damaged; and that unknown is not never."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from drtool.catalog.fold import fold
from drtool.model.damage import Damage
from drtool.model.event import Event, EventKind
from drtool.model.inventory import Listing, Problem
from drtool.model.memory import Vanished
from drtool.model.outcome import Outcome
from drtool.model.plan import Copy, Forget, Plan, Step, Store, Verify
from drtool.model.point import RecoveryPoint
from drtool.model.policy import CopyPolicy, Retention
from drtool.planning.backup import plan_run
from drtool.planning.copy import plan_copy
from drtool.planning.status import SetStatus, assess
from tests.planning.planning_values import DAY, NOW, backup_set, daily, evidence, inventory, listing, policy

LOST = Vanished("point", "P004", NOW, "documents", NOW)
DAMAGED = Damage(NOW - timedelta(hours=2), "pack 1234 is gone")
SMALL = policy(backup_set(keep=Retention(last=1), copies=(CopyPolicy("offsite", Retention(last=1)),)))


def days(count: int, **changes: Any) -> tuple[RecoveryPoint, ...]:  # noqa: ANN401
    """Points of as many days, the oldest first."""
    return daily(count, **changes)[::-1]


def status(*listings: Listing) -> SetStatus:
    (found,) = assess(policy(), inventory(*listings), now=NOW)
    return found


def run(*listings: Listing) -> Plan:
    return plan_run(SMALL, inventory(*listings), sets=["documents"], now=NOW, run="R1", points={"documents": "P9"})


def test_what_is_missed_is_told_first_and_of_its_own_set() -> None:
    both = (listing("near", days(3), vanished=(LOST,)), listing("offsite", days(3)))
    found = status(*both)
    assert found.attention[0].startswith("near went back in time: 1 point of documents is gone that drtool did not forget")
    assert found.next == "drtool doctor near"
    other = replace(LOST, set="photos")
    assert not any("back in time" in each for each in status(replace(both[0], vanished=(other,)), both[1]).attention)
    for kind in ("evidence", "repository"):
        everybody = replace(LOST, kind=kind, set="")
        assert status(replace(both[0], vanished=(everybody,)), both[1]).next == "drtool doctor near"


def test_a_copy_with_newer_points_than_where_they_are_sealed_shows_that_time_went_back() -> None:
    found = status(listing("near", days(3)[:2]), listing("offsite", days(3)))
    assert found.attention[0].startswith("near went back in time, or is newly what documents is written to: offsite holds newer points")
    for fine in (
        (listing("near", days(3)), listing("offsite", days(3)[:2])),
        (listing("near", ()), listing("offsite", days(3))),
        (listing("near", (), problem=Problem("Unavailable", "no answer")), listing("offsite", days(3))),
        (listing("near", (*days(2, newest=NOW - DAY), replace(days(3)[2], lacking=1))), listing("offsite", days(3))),
    ):
        assert not any("back in time" in each for each in status(*fine).attention), fine


@pytest.mark.parametrize("name", ["near", "offsite"])
def test_a_run_into_a_repository_that_lost_something_forgets_nothing_there_and_is_partial(name: str) -> None:
    other = "offsite" if name == "near" else "near"
    plan = run(listing(name, days(4), vanished=(LOST,)), listing(other, days(4)))
    assert [step.action.repository for step in plan.steps if isinstance(step.action, Forget)] == [other]
    (told,) = plan.skipped
    assert told.outcome == "partial"
    assert told.what == f"forgetting points of documents in {name}"
    assert "is gone that drtool did not forget" in told.reason
    assert [step for step in plan.steps if isinstance(step.action, Store)], "it is backed up all the same"


@pytest.mark.parametrize("name", ["near", "offsite"])
def test_a_run_and_a_copy_into_a_damaged_repository_say_so_and_are_partial(name: str) -> None:
    other = "offsite" if name == "near" else "near"
    red = evidence(subject="verify", point="", set="", repository=name, outcome="data_wrong", ended=NOW - DAY)
    for bad in (listing(name, days(3), damage=(DAMAGED,)), listing(name, days(3), evidence=(red,))):
        plan = run(bad, listing(other, days(3)))
        assert [(told.what, told.outcome) for told in plan.skipped] == [(f"counting {name} as a copy of documents", "partial")]
        assert f"{name} was found damaged" in plan.skipped[0].reason
        assert not [step for step in plan.steps if isinstance(step.action, Forget) and step.action.repository == name]
        copied = plan_copy(policy(), inventory(bad, listing(other, days(3)[:1])), sets=["documents"], now=NOW, run="R1")
        assert any(told.outcome == "partial" and "found damaged" in told.reason for told in copied.skipped)
    fine = run(listing(name, days(3)), listing(other, days(3)))
    assert not [told for told in fine.skipped if told.outcome == "partial"]


def test_a_copy_still_copies_into_a_damaged_repository() -> None:
    bad = listing("offsite", days(1), damage=(DAMAGED,))
    plan = plan_copy(policy(), inventory(listing("near", days(3)), bad), sets=["documents"], now=NOW, run="R1")
    assert [step for step in plan.steps if isinstance(step.action, Copy)]


def test_a_damaged_copy_is_none() -> None:
    found = status(listing("near", days(3)), listing("offsite", days(3), damage=(DAMAGED,)))
    assert found.copies == ("near",)
    assert found.damaged_copies == ("offsite",)
    assert found.attention[0] == "offsite was found damaged 2h ago: nothing is forgotten there"
    assert found.next == "drtool verify offsite"


def test_unknown_is_not_never() -> None:
    away = Problem("Unavailable", "no answer")
    found = status(listing("near", days(3)), listing("offsite", problem=away))
    assert "documents was never proven by a drill" not in found.attention
    assert "whether documents was ever proven is not known: offsite could not be read" in found.attention
    assert found.unknown == ("offsite",)
    assert status(listing("near", days(3))).unknown == ("offsite",), "it was not asked at all"
    read = status(listing("near", days(3)), listing("offsite", days(3)))
    assert read.unknown == ()
    assert "documents was never proven by a drill" in read.attention
    proven = status(listing("near", days(3), evidence=(evidence(),)), listing("offsite", problem=away))
    assert not any("proven" in each for each in proven.attention)


def told(steps: tuple[Step, ...], data: dict[str, object]) -> Outcome:
    plan = Plan("verify", "R1", "homelab", NOW, steps)
    result = {"kind": "done", "note": "", "data": data}
    events = [
        _event(EventKind.RUN_STARTED, ""),
        *(_event(EventKind.STEP_ENDED, step.id, {"result": result}) for step in steps),
        _event(EventKind.RUN_ENDED, ""),
    ]
    return fold(plan, events).outcome


def _event(kind: EventKind, step: str, data: dict[str, object] | None = None, at: datetime = NOW) -> Event:
    return Event(kind, "R1", at, 0.0, step, data or {})


@pytest.mark.parametrize("of_set", ["", "documents"])
def test_what_was_tested_and_recorded_nowhere_else_is_partial_at_best(of_set: str) -> None:
    steps = (Step("verify/near", Verify("near"), why="", set=of_set),)
    assert told(steps, {"on_disk_only": "the repository near did not take it"}) is Outcome.PARTIAL
    assert told(steps, {"on_disk_only": ""}) is Outcome.SUCCEEDED
    assert told(steps, {}) is Outcome.SUCCEEDED
