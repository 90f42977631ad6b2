from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from drtool.model.errors import Conflict, Locked, NotFound, Refused
from drtool.sources.truenas.clone_label import labelled, takes_label
from drtool.sources.truenas.create import mark_dataset
from drtool.sources.truenas.datasets import Dataset, find_dataset, read_datasets, require_dataset
from drtool.sources.truenas.destroy import destroy_dataset, destroy_tree
from drtool.sources.truenas.labels import run_of, spell_expiry, stable_name
from drtool.sources.truenas.parts import Parts
from drtool.sources.truenas.shares import remove_shares
from drtool.sources.truenas.unlabelled import remove_dataset, unlabelled

_SEEN: Final = ("acltype", "xattr")
"""A clone takes these from where it lies, and would hide what its origin shows."""
_ARRIVES_WITHIN: Final = (0.1, 0.3, 1.0, 2.0)


def make_clone(parts: Parts, *, dataset: str, snapshot: str) -> Dataset:
    """Make the read-only clone of a dataset's snapshot under its stable name, and return it, mounted unless it is a volume.

    Raises Locked while another run reads one of that name, NotFound when the snapshot is gone.
    """
    name = stable_name(dataset, by=parts.by, source=parts.name, what="clone")
    run = run_of(snapshot.partition("@")[2])
    there = {item.id: item for item in read_datasets(parts.client, ["id", "in", [dataset, name]])}
    found = labelled(parts, there[name]) if name in there else None
    bare = found is not None and there[name].label is None
    if found is not None:
        if not bare and found.label is not None and found.label.run == run and found.origin == snapshot and _is_there(found):
            return found
        _require_over(parts, found, run=run)
        remove_clone(parts, found)
    label = parts.label("clone", run, spell_expiry(parts.clock.now()), {"snapshot": snapshot})
    if dataset not in there:
        raise NotFound(f"{dataset} does not exist on {parts.name}", hint="look whether it was renamed or destroyed on the NAS")
    made = _ask(parts, there[dataset], snapshot=snapshot, name=name, label=label)
    for wait in _ARRIVES_WITHIN:
        found = require_dataset(parts.client, name)
        if found.label is None:
            raise unlabelled(parts.client, name, remove=None if made is None else lambda: remove_dataset(parts.client, name))
        if _is_there(found):
            break
        parts.clock.sleep(wait)
    if found is not None and found.locked:
        raise Refused(
            f"{dataset} is locked, so its snapshot cannot be read: it was locked after the plan was made",
            hint="unlock it on the NAS and run again, or leave it out with `exclude`",
            safe="nothing was stored from it",
        )
    if found is None or not _is_there(found):
        raise NotFound(f"the clone {name} was made and is not mounted", hint="look at it on the NAS; is its origin locked?")
    return found


def _ask(parts: Parts, dataset: Dataset, *, snapshot: str, name: str, label: Label) -> Any:  # noqa: ANN401 - JSON
    """Have the NAS clone a snapshot and label the clone; returns None where nobody knows who made it.

    Where the label cannot come with it, one who dies in between leaves a clone that is known by its name and its origin.
    """
    own, at_once = label.properties(name), takes_label(parts.client)
    properties = {**_told(dataset.told), "readonly": "on", **(own if at_once else {})}
    request = {"snapshot": snapshot, "dataset_dst": name, "dataset_properties": properties}
    try:
        made = parts.client.change(
            "pool.snapshot.clone", request, look=lambda: find_dataset(parts.client, name) is not None, timeout_seconds=300.0
        )
    except NotFound as error:
        hint = "look whether it was renamed or destroyed on the NAS, and by what; run again"
        raise NotFound(f"the snapshot {snapshot} is gone: {error.what}", hint=hint) from None
    if not at_once:
        mark_dataset(parts.client, name, own)
    return made


def remove_clone(parts: Parts, clone: Dataset, *, shared: bool = True) -> None:
    """Take away a clone, and unless it is not `shared` any more the shares of ours that point at it; already gone is success.

    What a task of the pool snapshotted of it meanwhile goes too: that holds nothing that its origin does not.
    """
    if clone.mountpoint and shared:
        remove_shares(parts, clone)
    try:
        destroy_dataset(parts.client, clone, clock=parts.clock)
    except Refused:  # rarely, so that only then it costs calls to look for what stands against it
        destroy_tree(parts.client, clone, clock=parts.clock)


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
