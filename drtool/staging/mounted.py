"""What is mounted in a target, and where else it is shown: a rename takes neither along."""

from __future__ import annotations

import os
import posixpath
import shlex

from drtool.model.errors import Refused
from drtool.trees.filesystem import FileSystem
from drtool.trees.mounts import MountTables, points_within, shown_elsewhere


def refuse_mounts(file_system: FileSystem, target: str) -> tuple[str, ...]:
    """Refuse a target that is a mount point or has one below it: it cannot be renamed as a whole.

    Returns in words where else it is mounted by itself: a rename takes it out of service, and not from there.
    """
    tables = file_system.mount_tables(target)
    mounts = points_within(tables, target)
    if mounts:
        raise Refused(
            f"{target} cannot be renamed aside: {mounts[0]} is a mount point",
            hint=f"{_one_folder(file_system, target, mounts)}; or restore with: --to directory PATH",
            safe=f"{target} is untouched",
        )
    return still_shown(tables, target)


def still_shown(tables: MountTables, target: str) -> tuple[str, ...]:
    """Say where else a target is shown by these tables."""
    return tuple(
        f"{shown.words} shows {target} too, and goes on showing the old one until what uses it is restarted"
        for shown in shown_elsewhere(tables, target)
    )


def _one_folder(file_system: FileSystem, target: str, mounts: tuple[str, ...]) -> str:
    """Say how a part of it is restored that can be renamed."""
    listed = file_system.run("find", target, "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-print0").standard_output
    folders = sorted(os.fsdecode(name) for name in listed.split(b"\0") if name)
    free = (folder for folder in folders if not any(f"/{posixpath.basename(folder)}/" in f"{mount}/" for mount in mounts))
    example = next(free, f"{target}/FOLDER")
    return f"restore what can be renamed one by one: drtool restore SET --path {shlex.quote(example)}"
