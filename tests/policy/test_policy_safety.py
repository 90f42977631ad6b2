"""`quarantine:` of sets and defaults, and the cycle of `verify:`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from drtool.model.errors import PolicyError
from drtool.model.policy import Policy, Quarantine
from drtool.planning.quarantine import explained
from drtool.policy.load import load
from tests.planning.planning_values import NOW
from tests.policy.small_kinds import GOOD, KINDS

_SCHEDULE = '    schedule: "15 */4 * * *"\n'


def read(directory: Path, *, defaults: str = "", own: str = "", verify: str = "", schedule: str = _SCHEDULE) -> Policy:
    text = GOOD.replace("  keep: {last: 3, daily: 14, verified: 3}\n", f"  keep: {{last: 3, daily: 14, verified: 3}}\n{defaults}")
    text = text.replace(_SCHEDULE, schedule)
    text = text.replace("    needs: [base]\n", f"    needs: [base]\n{own}")
    text = text.replace('verify: {schedule: "0 6 * * *"}', f'verify: {{schedule: "0 6 * * *"{verify}}}')
    file = directory / "p.yaml"
    file.write_text(text)
    return load((str(file),), KINDS)


@pytest.mark.parametrize(("schedule", "expected"), [("@daily", 12), ("0 3 * * 0", 12), ("@hourly", 48), ("15 */4 * * *", 12)])
def test_a_schedule_says_how_many_points_a_day_are_usual(tmp_path: Path, schedule: str, expected: int) -> None:
    found = read(tmp_path, schedule=f'    schedule: "{schedule}"\n').sets["documents"]
    assert found.quarantine == Quarantine(0.5, None, 12)
    assert explained(found, now=NOW).points_per_day == expected


def test_without_a_schedule_or_with_a_word_of_the_policy_it_is_as_before(tmp_path: Path) -> None:
    assert read(tmp_path, schedule="").sets["documents"].quarantine == Quarantine(0.5, None, 50)
    assert read(tmp_path, defaults="  quarantine: {points_per_day: 50}\n").sets["documents"].quarantine == Quarantine(0.5, None, 50)


@pytest.mark.parametrize(
    ("defaults", "own", "expected"),
    [
        ("", "", Quarantine(0.5, None, 12)),
        ("  quarantine: {shrinks_below: 80%}\n", "", Quarantine(0.8, None, 12)),
        ("  quarantine: {shrinks_below: 80%}\n", "    quarantine: {grows_above: 250%}\n", Quarantine(0.8, 2.5, 12)),
        ("  quarantine: off\n", "", Quarantine(None, None, None)),
        ("  quarantine: off\n", "    quarantine: {points_per_day: 9}\n", Quarantine(None, None, 9)),
        ("", "    quarantine: {shrinks_below: off, points_per_day: off}\n", Quarantine(None, None, None)),
        ("  quarantine: {points_per_day: 9}\n", "    quarantine: off\n", Quarantine(None, None, None)),
    ],
)
def test_a_set_says_over_the_defaults(tmp_path: Path, defaults: str, own: str, expected: Quarantine) -> None:
    assert read(tmp_path, defaults=defaults, own=own).sets["documents"].quarantine == expected


@pytest.mark.parametrize(
    "rules", ["{shrinks_below: 50}", "{shrinks_below: 0%}", "{points_per_day: 0}", "{shrinks: 50%}", "on", "{grows_above: x}"]
)
def test_what_cannot_be_meant_is_told_where_it_stands(tmp_path: Path, rules: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, own=f"    quarantine: {rules}\n")
    assert ["sets.documents.quarantine" in str(problem) for problem in caught.value.problems] == [True]


def test_a_cycle(tmp_path: Path) -> None:
    verify = read(tmp_path, verify=", cycle: 30d").repositories["near"].verify
    assert verify is not None
    assert verify.cycle == timedelta(days=30)
    plain = read(tmp_path).repositories["near"].verify
    assert plain is not None
    assert plain.cycle is None
