"""What a look costs, in things that can be counted: modules, nouns made, bytes read; no clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.test_imports import POLICY, ROOT

MOST_NOUNS = 72
"""Making a class of data costs more than half a millisecond; a look made 164 of them once."""
COUNTED = """\
import dataclasses, json, sys
made = []
def count(make):
    def counted(cls, *words, **more):
        made.append(f"{cls.__module__}.{cls.__name__}")
        return make(cls, *words, **more)
    return counted
dataclasses._process_class = count(dataclasses._process_class)
from drtool.cli.main import main
main(sys.argv[1:])
print(json.dumps({"made": [name for name in made if name.startswith("drtool")], "modules": sorted(sys.modules)}), file=sys.stderr)
"""
NEEDLESS = {
    "drtool.app.composition",
    "drtool.app.notary",
    "drtool.catalog.index",
    "drtool.model.plan",
    "drtool.model.point",
    "drtool.planning.restore",
    "drtool.ports",
}
"""What works out anew what is known."""
WORKING = NEEDLESS - {"drtool.app.notary"} | {"drtool.app.working", "drtool.engine.execute"}
TIMED = f"""{POLICY}\
    schedule: "0 3 1 1 *"
sandboxes: {{{{lab: {{{{here: {{{{directory: {{directory}}/sandbox}}}}}}}}}}}}
drills: {{{{proof: {{{{sets: [documents], from: near, sandbox: lab, schedule: "0 3 1 1 *"}}}}}}}}
"""


def looked(directory: Path, *words: str) -> dict[str, list[str]]:
    policy = directory / "policy.yaml"
    if not policy.exists():
        policy.write_text(POLICY.format(directory=directory), encoding="utf-8")
    called = subprocess.run(
        [sys.executable, "-c", COUNTED, "--policy", str(policy), *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "DRTOOL_STATE_DIR": str(directory / "state")},
    )
    counted: dict[str, list[str]] = json.loads(called.stderr.splitlines()[-1])
    return counted


@pytest.fixture
def stored(home: Path, tmp_path: Path, restic_newest: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{restic_newest.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "password").write_text("only for this test")
    (tmp_path / "password").chmod(0o600)
    for verb in ("init", "run"):
        looked(tmp_path, verb)
    return tmp_path


def test_a_look_makes_few_nouns_and_plans_nothing(stored: Path) -> None:
    looked(stored, "status")
    again = looked(stored, "status")
    assert not NEEDLESS & set(again["modules"])
    assert len(again["made"]) <= MOST_NOUNS, again["made"]


def test_the_first_look_after_a_run_is_told_by_what_the_run_left(stored: Path) -> None:
    assert not NEEDLESS & set(looked(stored, "status")["modules"])


@pytest.mark.parametrize("verb", ["run", "drill"])
def test_a_timers_call_when_nothing_is_due_loads_nothing_that_works(home: Path, tmp_path: Path, verb: str) -> None:
    (tmp_path / "policy.yaml").write_text(TIMED.format(directory=tmp_path), encoding="utf-8")
    (tmp_path / "sandbox").mkdir()
    for words in (("init",), ("run",), ("drill", "proof"), (verb, "--due")):  # what a hand did is asked of the repository once
        looked(tmp_path, *words)
    idle = looked(tmp_path, verb, "--due")
    assert not WORKING & set(idle["modules"])
    assert len(idle["made"]) <= MOST_NOUNS, idle["made"]
