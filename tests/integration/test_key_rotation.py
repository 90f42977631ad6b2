"""A rotation killed at every step: a key file that lies there opens the repository, and the same command goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from drtool.cli.render.keys import rotated_lines
from drtool.model.errors import Refused
from drtool.model.secret import Secret
from tests.integration.key_world import LIVE, KeyWorld, make_key_world

ROOT = Path(__file__).parents[2]
# What a rotation changes, in order: the fresh key's part (an older one away, then written) and name, the key in the repository,
# the file kept aside and replaced, the old key in the repository, the file kept aside.
CHANGES = 8
ADD, REMOVE = 4, 7
CHILD = """\
import os, signal, subprocess, sys, threading, time
sys.path.insert(0, {root!r})
from drtool.app.opening import open_policy
key, at, late = {key!r}, int(sys.argv[1]), sys.argv[2] == "late"
count = 0

def changes(event, arguments):
    if event in ("os.rename", "os.link", "os.remove"):
        return str(arguments[0]).startswith(key)
    if event == "open":
        return str(arguments[0]).startswith(key) and bool(arguments[2] & os.O_CREAT)
    return event == "subprocess.Popen" and "key" in arguments[1] and bool({{"add", "remove"}} & set(arguments[1]))

def children():
    tasks = os.listdir("/proc/self/task")
    return [int(child) for task in tasks for child in open(f"/proc/self/task/{{task}}/children").read().split()]

def end_everything():
    while not children():
        time.sleep(0.01)
    time.sleep(0.3)
    for child in children():
        os.kill(child, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

def watch(event, arguments):
    global count
    if not changes(event, arguments):
        return
    count += 1
    if count == at and late:
        threading.Thread(target=end_everything, daemon=True).start()
    elif count == at:
        os.kill(os.getpid(), signal.SIGKILL)

app = open_policy({policy!r}, state_directory={state!r}, binary={binary!r})
sys.addaudithook(watch)
print(app.key_rotate("near").id)
print("changes", count)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> KeyWorld:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("rotation")
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        return make_key_world(root / "w", restic_newest)


@pytest.fixture
def world(saved: KeyWorld, home: Path) -> KeyWorld:
    """The world as it was made."""
    kept = saved.root.with_name("kept")
    if kept.exists():
        shutil.rmtree(saved.root)
        shutil.copytree(kept, saved.root, symlinks=True)
    else:
        shutil.copytree(saved.root, kept, symlinks=True)
    saved.app()
    return saved


def rotate(world: KeyWorld, at: int = 0, *, late: bool = False) -> subprocess.CompletedProcess[str]:
    script = CHILD.format(
        root=str(ROOT), key=str(world.live), policy=str(world.policy_file), state=str(world.root / "state"), binary=str(world.binary)
    )
    return subprocess.run(
        [sys.executable, "-c", script, str(at), "late" if late else "at"],
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def after_it_all_is_well(world: KeyWorld) -> None:
    passphrase = world.live.read_text().strip()
    assert passphrase != LIVE
    assert world.opens(passphrase)
    assert not world.opens(LIVE)
    assert world.live.stat().st_mode & 0o777 == 0o600
    kept = [path for path in world.root.glob("near.key*") if path != world.live]
    assert [path.name.partition(".replaced-by-")[0] for path in kept] == ["near.key"]
    assert kept[0].read_text().strip() == LIVE
    assert kept[0].stat().st_mode & 0o777 == 0o600
    (listing,) = world.app().key_list()
    assert [key.current for key in listing.keys] == [True]
    assert world.app().run().outcome == "succeeded"


def test_a_rotation_replaces_the_key(world: KeyWorld) -> None:
    (before,) = world.app().key_list()
    app = world.app()
    rotated = app.key_rotate("near")
    assert (rotated.removed, rotated.resumed) == (before.keys[0].id, False)
    assert any("copy" in note for note in rotated.notes)
    after_it_all_is_well(world)
    (after,) = world.app().key_list()
    assert (after.keys[0].user, after.keys[0].host) == (before.keys[0].user, before.keys[0].host)
    assert app.run().outcome == "succeeded"  # the app that rotated forgets the old key


def test_who_opened_it_before_goes_on_with_the_new_key(world: KeyWorld) -> None:
    """Adapters resolve a password once; when it opens nothing any more, they look whether there is another in its place."""
    app = world.app()
    before = len(app.points(refresh=True))
    other = world.app()
    assert len(other.points(refresh=True)) == before
    app.key_rotate("near")
    for each in (app, other):
        assert len(each.points(refresh=True)) == before
        assert each.listings(refresh=True)["near"].problem is None
    (world.tree / "letters" / "6.txt").write_text("after the rotation\n")
    assert other.run().outcome == "succeeded"


@pytest.mark.parametrize("at", range(1, CHANGES + 1))
def test_killed_before_each_change(world: KeyWorld, at: int) -> None:
    assert rotate(world, at).returncode == -signal.SIGKILL
    assert world.opens(world.live.read_text().strip())
    again = rotate(world)
    assert again.returncode == 0, again.stderr
    after_it_all_is_well(world)


@pytest.mark.parametrize("at", [ADD, REMOVE])
def test_killed_while_restic_changes_a_key(world: KeyWorld, at: int) -> None:
    assert rotate(world, at, late=True).returncode == -signal.SIGKILL
    assert world.opens(world.live.read_text().strip())
    assert world.unlock().returncode == 0  # of what the dead restic left; drtool removes only what it can prove to be dead
    again = rotate(world)
    assert again.returncode == 0, again.stderr
    after_it_all_is_well(world)


def test_an_old_passphrase_with_several_keys_opens_nothing_afterwards(world: KeyWorld) -> None:
    """As after a kill while restic added it: restic went on, and the next call added the same again."""
    adapters = world.adapters()
    for _ in range(2):
        adapters.key_ring("near").add(Secret(LIVE), user="drtool", host="again")
    (before,) = world.app().key_list()
    rotated = world.app().key_rotate("near")
    assert {rotated.removed, *rotated.removed_too} == {key.id for key in before.keys}
    assert len(rotated.removed_too) == 2
    assert [rotated.removed_too[0] in line for line in rotated_lines(rotated)].count(True) == 1
    after_it_all_is_well(world)


def test_every_change_was_killed(world: KeyWorld) -> None:
    ended = rotate(world)
    assert f"changes {CHANGES}" in ended.stdout, ended.stderr


@pytest.mark.parametrize("reference", ["env:NEAR_KEY", "command:cat {live}"])
def test_only_a_file_is_rotated(world: KeyWorld, reference: str) -> None:
    with pytest.raises(Refused, match="only a `file:`") as caught:
        world.app(password=reference.format(live=world.live)).key_rotate("near")
    assert "drtool key add near" in caught.value.hint


def test_a_key_that_opens_another_repository_too_is_left_alone(world: KeyWorld) -> None:
    """However it is spelled: `tests/contracts/test_rotation_refused.py` has the others."""
    (world.root / "link.key").symlink_to("near.key")
    world.policy["repositories"]["other"] = {"restic": str(world.root / "other"), "password": f"file:{world.root}/link.key"}
    try:
        with pytest.raises(Refused, match="opens other too"):
            world.app().key_rotate("near")
    finally:
        del world.policy["repositories"]["other"]
    assert world.live.read_text().strip() == LIVE


def test_what_another_policy_opened_with_the_file_can_be_opened_again(world: KeyWorld) -> None:
    """Nobody knows here of other policies: the old passphrase stays until a person removes it."""
    rotated = world.app().key_rotate("near")
    assert Path(rotated.kept).read_text().strip() == LIVE
    assert any(rotated.kept in note for note in rotated.notes)
    second = world.app().key_rotate("near")
    assert Path(rotated.kept).exists()
    assert second.kept != rotated.kept


def test_a_drill_that_holds_a_copy_of_the_key_stops_a_rotation(world: KeyWorld) -> None:
    copy = world.root / "media" / "escrow.key"
    copy.parent.mkdir()
    shutil.copy(world.live, copy)
    with pytest.raises(Refused, match="the drill escrowed is a copy"):
        world.app().key_rotate("near")
    assert world.opens(LIVE)
    assert sorted(path.name for path in world.root.glob("near.key*")) == ["near.key"]


def test_an_escrowed_key_of_its_own_survives_a_rotation(world: KeyWorld) -> None:
    file = world.escrow(world.app())
    world.app().key_rotate("near")
    assert world.opens(file.read_text().strip())
    assert world.app().drill(["escrowed"]).outcome == "succeeded"
