"""What the label of an exchange may move: what lies beside it, and what was restored there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from drtool.model.errors import Refused
from drtool.model.lying import lies_in
from drtool.model.plan import Move
from drtool.staging.marker import Marker
from drtool.trees.filesystem import DirectoryEntry, FileSystem, between, inside_of, require_plain, require_real


def require_at_home(file_system: FileSystem, staging: str, marker: Marker) -> None:
    """Refuse a label that names something outside the folder it lies in, or through a link: data that came back may hold a forged one."""
    home = posixpath.dirname(staging)
    named = [marker.undone]
    for move in marker.moves:
        named += [move.content, move.target, move.aside, move.carried.record if move.carried is not None else ""]
    for name in filter(None, named):
        if not lies_in(require_plain(name), home):
            raise Refused(
                f"the label {staging}.json would move {name}, which does not lie beside it",
                hint="drtool did not write it so; look at it, and remove it",
                safe="nothing was moved",
            )
    above = tuple(dict.fromkeys(item for name in filter(None, named) for item in between(home, name)))
    require_real(file_system.look(above), above, all_present=False)
    for move in marker.moves:
        if move.aside and lies_in(move.aside, staging):
            raise Refused(
                f"the label {staging}.json would keep {move.target} aside where it is removed",
                hint="drtool did not write it so; look at it, and remove it",
                safe="nothing was moved",
            )


def require_own_way(
    file_system: FileSystem, staging: str, marker: Marker, move: Move, *, beside: Iterable[str] = ()
) -> dict[str, DirectoryEntry]:
    """Refuse a move of what was not restored, or through what is no real directory.

    Returns what is there of its content, its target, what it keeps aside, the inside of the directory around the target, and `beside`.
    """
    require_plain(move.target)
    named = (*filter(None, (move.content, move.target, move.aside)), inside_of(posixpath.dirname(move.target)), *beside)
    if marker.undone:
        if move.content != marker.aside:
            raise Refused(f"{move.content} is not what {marker.undone} kept", safe="nothing was moved")
        return file_system.look(named)
    if not lies_in(require_plain(move.content), staging):
        raise Refused(f"{move.content} does not lie in {staging}", safe="nothing was moved")
    above_content = between(staging, move.content)
    above_target = between(marker.base, move.target) if marker.base and lies_in(move.target, marker.base) else ()
    found = file_system.look((*named, *above_content, *above_target))
    if move.content in found:
        require_real(found, above_content, all_present=True)
    require_real(found, above_target, all_present=False)
    return found
