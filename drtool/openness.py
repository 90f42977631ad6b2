"""May anybody else write this? One answer for policies, the state directory, keys, caches and programs that run as root."""

from __future__ import annotations

import os
import shlex
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MODELESS: Final = frozenset({"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "cifs", "smb3", "9p", "drvfs"})
"""File systems whose files have the mode that they were mounted with: nothing can be changed there by chmod."""
_OWNING_GROUP: Final = 0x04
_MASK: Final = 0x10
_NAMED: Final = {0x02: "user", 0x08: "group"}
_MOST_LINKS: Final = 40  # as the kernel: path_resolution(7)


@dataclass(frozen=True, slots=True)
class Opening:
    """Who else may change something, or put something else in its place: where that is, in words, and what to type about it.

    `anybody`: every user of this machine may; else it is one owner or one group.
    """

    path: str
    who: str
    remedy: str
    anybody: bool

    @property
    def words(self) -> str:
        """Say it in one sentence."""
        return f"{self.path} {self.who}"


def opening_of(path: str, *, private: bool = False) -> Opening | None:
    """Return the first way by which anybody but this user and root may write a file or folder, or put another in its place; None: nobody.

    Asked of the thing itself, of every folder above it, and of every symbolic link that leads to it with the folders above that; a folder
    with the sticky bit keeps what belongs to others from being replaced.
    With `private` nobody else may read the thing either. What does not exist yet is judged by the folder it would be made in.
    """
    if (found := opening_of_links(path)) is not None:
        return found
    real = os.path.realpath(path)
    try:
        found = _judge(real, os.stat(real), private=private, above=False)
    except OSError:
        found = None
    return found or _opening_above(real)


def opening_of_links(path: str) -> Opening | None:
    """Return the first way by which anybody but this user and root may have a path lead elsewhere by a link on it; None: nobody."""
    for link in _links_to(path):
        if (found := _opening_of_link(link) or _opening_above(link)) is not None:
            return found
    return None


def _opening_above(path: str) -> Opening | None:
    """Judge the folders above a path without links."""
    while (parent := os.path.dirname(path)) != path:
        path = parent
        try:
            facts = os.stat(path)
        except OSError:
            continue
        if (found := _judge(path, facts, private=False, above=True)) is not None:
            return found
    return None


def _opening_of_link(link: str) -> Opening | None:
    try:
        owner = os.lstat(link).st_uid
    except OSError:
        return None
    if owner in (0, os.geteuid()):
        return None
    remedy = f"name what it leads to: {shlex.quote(os.path.realpath(link))}"
    return Opening(link, f"is a link of {_user(owner)}, who may change it", remedy, anybody=False)


def _links_to(path: str) -> Iterator[str]:
    """Yield the symbolic links by which the kernel comes to a path, each without links above it."""
    here, left = "/", os.path.join(os.getcwd(), path).split("/")[::-1]
    followed = 0
    while left and followed < _MOST_LINKS:
        part = left.pop()
        if part == "..":
            here = os.path.dirname(here)
        elif part not in ("", "."):
            there = os.path.join(here, part)
            try:
                target = os.readlink(there)
            except OSError:
                here = there
                continue
            yield there
            followed += 1
            here = "/" if target.startswith("/") else here
            left.extend(target.split("/")[::-1])


def mode_remedy(path: str, mode: str) -> str:
    """Say what to type so that a file gets a mode: where it lies on a file system that has none, chmod does nothing."""
    mount = _modeless_mount(path)
    if mount is None:
        return f"chmod {mode} {shlex.quote(path)}"
    device, folder, kind = mount
    umask = f"{0o777 & ~_bits(mode):04o}"
    again = f"mount -o umask={umask},uid={os.geteuid()} {shlex.quote(device)} {shlex.quote(folder)}"
    words = f"{kind} has no modes, so chmod does nothing there: umount {shlex.quote(folder)}, then {again}"
    return f"{words}; or copy it to a disk of this machine"


def _bits(mode: str) -> int:
    return int(mode, 8) | 0o100 if mode.isdigit() else 0o700  # the folder of the mount must stay a folder that can be entered


def _judge(path: str, facts: os.stat_result, *, private: bool, above: bool) -> Opening | None:
    mode = stat.S_IMODE(facts.st_mode)
    if mode & 0o002 and not (above and mode & stat.S_ISVTX):
        return Opening(path, f"may be written by anybody (mode {mode:04o})", _narrowed(path, "go-w"), anybody=True)
    if facts.st_uid not in (0, os.geteuid()):
        owner = os.geteuid()
        remedy = f"chown {owner} {shlex.quote(path)}" if _modeless_mount(path) is None else mode_remedy(path, "700")
        return Opening(path, f"belongs to {_user(facts.st_uid)}, who may change it", remedy, anybody=False)
    if above and mode & stat.S_ISVTX:
        return None
    if private and mode & 0o077:
        return Opening(path, f"may be read by others (mode {mode:04o})", mode_remedy(path, "600"), anybody=bool(mode & 0o007))
    named_writers, group_writes = _access_list(path)
    for who, number in sorted(named_writers):
        if (who == "user" and number in (0, os.geteuid())) or (who == "group" and _is_own_group(number)):
            continue
        named = _user(number) if who == "user" else f"the group {_group(number)}"
        return Opening(path, f"may be written by {named} (its access list)", f"setfacl -b {shlex.quote(path)}", anybody=False)
    if mode & 0o020 and group_writes and not _is_own_group(facts.st_gid):
        return Opening(path, f"may be written by the group {_group(facts.st_gid)} (mode {mode:04o})", _narrowed(path, "g-w"), anybody=False)
    return None


def _access_list(path: str) -> tuple[frozenset[tuple[str, int]], bool]:
    """Return who may write a file by its POSIX access list ("user" or "group", number), and whether its group may if the mode says so.

    With such a list the mode's bits of the group are its mask; without one the mode says everything. Layout: acl(5), version 2.
    """
    try:
        body = os.getxattr(path, "system.posix_acl_access")
    except OSError:
        return frozenset(), True
    entries = [struct.unpack_from("<HHI", body, start) for start in range(4, len(body) - 7, 8)]
    mask = next((granted for tag, granted, _number in entries if tag == _MASK), 0o7)
    may_write = [(tag, number) for tag, granted, number in entries if granted & mask & 0o2]
    named = frozenset((_NAMED[tag], number) for tag, number in may_write if tag in _NAMED)
    return named, any(tag == _OWNING_GROUP for tag, _number in may_write)


def _narrowed(path: str, change: str) -> str:
    return f"chmod {change} {shlex.quote(path)}" if _modeless_mount(path) is None else mode_remedy(path, "700")


def _is_own_group(group: int) -> bool:
    """Tell whether a group is root's, or only a name for this user: many systems give everybody a group of his own, and umask 002."""
    import grp  # noqa: PLC0415 - rarely asked
    import pwd  # noqa: PLC0415

    try:
        if group == 0:
            return not set(grp.getgrgid(0).gr_mem) - {"root"}
        user, entry = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return user.pw_gid == group and entry.gr_name == user.pw_name and not set(entry.gr_mem) - {user.pw_name}


def _user(number: int) -> str:
    import pwd  # noqa: PLC0415 - rarely asked

    try:
        return f"{pwd.getpwuid(number).pw_name} (user {number})"
    except KeyError:
        return f"user {number}"


def _group(number: int) -> str:
    import grp  # noqa: PLC0415 - rarely asked

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _modeless_mount(path: str) -> tuple[str, str, str] | None:
    """Return device, folder and kind of the mount a path lies on, when its files have no modes of their own."""
    real = os.path.realpath(path)
    found: tuple[str, str, str] | None = None
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as stream:
            for line in stream:
                device, folder, kind, *_rest = (_unescaped(word) for word in line.split(" "))
                inside = real == folder or real.startswith(folder.rstrip("/") + "/")
                if inside and (found is None or len(folder) >= len(found[1])):
                    found = (device, folder, kind)
    except (OSError, ValueError):
        return None
    return found if found is not None and found[2] in _MODELESS else None


def _unescaped(word: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, character)
    return word
