"""May anybody else write this? Asked of policies, the state directory, the signing key, caches, and what root runs as a hook."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from drtool import openness
from drtool.app.composition import KINDS
from drtool.catalog.signer import key_file_signer
from drtool.engine.hook import hook_openings
from drtool.model.errors import PolicyError, Refused
from drtool.model.policy import Hook
from drtool.openness import mode_remedy, opening_of
from drtool.policy import cache
from drtool.policy.load import load, openings
from tests.cli.test_program import POLICY
from tests.rig import program

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
NOBODY = 65534


@pytest.fixture
def policy(tmp_path: Path, home: Path) -> Iterator[Path]:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(directory=tmp_path), encoding="utf-8")
    path.chmod(0o644)
    yield path
    tmp_path.chmod(0o700)


def called(policy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DRTOOL_POLICY": str(policy), "DRTOOL_STATE_DIR": str(policy.parent / "state")}
    return program.called(words, env=environment)


def test_what_is_mine_is_closed(policy: Path) -> None:
    assert opening_of(str(policy)) is None
    assert opening_of(str(policy.parent / "not yet" / "there")) is None
    assert opening_of("/etc/passwd") is None
    assert openings((str(policy.parent),)) == ()


@pytest.mark.parametrize(("target", "mode"), [("policy.yaml", 0o666), ("policy.yaml", 0o646), (".", 0o777), (".", 0o707)])
def test_a_policy_that_anybody_may_write_or_replace_is_not_read(policy: Path, target: str, mode: int) -> None:
    place = policy.parent / target
    place.chmod(mode)
    found = opening_of(str(policy))
    assert found is not None
    assert (found.anybody, found.path, found.remedy) == (True, os.path.realpath(place), f"chmod go-w {os.path.realpath(place)}")
    with pytest.raises(PolicyError) as caught:
        load((str(policy),), KINDS)
    assert "may be written by anybody" in caught.value.problems[0].message
    for verb in ("validate", "run", "doctor", "status"):
        ended = called(policy, verb)
        assert ended.returncode == 2, ended.stderr
        assert "may be written by anybody" in ended.stderr
    subprocess.run(["sh", "-c", found.remedy], check=True)
    assert opening_of(str(policy)) is None, "the remedy works"
    assert called(policy, "validate").returncode == 0


def test_a_sticky_folder_keeps_what_is_in_it(policy: Path) -> None:
    policy.parent.chmod(0o1777)
    assert opening_of(str(policy)) is None
    assert opening_of(str(policy.parent)) is not None, "but what is made there later is anybody's"


@pytest.mark.parametrize("leads", ["{file}", "../{folder}/policy.yaml", "folder/policy.yaml", "link/policy.yaml"])
def test_who_may_exchange_a_link_may_write_what_it_leads_to(policy: Path, tmp_path_factory: pytest.TempPathFactory, leads: str) -> None:
    shared = tmp_path_factory.mktemp("shared")
    (shared / "folder").mkdir()
    (shared / "folder" / "policy.yaml").symlink_to(policy)
    (shared / "link").symlink_to(policy.parent)
    named = shared / "named.yaml"
    named.symlink_to(leads.format(file=policy, folder=os.path.relpath(policy.parent, shared.parent)))
    assert opening_of(str(named)) is None
    shared.chmod(0o777)
    found = opening_of(str(named))
    assert found is not None
    assert (found.anybody, found.path, found.remedy) == (True, str(shared), f"chmod go-w {shared}")
    ended = called(named, "validate")
    assert (ended.returncode, "may be written by anybody" in ended.stderr) == (2, True), ended.stderr
    shared.chmod(0o1777)
    assert opening_of(str(named)) is None
    if os.geteuid() == 0:
        os.chown(named, NOBODY, NOBODY, follow_symlinks=False)
        assert (found := opening_of(str(named))) is not None
        assert found.words == f"{named} is a link of nobody (user {NOBODY}), who may change it"


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert opening_of(str(tmp_path / "one" / "policy.yaml")) is None


@ROOT_ONLY
def test_who_owns_a_policy_or_shares_its_group_is_told(policy: Path) -> None:
    os.chown(policy, NOBODY, 0)
    told = called(policy, "validate")
    assert told.returncode == 0, "a container that mounts a user's folder must work"
    assert f"{policy} belongs to nobody (user {NOBODY})" in told.stderr
    assert "chown 0" in told.stderr
    assert called(policy, "validate", "--quiet").stderr == ""
    os.chown(policy, 0, NOBODY)
    policy.chmod(0o664)
    assert "may be written by the group nogroup" in called(policy, "validate").stderr
    assert "may be written by the group nogroup" in called(policy, "doctor").stdout
    os.chown(policy, 0, 0)
    assert called(policy, "validate").stderr == "", "root's own group is root"


@pytest.mark.parametrize("target", ["policy.yaml", "."])
@pytest.mark.parametrize("who", [f"user:{NOBODY}", f"group:{NOBODY}"])
def test_whom_an_access_list_lets_write_is_told(policy: Path, target: str, who: str) -> None:
    place = policy.parent / target
    subprocess.run(["setfacl", "-m", f"{who}:r-x", place], check=True)
    assert opening_of(str(policy)) is None, "who may read only writes nothing"
    subprocess.run(["setfacl", "-m", f"{who}:rwx", place], check=True)
    found = opening_of(str(policy))
    assert found is not None
    assert (found.path, found.anybody) == (os.path.realpath(place), False)
    named = f"nobody (user {NOBODY})" if who.startswith("user") else "the group nogroup"
    assert f"may be written by {named} (its access list)" in called(policy, "validate").stderr
    assert f"may be written by {named} (its access list)" in called(policy, "doctor").stdout
    subprocess.run(["setfacl", "-m", "mask::r-x", place], check=True)
    assert opening_of(str(policy)) is None, "beyond the mask nothing is granted"
    subprocess.run(["setfacl", "-m", "mask::rwx", place], check=True)
    subprocess.run(["sh", "-c", found.remedy], check=True)
    assert opening_of(str(policy)) is None, "the remedy works"


@pytest.mark.parametrize("user", [0, os.geteuid()])
def test_an_access_list_of_this_user_or_root_opens_nothing(policy: Path, user: int) -> None:
    subprocess.run(["setfacl", "-m", f"user:{user}:rw", policy], check=True)
    assert policy.stat().st_mode & 0o060 == 0o060
    assert opening_of(str(policy)) is None


@ROOT_ONLY
def test_that_anybody_may_write_is_said_whoever_owns_it(policy: Path) -> None:
    os.chown(policy, NOBODY, NOBODY)
    policy.chmod(0o666)
    found = opening_of(str(policy))
    assert found is not None
    assert found.anybody


def test_a_state_directory_that_anybody_may_write_is_not_worked_by(policy: Path) -> None:
    """What dead runs owe is read there, and their hooks are carried out."""
    state = policy.parent / "state"
    state.mkdir()
    state.chmod(0o777)
    for verb in (("run",), ("sweep",), ("prune",)):
        ended = called(policy, *verb)
        assert ended.returncode == 6, ended.stderr
        assert f"the state directory {state} is not used: {state} may be written by anybody" in ended.stderr
        assert f"next: chmod go-w {state}" in ended.stderr
    assert "may be written by anybody" in called(policy, "doctor").stdout


def test_doctor_tells_who_may_plant_a_passphrase_beside_a_key_and_what_lies_there(policy: Path) -> None:
    keys = policy.parent / "keys"
    keys.mkdir()
    policy.write_text(policy.read_text().replace(f"{policy.parent}/key", f"{keys}/near.key"))
    (keys / "near.key").touch(mode=0o600)
    assert "near.key.rotation" not in called(policy, "doctor").stdout
    (keys / "near.key.rotation-new").symlink_to("near.key")
    keys.chmod(0o1777)
    told = called(policy, "doctor").stdout
    assert f"{keys} may be written by anybody (mode 1777): a passphrase of somebody else's may be put beside {keys}/near.key" in told
    assert f"{keys}/near.key.rotation-new was not left by a rotation of the key: it is a symbolic link" in told


def test_a_signing_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "evidence" / "key"
    made = key_file_signer(str(path))
    for mode in (0o644, 0o640, 0o660):
        path.chmod(mode)
        with pytest.raises(Refused, match="the signing key is not used") as caught:
            key_file_signer(str(path))
        subprocess.run(["sh", "-c", caught.value.hint], check=True)
        assert key_file_signer(str(path)).fingerprint == made.fingerprint, "the remedy works"


def test_a_cache_that_others_may_have_written_is_none(policy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    loaded = load((str(policy),), KINDS, cache_directory=str(folder))
    key = cache.digest((policy.read_bytes(),))
    assert cache.recall(str(folder), key) == loaded
    folder.chmod(0o777)
    assert cache.recall(str(folder), key) is None
    folder.chmod(0o700)
    (kept,) = folder.iterdir()
    kept.chmod(0o604)
    assert cache.recall(str(folder), key) is None


def test_programs_of_hooks_are_looked_at_wherever_they_stand(tmp_path: Path) -> None:
    script = tmp_path / "dump.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o777)
    for run in ((str(script),), ("sh", str(script)), ("sh", "-x", str(script), "word")):
        assert [each.anybody for each in hook_openings(Hook(run, "here"))] == [True]
    assert hook_openings(Hook(("sh", "-c", "true"), "here")) == ()
    assert hook_openings(Hook(("no such program",), "here")) == ()
    script.chmod(0o755)
    assert hook_openings(Hook((str(script),), "here")) == ()


def test_where_chmod_does_nothing_the_mount_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stick with FAT, whose mode is that of its mount: as the kernel lists it, the rest is the function's own."""
    assert mode_remedy(str(tmp_path / "key"), "600") == f"chmod 600 {tmp_path}/key"
    monkeypatch.setattr(openness, "_modeless_mount", lambda _path: ("/dev/sdb1", "/media/my stick", "vfat"))
    words = mode_remedy("/media/my stick/key", "600")
    assert words.startswith("vfat has no modes, so chmod does nothing there: umount '/media/my stick', then mount -o umask=0077,uid=")
    assert "chmod 600" not in words
