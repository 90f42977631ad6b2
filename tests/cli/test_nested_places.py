"""Members that lie in one another come back all of them, in place, in a directory and in a drill; with a real restic."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]

ONE = "    protect: [{{here: {{paths: [{directory}/data]}}}}]\n"
TWO = "    protect: [{{here: {{paths: [{directory}/data]{rules}}}}}, {{here: {{paths: [{directory}/data/alice]}}}}]\n"


@pytest.mark.parametrize("left_out", [True, False])
def test_what_lies_in_one_another_comes_back(machine: Machine, *, left_out: bool) -> None:
    directory = machine.directory
    policy = directory / "policy.yaml"
    rules = f", exclude: [{directory}/data/alice]" if left_out else ""
    text = policy.read_text(encoding="utf-8")
    one = ONE.format(directory=directory)
    assert one in text
    policy.write_text(text.replace(one, TWO.format(directory=directory, rules=rules)), encoding="utf-8")
    alice = machine.data / "alice"
    alice.mkdir()
    (alice / "file").write_text("alice", encoding="utf-8")
    machine.done("init")
    machine.done("run")

    for damage in ("gone", "spoilt", "none"):
        if damage == "gone":
            shutil.rmtree(machine.data)
        elif damage == "spoilt":
            (alice / "file").write_text("spoilt", encoding="utf-8")
            (machine.data / "letter.txt").write_text("spoilt", encoding="utf-8")
        machine.done("restore", "documents", "--yes")
        assert (alice / "file").read_text(encoding="utf-8") == "alice", damage
        assert (machine.data / "letter.txt").read_text(encoding="utf-8") == "dear", damage
    machine.done("drill", "monthly")
    machine.done("restore", "documents", "--yes", "--to", "directory", str(directory / "out"))
    assert [path.read_text(encoding="utf-8") for path in (directory / "out").rglob("alice/file")] == ["alice"]
    machine.done("sweep")
