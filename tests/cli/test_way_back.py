"""A stream that nothing takes back: everybody says so before, and a restore says afterwards what is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_bare_machine import Bare
from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]


@pytest.fixture
def dumping(machine: Machine) -> Machine:
    """A set of files and of a stream without `restore:`."""
    policy = machine.directory / "policy.yaml"
    text = policy.read_text().replace("  here: {files: {}}\n", "  here: {files: {}}\n  numbers: {stream: {command: [echo, '42']}}\n")
    text = text.replace(f"[{{here: {{paths: [{machine.data}]}}}}]", f"[{{here: {{paths: [{machine.data}]}}}}, {{numbers: {{}}}}]")
    policy.write_text(
        text.replace(
            f"{machine.directory}/sandbox}}", f"{machine.directory}/sandbox}}\n    numbers: {{directory: {machine.directory}/sandbox}}"
        )
    )
    machine.done("init", "--quiet")
    machine.done("run", "--quiet")
    return machine


def test_it_is_told_before_and_after(dumping: Machine) -> None:
    assert "numbers of documents has no `restore:` command" in dumping.done("validate")
    assert "no `restore:` command takes it back" in dumping.done("doctor")
    command = "--workload numbers --to directory PATH"
    planned = dumping.call("plan", "restore", "documents").stdout
    assert "problem  numbers: its source has no `restore:` command" in planned
    assert command in planned
    (dumping.data / "letter.txt").write_text("changed")
    ended = dumping.call("restore", "documents", "--yes")
    assert ended.returncode == 3, ended.stderr
    assert (dumping.data / "letter.txt").read_text() == "dear"
    assert "nothing was changed" not in ended.stdout + ended.stderr
    alone = dumping.call("restore", "documents", "--workload", "numbers", "--yes")
    assert alone.returncode == 6
    assert command in alone.stderr


def test_the_point_goes_with_the_advice_on_a_bare_machine(dumping: Machine, tmp_path: Path) -> None:
    (point,) = (view["point"]["point"] for view in dumping.json("points")["points"])
    (dumping.directory / "policy.yaml").write_text((dumping.directory / "policy.yaml").read_text().replace(f"{dumping.data}]", "/absent]"))
    assert dumping.call("run").returncode == 3
    newest = dumping.json("points")["points"][0]["point"]["point"]
    (tmp_path / "bare").mkdir()
    bare = Bare(dumping, tmp_path / "bare")
    told = bare.call("plan", "restore", "documents", *bare.options).stderr + bare.call("plan", "restore", "documents", *bare.options).stdout
    assert f"documents --point {point} --workload numbers --to directory PATH" in told
    taken = bare.call("plan", "restore", "documents", "--workload", "numbers", "--to", "directory", "out", *bare.options)
    told = taken.stdout + taken.stderr
    assert f"{newest} is partial; the newest complete point of documents is {point}" in told
