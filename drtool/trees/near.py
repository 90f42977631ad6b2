"""Looks at files by this process itself, where it sees what a command would see: a child for each costs more than the look."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from drtool.model.errors import Refused
from drtool.trees.mounts import MountTables

_LETTERS: Final = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFSOCK: "s",
    stat.S_IFIFO: "p",
    stat.S_IFBLK: "b",
    stat.S_IFCHR: "c",
}
_CHUNK_BYTES: Final = 1 << 16
_NOT_THERE: Final = (errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """What lies at a path, not following a symbolic link: type letter as `find -printf %y`, device, inode and how many names it has."""

    type: str
    device: str
    inode: str
    names: int = 1


def look(paths: Iterable[str]) -> dict[str, DirectoryEntry]:
    """Return what lies at each path; what does not exist is absent, what cannot be looked at is Refused."""
    found = {}
    for path in paths:
        try:
            status = os.lstat(path)
        except ValueError:
            raise _no_name(path) from None
        except OSError as error:
            if error.errno in _NOT_THERE:
                continue
            raise Refused(f"cannot look at a place: '{path}': {error.strerror}") from None
        letter = _LETTERS.get(stat.S_IFMT(status.st_mode), "U")
        found[path] = DirectoryEntry(letter, str(status.st_dev), str(status.st_ino), status.st_nlink)
    return found


def is_empty_directory(path: str) -> bool:
    """Tell whether `path` is a real directory with nothing in it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (OSError, ValueError):
        return False
    try:
        with os.scandir(descriptor) as entries:
            return next(entries, None) is None
    except OSError:
        return False
    finally:
        os.close(descriptor)


def free_bytes(path: str) -> int:
    """Return the bytes this user may still write on the file system of `path`."""
    try:
        found = os.statvfs(path)
    except ValueError:
        raise _no_name(path) from None
    except OSError as error:
        raise Refused(f"asking for the free space of {path} failed: {error.strerror}") from None
    return found.f_bavail * found.f_frsize


def mount_tables(directory: str) -> MountTables:
    """Return where a directory really lies, what is missing of it included, and the tables of what is mounted, for others too."""
    try:
        try:
            real = os.path.realpath(directory, strict=True)
        except OSError as error:
            if error.errno not in _NOT_THERE:  # a circle of links, or one that may not be read: nobody knows where it leads
                raise
            real = os.path.realpath(directory)
        with open("/proc/self/mountinfo", "rb") as table:
            return MountTables(real, table.read(), tuple(_views_of_others()))
    except ValueError:
        raise _no_name(directory) from None
    except OSError as error:
        raise Refused(f"reading the mount table failed: {error.strerror}") from None


def _views_of_others() -> Iterable[tuple[str, bytes]]:
    """Yield once for each other view of the file systems who has it, and its table; who may not be looked at is passed over."""
    known = {os.readlink("/proc/self/ns/mnt")}
    for process in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        try:
            view = os.readlink(f"/proc/{process}/ns/mnt")
            if view in known:
                continue
            with open(f"/proc/{process}/comm", "rb") as name, open(f"/proc/{process}/mountinfo", "rb") as table:
                yield f"process {process} ({os.fsdecode(name.read().strip())})", table.read()
        except OSError:  # it ended, or is not ours to look at
            continue
        known.add(view)


def named_in(place: str, is_wanted: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the paths of what of a wanted name lies directly in a directory, a link to one included; `place` itself where it is none."""
    try:
        with os.scandir(place) as entries:
            return tuple(sorted(entry.path for entry in entries if is_wanted(entry.name)))
    except NotADirectoryError:
        return (place,) if is_wanted(os.path.basename(place)) else ()
    except (OSError, ValueError):
        return ()


def read_private(path: str, *, most_bytes: int) -> bytes | None:
    """Return what a file of this user that nobody else may write holds; None for anything else, and for what is larger."""
    try:
        if not _is_private(os.lstat(path), most_bytes):  # a device is not even opened
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            body = _read(descriptor, most_bytes + 1) if _is_private(os.fstat(descriptor), most_bytes) else b""
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return None
    return body if 0 < len(body) <= most_bytes else None


def _read(descriptor: int, most_bytes: int) -> bytes:
    """Return the first bytes of a small file; there are hundreds, and a stream for each costs more than what is in it."""
    body = b""
    while len(body) < most_bytes and (chunk := os.read(descriptor, min(most_bytes - len(body), _CHUNK_BYTES))):
        body += chunk
    return body


def regular_files(root: str, paths: Iterable[str]) -> dict[str, int]:
    """Return the bytes of those of `paths` that are regular files of the tree `root` without a link in any component; opens nothing."""
    above = os.path.dirname(root.rstrip("/")) or "/"
    begin, home = above.rstrip("/"), os.path.realpath(above).rstrip("/")
    found = {}
    for path in paths:
        try:
            status = os.lstat(path)
        except (OSError, ValueError):
            continue
        if stat.S_ISREG(status.st_mode) and path.startswith(f"{begin}/") and os.path.realpath(path) == home + path[len(begin) :]:
            found[path] = status.st_size
    return found


def _is_private(status: os.stat_result, most_bytes: int) -> bool:
    mode = status.st_mode
    others_write = mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISREG(mode) and status.st_uid == os.geteuid() and not others_write and status.st_size <= most_bytes


def _no_name(path: str) -> Refused:
    """Say that nothing can lie at what somebody wrote: a NUL, or half of a pair of UTF-16, is in no name of a file."""
    return Refused(f"cannot look at a place: {path!r} is no name of a file", safe="nothing was touched")
