"""One repository under two names is no copy: by where links lead, and by the repository's own id; with a real restic."""

from __future__ import annotations

import json
import shutil

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]

SAME = "near and offsite are the same repository"


def _two_ways_to_one(machine: Machine) -> None:
    """Let both addresses open the same repository; a clone stands for another way to it, by SSH or a bind mount."""
    shutil.rmtree(machine.directory / "offsite", ignore_errors=True)
    shutil.copytree(machine.directory / "near", machine.directory / "offsite")
    (machine.directory / "offsite.key").write_text((machine.directory / "near.key").read_text(encoding="utf-8"), encoding="utf-8")


def test_a_link_to_the_other_repository_is_refused_before_anything_is_done(machine: Machine) -> None:
    (machine.directory / "near").mkdir()
    (machine.directory / "offsite").symlink_to("near")
    for verb in (("validate",), ("init",), ("run",), ("copy",), ("status", "--check")):
        refused = machine.call(*verb)
        assert refused.returncode not in (0, 1, 3), verb
        assert "the same place as repository `near`" in refused.stdout + refused.stderr


def test_another_way_to_the_same_repository_is_told_by_every_verb_and_mended(machine: Machine) -> None:
    machine.done("init", "near")
    _two_ways_to_one(machine)
    made = machine.call("init")
    assert made.returncode != 0
    assert SAME in made.stdout + made.stderr
    for verb, code in (("run", 6), ("copy", None), ("doctor", None), ("run", 6)):
        told = machine.call(verb)
        assert told.returncode == code if code is not None else told.returncode != 0, verb
        assert SAME in told.stdout + told.stderr, verb
    _is_no_copy(machine)

    shutil.rmtree(machine.directory / "offsite")
    bare = Machine(machine.directory, machine.restic)
    assert bare.call("status", "--refresh").returncode == 0
    (machine.directory / "elsewhere").mkdir()
    text = (machine.directory / "policy.yaml").read_text(encoding="utf-8")
    (machine.directory / "policy.yaml").write_text(text.replace("/offsite,", "/elsewhere/offsite,"), encoding="utf-8")
    machine.done("init", "offsite")
    machine.done("run")
    assert "offsite" in json.dumps(machine.json("status")["sets"][0]["copies"])


def test_a_copy_that_turned_into_the_repository_itself_counts_no_more(machine: Machine) -> None:
    machine.done("init")
    machine.done("run")
    _two_ways_to_one(machine)
    told = machine.call("run")
    assert told.returncode == 6
    assert SAME in told.stdout + told.stderr
    _is_no_copy(machine)


def _is_no_copy(machine: Machine) -> None:
    checked = machine.call("status", "--check")
    assert checked.returncode == 1
    assert SAME in checked.stdout
    (seen,) = json.loads(machine.call("status", "--json").stdout)["sets"]
    assert seen["copies"] == ["near"]
    assert seen["off_site"] == []
