"""A cutover taken back: the same renames the other way round, by the same label, so that one that was killed finishes forward too."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from drtool.model.carried import Carried, CarriedRecord, Folder
from drtool.model.errors import DrtoolError, NotFound, Refused
from drtool.model.plan import Move
from drtool.model.workload import Leftover
from drtool.staging import carry
from drtool.staging.cutover import finish, free_name, kept_markers
from drtool.staging.left_out import tell
from drtool.staging.leftovers import target_of
from drtool.staging.marker import STAGING_PREFIX, Marker, Owner, read_marker, require_proven, write_marker
from drtool.staging.mounted import refuse_mounts
from drtool.staging.own_way import require_at_home
from drtool.staging.removal import refuse_removing
from drtool.staging.unfinished import refuse_unfinished
from drtool.trees.filesystem import require_plain

_REMEMBERED = 50
"""So many exchanges of one place, to and fro, are told by its label."""


def undo(owner: Owner, *, leftover: Leftover, run: str) -> str:
    """Put what a cutover kept aside back into service, with what was carried out of it, and keep what was restored aside."""
    label, former = _label_of(owner, require_plain(leftover.locator))
    require_proven(former, label)
    files, target = owner.file_system, require_plain(target_of(former))
    refuse_unfinished(owner, (name for name in (target, former.aside) if name), run=run)
    refuse_removing(owner, label, former)
    found = files.look((target, former.aside) if former.aside else (target,))
    _require_there(owner, former)
    told = [*refuse_mounts(files, target)] if target in found else []
    staging = f"{posixpath.dirname(label).rstrip('/')}/{STAGING_PREFIX}undo-{run}-{owner.clock.fresh_id()}"
    aside = free_name(files, f"{target}.before-undo-{former.point}") if target in found else ""
    move = Move(former.aside, target, aside)
    marker = replace(
        former,
        what="staging",
        run=run,
        machine=owner.machine(),
        state="landing",
        staging="",
        undone=label,
        moves=(move,),
        took_back="" if former.took_back else former.run,
        brought_back=former.took_back,
        exchanged=(*former.exchanged, former.run)[-_REMEMBERED:],
    )
    require_at_home(files, staging, marker)
    write_marker(owner, f"{staging}.json", marker)
    try:  # a sweep says first that it removes, and looks then whether anybody takes it back: one of both sees the other
        refuse_removing(owner, label, former)
        _require_there(owner, former)
    except DrtoolError:
        files.remove_file(f"{staging}.json")
        raise
    if aside and former.aside:
        move = replace(move, carried=_reversed(owner, former, target=target, place=f"{staging}.carried-0"))
    marker = replace(marker, state="moving", moves=(move,))
    write_marker(owner, f"{staging}.json", marker)
    finish(owner, staging, marker, told=told.append)
    return "; ".join((_true_now(former, target=target, aside=aside), *told))


def _true_now(former: Marker, *, target: str, aside: str) -> str:
    """Say what is in service now: what was there before the restore; or what that restored, when what had taken it back is taken back."""
    again = former.took_back
    there = f"what run {again} restored" if again else "what it was before the restore"
    nothing = f"as before run {former.run} took the restore back" if again else "as before the restore"
    kept = "what was there before that restore" if again else "what was restored"
    back = f"{target} is {there}{' again' if again else ''}" if former.aside else f"nothing is at {target}, {nothing}"
    return f"{back}; {kept} is kept aside as {aside}" if aside else back


def _require_there(owner: Owner, former: Marker) -> None:
    if former.aside and not owner.file_system.exists(former.aside):
        raise NotFound(f"{former.aside} is gone", hint="see what took it away", safe=f"{target_of(former)} is untouched")


def _label_of(owner: Owner, locator: str) -> tuple[str, Marker]:
    kept = kept_markers(owner, locator)
    if kept:
        return next(iter(kept.items()))
    placed = read_marker(owner, locator) if posixpath.basename(locator).startswith(STAGING_PREFIX) else None
    if placed is None or placed.what != "placed":
        raise Refused(f"{locator} carries no label of ours", hint="look at it and move it by hand", safe="nothing was moved")
    return locator, placed


def _reversed(owner: Owner, former: Marker, *, target: str, place: str) -> Carried | None:
    """Write down what was carried back and goes out again; what was changed in it since goes along."""
    carried = former.moves[0].carried if former.moves else None
    if carried is None:
        return None
    record = carry.read_record(owner.file_system, carried)
    now = tell(owner.file_system, target, (folder.path for folder in record.folders), "%T@")
    folders = tuple(
        Folder(each.path, False, each.mode, each.user, each.group, now.get(each.path, (each.modified,))[0], each.modified)
        for each in record.folders
    )
    return carry.write(owner.file_system, CarriedRecord(record.entries, folders), carried, place)
