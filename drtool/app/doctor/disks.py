"""Which disks of this machine a path lies on: what lies on one goes with it."""

from __future__ import annotations

import contextlib
import os
from typing import Final

from drtool.trees.filesystem import FileSystem, ancestors, inside_of, way_to

_SERVERS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.sshfs", "9p", "virtiofs"})
_DEEPEST: Final = 8


def device_at(files: FileSystem, path: str) -> str:
    """Return the device on which something lies, or would: of a folder that is mounted there what it holds."""
    found = files.look(way_to(path))
    nearest = next((each for each in (path, *ancestors(path)) if each in found), "/")
    return (found.get(inside_of(nearest)) or found[nearest]).device


def disks_of(path: str, *, root: str = "/") -> frozenset[str]:
    """Name the disks below a path, or the nearest folder above it that is there; empty where that cannot be told.

    A partition is its disk, a volume of LVM or RAID the disks it is made of, a pool of ZFS the pool, and what is mounted from a server that
    server's share. `root` is where /sys and /proc are looked for.
    """
    place = os.path.realpath(path)
    while not os.path.exists(place) and place != "/":
        place = os.path.dirname(place)
    try:
        device = os.stat(place).st_dev
    except OSError:
        return frozenset()
    number = f"{os.major(device)}:{os.minor(device)}"
    return _of_device(number, root, _DEEPEST) or _of_mount(number, root)


def _of_device(number: str, root: str, deepest: int) -> frozenset[str]:
    """Follow a block device down to its disks; empty for what is none."""
    there = os.path.join(root, "sys/dev/block", number)
    if deepest == 0 or not os.path.exists(there):
        return frozenset()
    base = os.path.realpath(there)
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for slave in os.listdir(os.path.join(base, "slaves")):
            with open(os.path.join(base, "slaves", slave, "dev"), encoding="ascii") as stream:
                found |= _of_device(stream.read().strip(), root, deepest - 1)
    if found:
        return frozenset(found)
    return frozenset({os.path.basename(os.path.dirname(base) if os.path.exists(os.path.join(base, "partition")) else base)})


def _of_mount(number: str, root: str) -> frozenset[str]:
    """Name what is mounted under a number that is no block device's, as btrfs, ZFS and servers have them."""
    with contextlib.suppress(OSError), open(os.path.join(root, "proc/self/mountinfo"), encoding="utf-8", errors="replace") as table:
        for line in table:
            words, _dash, told = line.partition(" - ")
            kind, source, *_options = (*told.split(), "", "")
            if words.split()[2:3] != [number]:
                continue
            if kind == "zfs":
                return frozenset({f"the pool {source.partition('/')[0]}"})
            if kind in _SERVERS:
                return frozenset({f"the server's share {source}"})
            if source.startswith("/dev/") and os.path.exists(source):
                device = os.stat(source).st_rdev
                return _of_device(f"{os.major(device)}:{os.minor(device)}", root, _DEEPEST)
            return frozenset({f"the {kind} {number}"})
    return frozenset()
