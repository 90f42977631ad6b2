"""Two policies with one state directory, each with a repository called near: what one signed is not judged by the other's."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass

import pytest

from tests.cli.test_end_to_end import POLICY, Machine, machine

__all__ = ["machine"]


@dataclass(frozen=True)
class Second(Machine):
    """The same machine by its second policy."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "DRTOOL_POLICY": str(self.directory / "second.yaml")}


@pytest.fixture
def second(machine: Machine) -> Second:
    """Both policies with evidence of a reading in each one's near, which are two repositories."""
    text = POLICY.format(directory=machine.directory).replace("    copies: [offsite]\n", "").replace("from: offsite", "from: near")
    text = re.sub("  offsite: .*\n", "", text)
    (machine.directory / "policy.yaml").write_text(text)
    text = text.replace("name: homelab", "name: office").replace("documents", "letters")
    (machine.directory / "second.yaml").write_text(text.replace("/near,", "/elsewhere,"))
    other = Second(machine.directory, machine.restic)
    for each in (machine, other):
        each.done("init", "--quiet")
        each.done("run", "--quiet")
        each.done("verify", "near", "--quiet")
    return other


def test_a_record_of_the_other_policy_is_told_and_judged_by_that_one(machine: Machine, second: Second) -> None:
    for each, other in ((machine, "office"), (second, "homelab")):
        told = each.done("evidence", "verify")
        assert f"of policy {other}, not asked here: 1 record on this disk" in told
        assert "\n1 record of 1 signer" in told
        found = each.json("evidence", "verify")
        assert (found["records"], found["faults"], found["elsewhere"]) == (1, [], {other: 1})
        listed = each.done("evidence", "list")
        assert "on disk only" not in listed
        assert listed.count(f"of policy {other}, not asked here") == 1
        (theirs,) = (view["evidence"]["id"] for view in each.json("evidence", "list")["evidence"] if view["evidence"]["by"] == other)
        assert f"lies on this disk, of policy {other}, not asked here" in each.done("evidence", "show", theirs)
    _forget_the_evidence(machine)
    missed = machine.call("evidence", "verify")
    assert missed.returncode == 5
    assert "it was stored in near and is not there any more" in missed.stdout
    assert second.call("evidence", "verify").returncode == 0, "it was the other policy's"


def _forget_the_evidence(machine: Machine) -> None:
    words = [str(machine.restic), "-r", f"{machine.directory}/near", "--password-file", f"{machine.directory}/near.key", "--no-cache"]
    listed = subprocess.run([*words, "snapshots", "--json", "--tag", "role=evidence"], check=True, capture_output=True)
    (snapshot,) = json.loads(listed.stdout)
    subprocess.run([*words, "forget", snapshot["id"]], check=True, capture_output=True)
