"""Forecasts and proofs with a real restic: measured by a drill, shown before a restore, known to a new machine, gone when the set moved."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig.cheap_key import make_cheap
from tests.rig.program import called

ROOT = Path(__file__).parents[2]
POLICY = """\
drtool: 1
name: homelab
repositories:
  near: {{restic: {directory}/near, password: "file:{directory}/key"}}
  offsite: {{restic: {directory}/offsite, site: cloud, password: "file:{directory}/key"}}
sources:
  here: {{files: {{}}}}
sets:
  documents:
    protect: [{{here: {{paths: [{directory}/data]}}}}]
    to: near
    copies: [offsite]
    keep: {{last: 3}}
    objectives: {{rpo: 4h, rto: 1h}}
sandboxes:
  lab: {{lease: 2h, here: {{directory: {directory}/sandbox}}}}
drills:
  monthly: {{sets: [documents], from: offsite, sandbox: lab}}
"""


@dataclass(frozen=True)
class Machine:
    directory: Path
    restic: Path

    @property
    def policy(self) -> Path:
        return self.directory / "policy.yaml"

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DRTOOL_POLICY": str(self.policy), "PYTHONPATH": str(ROOT), "DRTOOL_STATE_DIR": str(self.state)}
        environment["PATH"] = f"{self.restic.parent}:{os.environ['PATH']}"
        return called(arguments, env=environment, cwd=self.directory)

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def done(self, *arguments: str) -> str:
        result = self.call(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    def forecast(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.call("forecast", "--json").stdout)
        return {**found, "copies": {each["repository"]: each for each in found["rto_forecasts"]}}

    def change(self, old: str, new: str) -> None:
        text = self.policy.read_text(encoding="utf-8")
        assert old in text
        self.policy.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def machine(tmp_path: Path, home: Path, restic_newest: Path) -> Machine:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "numbers.bin").write_bytes(os.urandom(1 << 20))
    (tmp_path / "key").write_text("secret\n", encoding="utf-8")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "policy.yaml").write_text(POLICY.format(directory=tmp_path), encoding="utf-8")
    made = Machine(tmp_path, restic_newest)
    made.done("init")
    for name in ("near", "offsite"):
        make_cheap(tmp_path / name, "secret")
    made.done("run")
    return made


def test_a_drill_is_measured_and_the_next_restore_forecast(machine: Machine) -> None:
    to = ("--to", "directory", str(machine.directory / "back"))
    assert "No forecast: nothing was ever restored from near to here." in machine.done("plan", "restore", "documents", *to)
    assert machine.forecast()["copies"]["offsite"]["forecast"]["p50_seconds"] is None

    machine.done("drill")
    copies = machine.forecast()["copies"]
    assert copies["near"]["forecast"]["reason"] == "nothing was ever restored from near to here"
    offsite = copies["offsite"]["forecast"]
    assert 0 < offsite["p50_seconds"] < offsite["p90_seconds"]
    assert (offsite["measurements"], offsite["cache"], offsite["destination"], copies["offsite"]["met"]) == (1, "cold", "sandbox lab", True)
    assert offsite["unmeasured"] == []

    said = machine.done("restore", "documents", "--from", "offsite", "--yes", *to)
    assert "from 1 measurement, newest" in said
    (past,) = machine.forecast()["past"]
    assert (past["verb"], past["set"]) == ("restore", "documents")
    assert past["real_seconds"] > 0
    assert "Past forecasts were off by: median" in machine.done("forecast", "documents")
    (journal,) = [path for path in machine.state.glob("runs/*/journal.jsonl") if '"verb":"restore"' in path.read_text()]
    assert json.loads(journal.read_text().splitlines()[0])["data"]["forecast"]["p50_seconds"] == past["p50_seconds"]

    plan = json.loads(machine.done("plan", "restore", "documents", "--from", "offsite", "--json", *to))
    assert plan["forecast"]["sets"][0]["cache"] == "warm"  # by now this lane has a measurement of its own
    assert plan["forecast"]["steps"][0]["borrowed"] is False

    shutil.rmtree(machine.state)  # a new machine: the repository tells it, once that of before is taken over
    (gone,) = json.loads(machine.done("adopt", "--json"))["adoptable"]
    machine.done("adopt", gone["machine"], "--yes")
    new = machine.forecast()
    assert new["copies"]["offsite"]["forecast"]["p50_seconds"] == offsite["p50_seconds"]
    assert new["past"] == []
    assert "all well" in machine.done("status", "--check")


def test_a_set_that_grew_is_not_green_though_its_drill_passed(machine: Machine) -> None:
    machine.change("site: cloud", "site: cloud, download_limit: 512KiB")  # on any machine the data takes the time, not what is fixed
    machine.done("drill")
    report = json.loads(machine.done("report", "last", "--json"))
    realised = report["sets"][0]["objective"]["rto_seconds"]
    machine.change("rto: 1h", f"rto: {math.ceil(realised) + 1}s")
    assert machine.call("status", "--check").returncode == 0
    for number in range(6):
        (machine.directory / "data" / f"more {number}").write_bytes(os.urandom(1 << 20))
    machine.done("run")
    status = machine.call("status", "--check")
    assert status.returncode == 1
    assert "documents is not proven: it grew to 7 times what was drilled" in status.stdout
    assert "documents cannot make its RTO from offsite: forecast" in status.stdout
    assert "next: drtool drill monthly" in status.stdout
    assert machine.call("forecast").returncode == 1


def test_a_set_that_is_not_what_was_drilled_is_not_proven(machine: Machine) -> None:
    machine.done("drill")
    said = machine.done("status", "--check")
    assert "near was never drilled with documents" in said
    machine.change(f"paths: [{machine.directory}/data]", f'paths: [{machine.directory}/data], exclude: ["*.tmp"]')
    changed = machine.call("status", "--check")
    assert changed.returncode == 1
    assert "documents is not proven: its selectors changed 0s ago" in changed.stdout
    assert " ✖ (offsite)" in changed.stdout
    (machine.state / "fingerprints.json").unlink()
    assert "its selectors changed since the drill" in machine.call("status").stdout
    machine.done("run")
    machine.done("drill")
    assert "all well" in machine.done("status", "--check")

    machine.change("rto: 1h", "rto: 1h, proof: 1s")
    time.sleep(2)  # until the drill is as old
    assert "1s allowed" in machine.call("status").stdout


def test_another_restic_is_another_proof(machine: Machine, restic_oldest: Path) -> None:
    machine.done("drill")
    older = Machine(machine.directory, restic_oldest)
    older.done("run")
    assert "restic was 0.19" in older.call("status").stdout
