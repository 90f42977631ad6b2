"""What doctor says before anything was made, and a set whose folder is emptied while it is read."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.app.notary import _places
from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]


def test_a_repository_that_was_never_made_is_told_as_that(machine: Machine, restic_oldest: Path) -> None:
    for name in ("near", "offsite"):
        (machine.directory / f"{name}.key").unlink(missing_ok=True)
    first = replace(machine, restic=restic_oldest).call("doctor")
    assert first.returncode == 1
    assert "Refused" not in first.stdout
    for name in ("near", "offsite"):
        assert f"it is not there yet: neither {machine.directory / name}" in first.stdout
        assert f"drtool init {name}" in first.stdout
    assert first.stdout.count("holes in sparse files") == 1, "of one restic once, however many repositories it opens"


def test_what_lies_at_its_place_is_never_taken_for_nothing(machine: Machine) -> None:
    machine.done("init", "--quiet")
    (machine.directory / "near.key").rename(machine.directory / "near.kept")
    told = machine.call("doctor", "near").stdout
    assert "drtool init" not in told
    assert "near.key" in told
    shutil.rmtree(machine.directory / "near")
    (machine.directory / "near").mkdir()
    assert "drtool init near" in machine.call("doctor", "near").stdout


@pytest.mark.parametrize("allowed", [True, False])
def test_a_folder_that_is_emptied_meanwhile_may_be_empty_where_the_policy_says_so(machine: Machine, allowed: bool) -> None:  # noqa: FBT001
    policy = machine.directory / "policy.yaml"
    word = ", allow_empty: true" if allowed else ""
    policy.write_text(policy.read_text().replace(f"paths: [{machine.data}]", f"paths: [{machine.data}]{word}"))
    machine.done("init", "--quiet")
    emptying = machine.directory / "restic"
    emptying.write_text(f'#!/bin/sh\ncase " $* " in *" backup "*) rm -rf {machine.data}/*;; esac\nexec {machine.restic} "$@"\n')
    emptying.chmod(0o755)
    ran = replace(machine, restic=emptying).call("run")
    told = ran.stdout + ran.stderr
    assert (ran.returncode == 0) is allowed, told
    assert "none of it was stored" in told
    assert ("the policy allows that" in told) is allowed
    assert ("allow_empty: true" in told) is not allowed


DISKS = {"both": ("near", "near.key"), "repository": ("near",), "key": ("near.key",)}


def _on_a_disk(machine: Machine, *names: str) -> Path:
    """Let files of near lie on a disk of their own."""
    disk = machine.directory / "disk"
    disk.mkdir()
    policy = machine.directory / "policy.yaml"
    text = policy.read_text()
    (machine.directory / "near.key").unlink()
    for name in names:
        text = text.replace(f"{machine.directory}/{name}{',' if name == 'near' else ''}", f"{disk}/{name}{',' if name == 'near' else ''}")
    policy.write_text(text)
    return disk


def _unmount(disk: Path) -> Path:
    gone = disk.with_name("unmounted")
    disk.rename(gone)
    disk.mkdir()
    return gone


def _mount(gone: Path, disk: Path) -> None:
    assert list(disk.iterdir()) == [], "nothing was made in the place of what is missed"
    disk.rmdir()
    gone.rename(disk)


@pytest.mark.parametrize(("lies", "used"), [("both", "run"), ("both", "init"), ("repository", "init"), ("key", "init")])
def test_what_this_machine_has_written_to_is_never_made_anew(machine: Machine, lies: str, used: str) -> None:
    disk = _on_a_disk(machine, *DISKS[lies])
    machine.done("init", "--quiet")
    if used == "run":
        machine.done("run")
    gone = _unmount(disk)
    doctor = machine.call("doctor", "near")
    for told in (doctor, machine.call("run"), machine.call("status", "--refresh")):
        words = told.stdout + told.stderr
        assert "not there yet" not in words
        assert "drtool init near" not in words or "drtool rebuild --accept near" in words
    if lies != "key":
        assert "is its disk mounted" in doctor.stdout
    for names in ((), ("near",)):
        made = machine.call("init", *names)
        assert made.returncode != 0
        assert "is its disk mounted" in made.stdout + made.stderr
        assert ("drtool rebuild --accept near" in made.stdout + made.stderr) is (lies != "key"), "what lies there is not gone for good"
    _mount(gone, disk)
    machine.done("init")
    machine.done("run")


def test_what_is_gone_for_good_is_made_anew_once_a_person_says_so(machine: Machine) -> None:
    disk = _on_a_disk(machine, "near", "near.key")
    machine.done("init", "--quiet")
    machine.done("run")
    shutil.rmtree(_unmount(disk))
    assert machine.call("init", "near").returncode != 0
    rebuilt = machine.done("rebuild", "--accept", "near")
    assert "missed no longer" in rebuilt
    assert "in 0.0 s" not in rebuilt, "the listing counts"
    assert "drtool init near" in machine.call("doctor", "near").stdout
    machine.done("init", "near")
    machine.done("run")
    shutil.rmtree(_unmount(disk))
    assert machine.call("init", "near").returncode != 0, "the new one is missed as the old one was"


def test_another_name_of_the_same_place_is_known_too(machine: Machine) -> None:
    disk = _on_a_disk(machine, "near", "near.key")
    machine.done("init", "--quiet")
    machine.done("run")
    policy = machine.directory / "policy.yaml"
    policy.write_text(policy.read_text().replace("  near:", "  close:").replace("to: near", "to: close"))
    gone = _unmount(disk)
    assert machine.call("init", "close").returncode != 0
    assert "not there yet" not in machine.call("doctor", "close").stdout
    _mount(gone, disk)
    machine.done("init", "close")


@pytest.mark.parametrize("spelling", ["{}/", "{}/.", "{parent}/./{name}", "local:{}", "{link}"])
def test_another_spelling_of_the_same_place_is_known_too(machine: Machine, spelling: str, tmp_path: Path) -> None:
    place = machine.directory / "disk" / "near"
    link = tmp_path / "link"
    link.symlink_to(place.parent)
    other = spelling.format(place, parent=place.parent, name=place.name, link=link / "near")
    assert _places(other) & _places(str(place))
    assert not _places(str(place)) & _places(f"{place}2")
    assert _places("sftp:pi:/srv//near/") & _places("sftp:pi:/srv/near")
    assert not _places("sftp:pi:/srv/near") & _places("sftp:pa:/srv/near")


def test_a_folder_that_may_not_be_looked_into_is_no_absence(machine: Machine) -> None:
    disk = _on_a_disk(machine, "near", "near.key")
    machine.done("init", "--quiet")
    shutil.rmtree(machine.directory / "home" / "drtool-state")  # another user's state knows nothing of it
    disk.chmod(0)
    try:
        for verb in ("doctor", "init", "run"):
            ran = _bound_by_modes(machine, verb, *(["near"] if verb != "run" else []))
            assert ran.returncode != 0
            told = ran.stdout + ran.stderr
            assert "not there" not in told
            assert "drtool init" not in told
            assert "may not" in told or "Permission denied" in told
    finally:
        disk.chmod(0o700)
    assert sorted(path.name for path in disk.iterdir()) == ["near", "near.key"]


def _bound_by_modes(machine: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call it as a user whom modes of folders bind: root without the right to pass over them."""
    rights = "-dac_override,-dac_read_search"
    bound = ("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", "--") if os.geteuid() == 0 else ()
    argv = [*bound, *machine.arguments(*arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=machine.environment(), cwd=machine.directory)


@pytest.mark.parametrize("own_word", [True, False])
def test_allow_empty_is_said_by_the_entry_that_matched(machine: Machine, own_word: bool) -> None:  # noqa: FBT001
    scratch = machine.directory / "scratch"
    scratch.mkdir()
    policy = machine.directory / "policy.yaml"
    words = (", allow_empty: true", "") if not own_word else ("", ", allow_empty: true")
    entries = f"{{here: {{paths: [{scratch}]{words[0]}}}}}, {{here: {{paths: [{machine.data}], exclude: ['*']{words[1]}}}}}"
    policy.write_text(policy.read_text().replace(f"{{here: {{paths: [{machine.data}]}}}}", entries))
    machine.done("init", "--quiet")
    ran = machine.call("run")
    assert (ran.returncode == 0) is own_word, ran.stdout + ran.stderr
    assert "none of it was stored" in ran.stdout + ran.stderr


@pytest.mark.parametrize("rules", ["", ", exclude: ['*.tmp']", ", exclude_caches: true", ", exclude: ['*.tmp'], canary: true"])
def test_files_that_stand_still_and_are_hidden_fail_the_run_whatever_is_allowed(machine: Machine, rules: str) -> None:
    policy = machine.directory / "policy.yaml"
    policy.write_text(policy.read_text().replace(f"paths: [{machine.data}]", f"paths: [{machine.data}], allow_empty: true{rules}"))
    (machine.data / "left.tmp").write_text("left out")
    machine.done("init", "--quiet")
    hiding = machine.directory / "restic"
    options = "--exclude='*.txt' --exclude='*.bin'"
    hiding.write_text(
        '#!/bin/sh\ncase " $* " in *" --stdin "*) ;; *" backup "*)\n'
        f'for word do shift; set -- "$@" "$word"; [ "$word" != backup ] || set -- "$@" {options}; done;; esac\n'
        f'exec {machine.restic} "$@"\n'
    )
    hiding.chmod(0o755)
    ran = replace(machine, restic=hiding).call("run")
    assert ran.returncode == 5, ran.stdout + ran.stderr
    assert "look for what hides files" in ran.stdout + ran.stderr


@pytest.mark.parametrize("key", ["missing", "another"])
def test_what_our_key_does_not_open_is_not_said_to_be_made(machine: Machine, key: str) -> None:
    """A new machine that knows nothing: the repository is there, and the key that it has or makes is not its key."""
    machine.done("init", "--quiet")
    machine.done("run")
    shutil.rmtree(machine.directory / "home" / "drtool-state")
    kept = (machine.directory / "near.key").rename(machine.directory / "near.kept")
    if key == "another":
        (machine.directory / "near.key").write_text("of something else")
        (machine.directory / "near.key").chmod(0o600)
    before = sorted(path.name for path in (machine.directory / "near").rglob("*"))
    made = machine.call("init", "near")
    assert made.returncode == 12
    assert "does not open it" in made.stdout + made.stderr
    assert "keep a copy of what is in it" not in made.stdout
    assert (machine.directory / "near.key").exists() == (key == "another"), "no key of nothing stays behind"
    assert sorted(path.name for path in (machine.directory / "near").rglob("*")) == before
    kept.replace(machine.directory / "near.key")
    machine.done("init", "near")
