"""Files that grew while they were stored: restic 0.19 writes down how long they were afterwards, and stores what it had read of them.

A restore makes them that long, with zeros where nothing was read, and counts them as not restored.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from drtool.model.command import Command
from drtool.model.errors import Refused
from drtool.model.quantity import spell_bytes
from drtool.ports import Runner
from drtool.trees.filesystem import FileSystem

_CLOCKS_DIFFER: Final = 5.0
_BLOCK: Final = 512
_ENDS: Final = r"""
ends=$(tail -q -c 1 -- "$@" | od -An -v -tx1 | tr -d " \n")
if [ ${#ends} -ne $(($# * 2)) ]; then
  ends=
  for file do
    end=$(tail -q -c 1 -- "$file" | od -An -v -tx1 | tr -d " \n")
    ends=$ends${end:-00}
  done
fi
for file do
  case $ends in 00*) printf "%s\0" "$file";; esac
  ends=${ends#??}
done | xargs -0 -r sh -c 'find "$@" -maxdepth 0 -printf "%D:%i %s %T@ %b %p\0"' drtool
"""
"""Tells of the files whose last byte is a zero, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Grown:
    """A file that is longer than what was stored of it: its path on the disk, its bytes there, those that were stored, and its names."""

    path: str
    bytes: int
    stored: int
    names: int = 1

    @property
    def never_read(self) -> int:
        """How many bytes were written down and never read."""
        return self.bytes - self.stored

    def words(self, folder: str) -> str:
        """Say what a person must know of it, by its path in the point; `folder` is where the point is poured."""
        path = self.path.removeprefix(folder.rstrip("/"))
        also = f" (it has {self.names} names)" if self.names > 1 else ""
        return f"{path}{also} grew while it was stored: it ends where it was read, {spell_bytes(self.never_read)} before its end then"


@dataclass(frozen=True, slots=True)
class _File:
    inode: bytes
    bytes: int
    changed: float
    has_holes: bool
    path: str
    names: int = 1


def find_grown(runner: Runner, root: str, stored: Callable[[str], int], *, since: datetime, lacking: int) -> tuple[Grown, ...]:
    """Return the files below a root that are longer than what was `stored` of them, until they explain `lacking` bytes.

    `stored` tells by a path on the disk how many bytes the repository holds of it, and reads them for that; so those are asked about first
    that were changed after the storing began (`since`), then those with holes. Any date may be the writer's own, so each is asked about
    that could have grown: it ends in a zero.
    """
    began = since.timestamp() - _CLOCKS_DIFFER
    found: list[Grown] = []
    for file in sorted(_ending_in_zero(runner, root), key=lambda file: (file.changed < began, not file.has_holes)):
        if sum(each.never_read for each in found) >= lacking:
            break
        length = stored(file.path)
        if length < file.bytes:
            found.append(Grown(file.path, file.bytes, length, file.names))
    return tuple(found)


def shorten(runner: Runner, grown: Grown) -> None:
    """Let a file end where it was read; its date stays. Raises Refused where that cannot be done."""
    script = (
        'mode=$(stat -c %a -- "$1") && dated=$(stat -c %y -- "$1") && chmod u+w -- "$1" && truncate -s "$2" -- "$1" && '
        'chmod "$mode" -- "$1" && touch -m -d "$dated" -- "$1"'
    )
    completed = runner.run(Command(("sh", "-c", script, "drtool", grown.path, str(grown.stored))))
    if completed.exit_code != 0:
        raise Refused(f"{grown.path} cannot be shortened to what was stored of it: {completed.said(200)}", hint="look at it there")


def _ending_in_zero(runner: Runner, root: str) -> list[_File]:
    """Return each file that ends in a zero once, by the name under which restic comes to it first: others are made as links to that."""
    first: dict[bytes, _File] = {}

    def take(entry: bytes) -> None:
        inode, size, changed, blocks, path = entry.split(b" ", 4)
        file = _File(inode, int(size), float(changed), int(blocks) * _BLOCK < int(size), os.fsdecode(path))
        known = first.get(inode)
        if known is not None:
            file = replace(min(known, file, key=lambda each: os.fsencode(each.path).split(b"/")), names=known.names + 1)
        first[inode] = file

    FileSystem(runner).stream(Command(("find", root, "-type", "f", "-size", "+0", "-exec", "sh", "-c", _ENDS, "drtool", "{}", "+")), take)
    return list(first.values())
