"""The folders above a target that are gone: made with the owner and the mode that they had when the point was made."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Final

from drtool.model.errors import Conflict
from drtool.model.plan import Move
from drtool.staging.rename import rename_all
from drtool.trees.filesystem import FileSystem, ancestors, between, inside_of, way_to

_LIKE: Final = (
    'mkdir -m 700 -- "$1" && mkdir -p -- "$1$2" || exit; shift 2; '
    'while [ "$#" -gt 0 ]; do chown --reference="$1" -- "$2" && chmod --reference="$1" -- "$2" || exit; '
    '[ "$(id -u)" = 0 ] || chmod u+rwx -- "$2" || exit; shift 2; done'
)


def make_above(file_system: FileSystem, move: Move, *, staging: str, scratch: str, told: Callable[[str], None]) -> None:
    """Make the missing folders above the target of a move, all of them or none.

    Restic restores what stood above each chosen path with it, so they are made like those in staging; `scratch` is a free name in there.
    A place that the point does not know gets new folders, as `mkdir -p` makes them. So does one whose owner cannot be given: that is told.
    """
    there = file_system.look(way_to(posixpath.dirname(move.target)))
    missing = [folder for folder in ancestors(move.target) if inside_of(folder) not in there]
    likes = between(staging, move.content)[: len(missing)]
    if not missing or [*map(posixpath.basename, likes)] != [*map(posixpath.basename, missing)]:
        file_system.make_parents(move.target)
        return
    top = missing[-1]
    made = [scratch + folder.removeprefix(top) for folder in missing]
    pairs = [name for pair in zip(likes, made, strict=True) for name in pair]
    completed = file_system.run("sh", "-c", _LIKE, "drtool", scratch, missing[0].removeprefix(top), *pairs)
    if completed.exit_code == 0:
        _put_in_place(file_system, tuple(zip(reversed(made), reversed(missing), strict=True)))
        return
    told(f"{top} was gone and is made anew, but not with its owner and mode ({completed.said(200)}): see whose it must be")
    file_system.make_parents(move.target)


def _put_in_place(file_system: FileSystem, pairs: tuple[tuple[str, str], ...]) -> None:
    """Rename the outermost folder that is still missing; those that a neighbour made meanwhile, restored beside this one, are as good.

    A link that stands there now is none: it could lead anywhere.
    """
    doubled: list[str] = []
    for made, folder in pairs:
        try:
            rename_all(file_system, ((made, folder),))
            break
        except Conflict:
            found = file_system.look((folder,)).get(folder)
            if found is not None and found.type != "d":
                raise
            doubled.append(made)
    for made in reversed(doubled):
        file_system.remove_empty_directory(made)
