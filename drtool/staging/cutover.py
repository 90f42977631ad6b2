from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace

from drtool.model.carried import Carried, LeftOut
from drtool.model.errors import Conflict, DrtoolError, Interrupted, Locked, NotFound, Refused, Unavailable
from drtool.model.plan import Landed, Move
from drtool.staging import carry
from drtool.staging.above import make_above
from drtool.staging.ended import ended_elsewhere, moves_done_before
from drtool.staging.marker import (
    KEPT_SUFFIX,
    STAGING_PREFIX,
    Marker,
    Owner,
    read_marker,
    read_markers,
    remove_spent,
    require_proven,
    write_marker,
)
from drtool.staging.mounted import refuse_mounts
from drtool.staging.own_way import require_at_home, require_own_way
from drtool.staging.rename import rename_all
from drtool.staging.settle import forget_landed, settle
from drtool.staging.staged import locator_of, staged
from drtool.staging.unfinished import refuse_unfinished
from drtool.trees.filesystem import DirectoryEntry, FileSystem, ancestors, inside_of, standing_in, way_to

_NAMES_TRIED = 100


def _untold(_words: str) -> None:
    """A sweep has no report of the restore to write into."""


def require_landed(owner: Owner, landed: Landed) -> Marker | None:
    """Return the marker of what was landed, None when its cutover ended before; NotFound or Refused when there is nothing to put."""
    place = staged(landed)
    marker = read_marker(owner, place.marker)
    if marker is None:
        if place.staging not in owner.done and not ended_elsewhere(owner, landed.destination, place):
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
    marker, place = require_landed(owner, landed), staged(landed)
    if marker is None and place.staging in owner.done:
        return owner.done[place.staging]
    told: list[str] = []
    moves = moves_done_before(owner, place) if marker is None else finish(owner, place.staging, marker, told=told.append)
    result = replace(
        landed,
        locator=locator_of(replace(place, moves=moves)),
        aside=", ".join(move.aside for move in moves if move.aside),
        note="; ".join(filter(None, (landed.note, *told))),
        carried=moves[0].carried if len(moves) == 1 else None,
    )
    owner.done[place.staging] = result
    return result


def finish(owner: Owner, staging: str, marker: Marker, *, told: Callable[[str], None] = _untold) -> tuple[Move, ...]:
    """Carry out the moves of a marker from whatever state they are in, then remove staging and marker.

    `told` hears what a person must know of it. Where something cannot be carried back after all, everything is put back as it was.
    """
    marker_path = f"{staging}.json"
    file_system = owner.file_system
    require_proven(marker, marker_path)
    require_at_home(file_system, staging, marker)
    only_renames = marker.state == "landed"  # what was begun before may have made and carried anything
    if marker.state == "reversing":
        marker = reverse(owner, staging, marker)
        if marker.undone:
            return ()
    if marker.state == "landed":
        marker = replace(marker, state="moving", moves=_prepare(owner, staging, marker, told=told))
        write_marker(owner, marker_path, marker)
    if marker.state == "moving":
        for number, move in enumerate(marker.moves):
            found = require_own_way(file_system, staging, marker, move)
            only_renames &= move.carried is None and inside_of(posixpath.dirname(move.target)) in found
            try:
                _carry_out(owner, staging=staging, marker=marker, number=number, found=found, told=told)
            except CannotCarryError as failed:
                reverse(owner, staging, marker)
                raise failed.why from None
        settle(owner.settling, file_system, staging, moves=marker.moves, only_renames=only_renames)
        write_marker(owner, marker_path, replace(marker, state="done"))
    if marker.undone:
        _forget_undone(owner, marker)
    remove_spent(owner, marker_path, staging=staging)
    return marker.moves


def _prepare(owner: Owner, staging: str, marker: Marker, *, told: Callable[[str], None]) -> tuple[Move, ...]:
    file_system = owner.file_system
    home = posixpath.dirname(staging)
    if marker.destination.form == "original":
        refuse_unfinished(owner, (move.target for move in marker.moves), run=marker.run)
    moves = []
    for number, move in enumerate(marker.moves):
        places = (posixpath.dirname(move.target), home)
        found = require_own_way(file_system, staging, marker, move, beside=(name for place in places for name in way_to(place)))
        if move.content not in found:
            raise NotFound(
                f"{move.target} is not in what was restored", hint="drtool ls POINT shows what is inside", safe="nothing was moved"
            )
        if len({standing_in(found, place).device for place in places}) != 1:
            raise Refused(f"{move.target} lies on another file system than its staging place", hint="restore with: --to directory PATH")
        aside, carried = "", None
        if move.target in found and (marker.destination.form == "original" or marker.within):
            for words in refuse_mounts(file_system, move.target):
                told(words)
            aside = free_name(file_system, f"{move.target}.before-{marker.point}")
            if found[move.target].type == "f" and found[move.target].names > 1:
                told(f"{move.target} is one of {found[move.target].names} names of a file: its other names keep what is in it now")
            if marker.left_out is not None and found[move.target].type == "d":
                carried = _choose(file_system, staging, marker.left_out, move, number=number, told=told)
        moves.append(replace(move, aside=aside, carried=carried))
    return tuple(moves)


def _choose(
    file_system: FileSystem, staging: str, rules: LeftOut, move: Move, *, number: int, told: Callable[[str], None]
) -> Carried | None:
    stored = move.content.removeprefix(staging)
    chosen = carry.choose(file_system, tree=move.target, restored=move.content, stored=stored, rules=rules)
    words = carry.words_of(move.target, chosen)
    if words:
        told(words)
    return carry.write_record(file_system, chosen, f"{staging}.carried-{number}")


def _forget_undone(owner: Owner, marker: Marker) -> None:
    """Remove the label of an exchange that was taken back: what it kept aside is in service."""
    former = read_marker(owner, marker.undone)
    for move in former.moves if former is not None else ():
        if move.carried is not None and posixpath.basename(move.carried.record).startswith(STAGING_PREFIX):
            owner.file_system.remove_file(move.carried.record)
    owner.file_system.remove_file(marker.undone)


def free_name(file_system: FileSystem, name: str) -> str:
    """Return `name`, or with the first number behind it that is free; Refused when all are taken."""
    names = [name, *(f"{name}-{number}" for number in range(2, _NAMES_TRIED))]
    taken = file_system.look([*names, *(item + KEPT_SUFFIX for item in names)])
    free = next((item for item in names if item not in taken and item + KEPT_SUFFIX not in taken), None)
    if free is None:
        raise Refused(f"{name} and its numbers are all taken", hint="remove what is no longer needed: drtool sweep --kept")
    return free


def _carry_out(
    owner: Owner, *, staging: str, marker: Marker, number: int, found: dict[str, DirectoryEntry], told: Callable[[str], None]
) -> None:
    move = marker.moves[number]
    file_system = owner.file_system
    if not move.content:  # nothing was there before, so nothing comes back
        _set_aside(owner, staging=staging, marker=marker, number=number, found=found)
        return
    if move.content not in found:
        if move.target not in found:
            raise Conflict(
                f"neither {move.content} nor {move.target} exists",
                hint="see what took it away; then restore again",
                safe=f"what was there before is kept as {move.aside}" if move.aside in found else "",
            )
        return
    if move.target in found:
        if marker.destination.form != "original" and not move.aside and file_system.is_empty_directory(move.target):
            file_system.remove_empty_directory(move.target)
        elif not move.aside or move.aside in found:
            raise Conflict(
                f"something new stands at {move.target}",
                hint=f"move it away and repeat; what was restored waits in {move.content}",
                safe="nothing was overwritten",
            )
        else:
            _set_aside(owner, staging=staging, marker=marker, number=number, found=found)
            found[move.aside] = found.pop(move.target)
    elif marker.destination.form == "original" and not move.aside and owner.takes_back:
        placed = replace(marker, what="placed", aside="", staging=staging, state="", moves=(move,), left_out=None)
        write_marker(owner, _kept_marker(staging, "", number), placed)
    if move.carried is not None and move.aside in found:
        _carry_back_into_service(file_system, move, move.carried, told=told)
    if inside_of(posixpath.dirname(move.target)) not in found:
        scratch = free_name(file_system, f"{staging}/above")
        make_above(file_system, move, staging=staging, scratch=scratch, told=told)
    _rename(file_system, move.content, move.target)


def _set_aside(owner: Owner, *, staging: str, marker: Marker, number: int, found: Mapping[str, DirectoryEntry]) -> None:
    move = marker.moves[number]
    if move.target not in found or move.aside in found:
        return
    kept = replace(marker, what="kept", expires=None, aside=move.aside, staging=staging, state="", moves=(move,), left_out=None, undone="")
    write_marker(owner, _kept_marker(staging, move.aside, number), kept)
    _rename(owner.file_system, move.target, move.aside)


def _carry_back_into_service(file_system: FileSystem, move: Move, carried: Carried, *, told: Callable[[str], None]) -> None:
    record = carry.read_record(file_system, carried)
    try:
        gone = carry.carry(file_system, record, origin=move.aside, target=move.content)
    except Interrupted:
        raise  # told to stop: the marker hands it to the sweep, which goes on
    except (Unavailable, Locked):
        raise  # what has begun goes on when it answers again
    except DrtoolError as error:
        error.hint = f"{error.hint or 'see why'}; or leave aside what the point left out: --leave-excluded"
        error.safe = f"{move.target} is as it was before"
        raise CannotCarryError(error) from None
    if gone:
        told(f"{len(gone)} of what was to be carried back went away meanwhile")
    told(f"{carry.spell_carried(carried)} that the point had left out {'was' if carried.files == 1 else 'were'} carried back into service")


class CannotCarryError(Exception):
    """What the point left out could not be carried back; the cutover is taken back."""

    def __init__(self, why: DrtoolError) -> None:
        super().__init__(why.what)
        self.why = why


def reverse(owner: Owner, staging: str, marker: Marker) -> Marker:
    """Take back every move of a cutover that was not ended: what was in service is again, what was restored waits in staging."""
    file_system = owner.file_system
    require_at_home(file_system, staging, marker)
    forget_landed(owner.settling, staging)
    marker = replace(marker, state="reversing")
    write_marker(owner, f"{staging}.json", marker)
    for number, move in reversed(list(enumerate(marker.moves))):
        found = file_system.look(item for item in (move.content, move.target, move.aside) if item)
        if move.content and move.content not in found and move.target in found:
            _rename(file_system, move.target, move.content)
            del found[move.target]
        if move.aside in found:
            if move.carried is not None:
                carry.carry_back(file_system, carry.read_record(file_system, move.carried), origin=move.aside, target=move.content)
            if move.target not in found:
                _rename(file_system, move.aside, move.target)
        file_system.remove_file(_kept_marker(staging, move.aside, number))
    if marker.undone:
        for number in range(len(marker.moves)):
            file_system.remove_file(f"{staging}.carried-{number}")
        write_marker(owner, f"{staging}.json", replace(marker, state="done", undone=""))
        remove_spent(owner, f"{staging}.json")
        return marker
    marker = replace(marker, state="landed", moves=tuple(replace(move, aside="", carried=None) for move in marker.moves))
    write_marker(owner, f"{staging}.json", marker)
    return marker


def _rename(file_system: FileSystem, origin: str, target: str) -> None:
    """Rename without ever overwriting, and without ever copying; Conflict when something stands in the way."""
    try:
        gone = rename_all(file_system, ((origin, target),))
    except Conflict:
        raise Conflict(
            f"{target} appeared while {origin} was to be put there",
            hint=f"move {target} away and repeat",
            safe=f"{origin} is untouched",
        ) from None
    if gone:
        raise Conflict(f"{origin} is gone", hint="see what took it away; then restore again")


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
