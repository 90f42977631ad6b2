"""A cutover that fails after others of its set succeeded says that those are in place: half a set in service is never `as it was`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from drtool.engine.actions.cutover import cutover
from drtool.engine.actions.work import Work
from drtool.model.errors import Refused
from drtool.model.plan import Cutover, Destination, Fetched, Landed, Plan, Restored, Step
from drtool.model.point import Member

NOW = datetime(2026, 11, 29, tzinfo=UTC)
ORIGINAL = Destination("original")


@dataclass
class Barring:
    """A source of which nothing can be moved, as with a key that may not stop what uses it."""

    safe: str

    def cutover(self, landed: Landed) -> Landed:
        raise Refused(f"{landed.workload} is in use", safe=self.safe)


def member(name: str) -> Member:
    return Member(name, "nas", "dataset", {}, NOW, ())


def placed(name: str) -> Restored:
    return Restored(name, "nas", ORIGINAL, name, member(name))


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ({}, "b is as it was"),
        ({"one/cutover/nas:a": placed("nas:a")}, "b is as it was; put in place already, as of this point: nas:a"),
        ({"two/cutover/nas:z": placed("nas:z")}, "b is as it was"),
    ],
)
@pytest.mark.parametrize("safe", ["b is as it was", ""])
def test_what_is_in_place_already_is_named(before: dict[str, Restored], said: str, safe: str) -> None:
    steps = tuple(
        Step(id=f"{name}/cutover/{workload}", action=Cutover(f"{name}/restore/{workload}", "nas"), why="", set=name, workload=workload)
        for name, workload in (("one", "nas:a"), ("two", "nas:z"), ("one", "nas:b"))
    )
    landed = Fetched(Landed("nas:b", "nas", ORIGINAL), member("nas:b"), "near", 0, 0)
    work = Work(
        Plan(verb="restore", run="R", policy="us", created=NOW, steps=steps),
        steps[-1],
        {**before, "one/restore/nas:b": landed},
        cast("Any", SimpleNamespace(sources={"nas": Barring(safe)})),
        lambda _progress: None,
    )
    with pytest.raises(Refused) as caught:
        cutover(work, cast("Cutover", steps[-1].action))
    assert caught.value.safe == (said if safe else said.removeprefix("b is as it was").removeprefix("; "))
