"""Copying, measuring and removing directories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from drtool.lab.truenas.storage import StorageError, Value
from drtool.model.command import Command
from drtool.ports import Runner

_BATCH: Final = 500


def copy(runner: Runner, *words: str) -> None:
    """Copy with all attributes, sharing blocks and keeping holes where that can be done; `words` say what to where."""
    ended = runner.run(Command(("cp", "-a", "--reflink=auto", "--sparse=auto", *words)))
    if ended.exit_code:
        said = ended.said()
        raise StorageError("out of space" if "No space left" in said else said)


def copy_entries(runner: Runner, place: str, target: str, without: frozenset[str]) -> None:
    """Copy what lies in a directory, except some entries, into another."""
    wanted = [os.path.join(place, item) for item in sorted(os.listdir(place)) if item not in without]
    for start in range(0, len(wanted), _BATCH):
        copy(runner, "-t", target, "--", *wanted[start : start + _BATCH])


class MeasuredProperties(Mapping[str, Value]):
    """Properties, of which sizes are measured only when somebody looks."""

    def __init__(self, known: dict[str, Value], measured: Mapping[str, Callable[[], int]]) -> None:
        self._known = known
        self._measured = measured

    def __getitem__(self, name: str) -> Value:
        if name in self._measured:
            return Value(str(self._measured[name]()), "-")
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._known, *self._measured))

    def __len__(self) -> int:
        return len(self._known) + len(self._measured)


def remove(path: str) -> None:
    """Remove a file or a directory with all in it; nothing there is success."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def copy_attributes(origin: str, target: str) -> None:
    """Give a directory owner, mode, times and extended attributes of another."""
    found = os.stat(origin)
    if os.geteuid() == 0:
        os.chown(target, found.st_uid, found.st_gid)
    shutil.copystat(origin, target)


def bytes_below(path: str, without: frozenset[str] | tuple[()]) -> int:
    """Return the bytes that the files below a directory take up, except in some of its entries."""
    total = 0
    for place, directories, files in os.walk(path):
        if place == path:
            directories[:] = [name for name in directories if name not in without]
        for name in files:
            total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total


def unmount_all(runner: Runner, origins: Collection[str]) -> None:
    """Unmount every bind mount of these directories, wherever it is."""
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        mounts = [[part.encode().decode("unicode_escape") for part in line.split(" ")[3:5]] for line in stream]
    for root, place in mounts:
        if any(origin.endswith(root) for origin in origins):  # a root is told from where its file system begins
            runner.run(Command(("umount", "-l", "--", place)))
