"""A bare machine: a repository and its key, as options or as restic's own variables, are enough for everything that looks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import ROOT, Machine, machine
from tests.rig.program import called

__all__ = ["machine"]


class Bare:
    """A machine without a policy and without a state."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.folder = folder
        self.options = ("--repository", str(machine.directory / "offsite"), "--password-file", str(machine.directory / "offsite.key"))
        self.variables = {"RESTIC_REPOSITORY": self.options[1], "RESTIC_PASSWORD_FILE": self.options[3]}

    def call(self, *arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("DRTOOL_", "RESTIC_"))}
        environment |= {"PYTHONPATH": str(ROOT), "DRTOOL_STATE_DIR": str(self.folder / "state"), **(variables or {})}
        words = [*self.machine.words(*arguments), "--restic", str(self.machine.restic)]
        return called(words, env=environment, cwd=self.folder)

    def told(self, *arguments: str) -> str:
        """Call it both ways; they say the same."""
        by_options = self.call(*arguments, *self.options)
        by_variables = self.call(*arguments, variables=self.variables)
        for result in (by_options, by_variables):
            assert result.returncode == 0, (arguments, result.stdout + result.stderr)
        return by_options.stdout + by_options.stderr


@pytest.fixture
def bare(machine: Machine, tmp_path: Path) -> Bare:
    machine.done("init", "--quiet")
    machine.done("run", "--quiet")
    machine.done("drill", "--quiet")
    (machine.directory / "policy.yaml").rename(machine.directory / "policy.kept")
    folder = tmp_path / "bare"
    folder.mkdir()
    return Bare(machine, folder)


def test_everything_that_looks_needs_a_repository_and_its_key(bare: Bare) -> None:
    listed = bare.told("points")
    assert "1 point, the newest 1 shown, as of " in bare.told("points", "--last", "1")
    assert bare.call("points", "--last", "0").returncode == 2
    point = listed.splitlines()[1].split()[0]
    data = str(bare.machine.data)
    for name in (point, "latest", "documents"):
        assert point in bare.told("show", name)
        assert "letter.txt" in bare.told("ls", name, data)
    assert "letter.txt" in bare.told("browse", "latest", "--path", data, "--json")
    assert bare.told("diff", "latest", point) == "nothing changed\n"
    stands = bare.told("status")
    assert "never proven" not in stands, stands
    assert "not measured" not in stands, stands
    assert "not proven" not in stands, stands
    assert "proven in repository ✔" in listed
    assert "drill" in bare.told("evidence", "list")
    assert "signature" in bare.told("evidence", "verify")
    bare.told("history")
    assert "no run is called last" in bare.call("report", "last", *bare.options).stderr
    written = bare.call("restore", "--yes", "--to", "directory", "out", *bare.options)
    assert written.returncode == 0, written.stderr
    assert "restore" in bare.told("history")
    assert "succeeded" in bare.told("report", "last")
    assert "--repository" in bare.call("mount", "--help").stdout


def test_its_policy_is_written_out_so_that_validate_takes_it(bare: Bare) -> None:
    file = bare.folder / "recovered.yaml"
    done = bare.call("policy", "latest", "--output", str(file), *bare.options)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert bare.told("policy", "documents") == file.read_text(encoding="utf-8")
    valid = bare.call("validate", "--policy", str(file))
    assert valid.returncode == 0, valid.stderr
    again = bare.call("policy", "latest", "--output", str(file), *bare.options)
    assert (again.returncode, "file exists" in again.stderr) == (6, True)
    points = bare.call("points", "--policy", str(file))
    assert "documents" in points.stdout, points.stderr


def test_it_says_of_which_sets_it_does_not_tell(machine: Machine) -> None:
    policy = machine.directory / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    second = text[text.index("  documents:\n") : text.index("sandboxes:")].replace("  documents:\n", "  letters:\n")
    policy.write_text(text.replace("sandboxes:", f"{second}sandboxes:"), encoding="utf-8")
    machine.done("init", "--quiet")
    machine.done("run", "--quiet")
    told = machine.call("policy", "letters")
    assert "letters:" in told.stdout
    assert "It tells of letters only. Points of documents have their own part: drtool policy SET" in told.stderr
    assert machine.json("policy", "letters")["others"] == ["documents"]


def test_half_a_pair_and_a_wrong_key_are_told(bare: Bare) -> None:
    repository, key = bare.options[:2], bare.options[2:]
    assert bare.call("points", *repository).returncode == 2
    assert bare.call("points", *key).returncode == 2
    assert bare.call("points", variables={"RESTIC_REPOSITORY": repository[1]}).returncode == 2
    assert bare.call("points", *repository, variables={"RESTIC_PASSWORD_FILE": key[1]}).returncode == 0
    wrong = bare.folder / "wrong.key"
    wrong.write_text("another", encoding="utf-8")
    wrong.chmod(0o600)
    closed = bare.call("points", *repository, "--password-file", str(wrong))
    assert (closed.returncode, str(wrong) in closed.stderr, "policy" in closed.stderr) == (12, True, False), closed.stderr
    (bare.folder / "empty").mkdir()
    for place in (bare.folder, bare.folder / "empty", bare.folder / "absent"):
        nowhere = bare.call("points", "--repository", str(place), *key)
        assert (nowhere.returncode, str(place) in nowhere.stderr, "drtool init" in nowhere.stderr) == (10, True, False), nowhere.stderr


def test_keys_are_not_looked_after_by_what_lies_in_the_repository(bare: Bare) -> None:
    (bare.folder / "new").write_text("another")
    (bare.folder / "new").chmod(0o600)
    for words in (("list",), ("add", "repository", "--file", str(bare.folder / "new")), ("rotate", "repository")):
        ended = bare.call("key", *words, variables=bare.variables)
        assert ended.returncode == 6, ended.stderr
        assert "a policy of your own" in ended.stderr


def test_a_policy_that_is_there_goes_before_the_variables_of_restic(bare: Bare) -> None:
    policy = str(bare.machine.directory / "policy.kept")
    there = bare.call("points", "--json", variables={**bare.variables, "DRTOOL_POLICY": policy})
    assert '"near"' in there.stdout


def test_an_exchange_that_was_killed_is_finished_by_a_sweep_of_the_bare_machine(bare: Bare) -> None:
    data, letter = bare.machine.data, bare.machine.data / "letter.txt"
    letter.write_text("broken")
    programs = bare.folder / "programs"
    programs.mkdir()
    (programs / "perl").write_text(
        "#!/bin/sh\n"
        f'if [ -e "{data}" ]; then exec {shutil.which("perl")} "$@"; fi\n'  # the old one stands aside, the new one is not there yet
        "kill -9 $PPID\nexit 1\n"
    )
    (programs / "perl").chmod(0o755)
    restore = ("restore", "documents", "--yes", *bare.options)
    killed = bare.call(*restore, variables={"PATH": f"{programs}:{os.environ['PATH']}"})
    assert (killed.returncode, data.exists()) == (-9, False), killed.stderr
    again = bare.call(*restore)
    assert (again.returncode, "drtool sweep" in again.stderr, data.exists()) == (6, True, False), again.stderr
    elsewhere = bare.call("sweep", *bare.options, variables={"DRTOOL_STATE_DIR": str(bare.folder / "other")})
    assert (elsewhere.returncode, data.exists()) == (3, False), "another state knows it for none of its own, and says so"
    assert "bears no proof of this machine" in elsewhere.stdout + elsewhere.stderr
    kept = bare.call("sweep", "--kept", "--yes", *bare.options)
    assert (kept.returncode, "drtool policy latest" in kept.stderr, data.exists()) == (6, True, False), kept.stderr
    swept = bare.call("sweep", *bare.options)
    assert (swept.returncode, letter.read_text()) == (0, "dear"), swept.stdout + swept.stderr
    assert not [path for path in data.parent.glob(".drtool-*") if "kept" not in path.name]
    assert bare.call(*restore).returncode == 0
    assert letter.read_text() == "dear"


@pytest.mark.parametrize("verb", [("run",), ("run", "--due"), ("copy",), ("drill", "documents"), ("prune",), ("validate",)])
def test_a_verb_that_goes_by_a_policy_says_that_there_is_none(tmp_path: Path, verb: tuple[str, ...]) -> None:
    """Restic's variables are set on many a machine; here there is no repository either, which nobody asks."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRTOOL_")}
    environment |= {
        "PYTHONPATH": str(ROOT),
        "DRTOOL_STATE_DIR": str(tmp_path / "state"),
        "RESTIC_REPOSITORY": "rest:https://me:hidden@localhost:1/",
        "RESTIC_PASSWORD_FILE": "key",
    }
    ended = called(verb, env=environment, cwd=tmp_path)
    assert ended.returncode in {2, 6}, ended.stderr
    assert "there is no policy to go by" in ended.stderr or "goes by a policy of your own, and there is none" in ended.stderr
    if ended.returncode == 6:
        assert "in that repository: drtool policy latest --output FILE; a first one: drtool new  " in ended.stderr
    assert "hidden" not in ended.stderr
