"""What is seen at the places that a restore exchanges goes into its plan, in words and as data."""

from __future__ import annotations

import pytest

from drtool.model.carried import Survey
from drtool.model.plan import Cutover, Destination, Plan, Restore, Step
from drtool.planning.survey import with_surveys
from tests.planning.planning_values import NOW, member


def planned(*, leave_excluded: bool = False) -> Plan:
    names = ("here:/home", "here:/etc")
    poured = tuple(
        Step(name, Restore("P1", member(name, name[5:]), ("near",), Destination("original"), leave_excluded=leave_excluded), "why")
        for name in names
    )
    exchanged = tuple(Step(f"cutover/{name}", Cutover(name, "here"), "why") for name in names)
    return Plan("restore", "R", "homelab", NOW, (*poured, *exchanged), notes=("first",))


def test_it_stands_in_the_exchange_it_was_seen_for() -> None:
    seen = Survey(carried_files=2, carried_bytes=2048, newer_files=1, newer_bytes=5, notes=("a guest is stopped",))
    plan = with_surveys(planned(), {"here:/home": seen})
    exchanges = {step.action.restore: step.action.survey for step in plan.steps if isinstance(step.action, Cutover)}
    assert exchanges == {"here:/home": seen, "here:/etc": None}
    assert plan.notes == (
        "first",
        "here:/home: 2 files (2.0 KiB) that the point left out are carried back into service",
        "here:/home: 1 file (5 B) newer than the point stays aside",
        "here:/home: a guest is stopped",
    )


@pytest.mark.parametrize(
    ("seen", "leave_excluded", "expected"),
    [
        (Survey(), False, ()),
        (Survey(carried_files=1, carried_bytes=1), False, ("1 file (1 B) that the point left out is carried back into service",)),
        (Survey(newer_files=3, newer_bytes=9), True, ("3 files (9 B) newer than the point or left out of it stay aside",)),
    ],
)
def test_one_is_one_and_nothing_is_silent(seen: Survey, leave_excluded: bool, expected: tuple[str, ...]) -> None:  # noqa: FBT001 - a row
    told = with_surveys(planned(leave_excluded=leave_excluded), {"here:/etc": seen}).notes
    assert told == ("first", *(f"here:/etc: {each}" for each in expected))
