"""What is mounted in a target, and where else it is shown: a rename takes neither along."""

from __future__ import annotations

import os
import posixpath
import shlex

from drtool.model.errors import Refused
from drtool.trees.filesystem import FileSystem


def refuse_mounts(file_system: FileSystem, target: str) -> None:
    """Refuse a target that is a mount point or has one below it: it cannot be renamed as a whole."""
    mounts = file_system.mounts_within(target)
    if mounts:
        raise Refused(
            f"{target} cannot be renamed aside: {mounts[0]} is a mount point",
            hint=f"{_one_folder(file_system, target, mounts)}; or restore with: --to directory PATH",
            safe=f"{target} is untouched",
        )


def still_shown(file_system: FileSystem, target: str) -> tuple[str, ...]:
    """Say where else a target is mounted by itself: a rename takes it out of service, and not from there."""
    return tuple(
        f"{shown.words} shows {target} too, and goes on showing the old one until what uses it is restarted"
        for shown in file_system.shown_elsewhere(target)
    )


def _one_folder(file_system: FileSystem, target: str, mounts: tuple[str, ...]) -> str:
    """Say how a part of it is restored that can be renamed."""
    listed = file_system.run("find", target, "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-print0").standard_output
    folders = sorted(os.fsdecode(name) for name in listed.split(b"\0") if name)
    free = (folder for folder in folders if not any(f"/{posixpath.basename(folder)}/" in f"{mount}/" for mount in mounts))
    example = next(free, f"{target}/FOLDER")
    return f"restore what can be renamed one by one: drtool restore SET --path {shlex.quote(example)}"
