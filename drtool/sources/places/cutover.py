from __future__ import annotations

import posixpath
from dataclasses import replace

from drtool.model.errors import Conflict, NotFound, Refused
from drtool.model.plan import Landed, Move
from drtool.sources.places.filesystem import FileSystem, ancestors, is_inside, require_plain
from drtool.sources.places.marker import KEPT_SUFFIX, STAGING_PREFIX, Marker, Owner, read_marker, read_markers, write_marker

_NAMES_TRIED = 100


def require_landed(owner: Owner, landed: Landed) -> Marker | None:
    """Return the marker of what was landed, None when its cutover ended before; NotFound or Refused when there is nothing to put."""
    marker = read_marker(owner, landed.marker)
    if marker is None:
        if landed.staging not in owner.done and not _ended_elsewhere(owner, landed):
            raise NotFound(
                f"what was landed for {landed.workload} is gone",
                hint=f"look whether {landed.target or 'the original'} is in place already; else restore again",
                safe="nothing was moved",
            )
        return None
    if marker.what != "staging" or marker.state == "landing":
        raise Refused(f"the restore of {landed.workload} never ended", hint="restore again", safe="nothing was moved")
    return marker


def cut_over(owner: Owner, landed: Landed) -> Landed:
    """Rename what is in the way aside and what was landed into its place; repeated after a crash it finishes forward.

    Raises Refused before the first rename when anything is not as it should be, Conflict when something appeared in between.
    """
    marker = require_landed(owner, landed)
    if marker is None and landed.staging in owner.done:
        return owner.done[landed.staging]
    moves = _moves_done_before(owner, landed) if marker is None else finish(owner, landed.staging, marker)
    result = replace(landed, moves=moves, aside=", ".join(move.aside for move in moves if move.aside))
    owner.done[landed.staging] = result
    return result


def finish(owner: Owner, staging: str, marker: Marker) -> tuple[Move, ...]:
    """Carry out the moves of a marker from whatever state they are in, then remove staging and marker."""
    marker_path = f"{staging}.json"
    file_system = owner.file_system
    if marker.state == "landed":
        marker = replace(marker, state="moving", moves=_prepare(owner, staging, marker))
        write_marker(owner, marker_path, marker)
    if marker.state == "moving":
        for number, move in enumerate(marker.moves):
            _require_own_way(file_system, staging, marker, move)
            _carry_out(owner, staging=staging, marker=marker, number=number)
        for directory in sorted({posixpath.dirname(move.target) for move in marker.moves}):
            file_system.settle(directory)
        write_marker(owner, marker_path, replace(marker, state="done"))
    file_system.remove_tree(staging)
    file_system.remove_file(marker_path)
    return marker.moves


def _prepare(owner: Owner, staging: str, marker: Marker) -> tuple[Move, ...]:
    file_system = owner.file_system
    home = posixpath.dirname(staging)
    moves = []
    for move in marker.moves:
        _require_own_way(file_system, staging, marker, move)
        parent = file_system.nearest_directory(posixpath.dirname(move.target))
        found = file_system.look((move.content, home, move.target))
        devices = file_system.look((f"{parent.rstrip('/')}/.", f"{home.rstrip('/')}/."))
        if move.content not in found:
            raise NotFound(
                f"{move.target} is not in what was restored", hint="drtool ls POINT shows what is inside", safe="nothing was moved"
            )
        if len({entry.device for entry in devices.values()}) != 1:
            raise Refused(f"{move.target} lies on another file system than its staging place", hint="restore with: --to directory PATH")
        aside = ""
        if move.target in found and marker.destination.form == "original":
            refuse_mounts(file_system, move.target)
            aside = _free_name(file_system, f"{move.target}.before-{marker.point}")
        moves.append(replace(move, aside=aside))
    return tuple(moves)


def refuse_mounts(file_system: FileSystem, target: str) -> None:
    """Refuse a target that is a mount point or has one below it: it cannot be renamed as a whole."""
    mounts = file_system.mounts_within(target)
    if mounts:
        raise Refused(
            f"{target} cannot be renamed aside: {mounts[0]} is a mount point",
            hint="restore with: --to directory PATH, or restore single paths with: --path PATH",
            safe=f"{target} is untouched",
        )


def _require_own_way(file_system: FileSystem, staging: str, marker: Marker, move: Move) -> None:
    require_plain(move.target)
    if not is_inside(require_plain(move.content), staging):
        raise Refused(f"{move.content} does not lie in {staging}", safe="nothing was moved")
    if move.content in file_system.look((move.content,)):
        file_system.require_real_directories(staging, move.content, all_present=True)
    if marker.base and is_inside(move.target, marker.base):
        file_system.require_real_directories(marker.base, move.target, all_present=False)


def _free_name(file_system: FileSystem, name: str) -> str:
    names = [name, *(f"{name}-{number}" for number in range(2, _NAMES_TRIED))]
    taken = file_system.look([*names, *(item + KEPT_SUFFIX for item in names)])
    free = next((item for item in names if item not in taken and item + KEPT_SUFFIX not in taken), None)
    if free is None:
        raise Refused(f"{name} and its numbers are all taken", hint="remove what is no longer needed: drtool sweep --kept")
    return free


def _carry_out(owner: Owner, *, staging: str, marker: Marker, number: int) -> None:
    move = marker.moves[number]
    file_system = owner.file_system
    found = file_system.look(item for item in (move.content, move.target, move.aside) if item)
    if move.content not in found:
        if move.target not in found:
            raise Conflict(
                f"neither {move.content} nor {move.target} exists",
                hint="see what took it away; then restore again",
                safe=f"what was there before is kept as {move.aside}" if move.aside in found else "",
            )
        return
    if move.target in found:
        if marker.destination.form != "original" and file_system.is_empty_directory(move.target):
            file_system.remove_empty_directory(move.target)
        elif not move.aside or move.aside in found:
            raise Conflict(
                f"something new stands at {move.target}",
                hint=f"move it away and repeat; what was restored waits in {move.content}",
                safe="nothing was overwritten",
            )
        else:
            kept = replace(marker, what="kept", expires=None, aside=move.aside, staging=staging, state="", moves=())
            write_marker(owner, _kept_marker(staging, move.aside, number), kept)
            file_system.rename(move.target, move.aside)
    file_system.make_parents(move.target)
    file_system.rename(move.content, move.target)


def _kept_marker(staging: str, aside: str, number: int) -> str:
    """Beside what was kept, or beside staging when that is deeper in a tree than a sweep looks."""
    home = posixpath.dirname(staging)
    if posixpath.dirname(aside) == home:
        return aside + KEPT_SUFFIX
    return f"{home.rstrip('/')}/{STAGING_PREFIX}kept-{posixpath.basename(staging).removeprefix(STAGING_PREFIX)}-{number}.json"


def kept_markers(owner: Owner, aside: str) -> dict[str, Marker]:
    """Return the markers that label `aside`, by path."""
    markers = read_markers(owner, ancestors(aside))
    return {path: marker for path, marker in markers.items() if marker.what == "kept" and marker.aside == aside}


def _ended_elsewhere(owner: Owner, landed: Landed) -> bool:
    """Tell whether another process ended this cutover; what merely stands at an original place proves nothing."""
    found = owner.file_system.look((landed.staging, *(move.target for move in landed.moves)))
    if not landed.moves or landed.staging in found or any(move.target not in found for move in landed.moves):
        return False
    return landed.destination.form != "original" or any(move.aside for move in _moves_done_before(owner, landed))


def _moves_done_before(owner: Owner, landed: Landed) -> tuple[Move, ...]:
    beside = read_markers(owner, (posixpath.dirname(landed.staging),))
    kept = [marker.aside for marker in beside.values() if marker.staging == landed.staging]
    return tuple(
        replace(move, aside=next((aside for aside in kept if aside.startswith(f"{move.target}.before-")), "")) for move in landed.moves
    )
