"""How things stand as a plugin of Nagios tells it: states by what may be lost, numbers that a parser takes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drtool.app.status import StatusView
from drtool.cli.main import main
from drtool.cli.render.nagios import State, nagios_lines
from drtool.model.attempt import Task
from drtool.model.inventory import Problem
from drtool.model.unfinished import Unfinished
from drtool.planning.overdue import TaskStatus
from drtool.planning.status import assess
from tests.planning.planning_values import DAY, NOW, backup_set, daily, evidence, inventory, listing, policy

OUTPUT = re.compile(r"DRTOOL (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+( \| ('[^|=\n]+'=\d+s;;\d+;0 ?)+)?")
WELL = tuple(
    listing(name, daily(2), evidence=(evidence(point="P002", repository=name, started=NOW, ended=NOW),)) for name in ("near", "offsite")
)
AWAY = Problem("Unavailable", "away")
FAILED = TaskStatus(Task("run", "documents"), NOW, NOW, "failed", NOW, None, attention="run documents failed", next="drtool status")


def view(*listings: Any, **changes: Any) -> StatusView:  # noqa: ANN401 - listings, and fields of a view
    one = policy(backup_set(), drills={})
    return replace(StatusView(assess(one, inventory(*(listings or WELL)), now=NOW), NOW, NOW), **changes)


@pytest.mark.parametrize(
    ("seen", "state", "first"),
    [
        (view(), State.OK, "1 set within the RPO"),
        (view(listing("near", daily(1, newest=NOW - 3 * DAY)), WELL[1]), State.WARNING, ""),
        (view(listing("near"), listing("offsite")), State.CRITICAL, "documents has no point, promised 24h"),
        (view(listing("near", problem=Problem("Unavailable", "away")), WELL[1]), State.UNKNOWN, "near could not be read"),
        (
            view(*(listing(name, problem=Problem("Unavailable", "away")) for name in ("near", "offsite"))),
            State.UNKNOWN,
            "could not be read",
        ),
        (view(listing("near", problem=Problem("Unavailable", "away")), listing("offsite")), State.UNKNOWN, "near could not be read"),
        (view(schedules=(FAILED,)), State.CRITICAL, "run documents failed"),
        (view(unfinished=(Unfinished("here", "/srv", "R1", "/srv", NOW),)), State.CRITICAL, ""),
    ],
)
def test_a_state_says_what_may_be_lost(seen: StatusView, state: State, first: str) -> None:
    told, lines = nagios_lines(seen)
    assert told is state, lines
    assert OUTPUT.fullmatch(lines[0]), lines[0]
    assert first in lines[0]
    assert not any("|" in line for line in lines[1:])


def test_the_number_is_the_age_and_the_promise_its_limit() -> None:
    _state, lines = nagios_lines(view())
    assert lines[0].endswith("| 'documents age'=3600s;;86400;0")


def test_names_break_no_line() -> None:
    seen = view(schedules=(replace(FAILED, attention="a | b\nc"),))
    strange = replace(seen, sets=tuple(replace(each, set="it's=x") for each in seen.sets))
    _state, lines = nagios_lines(strange)
    assert lines[0].count("|") == 1
    assert "'it''s_x age'=" in lines[0]
    assert all("\n" not in line for line in lines)


def test_what_cannot_be_looked_at_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRTOOL_STATE_DIR", str(tmp_path / "state"))
    assert main(["status", "--nagios", "--policy", str(tmp_path / "none.yaml")]) == 3
    assert OUTPUT.match(capsys.readouterr().out)


def test_a_mistyped_option_is_no_state_of_the_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--nagios", "--nosuch"]) == 3
    assert OUTPUT.match(capsys.readouterr().out)
    assert main(["status", "--nosuch"]) == 2
