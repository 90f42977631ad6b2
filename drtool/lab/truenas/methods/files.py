"""`filesystem.*`: a look at paths below `/mnt`."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat as modes
from typing import Annotated, Any, Final

from pydantic import Field

from drtool.lab.truenas import query
from drtool.lab.truenas.answers import CallError, Json
from drtool.lab.truenas.exports import real_path
from drtool.lab.truenas.registry import Arguments, Call, Method
from drtool.lab.truenas.storage import Dataset

Text = Annotated[str, Field(min_length=1)]


class Path(Arguments):
    path: Text


class ListDirectory(Arguments):
    path: Text
    query_filters: list[Any] = []
    query_options: dict[str, Any] = {}


def stat(call: Call, arguments: Path) -> Json:
    """Tell of one path."""
    real, dataset = _found(call, arguments.path)
    seen = os.lstat(real)
    return {
        "realpath": arguments.path,
        "type": _type(seen.st_mode),
        "size": seen.st_size,
        "allocation_size": seen.st_blocks * 512,
        "mode": seen.st_mode,
        "mount_id": _mount_id(dataset),
        "uid": seen.st_uid,
        "gid": seen.st_gid,
        "atime": seen.st_atime,
        "mtime": seen.st_mtime,
        "ctime": seen.st_ctime,
        "btime": seen.st_ctime,
        "dev": _mount_id(dataset),
        "inode": seen.st_ino,
        "nlink": seen.st_nlink,
        "acl": _has_acl(real),
        "is_mountpoint": arguments.path.rstrip("/") == f"/mnt/{dataset.name}",
        "is_ctldir": False,
        "attributes": [],
        "user": _named(lambda: pwd.getpwuid(seen.st_uid).pw_name),
        "group": _named(lambda: grp.getgrgid(seen.st_gid).gr_name),
    }


def statfs(call: Call, arguments: Path) -> Json:
    """Tell of the dataset a path lies in; its name is `source`."""
    real, dataset = _found(call, arguments.path)
    seen = os.statvfs(real)
    numbers = {"total": seen.f_blocks, "free": seen.f_bfree, "avail": seen.f_bavail}
    told: dict[str, Json] = {
        "flags": ["RO" if dataset.raw("readonly") == "on" else "RW", "XATTR", "POSIXACL", "CASESENSITIVE", "NOATIME"],
        "fsid": f"{_mount_id(dataset):x}",
        "fstype": "zfs",
        "source": dataset.name,
        "dest": f"/mnt/{dataset.name}",
        "blocksize": seen.f_frsize,
        "files": seen.f_files,
        "free_files": seen.f_ffree,
        "name_max": seen.f_namemax,
    }
    for name, count in numbers.items():
        told |= {f"{name}_blocks": count, f"{name}_blocks_str": str(count)}
        told |= {f"{name}_bytes": count * seen.f_frsize, f"{name}_bytes_str": str(count * seen.f_frsize)}
    return told


def listdir(call: Call, arguments: ListDirectory) -> Json:
    """Tell what lies in a directory."""
    real, dataset = _found(call, arguments.path)
    if not os.path.isdir(real):
        raise CallError(f"Path {arguments.path} is not a directory", errno.ENOTDIR)
    below = {each.name for each in call.storage.datasets([dataset.name])}
    rows = [_entry(f"{arguments.path.rstrip('/')}/{name}", os.path.join(real, name), dataset, below) for name in sorted(os.listdir(real))]
    return query.run(rows, arguments.query_filters, arguments.query_options)


def _entry(path: str, real: str, dataset: Dataset, below: set[str]) -> dict[str, Json]:
    seen = os.lstat(real)
    mountpoint = path.removeprefix("/mnt/") in below
    return {
        "name": os.path.basename(path),
        "path": path,
        "realpath": path,
        "type": _type(seen.st_mode),
        "size": seen.st_size,
        "allocation_size": seen.st_blocks * 512,
        "mode": seen.st_mode,
        "mount_id": _mount_id(dataset),
        "acl": _has_acl(real),
        "uid": seen.st_uid,
        "gid": seen.st_gid,
        "is_mountpoint": mountpoint,
        "is_ctldir": False,
        "attributes": [],
        "xattrs": [],
        "zfs_attrs": [],
    }


def _found(call: Call, path: str) -> tuple[str, Dataset]:
    if not path.startswith("/mnt/"):
        raise CallError(f"{path}: path must be within /mnt", errno.EPERM)
    real = real_path(call.storage, path)
    if real is None or not os.path.lexists(real):
        raise CallError(f"Path {path} not found", errno.ENOENT)
    name = path.removeprefix("/mnt/").rstrip("/")
    while not (found := call.storage.datasets([name], children=False)):
        name = name.rpartition("/")[0]
    return real, found[0]


def _type(mode: int) -> str:
    if modes.S_ISDIR(mode):
        return "DIRECTORY"
    if modes.S_ISLNK(mode):
        return "SYMLINK"
    return "FILE" if modes.S_ISREG(mode) else "OTHER"


def _mount_id(dataset: Dataset) -> int:
    return int(dataset.raw("guid", "0")) & 0x7FFFFFFF


def _has_acl(real: str) -> bool:
    try:
        return "system.posix_acl_access" in os.listxattr(real, follow_symlinks=False)
    except OSError:
        return False


def _named(look: Any) -> str | None:  # noqa: ANN401
    try:
        name: str = look()
    except KeyError:
        return None
    return name


METHODS: Final = (
    Method("filesystem.stat", Path, stat, roles=("FILESYSTEM_ATTRS_READ",)),
    Method("filesystem.statfs", Path, statfs, roles=("FILESYSTEM_ATTRS_READ",)),
    Method("filesystem.listdir", ListDirectory, listdir, roles=("FILESYSTEM_ATTRS_READ",)),
)
