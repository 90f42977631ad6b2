from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drtool.model.codec import parse
from drtool.model.command import understanding
from drtool.model.ledger import FILE_SYSTEM, Existing
from drtool.model.lying import lies_in
from drtool.sources.files.machine.asking import require
from drtool.trees.filesystem import FileSystem

_COLUMNS: Final = "TARGET,FSTYPE,SOURCE,FSROOT,MAJ:MIN"
_OF_THE_KERNEL: Final = {
    *("autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl", "hugetlbfs"),
    *("mqueue", "nfsd", "nsfs", "proc", "pstore", "ramfs", "rootfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tmpfs", "tracefs"),
    *("fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "fuse.restic", "squashfs"),
}
"""What holds nothing that outlives the machine, shows what lies elsewhere, or is an image that programs came in."""
_LAYERED: Final = frozenset({"aufs", "overlay", "fuse.fuse-overlayfs"})
_OF_CONTAINERS: Final = frozenset({"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"})
"""What a machine that is a container itself gets from around it."""


@dataclass(frozen=True, slots=True)
class _Mount:
    target: str
    type: str
    source: str
    root: str
    device: str

    @property
    def shown(self) -> str:
        """What is mounted, for a person: what programs put before an `@` there may hold a password."""
        login, _at, rest = self.source.rpartition("@")
        return rest if ":" in login and self.type.startswith(("fuse", "davfs")) else self.source

    def holds(self, other: _Mount) -> bool:
        """Tell whether what the other shows lies in this one; exports of one server may share a number.

        What lies below a subvolume of btrfs may be a subvolume of its own, which is read by no way but its own.
        """
        alike = self.device == other.device and (self.source == other.source or not self.type.startswith("nfs"))
        return alike and (other.root == self.root if self.type == "btrfs" else lies_in(other.root, self.root))


def read_file_systems(file_system: FileSystem) -> tuple[list[Existing], tuple[str, ...]]:
    """Return the file systems that are mounted and hold data of their own, and all places where anything is mounted.

    Another view of one that is told is none.
    """
    output = require(file_system, "findmnt", "--json", "--list", "--output", _COLUMNS)
    with understanding("findmnt"):
        rows = parse(os.fsdecode(output))["filesystems"]
        mounts = {mount.target: mount for mount in map(_mount, rows)}  # of two on one place the later is seen
    real = sorted(_without_views(mount for mount in mounts.values() if _is_real(mount)), key=lambda mount: mount.target)
    return [Existing(each.target, FILE_SYSTEM, (each.target,), f"{each.type} of {each.shown}") for each in real], tuple(mounts)


def _mount(row: Mapping[str, Any]) -> _Mount:
    return _Mount(*(str(row[name]) for name in ("target", "fstype", "source", "fsroot", "maj:min")))


def _is_real(mount: _Mount) -> bool:
    if mount.type in _LAYERED and mount.target != "/":
        return False
    return mount.target.startswith("/") and mount.type not in _OF_THE_KERNEL and mount.target not in _OF_CONTAINERS


def _without_views(mounts: Iterable[_Mount]) -> list[_Mount]:
    """Leave out what shows the same as another mount, or a part of it; of two that show the same the first is kept, and the root always."""
    kept: list[_Mount] = []
    for mount in sorted(mounts, key=lambda each: (each.target != "/", len(each.root))):
        if not any(other.holds(mount) for other in kept):
            kept.append(mount)
    return kept
