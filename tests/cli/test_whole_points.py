"""Data of points vanishes from a repository: every verb notices, and `copy` brings it again; with a real restic."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable

import pytest

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]

MEMBERS = "    protect: [{{here: {{paths: [{directory}/data]}}}}, {{here: {{paths: [{directory}/more]}}}}]\n"


def bare(machine: Machine, repository: str, *arguments: str) -> str:
    environment = {**os.environ, "RESTIC_PASSWORD_FILE": str(machine.directory / f"{repository}.key")}
    command = [str(machine.restic), "-r", str(machine.directory / repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def data_of(machine: Machine, repository: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(bare(machine, repository, "snapshots", "--json", "--tag", "role=data"))
    return found


def lose(machine: Machine, repository: str, chosen: Iterable[dict[str, object]]) -> None:
    bare(machine, repository, "forget", "--prune", *(str(each["id"]) for each in chosen))


def everything(machine: Machine, repository: str) -> None:
    lose(machine, repository, data_of(machine, repository))


def one_member_of_the_newest(machine: Machine, repository: str) -> None:
    lose(machine, repository, data_of(machine, repository)[-1:])


def one_member_of_the_oldest(machine: Machine, repository: str) -> None:
    lose(machine, repository, data_of(machine, repository)[:1])


def rewritten(machine: Machine, repository: str) -> None:
    last = str(data_of(machine, repository)[-1]["id"])
    bare(machine, repository, "rewrite", "--forget", "--exclude", "letter.txt", "--exclude", "extra.txt", last)


LOSSES: tuple[tuple[str, Callable[[Machine, str], None]], ...] = (
    ("offsite", everything),
    ("offsite", one_member_of_the_newest),
    ("near", one_member_of_the_oldest),
    ("near", rewritten),
)


@pytest.fixture
def proven(machine: Machine) -> Machine:
    """Two points of two members in two repositories, everything read and drilled, and green."""
    (machine.directory / "more").mkdir()
    (machine.directory / "more" / "extra.txt").write_text("more", encoding="utf-8")
    policy = machine.directory / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    one = f"    protect: [{{here: {{paths: [{machine.directory}/data]}}}}]\n"
    assert one in text
    policy.write_text(text.replace(one, MEMBERS.format(directory=machine.directory)), encoding="utf-8")
    machine.done("init")
    machine.done("run")
    (machine.data / "letter.txt").write_text("dearest", encoding="utf-8")
    (machine.directory / "more" / "extra.txt").write_text("even more", encoding="utf-8")
    machine.done("run")
    machine.done("drill", "monthly")
    assert "2 of 2 points are whole" in machine.done("verify", "offsite")
    machine.done("status", "--refresh", "--check")
    return machine


def test_what_vanished_is_told_by_every_verb_and_brought_again(proven: Machine) -> None:
    for repository, loss in LOSSES:
        _lost_and_found(proven, repository, loss)
    out = proven.directory / "out"
    proven.done("restore", "documents", "--from", "offsite", "--to", "directory", str(out), "--yes")


def _lost_and_found(proven: Machine, repository: str, loss: Callable[[Machine, str], None]) -> None:
    proven.done("verify", repository)
    loss(proven, repository)
    status = proven.call("status", "--refresh", "--check")
    assert status.returncode == 1
    assert f"in {repository} " in status.stdout
    assert "not whole" in status.stdout
    assert "drtool copy documents" in status.stdout
    assert f"not whole in {repository}" in proven.done("points")
    views = proven.json("points")["points"]
    assert any(view["not_whole"] == [repository] for view in views)
    for view in views:
        assert repository not in view["verified"] or repository in view["repositories"]
    verified = proven.call("verify", repository)
    assert verified.returncode == 5
    assert "not whole" in verified.stderr + verified.stdout
    assert proven.call("prune", repository).returncode == 6

    copied = proven.call("copy")
    assert copied.returncode == 3, "what was read last was not whole, and nothing has been read since"
    assert "succeeded" in copied.stderr or f"drtool verify {repository}" in copied.stderr
    for view in proven.json("points")["points"]:
        assert sorted(view["repositories"]) == ["near", "offsite"]
        assert view["not_whole"] == []
        lost = any(each["point"]["point"] == view["point"]["point"] and each["not_whole"] for each in views)
        assert (repository in view["verified"]) == (not lost), "what came again was not read again"
    assert "2 of 2 points are whole" in proven.done("verify", repository)
    proven.done("status", "--refresh", "--check")
    for view in proven.json("points")["points"]:
        assert repository in view["verified"]
    proven.done("prune", repository)


def test_the_newest_whole_point_is_taken_and_what_is_left_of_others_comes_back(proven: Machine) -> None:
    older, newest = sorted(view["point"]["point"] for view in proven.json("points")["points"])
    one_member_of_the_newest(proven, "offsite")
    assert proven.json("drill", "monthly")["sets"][0]["objective"]["point"] == older
    plan = proven.json("plan", "restore", "documents")
    restores = [step["action"] for step in plan["steps"] if step["action"]["kind"] == "restore"]
    assert {each["point"] for each in restores} == {newest}
    assert {tuple(each["copies"]) for each in restores} == {("near", "offsite")}
    one_member_of_the_newest(proven, "near")
    _what_is_left_comes_back(proven)


def _what_is_left_comes_back(proven: Machine) -> None:
    (lost,) = [view for view in proven.json("points", "--refresh")["points"] if not view["repositories"]]
    copied = proven.call("copy")
    assert copied.returncode == 3
    assert "no other repository has it" in copied.stdout + copied.stderr
    name = lost["point"]["point"]
    back = proven.call("restore", "documents", "--point", name, "--to", "directory", str(proven.directory / "left"), "--yes")
    assert back.returncode not in (0, 2)
    assert (proven.directory / "left").exists()
    proven.done("run")
    assert proven.call("status", "--refresh", "--check").returncode == 1, "it stays told until retention lets it go"
    for _ in range(3):
        proven.done("run")
    assert name in {view["point"]["point"] for view in proven.json("points", "--refresh")["points"]}, "it is kept among its like"


def test_a_copy_that_is_killed_while_it_heals_is_finished(proven: Machine) -> None:
    everything(proven, "offsite")
    for seconds in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0):
        with subprocess.Popen(
            proven.arguments("copy"), env=proven.environment(), cwd=proven.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        bare(proven, "offsite", "unlock")
        listed = proven.json("points", "--refresh")["points"]
        assert len(listed) == 2
        for view in listed:
            assert "near" in view["repositories"], "what is whole stays so"
    assert proven.call("copy").returncode in (0, 3)
    assert "2 of 2 points are whole" in proven.done("verify", "offsite")
    proven.done("status", "--refresh", "--check")
