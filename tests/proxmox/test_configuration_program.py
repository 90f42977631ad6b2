"""The whole circle, as a person types it: a cluster over HTTPS, a repository of restic, a directory, a drill."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.rig.program import called
from tests.rig.pve_lab import PveLab

ROOT = Path(__file__).parents[2]
POLICY = """\
drtool: 1
name: cluster
repositories:
  near: {{restic: {directory}/near, password: "file:{directory}/near.key"}}
  far: {{restic: {directory}/far, password: "file:{directory}/far.key"}}
sources:
  pve: {{proxmox: {{url: "{url}", token: "file:{token}", ca: "{ca}", staging: "{directory}/staging"}}}}
defaults: {{to: near, keep: {{last: 3}}}}
sets:
  cluster: {{protect: [{{pve: {{system: true}}}}], copies: [far], checks: [{{proxmox_config: {{}}}}]}}
sandboxes:
  lab: {{lease: 2h, pve: {{directory: "{directory}/sandboxes"}}}}
drills:
  monthly: {{sets: [cluster], sandbox: lab}}
"""


@dataclass(frozen=True)
class Program:
    """A machine with a policy for the cluster."""

    directory: Path
    restic: Path

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DRTOOL_POLICY": str(self.directory / "policy.yaml"), "PYTHONPATH": str(ROOT)}
        environment |= {
            "PATH": f"{self.restic.parent}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "XDG_STATE_HOME": str(self.directory),
        }
        return called(words, env=environment, cwd=self.directory)

    def done(self, *words: str, code: int = 0) -> str:
        result = self.call(*words)
        assert result.returncode == code, f"{words}: {result.stdout}{result.stderr}"
        return result.stdout + result.stderr

    def json(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.call(*words, "--json").stdout)


@pytest.fixture
def program(pve: PveLab, tmp_path: Path, restic_newest: Path) -> Iterator[Program]:
    directory = tmp_path / "machine"
    directory.mkdir()
    pve.state.guests[105].config.pop("lock")
    given = {"directory": directory, "url": pve.url, "token": pve.started.token_file, "ca": pve.ca}
    (directory / "policy.yaml").write_text(POLICY.format(**given))
    yield Program(directory, restic_newest)
    assert not [call for call in pve.calls() if call["method"] != "GET"], "nothing but questions"
    assert not list((directory / "staging").rglob("*.json")), "nothing lies about"


@pytest.mark.timeout(300)
def test_a_cluster_is_stored_restored_beside_it_and_drilled(pve: PveLab, program: Program) -> None:
    program.done("init")
    (line,) = [line for line in program.json("inventory")["inventory"] if line["workload"] == "pve:system"]
    assert (line["state"], line["set"]) == ("protected", "cluster")
    program.done("run")
    assert "cluster" in program.done("points")
    listed = program.done("ls", "cluster")
    assert "system" in listed
    place = program.directory / "recovered"
    program.done("restore", "cluster", "--to", "directory", str(place), "--yes")
    (index,) = place.rglob("index.json")
    assert set(json.loads(index.read_text())["guests"]) == {str(number) for number in pve.state.guests}
    hosts = json.loads((index.parent / "nodes" / "pve1" / "hosts.json").read_text())
    assert hosts == pve.state.configuration["/nodes/pve1/hosts"]
    assert oct(index.stat().st_mode & 0o777) == "0o600"
    refused = program.call("restore", "cluster", "--yes")
    assert refused.returncode != 0
    assert "nothing is ever written into a cluster" in refused.stdout + refused.stderr
    drilled = program.done("drill", "monthly", "--verbose")
    assert "proxmox_config" in drilled
    assert "census" in drilled
    program.done("verify")
    program.done("status")
    found = program.done("find", "storage.json")
    assert "storage.json" in found
    assert "pve:system" in program.done("show", "cluster")


@pytest.mark.timeout(300)
def test_what_a_token_may_not_read_makes_the_point_partial_by_name(pve: PveLab, program: Program) -> None:
    program.done("init")
    with pve.cluster.lock:
        pve.state.roles["drtool-look"].remove("Pool.Audit")
        pve.state.nodes["pve2"].online = False
    told = program.call("doctor", "pve")
    assert "its token lacks Pool.Audit at /pool and below, for run; the point is partial without it" in told.stdout
    assert "its node pve2 is offline" in told.stdout
    ran = program.call("run")
    assert ran.returncode not in (0, 1, 2), ran.stdout + ran.stderr
    said = ran.stdout + ran.stderr
    assert "partial" in said
    (point,) = {each["point"]["point"] for each in program.json("points")["points"]}
    shown = program.done("show", point)
    assert "pools.json: it may lack some: the token lacks Pool.Audit at /pool and below" in shown
    assert "nodes/pve2: it is offline; nothing more of it was read, nor of its guests 105, 201, 202" in shown
