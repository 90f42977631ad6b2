from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Final

from drtool.model.errors import Conflict, DrtoolError, Interrupted, Locked, NotFound, Refused
from drtool.model.plan import Landed
from drtool.model.secret import Secret
from drtool.sources.truenas.api.shell import volume_at
from drtool.sources.truenas.datasets.dataset import Dataset, find_dataset, read_datasets, require_dataset
from drtool.sources.truenas.datasets.labels import spell_expiry
from drtool.sources.truenas.inventory.located import located
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.land.create import create_dataset, mark_dataset, rename_dataset
from drtool.sources.truenas.land.in_use import require_idle
from drtool.sources.truenas.land.inherit import inherit_again
from drtool.sources.truenas.land.owed import back, pay, stop_users
from drtool.sources.truenas.land.rekey import keep_key, kept_key, move_below, rejoin, settle_key
from drtool.sources.truenas.read.covered import unchanged_around
from drtool.staging.marker import require_machine

_NAMES_TRIED: Final = 100
_BUSY_WAITS: Final = (0.2, 0.5, 1.0, 2.0)
_WAY: Final[dict[str, str | None]] = dict.fromkeys(
    f"drtool:{name}" for name in ("state", "target", "point", "form", "aside", "encryption", "changed", "inherited", "stopped", "asked")
)
_OWNER: Final[dict[str, str | None]] = dict.fromkeys(
    f"drtool:{name}" for name in ("what", "by", "source", "run", "expires", "machine", "pool", "id")
)


def cut_over(parts: Parts, landed: Landed) -> Landed:
    """Rename the old dataset aside and the restored one into its place; datasets below the old one are moved below the new one.

    How far it got is written on the staging dataset first: repeated after a crash it finishes forward.
    """
    with parts.client.alone():  # a cutover moves what lies below it, and another one might be about just that
        waits = located(landed).waits
        if waits not in parts.done:
            parts.done[waits] = _cut_over(parts, landed)
        return parts.done[waits]


def _cut_over(parts: Parts, landed: Landed) -> Landed:
    file_access, place = parts.file_access(), located(landed)
    in_sandbox = landed.destination.form == "sandbox"
    name = file_access.dataset_of(place.waits) if in_sandbox else place.waits
    target = volume_at(place.target) or file_access.dataset_of(place.target)
    stage = find_dataset(parts.client, name)
    if stage is not None and (stage.label is None or stage.label.what not in ("staging", "restored") or stage.label.by != parts.by):
        raise Refused(f"{name} carries no label of ours", hint="look at it on the NAS", safe="nothing was moved")
    if stage is not None and stage.marks.get("state") == "landing":
        raise Refused(f"the restore of {landed.workload} never ended", hint="restore again", safe="nothing was moved")
    if stage is not None:
        if not stage.is_volume:
            file_access.close(stage)
        aside, note = _move(parts, stage, target)
    else:
        aside, note = _continue(parts, landed, name=name, target=target)
    if in_sandbox:
        current = require_dataset(parts.client, target)
        run = stage.label.run if stage is not None and stage.label is not None else _run_in(name)
        if current.mountpoint:
            file_access.keep(current, run=run, expires=spell_expiry(parts.clock.now()))
    return replace(landed, aside=aside, note="; ".join(filter(None, (landed.note, parts.notes.get(name, ""), note))))


def _run_in(staging: str) -> str:
    return staging.rpartition("/")[2].removeprefix("drtool-stage-").partition("-")[0]


def finish(parts: Parts, dataset: Dataset) -> None:
    """Finish a cutover that died, from the dataset that carries its label: under its staging name or already in its place."""
    target = dataset.marks.get("target", "")
    with parts.client.alone():
        if dataset.id == target:
            _settle(parts, dataset, aside=dataset.marks.get("aside", ""), staging=dataset.marks.get("restored", ""))
        else:
            _move(parts, dataset, target)


def _continue(parts: Parts, landed: Landed, *, name: str, target: str) -> tuple[str, str]:
    """Answer for a staging dataset that is no longer there under its name."""
    current = find_dataset(parts.client, target)
    if current is None or current.marks.get("restored") != name:
        raise NotFound(
            f"what was landed for {landed.workload} is gone",
            hint=f"look whether {target} is in place already; else restore again",
            safe="nothing was moved",
        )
    if current.marks.get("state"):
        note = _settle(parts, current, aside=current.marks.get("aside", ""), staging=name)
        return current.marks.get("aside", ""), note
    pool = target.partition("/")[0]
    kept = read_datasets(parts.client, ["id", "^", f"{pool}/"])  # it may have been taken along by the one around it
    return next((item.id for item in kept if item.marks.get("staging") == name), ""), ""


def _move(parts: Parts, stage: Dataset, target: str) -> tuple[str, str]:
    client = parts.client
    if stage.id == target:  # it was laid down in its place
        return "", _settle(parts, stage, aside="", staging=stage.id) if stage.marks.get("state") else ""
    aside = stage.marks.get("aside", "")
    if stage.marks.get("state") != "moving":
        aside = _begin(parts, stage, target)
    old = new = None
    try:
        if aside and find_dataset(client, aside) is None:
            there = find_dataset(client, target)
            stop_users(parts, stage, target)
            old = kept_key(parts, there)
            _rename(parts, target, aside)
        elif find_dataset(client, target) is not None:
            raise _occupied(stage, target, aside)
        new = kept_key(parts, stage)
        _rename(parts, stage.id, target)
    except Interrupted:
        raise  # told to stop: the label hands it to the sweep, which goes on
    except DrtoolError as error:
        _put_back(parts, stage, target, aside=aside, error=error)
        raise
    current = require_dataset(client, target)
    return aside, _settle(parts, current, aside=aside, staging=stage.id, old=old, new=new)


def _begin(parts: Parts, stage: Dataset, target: str) -> str:
    """Look whether a cutover may begin, note on the new dataset how it goes on, and return the name for the old one, empty for none."""
    client = parts.client
    try:
        _finish_before(parts, target)
        aside = _free_name(parts, stage, target) if find_dataset(client, target) is not None else ""
        if aside and stage.marks.get("form") != "original":
            raise Conflict(f"{target} exists already", hint="drill again", safe="nothing was moved")
        _make_parents(parts, target)
        if aside:
            require_idle(parts, target)
        mark_dataset(client, stage.id, {"drtool:state": "moving", "drtool:aside": aside or None, "drtool:restored": stage.id})
    except Interrupted:
        raise
    except DrtoolError:
        if stage.marks.get("stopped"):  # an earlier cutover left it to this one
            with contextlib.suppress(DrtoolError):  # the first error tells more, and the sweep goes on from the marks
                mark_dataset(client, stage.id, back(parts, stage)[0])
        raise
    return aside


def _finish_before(parts: Parts, target: str) -> None:
    """Finish an earlier cutover that stopped half way there: else what it left below the old dataset would be left for good."""
    there = find_dataset(parts.client, target)
    if there is not None and there.label is not None and there.label.by == parts.by and there.marks.get("target") == target:
        require_machine(parts.owner, there.label.machine, planned="", place=target)
        _settle(parts, there, aside=there.marks.get("aside", ""), staging=there.marks.get("restored", ""))


def _put_back(parts: Parts, stage: Dataset, target: str, *, aside: str, error: DrtoolError) -> None:
    """Bring the old dataset back into service after a rename that failed, and let the sweep remove the restored one; say what stands."""
    client = parts.client
    try:
        if find_dataset(client, target) is None and aside and find_dataset(client, aside) is not None:
            _rename(parts, aside, target)
        if not aside or find_dataset(client, aside) is None:
            waiting, doubt = find_dataset(client, stage.id), ""
            if waiting is not None:
                owed, doubt = back(parts, waiting)
                mark_dataset(client, stage.id, {"drtool:state": "landed", "drtool:aside": None, "drtool:restored": None, **owed})
            error.safe = "; ".join(filter(None, (error.safe or f"{target} is as it was", doubt)))
            return
    except Interrupted:
        raise
    except DrtoolError:
        pass  # the first error tells more, and the sweep goes on from the marks
    _say_unfinished(error, safe=f"the old one is kept as {aside}, what was restored waits in {stage.id}")


def _say_unfinished(error: DrtoolError, *, safe: str) -> None:
    finishes = "drtool sweep, which finishes what was begun"
    error.hint = f"{error.hint}; then: {finishes}" if error.hint else finishes
    error.safe = safe


def _occupied(stage: Dataset, target: str, aside: str) -> Conflict:
    return Conflict(
        f"something new stands at {target}",
        hint=f"rename it on the NAS and repeat; what was restored waits in {stage.id}" + (f", the old one in {aside}" if aside else ""),
        safe="nothing was overwritten",
    )


def _settle(parts: Parts, current: Dataset, *, aside: str, staging: str, old: Secret | None = None, new: Secret | None = None) -> str:
    """Settle a new dataset that stands in its place; what fails says where things stand now."""
    try:
        return _settled(parts, current, aside=aside, staging=staging, old=old, new=new)
    except Interrupted:
        raise  # told to stop: the label hands it to the sweep, which goes on
    except DrtoolError as error:
        rest = f"; the old one is {aside}, and what lay below it lies there still where it was not moved yet" if aside else ""
        _say_unfinished(error, safe=f"what was restored is in service as {current.id}{rest}")
        raise


def _settled(parts: Parts, current: Dataset, *, aside: str, staging: str, old: Secret | None, new: Secret | None) -> str:
    """Give the new dataset what lay below the old one, label the old one as kept, and take the label off the new one.

    `old` and `new` are the keys of both, as far as they are known. Returns what the person must know of them.
    """
    client = parts.client
    kept = find_dataset(client, aside) if aside else None
    notes = [keep_key(parts, kept, names=(current.id,), known=old) if kept is not None else ""]  # before the new one's key takes that name
    notes.append(settle_key(parts, current, known=new))
    for below in read_datasets(client, ["id", "^", f"{current.id}/"]) if current.encrypted else ():
        if below.parent == current.id and "rekeyed" in below.marks:
            rejoin(parts, below)
    if kept is not None:
        inside = [item for item in read_datasets(client, ["id", "^", f"{aside}/"]) if item.parent == aside]
        moving = [item for item in inside if item.label is None or item.label.what != "kept"]  # what was kept stays with what was around it
        above = require_dataset(client, current.id) if kept.encrypted else current
        with unchanged_around(parts, current, moving):
            for item in moving:
                place = f"{current.id}/{item.id.rpartition('/')[2]}"
                move_below(parts, item, place, above=above, named=current.id, rename=lambda name, place: _rename(parts, name, place))
        label = parts.label("kept", current.marks.get("run", ""), "", {"staging": staging, "target": current.id})
        mark_dataset(client, aside, label.properties(aside))
    pay(parts, find_dataset(client, current.id))
    in_sandbox = current.marks.get("form") == "sandbox"  # there it stays ours, and goes with the sandbox
    if not in_sandbox:
        notes.append(inherit_again(parts, current))
    mark_dataset(client, current.id, {**_WAY, "drtool:what": "restored"} if in_sandbox else {**_WAY, **_OWNER})
    return "; ".join(filter(None, notes))


def _rename(parts: Parts, name: str, new: str) -> None:
    for wait in _BUSY_WAITS:
        try:
            rename_dataset(parts.client, name, new)
        except Locked:
            parts.clock.sleep(wait)
        except (Refused, Conflict, NotFound):
            if find_dataset(parts.client, new) is None or find_dataset(parts.client, name) is not None:
                raise
            return  # it said no and had done it
        else:
            return
    try:
        rename_dataset(parts.client, name, new)
    except Locked as error:
        raise Locked(
            f"{name} is in use and cannot be renamed: {error.what}",
            hint="stop what has files open in it (shares, applications, virtual machines), and repeat",
            safe=f"{name} is as it was",
        ) from None


def _free_name(parts: Parts, stage: Dataset, target: str) -> str:
    taken = {item.id for item in read_datasets(parts.client, ["id", "^", f"{target}.before-"])}
    first = f"{target}.before-{stage.marks.get('point', '')}"
    free = next((name for name in (first, *(f"{first}-{number}" for number in range(2, _NAMES_TRIED))) if name not in taken), None)
    if free is None:
        raise Refused(f"{first} and its numbers are all taken", hint="remove what is no longer needed: drtool sweep --kept")
    return free


def _make_parents(parts: Parts, target: str) -> None:
    """Make missing datasets above a target; a later restore of one keeps it aside like any other, as it may have come into use."""
    names = target.split("/")
    for count in range(2, len(names)):
        name = "/".join(names[:count])
        if find_dataset(parts.client, name) is None:
            create_dataset(parts.client, name, {})
