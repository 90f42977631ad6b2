from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from drtool.model.errors import Conflict, Locked, NotFound, Refused
from drtool.sources.truenas.datasets.dataset import Dataset, find_dataset, require_dataset
from drtool.sources.truenas.datasets.destroy import attached, destroy_dataset, destroy_tree
from drtool.sources.truenas.datasets.labels import Label, run_of, spell_expiry, stable_name
from drtool.sources.truenas.datasets.unlabelled import remove_dataset, unlabelled
from drtool.sources.truenas.inventory.access import root_inode
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.read.clone_label import labelled, takes_label
from drtool.sources.truenas.read.shares import remove_shares

_SEEN: Final = ("acltype", "xattr")
"""A clone takes these from where it lies, and would hide what its origin shows."""
_ARRIVES_WITHIN: Final = (0.1, 0.3, 1.0, 2.0)
_ASKED_AFTER_SECONDS: Final = 60.0


def make_clone(parts: Parts, *, dataset: str, snapshot: str) -> Dataset:
    """Make the read-only clone of a dataset's snapshot under its stable name, and return it, mounted unless it is a volume.

    What is known of its dataset and of that name comes from the listing; the NAS says where that is no longer so. Raises Locked while
    another run reads one of that name, NotFound when the snapshot is gone.
    """
    name = stable_name(dataset, by=parts.by, source=parts.name, what="clone")
    run = run_of(snapshot.partition("@")[2])
    origin = parts.listing.find(dataset) or find_dataset(parts.client, dataset)
    if origin is None:
        raise NotFound(f"{dataset} does not exist on {parts.name}", hint="look whether it was renamed or destroyed on the NAS")
    if name in parts.made or parts.listing.find(name) is not None:
        found = _in_the_way(parts, name, snapshot=snapshot, run=run)
        if found is not None:
            return _arrived(parts, found)
    label = parts.label("clone", run, spell_expiry(parts.clock.now()), {"snapshot": snapshot})
    try:
        made = _ask(parts, origin, snapshot=snapshot, name=name, label=label)
    except Conflict:  # since the listing somebody made one
        found = _in_the_way(parts, name, snapshot=snapshot, run=run)
        if found is not None:
            return _arrived(parts, found)
        made = _ask(parts, origin, snapshot=snapshot, name=name, label=label)
    first = not parts.made or made is None
    parts.made.add(name)
    if first or not _place(origin, name):  # what drops the label of one drops that of every one
        there = require_dataset(parts.client, name)
        found = there if takes_label(parts.client) else labelled(parts, there)
        if found.label is None:
            raise unlabelled(parts.client, name, remove=None if made is None else lambda: remove_dataset(parts.client, name))
    else:
        found = replace(origin, id=name, origin=snapshot, label=label, marks=label.words(), mountpoint=_place(origin, name))
    return _arrived(parts, found)


def _in_the_way(parts: Parts, name: str, *, snapshot: str, run: str) -> Dataset | None:
    """Return the clone of that name that this run made already, or None after what an earlier run left of it is removed."""
    there = find_dataset(parts.client, name)
    if there is None:
        return None
    found = labelled(parts, there)
    if there.label is not None and found.label is not None and found.label.run == run and found.origin == snapshot and _is_there(found):
        return found
    _require_over(parts, found, run=run)
    remove_clone(parts, found)
    return None


def _arrived(parts: Parts, clone: Dataset) -> Dataset:
    """Return a clone once the NAS has it mounted, with the inode of its root; one that stays away is told with the reason."""
    if clone.is_volume:
        return clone
    for wait in (*_ARRIVES_WITHIN, None):
        try:
            if clone.mountpoint:
                return replace(clone, inode=root_inode(parts.client, clone))
        except (NotFound, Refused):
            if wait is None:
                break
        if wait is not None:
            parts.clock.sleep(wait)
            found = labelled(parts, require_dataset(parts.client, clone.id))
            clone = replace(clone, mountpoint=found.mountpoint, locked=found.locked)
            if clone.locked:
                break
    origin = clone.origin.partition("@")[0]
    remove_clone(parts, clone)
    if clone.locked:
        raise Refused(
            f"{origin} is locked, so its snapshot cannot be read: it was locked after the plan was made",
            hint="unlock it on the NAS and run again, or leave it out with `exclude`",
            safe="nothing was stored from it",
        )
    raise NotFound(f"the clone {clone.id} was made and is not mounted", hint="look at it on the NAS; is its origin locked?")


def _place(origin: Dataset, name: str) -> str:
    """Return where a clone of a dataset is mounted, empty where that cannot be told from where its origin is."""
    start = origin.mountpoint.removesuffix(f"/{origin.id}")
    return f"{start}/{name}" if origin.mountpoint.endswith(f"/{origin.id}") else ""


def _ask(parts: Parts, dataset: Dataset, *, snapshot: str, name: str, label: Label) -> Any:  # noqa: ANN401 - JSON
    """Have the NAS clone a snapshot; returns None where nobody knows who made it.

    Where it takes no label with it the clone is known by its name and by the label of the snapshot that it was made of.
    """
    own = label.properties(name) if takes_label(parts.client) else {}
    properties = {**_told(dataset.told), "readonly": "on", **own}
    request = {"snapshot": snapshot, "dataset_dst": name, "dataset_properties": properties}
    try:
        return parts.client.change(
            "pool.snapshot.clone",
            request,
            look=lambda: find_dataset(parts.client, name) is not None,
            timeout_seconds=300.0,
            listed=False,
        )
    except NotFound as error:
        hint = "look whether it was renamed or destroyed on the NAS, and by what; run again"
        raise NotFound(f"the snapshot {snapshot} is gone: {error.what}", hint=hint) from None


def remove_clone(parts: Parts, clone: Dataset, *, alone: bool = False) -> None:
    """Take away a clone and the shares of ours that point at it; already gone is success.

    Where nothing but ours is known to point at it (`alone`), the NAS takes that away with it. What a task of the pool snapshotted of it
    meanwhile goes too: that holds nothing that its origin does not.
    """
    if clone.mountpoint and not alone:
        remove_shares(parts, clone)
    try:
        destroy_dataset(parts.client, clone, clock=parts.clock, unused=alone, listed=clone.id not in parts.made)
    except Refused:  # rarely, so that only then it costs calls to look for what stands against it
        if alone:
            remove_shares(parts, clone)
        destroy_tree(parts.client, clone, clock=parts.clock)


def require_ours_alone(parts: Parts, clone: Dataset, *, since: float, shares: int) -> bool:
    """Tell whether nothing but so many shares of ours points at a clone; NotFound where it went away.

    Nobody shares within a minute what a run made for itself, so that only one that was read longer is asked about.
    """
    if parts.clock.monotonic() - since < _ASKED_AFTER_SECONDS:
        return True
    try:
        used = attached(parts.client, clone)
    except NotFound:
        hint = "look what destroys datasets on the NAS"
        raise NotFound(f"the clone {clone.id} went away while it was read", hint=hint) from None
    return [len(item.get("attachments") or ()) for item in used if item.get("type") == "NFS Share"] == [shares] * min(shares, 1) and all(
        item.get("type") == "NFS Share" for item in used
    )


def _is_there(clone: Dataset) -> bool:
    return clone.is_volume or bool(clone.mountpoint)


def _require_over(parts: Parts, clone: Dataset, *, run: str) -> None:
    label = clone.label
    if label is None or label.what != "clone" or label.by != parts.by or label.source != parts.name:
        raise Conflict(f"{clone.id} exists and is not ours", hint="rename it on the NAS, and run again", safe="it was not touched")
    if label.machine not in ("", parts.owner.machine()):
        raise Conflict(
            f"{clone.id} is of machine {label.machine}, which has the same policy name",
            hint=f"give each a policy name of its own; if that one is gone: drtool adopt --leftovers {label.machine}, then drtool sweep",
            safe="it was not touched",
        )
    try:
        expired = datetime.fromisoformat(label.expires) <= parts.clock.now()
    except (ValueError, TypeError):
        expired = False
    if label.run != run and not expired:
        raise Locked(f"{clone.id} is in use by run {label.run}", hint="wait for that run; if it is over: drtool sweep")


def _told(told: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name in _SEEN:
        value = told.get(name)
        if isinstance(value, Mapping) and value.get("rawvalue"):
            found[name] = str(value["rawvalue"])
    return found
