"""What a fresh cluster has: two nodes, guests of every sort that makes trouble, storages, jobs, and somebody who may look."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from typing import Final

from drtool.lab.proxmox.answers import Json
from drtool.lab.proxmox.cluster import Cluster
from drtool.lab.proxmox.furnish_configuration import furnish_configuration
from drtool.lab.proxmox.privileges import ROOT
from drtool.lab.proxmox.state import CONTAINER, QEMU, Grant, Guest, Node, Pool, State, User, digest_of
from drtool.lab.proxmox.upid import note_task

WORKER: Final = "drtool@pve"
TOKEN: Final = "drtool"  # noqa: S105 - its name
ROLE: Final = "drtool-look"
LOOKS: Final = ("Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit")
GIB: Final = 1 << 30
_HOUR: Final = 3600

_MACHINES: Final[dict[int, tuple[str, bool, dict[str, Json]]]] = {
    100: (
        "pve1",
        True,
        {"name": "web", "agent": "1", "tags": "nextcloud;web", "scsi0": "local-zfs:vm-100-disk-0,size=32G", "onboot": 1},
    ),
    101: (
        "pve1",
        True,
        {
            "name": "database",
            "agent": "enabled=1",
            "scsi0": "local-zfs:vm-101-disk-0,size=64G",
            "scsi1": "local-zfs:vm-101-disk-1,backup=0,size=16G",
            "unused0": "local-zfs:vm-101-disk-2",
        },
    ),
    102: (
        "pve1",
        False,
        {"name": "media", "scsi0": "local-zfs:vm-102-disk-0,size=8G", "hostpci0": "0000:01:00,pcie=1", "usb0": "host=046d:c52b"},
    ),
    103: ("pve1", False, {"name": "debian-base", "template": 1, "scsi0": "local-zfs:base-103-disk-0,size=8G"}),
    104: ("pve1", True, {"name": "worker", "scsi0": "local-zfs:base-103-disk-0/vm-104-disk-0,size=8G"}),
    105: (
        "pve2",
        True,
        {
            "name": "office",
            "bios": "ovmf",
            "lock": "backup",
            "ostype": "win11",
            "virtio0": "local-zfs:vm-105-disk-2,size=80G",
            "efidisk0": "local-zfs:vm-105-disk-0,efitype=4m,size=1M",
            "tpmstate0": "local-zfs:vm-105-disk-1,size=4M,version=v2.0",
        },
    ),
}
_CONTAINERS: Final[dict[int, tuple[str, bool, dict[str, Json]]]] = {
    200: (
        "pve1",
        True,
        {
            "hostname": "mail",
            "rootfs": "local-zfs:subvol-200-disk-0,size=16G",
            "mp0": "local-zfs:subvol-200-disk-1,mp=/var/mail,backup=1,size=32G",
        },
    ),
    201: ("pve2", True, {"hostname": "photos", "rootfs": "local-zfs:subvol-201-disk-0,size=8G", "mp0": "/srv/photos,mp=/photos"}),
    202: (
        "pve2",
        False,
        {
            "hostname": "scratch",
            "rootfs": "local-zfs:subvol-202-disk-0,size=4G",
            "mp0": "local-zfs:subvol-202-disk-1,mp=/scratch,size=100G",
        },
    ),
}


def furnish(cluster: Cluster) -> None:
    """Give a fresh cluster everything; what is there stays. The token and the password of root are written to files."""
    if cluster.state.nodes:
        furnish_configuration(cluster.state)
        return
    state, directory = cluster.state, cluster.directory
    state.nodes = {name: Node(name, number, f"192.0.2.{number}") for number, name in enumerate(("pve1", "pve2"), 1)}
    _guests(state)
    _storages(state, cluster.now())
    state.pools = {"production": Pool("what the house lives on", [100, 101, 200], ["nas"])}
    state.jobs = {
        "backup-daily": {
            "id": "backup-daily",
            "type": "vzdump",
            "schedule": "02:30",
            "storage": "nas",
            "mode": "snapshot",
            "compress": "zstd",
            "vmid": "100,101,105",
            "prune-backups": {"keep-last": "7"},
            "notes-template": "{{guestname}}",
        },
        "backup-pool": {
            "id": "backup-pool",
            "type": "vzdump",
            "enabled": 0,
            "schedule": "sun 05:00",
            "storage": "pbs",
            "pool": "production",
        },
    }
    state.resources = {"vm:100": {"sid": "vm:100", "type": "vm", "state": "started", "max_restart": 1, "max_relocate": 1}}
    state.options = {"keyboard": "de", "email_from": "pve@example.org"}
    _users(cluster)
    _tasks(cluster)
    furnish_configuration(state)
    _write_secret(os.path.join(directory, "repository.key"), secrets.token_urlsafe(32))


def _guests(state: State) -> None:
    hardware = {"boot": "order=scsi0", "cores": 2, "memory": "2048", "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0", "ostype": "l26"}
    for number, (node, running, config) in _MACHINES.items():
        state.guests[number] = Guest(number, QEMU, node, {**hardware, "scsihw": "virtio-scsi-single", **config}, running)
    hardware = {"arch": "amd64", "cores": 1, "memory": 512, "swap": 512, "ostype": "debian", "unprivileged": 1}
    for number, (node, running, config) in _CONTAINERS.items():
        interface = {"net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:02,ip=dhcp,type=veth"}
        state.guests[number] = Guest(number, CONTAINER, node, {**hardware, **interface, **config}, running)


def _storages(state: State, now: int) -> None:
    state.storages = {
        "local": {"type": "dir", "content": "backup,iso,vztmpl", "path": "/var/lib/vz", "total": 100 * GIB, "used": 20 * GIB},
        "local-zfs": {"type": "zfspool", "content": "images,rootdir", "pool": "rpool/data", "total": 900 * GIB, "used": 300 * GIB},
        "nas": {
            "type": "nfs",
            "content": "backup",
            "server": "192.0.2.20",
            "export": "/mnt/tank/pve",
            "path": "/mnt/pve/nas",
            "shared": 1,
            "total": 4000 * GIB,
            "used": 1500 * GIB,
        },
        "pbs": {
            "type": "pbs",
            "content": "backup",
            "server": "192.0.2.30",
            "datastore": "store",
            "username": "pve@pbs",
            "shared": 1,
            "total": 8000 * GIB,
            "used": 2000 * GIB,
        },
    }
    for guest in state.guests.values():
        for key, value in guest.config.items():
            text = str(value)
            if text.startswith("local-zfs:"):
                volume = text.partition(",")[0]
                content, shape = ("images", "raw") if guest.kind == QEMU else ("rootdir", "subvol")
                own = {"volid": volume, "content": content, "format": shape, "size": 8 * GIB, "vmid": guest.number, "node": guest.node}
                state.volumes.append({**own, "ctime": now - 30 * 24 * _HOUR, **({"protected": 1} if key == "template" else {})})
    for number, kind, past in ((100, QEMU, 3), (100, QEMU, 27), (101, QEMU, 3), (200, CONTAINER, 50)):
        shape = "vma.zst" if kind == QEMU else "tar.zst"
        at = datetime.fromtimestamp(now - past * _HOUR, UTC)
        name = f"vzdump-{kind}-{number}-{at:%Y_%m_%d-%H_%M_%S}.{shape}"
        told = {"volid": f"nas:backup/{name}", "content": "backup", "format": shape, "subtype": kind, "vmid": number, "node": ""}
        state.volumes.append({**told, "size": 5 * GIB + 17, "ctime": now - past * _HOUR, "notes": f"guest {number}"})


def _users(cluster: Cluster) -> None:
    state = cluster.state
    password = secrets.token_urlsafe(16)
    state.users = {ROOT: User(comment="the administrator", password=digest_of(password)), WORKER: User(comment="looks at everything")}
    state.roles[ROLE] = list(LOOKS)
    secret = state.add_token(WORKER, TOKEN)
    who = f"{WORKER}!{TOKEN}"
    state.grants = [Grant("/", "user", WORKER, ROLE), Grant("/", "token", who, ROLE)]
    _write_secret(os.path.join(cluster.directory, f"{WORKER.partition('@')[0]}.token"), f"{who}={secret}")
    _write_secret(os.path.join(cluster.directory, "root.password"), password)


def _tasks(cluster: Cluster) -> None:
    now = cluster.now()
    good = ["INFO: starting new backup job: vzdump 100 --storage nas", "INFO: status = running", "INFO: backup mode: snapshot"]
    note_task(
        cluster, "pve1", "vzdump", "100", ROOT, at=now - 3 * _HOUR, log=[*good, "INFO: archive file size: 5.00GB", "TASK OK"], exit="OK"
    )
    died = ["INFO: starting new backup job: vzdump 105 --storage nas", "INFO: status = running"]
    note_task(cluster, "pve2", "vzdump", "105", ROOT, at=now - 26 * _HOUR, log=died, exit="unexpected status")


def _write_secret(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(f"{text}\n")
