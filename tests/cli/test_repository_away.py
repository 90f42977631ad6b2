"""A repository that is away takes no newer point along unseen: whoever asks for the newest is told what was known there."""

from __future__ import annotations

import json

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]


def test_the_newer_point_of_a_repository_that_is_away_is_named(machine: Machine) -> None:
    near, offsite, away = (machine.directory / name for name in ("near", "offsite", "away"))
    machine.done("init", "--quiet")
    machine.done("run", "--quiet")
    (older,) = (view["point"]["point"] for view in machine.json("points")["points"])
    offsite.rename(away)
    assert machine.call("run", "--quiet").returncode == 10, "its copy is missing"
    newer = next(view["point"]["point"] for view in machine.json("points")["points"] if view["point"]["point"] != older)
    away.rename(offsite)
    near.rename(away)
    refused = machine.call("restore", "documents", "--from", "near", "--to", "directory", "out", "--yes")
    assert (refused.returncode, "drtool restore documents --from offsite" in " ".join(refused.stderr.split())) == (10, True), refused.stderr
    planned = machine.call("plan", "restore", "documents")
    assert "bring near back" in " ".join(planned.stdout.split()), planned.stdout
    assert newer in planned.stdout
    (note,) = [each for each in machine.json("plan", "restore", "documents", "--to", "directory", "out")["notes"] if "near" in each]
    assert newer in note
    assert f"newer than {older}" in note
    listed = machine.call("ls", "latest")
    assert (listed.returncode, newer in listed.stderr, newer in listed.stdout) == (0, True, False), listed.stderr
    for looked in (("browse", "latest"), ("ls", "documents")):
        (told,) = json.loads(machine.call(*looked, "--json").stdout)["unlisted"]
        assert newer in told
    assert machine.json("ls", older)["unlisted"] == [], "a point that was named is what it is"
