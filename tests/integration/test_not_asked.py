"""A check that nobody could answer: what a drill and a restore make of it, and what a person and a program read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drtool.cli import exits
from drtool.cli.render.report import report_lines
from drtool.model.codec import encode
from drtool.model.outcome import Outcome
from drtool.model.plan import Destination
from drtool.model.report import CheckCounts, Report
from drtool.planning.restore import RestoreRequest
from tests.integration.key_world import KeyWorld, make_key_world

NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> Iterator[KeyWorld]:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("unasked")
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        yield make_key_world(root / "w", restic_newest)


def restored(world: KeyWorld, tmp_path: Path, *checks: dict[str, Any]) -> Report:
    world.policy["sets"]["documents"]["checks"] = list(checks)
    app = world.app()
    return app.restore(app.plan_restore(RestoreRequest(("documents",), Destination("directory", str(tmp_path / "out")))))


def first(report: Report) -> str:
    return report_lines(report, code=exits.of_report(report))[0]


TCP, HTTP = {"tcp": {"address": NOBODY}}, {"http": {"url": f"http://{NOBODY}/"}}
MISSING = {"command": {"of": "here", "run": ["no-such-program-here"]}}


def test_everything_is_back_and_two_checks_were_not_asked(world: KeyWorld, home: Path, tmp_path: Path) -> None:
    report = restored(world, tmp_path, TCP, HTTP)
    assert first(report).startswith("everything is back; 2 checks were not asked")
    assert exits.of_report(report) == 3
    told = json.loads(json.dumps(encode(report)))
    assert told["restored"] == "all"
    assert told["checks"] == {"planned": 3, "passed": 1, "wrong": 0, "not_asked": 2}
    text = "\n".join(report_lines(report, code=3))
    assert "not asked: tcp 1" in text
    assert "safe: " in text
    assert "next: " in text


def test_a_program_that_is_not_there_is_not_asked(world: KeyWorld, home: Path, tmp_path: Path) -> None:
    report = restored(world, tmp_path, MISSING)
    assert first(report).startswith("everything is back; 1 check was not asked")
    assert "no-such-program-here" in "\n".join(report_lines(report, code=3))


def test_what_a_command_was_to_start_and_is_silent_is_wrong(world: KeyWorld, home: Path, tmp_path: Path) -> None:
    report = restored(world, tmp_path, {"command": {"of": "here", "run": ["true"]}}, TCP)
    assert report.outcome is Outcome.DATA_WRONG
    assert report.checks == CheckCounts(planned=3, passed=2, wrong=1, not_asked=0)
    assert report.restored == "all"


def test_a_drill_with_a_check_not_asked_fails_and_says_what(world: KeyWorld, home: Path) -> None:
    world.policy["sets"]["documents"]["checks"] = [TCP]
    report = world.app().drill(["documents"])
    assert (report.outcome, exits.of_report(report)) == (Outcome.FAILED, 1)
    assert report.checks == CheckCounts(planned=2, passed=1, wrong=0, not_asked=1)
    text = "\n".join(report_lines(report, code=1))
    assert "not asked: tcp 1" in text
    assert NOBODY in text
