from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drtool.lab.proxmox.state import Guest
from drtool.model.errors import Refused, Unavailable
from tests.proxmox.cluster_world import asked, by_name, cluster_of, written
from tests.rig.pve_lab import PveLab, running_pve

NONE = "in no backup job of Proxmox"
OWN = "its own configuration (users, storages, network, jobs), in no backup of a guest; protected with `system: true`"


@contextmanager
def changed(pve: PveLab) -> Iterator[PveLab]:
    with pve.cluster.lock:
        yield pve


@pytest.mark.parametrize("release", ["8.4", "9.2"])
def test_every_guest_of_the_cluster_is_told_with_what_its_backups_lack(tmp_path: Path, release: str) -> None:
    daily = "in backup jobs of Proxmox: backup-daily (02:30, to nas)"
    with running_pve(tmp_path, release=release) as pve:
        stock = cluster_of(pve).existing()
    assert {each.name: (each.kind, each.note) for each in stock.existing} == {
        "pve:100": ("vm", f"web, on pve1; {daily}"),
        "pve:101": ("vm", f"database, on pve1; left out of backups: scsi1; unused disks: unused0; {daily}"),
        "pve:102": ("vm", f"media, on pve1; devices passed through: hostpci0, usb0; {NONE}"),
        "pve:103": ("vm template", f"debian-base, on pve1; {NONE}"),
        "pve:104": ("vm", f"worker, on pve1; linked clone of: 103; {NONE}"),
        "pve:105": ("vm", f"office, on pve2; locked: backup; {daily}"),
        "pve:200": ("container", "mail, on pve1; only in backup jobs of Proxmox that are switched off: backup-pool (sun 05:00, to pbs)"),
        "pve:201": ("container", f"photos, on pve2; bind mounts, which no backup holds: mp0 (/srv/photos); {NONE}"),
        "pve:202": ("container", f"scratch, on pve2; left out of backups: mp0; {NONE}"),
        "pve:system": ("cluster", OWN),
    }
    assert not [each for each in stock.existing if each.problem]
    assert stock.told == ()


def test_many_are_listed_at_once_and_each_is_looked_at_once(pve: PveLab) -> None:
    cluster_of(pve).existing()
    paths = list(asked(pve))
    configurations = [path for path in paths if path.endswith("/config")]
    assert len(configurations) == len(set(configurations)) == len(pve.state.guests)
    assert len(paths) - len(configurations) == 5


def test_guests_of_a_node_that_is_down_are_problems_by_name(tmp_path: Path) -> None:
    with running_pve(tmp_path, offline=("pve2",)) as pve:
        found = by_name(cluster_of(pve).existing())
        assert not [path for path in asked(pve) if path.startswith("/nodes/pve2/")]
    assert {name for name, each in found.items() if each.problem} == {"pve:105", "pve:201", "pve:202"}
    assert "its node pve2 is offline" in found["pve:201"].problem
    assert found["pve:201"].problem.endswith(NONE)
    assert len(found) == 10


def test_a_node_that_does_not_answer_is_not_waited_for_again_for_each_guest(pve: PveLab) -> None:
    pve.faults({"path": "/nodes/pve2/*", "kind": "unreachable", "call": 0})
    found = by_name(cluster_of(pve).existing())
    assert {name for name, each in found.items() if each.problem} == {"pve:105", "pve:201", "pve:202"}
    assert len([path for path in asked(pve) if path.startswith("/nodes/pve2/")]) == 3


def test_guests_of_nodes_that_the_cluster_does_not_list_are_not_asked_for(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = cluster_of(pve)
    real = cluster._client.get
    invented = [{"type": "qemu", "vmid": 400 + number, "node": f"none{number}"} for number in range(20)]
    monkeypatch.setattr(
        cluster._client,
        "get",
        lambda *path, **more: [*real(*path, **more), *invented] if path == ("cluster", "resources") else real(*path, **more),
    )
    found = by_name(cluster.existing())
    assert "its node none3 is none that the cluster lists" in found["pve:403"].problem
    assert not [path for path in asked(pve) if "none" in path]


def test_after_three_silent_nodes_no_other_is_asked(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = cluster_of(pve)
    real = cluster._client.get
    called: list[tuple[str | int, ...]] = []

    def many(*path: str | int, **more: str) -> object:
        if path == ("cluster", "resources"):
            nodes = [{"type": "node", "node": f"n{number}", "status": "online"} for number in range(9)]
            return [*nodes, *({"type": "lxc", "vmid": 400 + number, "node": f"n{number}"} for number in range(9))]
        if path[-1] == "config":
            called.append(path)
            raise Unavailable("nobody answers")
        return real(*path, **more)

    monkeypatch.setattr(cluster._client, "get", many)
    found = by_name(cluster.existing())
    assert len(called) == 3
    assert all(each.problem for name, each in found.items() if name != "pve:system")
    assert "3 nodes did not answer, and no other was asked" in found["pve:408"].problem


def test_a_guest_that_goes_meanwhile_is_a_problem_and_no_other(pve: PveLab) -> None:
    reason = "Configuration file 'nodes/pve1/qemu-server/101.conf' does not exist"
    pve.faults({"path": "/nodes/pve1/qemu/101/config", "kind": "error", "reason": reason, "call": 0})
    found = by_name(cluster_of(pve).existing())
    assert [name for name, each in found.items() if each.problem] == ["pve:101"]
    assert "moved or removed while it was looked at" in found["pve:101"].problem


@pytest.mark.parametrize("kind", ["garbage", "nothing", "error"])
def test_a_configuration_that_is_none_is_a_problem_and_no_other(pve: PveLab, kind: str) -> None:
    pve.faults({"path": "/nodes/pve1/qemu/101/config", "kind": kind, "call": 0})
    assert [name for name, each in by_name(cluster_of(pve).existing()).items() if each.problem] == ["pve:101"]


def test_a_token_that_may_not_see_every_guest_is_not_believed_to(pve: PveLab, tmp_path: Path) -> None:
    token = written(tmp_path, pve.new_token(["VM.Audit"], path="/vms/100"))
    stock = cluster_of(pve, token=token).existing()
    found = by_name(stock)
    assert set(found) == {"pve:100", "pve:guests", "pve:system"}
    assert "VM.Audit" in found["pve:guests"].problem
    assert any("which guests are in backup jobs of Proxmox was not told" in words for words in stock.told)
    assert found["pve:100"].note == "web, on pve1"


def test_of_a_token_that_sees_all_guests_and_no_jobs_no_job_is_claimed(pve: PveLab, tmp_path: Path) -> None:
    stock = cluster_of(pve, token=written(tmp_path, pve.new_token(["VM.Audit"]))).existing()
    guests = [each for each in stock.existing if each.kind != "cluster"]
    assert len(guests) == 9
    assert not [each for each in guests if "job" in each.note or each.problem]
    assert "Sys.Audit" in stock.told[-1]


def test_a_job_that_names_a_guest_nobody_sees_is_told(pve: PveLab) -> None:
    with changed(pve):
        pve.state.jobs["backup-daily"]["vmid"] = "100,777"
    (told,) = [words for words in cluster_of(pve).existing().told if "777" in words]
    assert told == "the backup job backup-daily names 777, which are not there, or hidden from the token"


@pytest.mark.parametrize(
    ("job", "taken"),
    [
        ({"all": 1}, {100, 101, 102, 103, 104, 105, 200, 201, 202}),
        ({"all": 1, "exclude": "102,201"}, {100, 101, 103, 104, 105, 200, 202}),
        ({"all": 1, "node": "pve2"}, {105, 201, 202}),
        ({"pool": "production"}, {100, 101, 200}),
        ({"vmid": "202"}, {202}),
        ({"all": 1, "enabled": 0}, set()),
    ],
)
def test_what_a_job_takes(pve: PveLab, job: dict[str, Any], taken: set[int]) -> None:
    with changed(pve):
        pve.state.jobs = {"only": {"id": "only", "type": "vzdump", "enabled": 1, "schedule": "daily", "storage": "nas", **job}}
    found = by_name(cluster_of(pve).existing())
    assert {name for name, each in found.items() if "in backup jobs of Proxmox: only (daily, to nas)" in each.note} == {
        f"pve:{number}" for number in taken
    }


def test_a_name_that_would_move_a_cursor_is_spelled_out(pve: PveLab) -> None:
    with changed(pve):
        pve.state.guests[100].config["name"] = "web\x1b[2J\u202e"
    assert by_name(cluster_of(pve).existing())["pve:100"].note.isprintable()


def test_entries_of_a_listing_that_cannot_be_read_are_counted(pve: PveLab, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = [
        {"type": "qemu", "vmid": "100/../../access", "node": "pve1"},
        {"type": "qemu", "vmid": 99, "node": "pve1"},
        {"type": "lxc", "vmid": 300, "node": "../../access/users"},
        {"type": "lxc", "vmid": 300, "node": "pve1?x=y"},
        {"type": "qemu", "vmid": True, "node": "pve1"},
        {"type": "qemu", "vmid": 100, "node": "pve1"},
        {"type": "qemu", "vmid": 100, "node": "pve1", "name": "again"},
        "text",
        None,
        {"type": "storage", "storage": "local"},
        {"type": ["qemu"], "vmid": 301, "node": "pve1"},
        {"type": "QEMU", "vmid": 302, "node": "pve1"},
        {"type": {}, "node": "pve1"},
    ]
    cluster = cluster_of(pve)
    real = cluster._client.get
    monkeypatch.setattr(cluster._client, "get", lambda *path, **more: hostile if path == ("cluster", "resources") else real(*path, **more))
    found = by_name(cluster.existing())
    assert set(found) == {"pve:100", "pve:guests", "pve:system"}
    assert found["pve:guests"].problem.endswith("or there twice: 11")


@pytest.mark.parametrize("answer", [None, {}, "x", 7, {"a": 1}])
def test_a_listing_that_is_none_is_no_empty_one(pve: PveLab, monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    cluster = cluster_of(pve)
    real = cluster._client.get
    monkeypatch.setattr(cluster._client, "get", lambda *path, **more: answer if path == ("cluster", "resources") else real(*path, **more))
    with pytest.raises(Refused, match="answered /cluster/resources with something else"):
        cluster.existing()


def test_a_guest_of_either_kind_is_asked_where_it_is(pve: PveLab) -> None:
    with changed(pve):
        pve.state.guests[300] = Guest(300, "lxc", "pve2", {"hostname": "moved", "rootfs": "local-zfs:subvol-300-disk-0,size=1G"})
    assert by_name(cluster_of(pve).existing())["pve:300"].note == f"moved, on pve2; {NONE}"
    assert "/nodes/pve2/lxc/300/config" in asked(pve)
