"""What breaks around drtool: hooks, sources, repositories, disks, the state directory, other runs, hostile data."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.model.identifier import identifier
from drtool.model.point import Manifest
from drtool.model.standing import Standing
from tests.faults.fault_world import PASSWORDS, World
from tests.rig.disk import full_disk
from tests.rig.missing import MissingToolError
from tests.rig.s3 import S3Server
from tests.rig.tree import assert_same


def changed(world: World, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the policy with a change."""
    policy: dict[str, Any] = json.loads(json.dumps(world.policy))
    change(policy)
    world.write_policy(policy)


def documents(policy: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = policy["sets"]["documents"]
    return found


def after_it_all_is_well(world: World) -> None:
    world.write_policy()
    again = world.drtool("run")
    assert again.outcome == "succeeded", again.explain()
    world.assert_settled()
    world.assert_restorable("offsite", world.points("offsite")[-1])


@contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingToolError(f"this machine does not let root mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", arguments[-1]], check=True)


# told to stop


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.7, 0.9])
def test_told_to_stop(world: World, name: str, part: float) -> None:
    undisturbed = world.must("run")
    world.load()
    commands = sum(1 for kind, _step, program in undisturbed.heard if kind == "command_started" and program.startswith("restic"))
    ended = world.drtool("run", signal=name, command=max(1, int(commands * part)), milliseconds=20)
    assert ended.outcome in ("interrupted", "Interrupted"), ended.explain()
    assert ended.seconds < 15
    if ended.report is not None:
        assert ended.report["signal_number"] == getattr(signal, name)
    after_it_all_is_well(world)


# hooks


@pytest.mark.parametrize(
    ("script", "outcome"),
    [("exit 3", "refused"), ("sleep 60 & sleep 60", "failed"), ("kill -KILL $$", "refused"), ("no-such-program", "refused")],
)
def test_a_before_hook_that_fails(world: World, script: str, outcome: str) -> None:
    def change(policy: dict[str, Any]) -> None:
        documents(policy)["before"].append({"run": ["sh", "-c", script], "on": "here", "timeout": "1s"})

    points = world.points("near")
    changed(world, change)
    ended = world.drtool("run")
    assert ended.outcome == outcome, ended.explain()
    assert world.points("near") == points
    words = world.log.read_text()
    assert words.count("after ") == words.count("before ") == 3
    assert "on_failure" in words
    after_it_all_is_well(world)


def test_an_after_hook_that_fails_is_told_and_the_point_exists(world: World) -> None:
    changed(world, lambda policy: documents(policy)["after"].append({"run": ["false"], "on": "here"}))
    points = world.points("near")
    ended = world.drtool("run")
    assert ended.outcome != "succeeded"
    assert world.points("near")[-1] not in points
    after_it_all_is_well(world)


# sources


@pytest.mark.parametrize("script", ["head -c 3000000 /dev/urandom; exit 1", "exit 0", "echo half; kill -KILL $$", "exit 7"])
def test_a_stream_that_breaks_is_never_stored_as_whole(world: World, script: str) -> None:
    def change(policy: dict[str, Any]) -> None:
        policy["sources"]["table"]["stream"]["command"] = ["sh", "-c", script]

    points = world.points("near")
    changed(world, change)
    ended = world.drtool("run")
    assert ended.outcome == "partial", ended.explain()
    assert ended.report is not None
    assert list(ended.report["sets"][0]["missing"]) == ["table"]
    listing = world.adapters().repositories["near"].list()
    assert [point.complete for point in listing.points if point.point not in points] == [False]
    after_it_all_is_well(world)


def test_a_stream_whose_program_is_missing(world: World) -> None:
    def change(policy: dict[str, Any]) -> None:
        policy["sources"]["table"]["stream"]["command"] = ["/nowhere/dump"]

    changed(world, change)
    assert world.drtool("run").outcome == "partial"
    after_it_all_is_well(world)


def test_a_missing_path(world: World) -> None:
    away = world.tree.with_name("away")
    world.tree.rename(away)
    ended = world.drtool("run")
    assert ended.outcome in ("partial", "failed"), ended.explain()
    assert str(world.tree) in json.dumps(ended.report)
    away.rename(world.tree)
    after_it_all_is_well(world)


def test_an_empty_selector_fails_unless_allowed(world: World) -> None:
    world.table.unlink()
    ended = world.drtool("run")
    assert ended.outcome == "partial", ended.explain()


def test_an_unreadable_file_makes_a_partial_point(world: World) -> None:
    """Root reads everything, except what the kernel itself refuses to hand out."""
    unreadable = world.tree / "plain" / "folder 1" / "unreadable"
    before = unreadable.parent.stat()
    unreadable.touch()
    with mounted("--bind", "/proc/1/mem", str(unreadable)):
        ended = world.drtool("run")
    assert ended.outcome == "partial", ended.explain()
    assert "unreadable" in json.dumps(ended.report)
    unreadable.unlink()
    os.utime(unreadable.parent, ns=(before.st_atime_ns, before.st_mtime_ns))
    after_it_all_is_well(world)


def test_a_tree_that_changes_while_it_is_read(world: World) -> None:
    churning = world.tree / "churning"
    churning.mkdir()
    over = threading.Event()

    def churn() -> None:
        number = 0
        while not over.wait(0.002):  # slower than it is read: restic reads a file to its end
            number += 1
            (churning / f"{number}").write_bytes(os.urandom(2000))
            with (churning / "growing").open("ab") as growing:
                growing.write(os.urandom(50_000))
            (churning / f"{number - 20}").unlink(missing_ok=True)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        ended = world.drtool("run")
    finally:
        over.set()
        thread.join()
    assert ended.outcome == "succeeded", ended.explain()
    there = world.root / "there"
    world.must("restore", "documents", destination={"form": "directory", "path": str(there)})
    subprocess.run(["rm", "-rf", str(churning), str(there / "here" / str(churning).lstrip("/"))], check=True)


# repositories


def kinds(report: dict[str, Any] | None) -> set[str]:
    return {failure["kind"] for failure in report["failures"]} if report is not None else set()


@pytest.mark.parametrize("which", ["near", "offsite"])
@pytest.mark.parametrize("how", ["missing", "wrong key"])
def test_a_repository_that_is_not_there_or_does_not_open(world: World, which: str, how: str) -> None:
    if how == "missing":
        (world.root / which).rename(world.root / "away")
    else:
        (world.root / f"{which}.key").write_text("another\n")
    ended = world.drtool("run")
    assert ended.outcome == "failed", ended.explain()
    assert ("NoRepository" if how == "missing" else "WrongKey") in kinds(ended.report), ended.explain()
    assert ended.seconds < 30
    other = {"near": "offsite", "offsite": "near"}[which]
    world.must("restore", "documents")
    assert_same(world.original, world.tree)
    if how == "missing":
        assert not (world.root / which).exists()
        (world.root / "away").rename(world.root / which)
    (world.root / f"{which}.key").write_text(PASSWORDS[which] + "\n")
    assert len(world.points(other)) >= 2
    after_it_all_is_well(world)


@pytest.mark.parametrize("alive", [True, False])
def test_a_locked_repository(world: World, *, alive: bool) -> None:
    environment = {**world.environment(), "RESTIC_PASSWORD": PASSWORDS["near"]}
    locker = subprocess.Popen(
        [str(world.binary), "-r", str(world.root / "near"), "--no-cache", "check", "--read-data"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    locks = world.root / "near" / "locks"
    while not any(len(path.name) == 64 for path in locks.iterdir()):  # under another name until it is whole
        assert locker.poll() is None
        time.sleep(0.001)
    locker.send_signal(signal.SIGSTOP if alive else signal.SIGKILL)
    if not alive:
        locker.wait()
    try:
        assert any(locks.iterdir())
        ended = world.drtool("prune", "near")
        assert ended.outcome == "failed", ended.explain()
        assert kinds(ended.report) == {"Locked"}
        assert str(locker.pid) in json.dumps(ended.report)
        assert ended.seconds < 20
        world.must("restore", "documents")
    finally:
        locker.kill()
        locker.wait()
    for lock in locks.iterdir():
        lock.unlink()
    after_it_all_is_well(world)


def test_a_full_repository(world: World) -> None:
    points = world.points("near")
    with full_disk("6m") as disk:
        subprocess.run(["cp", "-a", f"{world.root}/near/.", str(disk)], check=True)
        changed(world, lambda policy: policy["repositories"]["near"].update(restic=str(disk)))
        (world.tree / "big").write_bytes(os.urandom(20_000_000))
        ended = world.drtool("run")
        assert ended.outcome in ("failed", "refused", "partial"), ended.explain()
        assert "space" in json.dumps(ended.report)
        assert ended.seconds < 60
        (world.tree / "big").unlink()
        assert set(points) <= set(world.points("offsite"))
        world.must("restore", "documents", repositories=["near"], point=points[-1])
    assert_same(world.original, world.tree)
    after_it_all_is_well(world)


def damage(world: World, repository: str, how: str) -> None:
    """Flip a byte in, or delete, every pack of data."""
    packs = [path for path in (world.root / repository / "data").rglob("*") if path.is_file()]
    biggest = max(packs, key=lambda path: path.stat().st_size)
    if how == "deleted":
        biggest.unlink()
    else:
        biggest.chmod(0o600)
        body = bytearray(biggest.read_bytes())
        for place in range(100, len(body) - 100, 997):
            body[place] ^= 1
        biggest.write_bytes(body)


@pytest.mark.parametrize("how", ["flipped", "deleted"])
def test_damage_is_seen_and_the_other_copy_is_used(world: World, how: str) -> None:
    damage(world, "near", how)
    verified = world.drtool("verify", "near")
    assert verified.outcome == "data_wrong", verified.explain()
    (world.tree / "written after the backup").write_text("old")
    restored = world.drtool("restore", "documents", repositories=["near", "offsite"])
    assert restored.outcome == "succeeded", restored.explain()
    assert "Corrupt" in json.dumps(restored.report["sets"] if restored.report else None)
    assert_same(world.original, world.tree)
    only = world.drtool("restore", "documents", repositories=["near"])
    assert only.outcome == "data_wrong", only.explain()
    assert_same(world.original, world.tree)


@pytest.mark.parametrize("how", ["flipped", "deleted"])
def test_a_drill_finds_damage(world: World, how: str) -> None:
    world.must("drill", "proof")
    damage(world, "offsite", how)
    ended = world.drtool("drill", "proof")
    assert ended.outcome == "data_wrong", ended.explain()
    assert list(world.lab.iterdir()) == []


# a repository on the other side of a network


@pytest.fixture
def on_s3(world: World) -> Iterator[tuple[World, S3Server]]:
    """The world with a copy on an S3 server, slow enough to be stopped in the middle."""
    with S3Server() as server:
        for name, value in server.environment("admin").items():
            (world.root / f"{name}.key").write_text(value + "\n")
            (world.root / f"{name}.key").chmod(0o600)

        def change(policy: dict[str, Any]) -> None:
            policy["repositories"]["offsite"].update(
                restic=server.address("bucket", world.name),
                upload_limit="30MiB",
                download_limit="30MiB",
                environment={name: f"file:{world.root}/{name}.key" for name in server.environment("admin")},
            )

        changed(world, change)
        world.must("initialise", "offsite")
        world.must("run")
        yield world, server


def test_a_server_that_is_down_is_told_in_seconds(on_s3: tuple[World, S3Server]) -> None:
    world, server = on_s3
    server.stop()
    ended = world.drtool("run")
    assert ended.outcome in ("failed", "partial"), ended.explain()
    assert "Unavailable" in kinds(ended.report) | set(json.dumps(ended.report).split('"'))
    assert ended.seconds < 120
    assert len(world.adapters().repositories["near"].list().points) >= 2
    began = time.monotonic()
    world.must("restore", "documents", repositories=["offsite", "near"])
    assert time.monotonic() - began < 120
    failed = world.drtool("drill", "proof")
    assert failed.outcome != "succeeded"
    assert failed.seconds < 120
    server.start()
    world.must("run")
    world.must("drill", "proof")


@pytest.mark.parametrize("verb", ["run", "copy", "restore"])
def test_a_server_that_dies_in_the_middle(on_s3: tuple[World, S3Server], verb: str) -> None:
    world, server = on_s3
    wanted = {"run": "copy", "copy": "copy", "restore": "restore"}[verb]
    (world.tree / "big").write_bytes(os.urandom(60_000_000))
    if verb != "run":
        server.stop()
        world.drtool("run")
        server.start()
        if verb == "restore":
            world.must("copy")
    known = set((world.state / "runs").iterdir())
    keys: dict[str, Any] = {"repositories": ["offsite"]} if verb == "restore" else {}
    running = world.start(verb, "documents", **keys)
    until = time.monotonic() + 40
    while time.monotonic() < until and running.child.poll() is None:
        journals = [path / "journal.jsonl" for path in set((world.state / "runs").iterdir()) - known]
        if any(wanted in line and "restic" in line for path in journals if path.exists() for line in path.read_text().splitlines()):
            break
        time.sleep(0.02)
    time.sleep(0.3)
    server.kill()
    began = time.monotonic()
    ended = running.wait()
    assert time.monotonic() - began < 120, ended.explain()
    assert ended.outcome != "succeeded", ended.explain()
    server.start()
    world.must("run")
    world.must("restore", "documents", repositories=["offsite"])


# the state directory


def test_a_lost_state_directory_costs_nothing(world: World) -> None:
    subprocess.run(["rm", "-rf", str(world.state)], check=True)
    after_it_all_is_well(world)


def bring_identity(world: World, disk: Path) -> None:
    """Who a machine is lies in its state directory: an empty one would be another machine's."""
    for name in ("machine", "accepted", "evidence"):
        there = world.state / name
        if there.is_dir():
            shutil.copytree(there, disk / name)
        else:
            shutil.copy2(there, disk / name)


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_state_directory_that_cannot_be_written(world: World, how: str) -> None:
    with full_disk("256k") as disk:
        bring_identity(world, disk)
        if how == "full":
            with pytest.raises(OSError, match="No space"):
                (disk / "filler").write_bytes(bytes(300_000))
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        points = world.points("near")
        ended = world.drtool("run", state=disk)
        assert ended.outcome == "Refused", ended.explain()
        assert world.points("near") == points
        (world.tree / "written after the backup").write_text("old")
        restored = world.drtool("restore", "documents", state=disk)
        assert restored.outcome == "succeeded", restored.explain()
        assert '"run_ended"' in restored.words
    assert_same(world.original, world.tree)


@pytest.mark.parametrize("kibibytes", [0, 4, 8, 16, 32])
def test_a_state_directory_that_fills_up_meanwhile(world: World, kibibytes: int) -> None:
    with full_disk("512k") as disk:
        bring_identity(world, disk)
        free = os.statvfs(disk)
        (disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - kibibytes * 1024))
        ended = world.drtool("run", state=disk)
        assert ended.outcome in ("Refused", "refused"), ended.explain()
        restored = world.drtool("restore", "documents", state=disk)
        assert restored.outcome in ("succeeded", "refused"), restored.explain()
    assert_same(world.original, world.tree)


def test_a_corrupt_index_and_a_cut_journal(world: World) -> None:
    for path in (world.state / "index").iterdir():
        path.write_bytes(b'{"repository": "near", "points": [{"poi')
    newest = max((world.state / "runs").iterdir())
    journal = newest / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    (newest / "lock").touch()
    assert len(world.app().points()) == 2
    world.must("sweep")
    assert not (newest / "lock").exists()
    after_it_all_is_well(world)


# others


def test_what_a_dead_run_goes_on_doing_while_the_next_looks(world: World) -> None:
    """The orphan of a killed run forgets half of a point once the next run has listed the repository, unless it is ended before that."""
    undisturbed = world.must("run")
    world.load()
    restic = [step for kind, step, program in undisturbed.heard if kind == "command_started" and program.startswith("restic")]
    slow, armed, gate = world.root / "restic", world.root / "armed", world.root / "gate"
    slow.write_text(
        "#!/bin/sh\n"
        f'case " $* " in *" forget "*) while [ ! -e {gate} ]; do sleep 0.02; done ;; esac\n'
        f'{world.binary} "$@"; code=$?\n'
        f'case " $* " in *" snapshots "*) ! mv {armed} {gate} 2>/dev/null || sleep 2 ;; esac\n'
        "exit $code\n"
    )
    slow.chmod(0o755)
    killed = world.drtool("run", binary=str(slow), command=restic.index("documents/forget/near") + 1, milliseconds=200)
    assert killed.code == -signal.SIGKILL, killed.explain()
    armed.touch()
    again = world.drtool("run", binary=str(slow))
    assert again.outcome == "succeeded", again.explain()
    world.assert_settled()


def test_two_runs_at_once(world: World) -> None:
    changed(world, lambda policy: documents(policy)["before"].append({"run": ["sleep", "4"], "on": "here"}))
    first = world.start("run")
    locks = world.state / "locks"
    time.sleep(2)
    assert any(locks.iterdir())
    second = world.drtool("run")
    assert second.outcome == "Locked", second.explain()
    assert second.error is not None
    assert str(first.child.pid) in second.error["what"]
    swept = world.drtool("sweep")
    assert swept.outcome == "succeeded", swept.explain()
    ended = first.wait()
    assert ended.outcome == "succeeded", ended.explain()
    after_it_all_is_well(world)


def test_two_hosts_on_one_repository(world: World) -> None:
    mine = world.points("near")
    other = world.root / "other.yaml"
    other.write_text(json.dumps({**world.policy, "name": f"{world.name}-other"}))
    running = [world.start("run"), world.start("run", policy=str(other), state=world.root / "other-state")]
    for each in running:
        ended = each.wait()
        assert ended.outcome == "succeeded", ended.explain()
    for _again in range(2):
        ended = world.drtool("run", policy=str(other), state=world.root / "other-state")
        assert ended.outcome == "succeeded", ended.explain()
    listing = world.adapters().repositories["near"].list()
    assert [point.by for point in listing.points] == [world.name] * 2
    assert [(point.by, point.standing) for point in listing.others] == [(f"{world.name}-other", Standing.ANOTHER_NAME)] * 2
    assert mine[-1] in {point.point for point in listing.points}


def newest_manifest(world: World) -> Manifest:
    app = world.app()
    manifest = app.show(app.points()[0].point.point)
    assert isinstance(manifest, Manifest)
    return manifest


def test_a_point_dated_in_the_future_stops_forgetting(world: World) -> None:
    """Nothing is forgotten for it, it is never deleted, and it is never what a restore takes."""
    manifest = newest_manifest(world)
    later = datetime.now(UTC) + timedelta(days=4000)
    forged = replace(manifest, point=identifier(int(later.timestamp() * 1000), os.urandom(10)), instant=later, sealed=later)
    world.adapters().repositories["near"].append(forged)
    before = set(world.points("near"))
    assert forged.point in before
    for _number in range(2):
        world.drtool("run")
    assert before < set(world.points("near"))
    restored = world.drtool("restore", "documents")
    assert restored.outcome == "succeeded", restored.explain()
    assert_same(world.original, world.tree)


@pytest.mark.parametrize("path", ["/../outside", "/etc/../outside", "relative", "//", "/", "-r", "/a\0b"])
def test_a_hostile_manifest_writes_nothing_outside(world: World, path: str) -> None:
    manifest = newest_manifest(world)
    members = tuple(replace(each, artifacts=tuple(replace(one, path=path) for one in each.artifacts)) for each in manifest.members)
    now = datetime.now(UTC)
    forged = replace(manifest, point=identifier(int(now.timestamp() * 1000), os.urandom(10)), instant=now, sealed=now, members=members)
    world.adapters().repositories["near"].append(forged)
    inside = world.root / "inside"
    before = sorted(str(each) for each in world.root.iterdir())
    for destination in ({"form": "directory", "path": str(inside)}, {"form": "original"}):
        ended = world.drtool("restore", "documents", point=forged.point, destination=destination)
        assert ended.outcome != "succeeded", ended.explain()
        assert "Bug" not in kinds(ended.report), ended.explain()
    assert sorted(str(each) for each in world.root.iterdir() if each != inside) == before
    assert_same(world.original, world.tree)


# destinations


def test_a_destination_that_is_not_empty(world: World) -> None:
    there = world.root / "there"
    target = there / "here" / str(world.tree).lstrip("/")
    target.mkdir(parents=True)
    (target / "mine").write_text("mine")
    ended = world.drtool("restore", "documents", destination={"form": "directory", "path": str(there)})
    assert ended.outcome == "refused", ended.explain()
    assert [path.name for path in target.iterdir()] == ["mine"]


def test_a_destination_that_is_too_small(world: World) -> None:
    (world.tree / "big").write_bytes(os.urandom(3_000_000))
    world.must("run")
    with full_disk("1m") as disk:
        ended = world.drtool("restore", "documents", destination={"form": "directory", "path": str(disk)})
        assert ended.outcome == "Refused", ended.explain()
        assert "free" in ended.explain()
        assert list(disk.glob(".drtool-*")) == []


def test_a_destination_that_is_a_mount_point(world: World) -> None:
    with mounted("-t", "tmpfs", "-o", "size=1m", "drtool-test", str(world.tree)):
        (world.tree / "mine").write_text("mine")
        ended = world.drtool("restore", "documents", workloads=[f"here:{world.tree}"])
        assert ended.outcome == "Refused", ended.explain()
        assert "mount point" in ended.explain()
        assert [path.name for path in world.tree.iterdir()] == ["mine"]
    assert_same(world.original, world.tree)
    assert [path.name for path in world.data.iterdir()] == ["documents"]


# secrets


def test_secrets_are_nowhere(world: World) -> None:
    canary = "c4nary-of-the-stream"
    (world.root / "canary").write_text(canary + "\n")
    (world.root / "canary").chmod(0o600)
    (world.root / "canary").chmod(0o600)

    def change(policy: dict[str, Any]) -> None:
        stream = policy["sources"]["table"]["stream"]
        stream["command"] = ["sh", "-c", 'test -n "$CANARY" && sleep 0.3 && echo told']
        stream["environment"] = {"CANARY": f"file:{world.root}/canary"}
        for each in policy["sets"].values():
            each["quarantine"] = {"shrinks_below": "off"}  # it printed more before

    changed(world, change)
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        seen.add((entry / "cmdline").read_bytes())
                    except OSError:
                        continue
            time.sleep(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        ended = [
            world.drtool("run"),
            world.drtool("verify"),
            world.drtool("drill", "proof"),
            world.drtool("run", command=1, signal="SIGTERM"),
        ]
        (world.root / "near.key").write_text("wr0ng-pass-word\n")
        ended.append(world.drtool("run"))
    finally:
        over.set()
        watcher.join()
    assert ended[0].outcome == "succeeded", ended[0].explain()
    assert any(b"restic" in line for line in seen)
    canaries = [canary, "wr0ng-pass-word", *PASSWORDS.values()]
    written = [path for folder in (world.state, world.root / "cache", world.root / "home") for path in folder.rglob("*") if path.is_file()]
    written += [world.log]
    for secret in canaries:
        assert not any(secret.encode() in line for line in seen)
        assert not [path for path in written if secret.encode() in path.read_bytes()]
        assert not any(secret in json.dumps(each.report) + json.dumps(each.error) + each.words for each in ended)
