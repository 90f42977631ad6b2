"""What is mounted in a tree, and where else a tree is shown: bound to another place, or in the view of a container or a service."""

from __future__ import annotations

import os
import posixpath
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from drtool.model.command import understanding
from drtool.model.errors import Refused
from drtool.model.lying import lies_in

# Where the parent really lies, this process's table, then once for each other view of the file systems who has it, and its table; NUL
# behind each. Who may not look at a process learns nothing of its view.
MOUNTS: Final = (
    'realpath -z -m -- "$1" && cat -- /proc/self/mountinfo || exit 1; printf "\\0"; own=$(readlink /proc/self/ns/mnt); '
    "find /proc/[0-9]*/ns/mnt -maxdepth 0 -printf '%l %p\\n' 2>/dev/null | sort -u -k 1,1 | while read -r view path; do "
    'if [ "$view" != "$own" ]; then process=${path%/ns/mnt}; read -r name 2>/dev/null <"$process/comm" || name=; '
    'printf "process %s (%s)\\0" "${process#/proc/}" "$name"; cat -- "$process/mountinfo" 2>/dev/null; printf "\\0"; fi; done; exit 0'
)


@dataclass(frozen=True, slots=True)
class MountTables:
    """Where the parent of a tree really lies, this process's table of mounts, and those of others, by who has them."""

    real_parent: str
    own: bytes
    others: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """Another place that shows a tree, or what lies in it, whatever that is renamed to; `by` whom, empty: everybody here."""

    place: str
    by: str = ""

    @property
    def words(self) -> str:
        """Name it."""
        return f"{self.place} of {self.by}" if self.by else self.place


@dataclass(frozen=True, slots=True)
class _Row:
    device: bytes
    root: str
    point: str


def tables_of(output: bytes) -> MountTables:
    """Read what `MOUNTS` printed."""
    real, own, *rest = output.split(b"\0")
    others = zip(rest[0::2], rest[1::2], strict=False)
    return MountTables(os.fsdecode(real), own, tuple((os.fsdecode(who), table) for who, table in others))


def points_within(tables: MountTables, path: str) -> tuple[str, ...]:
    """Return the mount points at or below `path` (bind mounts too)."""
    real = posixpath.join(tables.real_parent, posixpath.basename(path))
    return tuple(row.point for row in _rows(tables.own) if lies_in(row.point, real))


def shown_elsewhere(tables: MountTables, path: str) -> tuple[Shown, ...]:
    """Return the places outside of `path` at which it, or something in it, is mounted by itself: a rename does not take it from there."""
    real = posixpath.join(tables.real_parent, posixpath.basename(path))
    own = tuple(_rows(tables.own))
    around = [row for row in own if lies_in(real, row.point)]
    if not around:
        return ()
    home = max(enumerate(around), key=lambda numbered: (len(numbered[1].point), numbered[0]))[1]  # the last one mounted covers the others
    within = posixpath.normpath(f"{home.root}/{real[len(home.point.rstrip('/')) :]}").replace("//", "/", 1)

    def shows(rows: Iterable[_Row]) -> list[str]:
        return [row.point for row in rows if row.device == home.device and lies_in(row.root, within)]

    found = [Shown(point) for point in shows(own) if not lies_in(point, real)]
    found += [Shown(point, who) for who, table in tables.others for point in shows(_rows(table))]
    return tuple(found)


def refuse_removal(tables: MountTables, path: str) -> None:
    """Refuse to remove a tree in which something is mounted, or that is mounted elsewhere."""
    points = points_within(tables, path)
    if points:
        raise Refused(
            f"{path} is not removed: {points[0]} is a mount point, and what is mounted there would be removed with it",
            hint=f"umount {shlex.quote(points[0])}; then: drtool sweep",
            safe="nothing was removed",
        )
    shown = shown_elsewhere(tables, path)
    if shown:
        free = "restart what that belongs to" if shown[0].by else f"restart what uses it, then umount {shlex.quote(shown[0].place)}"
        raise Refused(
            f"{path} is not removed: {shown[0].words} still shows it, and what is written there is written into it",
            hint=f"{free}; then sweep again",
            safe="nothing was removed",
        )


def _rows(table: bytes) -> Iterable[_Row]:
    with understanding("the mount table"):
        fields = [line.split(b" ") for line in table.splitlines()]
        return [_Row(each[2], os.fsdecode(_unescape(each[3])), os.fsdecode(_unescape(each[4]))) for each in fields]


def _unescape(field: bytes) -> bytes:
    for code in (b"040", b"011", b"012", b"134"):  # the backslash last
        field = field.replace(b"\\" + code, bytes([int(code, 8)]))
    return field
