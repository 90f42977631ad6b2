"""What the label of an exchange may move: what lies beside it, and what was restored there."""

from __future__ import annotations

import posixpath

from drtool.model.errors import Refused
from drtool.model.plan import Move
from drtool.sources.places.filesystem import FileSystem, is_inside, require_plain
from drtool.sources.places.marker import Marker


def require_at_home(file_system: FileSystem, staging: str, marker: Marker) -> None:
    """Refuse a label that names something outside the folder it lies in, or through a link: data that came back may hold a forged one."""
    home = posixpath.dirname(staging)
    named = [marker.undone]
    for move in marker.moves:
        named += [move.content, move.target, move.aside, move.carried.record if move.carried is not None else ""]
    for name in filter(None, named):
        if not is_inside(require_plain(name), home):
            raise Refused(
                f"the label {staging}.json would move {name}, which does not lie beside it",
                hint="drtool did not write it so; look at it, and remove it",
                safe="nothing was moved",
            )
        file_system.require_real_directories(home, name, all_present=False)
    for move in marker.moves:
        if move.aside and is_inside(move.aside, staging):
            raise Refused(
                f"the label {staging}.json would keep {move.target} aside where it is removed",
                hint="drtool did not write it so; look at it, and remove it",
                safe="nothing was moved",
            )


def require_own_way(file_system: FileSystem, staging: str, marker: Marker, move: Move) -> None:
    """Refuse a move of what was not restored, or through what is no real directory."""
    require_plain(move.target)
    if marker.undone:
        if move.content != marker.aside:
            raise Refused(f"{move.content} is not what {marker.undone} kept", safe="nothing was moved")
        return
    if not is_inside(require_plain(move.content), staging):
        raise Refused(f"{move.content} does not lie in {staging}", safe="nothing was moved")
    if move.content in file_system.look((move.content,)):
        file_system.require_real_directories(staging, move.content, all_present=True)
    if marker.base and is_inside(move.target, marker.base):
        file_system.require_real_directories(marker.base, move.target, all_present=False)
