"""What the appliance does with bytes: the same on plain directories and on real ZFS."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import zfs
from tests.rig.truenas import AnswerError, Client, TrueNasServer

FLAT = {"extra": {"retrieve_children": False, "properties": []}}


@pytest.fixture(scope="module", params=zfs.STORAGES)
def nas(request: pytest.FixtureRequest) -> Iterator[TrueNasServer]:
    pool = "tank"
    options: tuple[str, ...] = ()
    if request.param == "zfs":
        pool = f"tank{os.getpid()}"
        options = ("--zfs", "--zfs-programs", zfs.programs(), "--size", "2GiB")
    with TrueNasServer(*options, pool=pool) as server:
        yield server


def make(nas: TrueNasServer, client: Client, name: str, **properties: object) -> str:
    full = f"{nas.pool}/{name}"
    client.call("pool.dataset.create", {"name": full, **properties})
    return full


def take(client: Client, dataset: str, name: str, **further: object) -> str:
    client.call("pool.snapshot.create", {"dataset": dataset, "name": name, **further})
    return f"{dataset}@{name}"


def clone(client: Client, snapshot: str, target: str) -> str:
    assert client.call("pool.snapshot.clone", {"snapshot": snapshot, "dataset_dst": target}) is True
    return target


def refused(client: Client, method: str, *params: object) -> str:
    with pytest.raises(AnswerError) as caught:
        client.call(method, *params)
    return caught.value.reason


def test_a_snapshot_of_a_tree_is_one_instant_and_a_clone_shows_only_its_own(nas: TrueNasServer, client: Client) -> None:
    top = make(nas, client, "tree")
    below = make(nas, client, "tree/below")
    (nas.path(top) / "a").write_text("one")
    (nas.path(below) / "b").write_text("one")
    os.setxattr(nas.path(top) / "a", "user.colour", b"red")
    take(client, top, "s", recursive=True, properties={"drtool:by": "test"})
    (nas.path(top) / "a").write_text("two")
    (nas.path(below) / "b").write_text("two")
    rows = client.call("pool.snapshot.query", [["dataset", "^", top]])
    assert [row["id"] for row in rows] == [f"{top}@s", f"{below}@s"]
    assert {row["properties"]["drtool:by"]["value"] for row in rows} == {"test"}
    seen = nas.path(clone(client, f"{top}@s", f"{nas.pool}/seen"))
    assert (seen / "a").read_text() == "one"
    assert os.getxattr(seen / "a", "user.colour") == b"red"
    assert list((seen / "below").iterdir()) == []
    assert (nas.path(clone(client, f"{below}@s", f"{nas.pool}/seen-below")) / "b").read_text() == "one"


def test_the_whole_is_not_taken_when_one_of_it_cannot_be(nas: TrueNasServer, client: Client) -> None:
    top = make(nas, client, "half")
    below = make(nas, client, "half/below")
    take(client, below, "s")
    assert "already exists" in refused(client, "pool.snapshot.create", {"dataset": top, "name": "s", "recursive": True})
    assert client.call("pool.snapshot.query", [["id", "=", f"{top}@s"]], {"count": True}) == 0


def test_what_is_in_use_is_not_destroyed(nas: TrueNasServer, client: Client) -> None:
    used = make(nas, client, "used")
    make(nas, client, "used/below")
    held = take(client, used, "held")
    client.call("pool.snapshot.hold", held)
    assert client.call("pool.snapshot.get_instance", held, {"extra": {"holds": True}})["holds"].keys() == {"truenas"}
    assert "tag already exists" in refused(client, "pool.snapshot.hold", held)
    assert "dataset is busy" in refused(client, "pool.snapshot.delete", held)
    client.call("pool.snapshot.release", held)
    target = clone(client, held, f"{nas.pool}/user")
    assert f"has dependent clones: {target}" in refused(client, "pool.snapshot.delete", held)
    assert refused(client, "pool.dataset.delete", used) == (
        f"[ENOTEMPTY] Failed to delete dataset: cannot destroy '{used}': filesystem has children"
    )
    assert client.call("pool.dataset.delete", target) is True
    assert client.call("pool.snapshot.delete", held) is True
    assert client.call("pool.dataset.delete", used, {"recursive": True}) is True
    assert client.call("pool.dataset.query", [["id", "^", used]], FLAT) == []


def test_a_clone_takes_the_place_of_its_origin(nas: TrueNasServer, client: Client) -> None:
    old = make(nas, client, "old")
    (nas.path(old) / "a").write_text("one")
    new = clone(client, take(client, old, "s"), f"{nas.pool}/new")
    client.call("pool.dataset.promote", new)
    assert client.call("pool.dataset.get_instance", old)["origin"]["rawvalue"] == f"{new}@s"
    assert "set force and proceed" in refused(client, "pool.dataset.rename", old, {"new_name": f"{nas.pool}/aside"})
    client.call("pool.dataset.rename", old, {"new_name": f"{nas.pool}/aside", "force": True})
    client.call("pool.dataset.rename", new, {"new_name": old, "force": True})
    assert (nas.path(old) / "a").read_text() == "one"
    assert client.call("pool.dataset.get_instance", f"{nas.pool}/aside")["origin"]["rawvalue"] == f"{old}@s"


def test_properties_come_back_as_the_vendor_tells_them(nas: TrueNasServer, client: Client) -> None:
    given = {"recordsize": "1M", "quota": 1 << 30, "acltype": "NFSV4", "aclmode": "PASSTHROUGH", "compression": "ZSTD", "readonly": "ON"}
    name = make(nas, client, "rich", comments="Very rich", user_properties=[{"key": "drtool:lease", "value": "2h"}], **given)
    row = client.call("pool.dataset.get_instance", name)
    assert {key: row[key]["value"] for key in given if key != "quota"} == {key: given[key] for key in given if key != "quota"}
    assert (row["quota"]["parsed"], row["quota"]["value"], row["readonly"]["parsed"]) == (1 << 30, "1 GiB", True)
    told = row["user_properties"]  # since 25.10 the vendor's own words stand among those of users
    assert (told["comments"]["value"], told["drtool:lease"]["value"]) == ("Very rich", "2h")
    client.call("pool.dataset.update", name, {"readonly": "INHERIT", "user_properties_update": [{"key": "drtool:lease", "remove": True}]})
    row = client.call("pool.dataset.get_instance", name)
    assert (row["readonly"]["value"], row["readonly"]["source"]) == ("OFF", "DEFAULT")
    assert "drtool:lease" not in row["user_properties"]


def test_rolling_back(nas: TrueNasServer, client: Client) -> None:
    name = make(nas, client, "back")
    (nas.path(name) / "a").write_text("one")
    first = take(client, name, "first")
    (nas.path(name) / "a").write_text("two")
    take(client, name, "second")
    assert "more recent snapshots" in refused(client, "pool.snapshot.rollback", first)
    client.call("pool.snapshot.rollback", first, {"recursive": True})
    assert (nas.path(name) / "a").read_text() == "one"


def test_a_volume_is_a_file_of_its_size(nas: TrueNasServer, client: Client) -> None:
    name = make(nas, client, "disk", type="VOLUME", volsize=1 << 20)
    row = client.call("pool.dataset.get_instance", name)
    assert (row["type"], row["mountpoint"], row["volsize"]["parsed"]) == ("VOLUME", None, 1 << 20)
    copy = clone(client, take(client, name, "s"), f"{nas.pool}/disk-clone")
    assert client.call("pool.dataset.get_instance", copy)["type"] == "VOLUME"
    assert (nas.path(copy) / "volume").stat().st_size == 1 << 20


def test_what_is_locked_is_not_there(nas: TrueNasServer, client: Client) -> None:
    options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "correct horse"}}
    name = make(nas, client, "safe", **options)
    child = make(nas, client, "safe/inner")
    (nas.path(child) / "gold").write_text("gold")
    assert client.job("pool.dataset.lock", name)["result"] is True
    assert client.call("pool.dataset.get_instance", child)["locked"] is True
    assert not (nas.path(child) / "gold").exists()
    locked = clone(client, take(client, child, "s"), f"{nas.pool}/safe-clone")
    assert client.call("pool.dataset.get_instance", locked)["mountpoint"] is None
    wrong = {"datasets": [{"name": name, "passphrase": "wrong horse"}]}
    assert client.job("pool.dataset.encryption_summary", name, wrong)["result"][0]["unlock_error"] == "Provided key is invalid"
    assert client.job("pool.dataset.unlock", name, wrong)["result"] == {
        "unlocked": [],
        "failed": {name: {"error": "Invalid Key", "skipped": []}},
    }
    right = {"datasets": [{"name": name, "passphrase": "correct horse"}]}
    assert client.job("pool.dataset.unlock", name, right)["result"] == {"unlocked": [name, child], "failed": {}}
    assert (nas.path(child) / "gold").read_text() == "gold"


def test_destroying_removes_shares_and_tasks_first(nas: TrueNasServer, client: Client) -> None:
    with nas.client("truenas_admin") as administrator:
        name = make(nas, client, "shared")
        client.call("sharing.nfs.create", {"path": f"/mnt/{name}", "hosts": ["127.0.0.1"]})
        administrator.call("pool.snapshottask.create", {"dataset": name})
    assert [each["type"] for each in client.call("pool.dataset.attachments", name)] == ["NFS Share", "Snapshot Task"]
    client.call("pool.dataset.delete", name)
    assert client.call("sharing.nfs.query", [["path", "=", f"/mnt/{name}"]]) == []
    assert client.call("pool.snapshottask.query", [["dataset", "=", name]]) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_share_is_mounted_by_the_mount_program(nas: TrueNasServer, client: Client, tmp_path: Path) -> None:
    name = make(nas, client, "export")
    (nas.path(name) / "a").write_text("one")
    origin, target = f"localhost:/mnt/{name}", tmp_path / "target"
    target.mkdir()
    environment = {**os.environ, "PATH": f"{nas.mount_program}:{os.environ['PATH']}"}

    def mount() -> subprocess.CompletedProcess[str]:
        argv = ["mount", "-t", "nfs", "-o", "ro,noatime", "--", origin, str(target)]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

    before = mount()
    assert (before.returncode, "No such file or directory" in before.stderr) == (32, True)
    share = client.call("sharing.nfs.create", {"path": f"/mnt/{name}", "hosts": ["127.0.0.1"], "ro": True})
    assert mount().returncode == 0
    try:
        assert (target / "a").read_text() == "one"
        assert (target / "a").stat().st_ino == client.call("filesystem.stat", f"/mnt/{name}/a")["inode"]
        with pytest.raises(OSError, match="Read-only"):
            (target / "b").write_text("two")
    finally:
        subprocess.run(["umount", str(target)], check=True)
    assert client.call("sharing.nfs.delete", share["id"]) is True
    assert mount().returncode == 32


def test_everything_survives_a_restart_and_a_kill(nas: TrueNasServer, client: Client) -> None:
    name = make(nas, client, "lasting")
    (nas.path(name) / "a").write_text("one")
    client.call("pool.snapshot.hold", take(client, name, "s", properties={"drtool:by": "test"}))
    share = client.call("sharing.nfs.create", {"path": f"/mnt/{name}"})
    client.job("pool.dataset.encryption_summary", name)
    options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": "correct horse"}}
    secret = make(nas, client, "forgotten", **options)
    for end in (nas.stop, nas.kill):
        end()
        nas.start()
        with nas.client() as again:
            row = again.call("pool.snapshot.get_instance", f"{name}@s", {"extra": {"holds": True}})
            assert (row["properties"]["drtool:by"]["value"], list(row["holds"])) == ("test", ["truenas"])
            assert again.call("sharing.nfs.get_instance", share["id"])["path"] == f"/mnt/{name}"
            assert (nas.path(name) / "a").read_text() == "one"
            assert again.call("pool.dataset.get_instance", secret)["locked"] is True
            assert again.call("core.get_jobs") == []
            assert again.job("pool.dataset.encryption_summary", name)["id"] == 1
