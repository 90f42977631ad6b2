from __future__ import annotations

from drtool.model.errors import Locked, Refused
from drtool.model.workload import Leftover
from drtool.sources.truenas.datasets.dataset import Dataset, find_dataset, read_datasets
from drtool.sources.truenas.datasets.destroy import destroy_snapshot, destroy_tree
from drtool.sources.truenas.datasets.snapshot import base_label_of, label_of, read_snapshot
from drtool.sources.truenas.inventory.mounts import live_place, mounted, restored_dataset, unmount
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.land.cutover import finish
from drtool.sources.truenas.land.item_restore import release_live
from drtool.sources.truenas.land.owed import settle_stopped
from drtool.sources.truenas.read.clone import remove_clone
from drtool.sources.truenas.read.clone_label import labelled
from drtool.sources.truenas.read.shares import own_shares, remove_share, remove_shares
from drtool.staging import release as places_release
from drtool.staging.marker import require_machine


def release(parts: Parts, leftover: Leftover, *, directory: str) -> None:
    """Remove one leftover by its label, or finish the cutover it died in; already gone is success, without our label it is Refused."""
    if leftover.source != parts.name:
        raise Refused(f"{leftover.locator} is not a leftover of {parts.name}", safe="nothing was touched")
    match leftover.what:
        case "snapshot" | "base" | "local":
            _release_snapshot(parts, leftover)
        case "share":
            _release_share(parts, leftover)
        case "mount":
            _release_mount(parts, leftover.locator, directory)
        case "clone":
            _release_dataset(parts, leftover, leftover.locator)
        case "staging" | "kept" if (place := parts.file_access().live_place(leftover.locator)) is not None:
            with parts.client.alone():  # what one file of a run opened, another would close
                release_live(parts, leftover, *place)
        case "sandbox" | "staging" | "kept":
            _release_place(parts, leftover, directory)
        case _:
            raise Refused(f"{leftover.what} {leftover.locator} is not a leftover of {parts.name}", safe="nothing was touched")


def _release_place(parts: Parts, leftover: Leftover, directory: str) -> None:
    locator, files = leftover.locator, parts.owner.file_system
    name = parts.file_access().dataset_of(locator) if locator.startswith("/") else locator
    if name and find_dataset(parts.client, name) is not None:
        _release_dataset(parts, leftover, name)
    elif locator in mounted(files, directory):
        unmount(files, locator)  # somebody destroyed it on the NAS
    elif locator.startswith("/") and files.exists(locator):
        places_release.release(parts.owner, leftover=leftover)


def _release_mount(parts: Parts, locator: str, directory: str) -> None:
    if not restored_dataset(directory, locator) and not live_place(directory, locator):
        raise _without_label(locator)
    unmount(parts.owner.file_system, locator)


def _release_snapshot(parts: Parts, leftover: Leftover) -> None:
    """Destroy a snapshot of ours, first what of ours was cloned of it; one that somebody else holds or cloned is left to him.

    Its hold is not taken away: on most releases that would take away everybody's.
    """
    locator = leftover.locator
    if locator in parts.taken.others or (locator in parts.taken.bases and leftover.what == "snapshot"):
        return  # somebody else's, which was only read, or kept for the next stream
    if leftover.what != "snapshot" or locator not in parts.taken.instants:
        row = read_snapshot(parts.client, locator)
        if row is None:
            return
        base = base_label_of(row)
        if base is not None and leftover.what != "base":
            return  # kept since it was planned
        label = base or label_of(row)
        if label is None or label.what != leftover.what or (label.by, label.source) != (parts.by, parts.name):
            raise _without_label(locator)
        require_machine(parts.owner, label.machine, planned=leftover.machine, place=locator)
    try:
        destroy_snapshot(parts.client, locator)
    except Locked as error:
        near = f"{locator.partition('/')[0].partition('@')[0]}/drtool-clone-"
        for clone in (labelled(parts, each) for each in read_datasets(parts.client, ["id", "^", near])):
            if clone.origin == locator and clone.label is not None and clone.label.by == parts.by:
                require_machine(parts.owner, clone.label.machine, planned=leftover.machine, place=clone.id)
                remove_clone(parts, clone)
        try:
            destroy_snapshot(parts.client, locator)
        except Locked:
            raise Refused(
                f"{locator} is in use by somebody else: {error.what}",
                hint="look on the NAS who holds or cloned it; when he lets go: drtool sweep",
                safe="neither it nor his hold was touched",
            ) from None
    parts.taken.forget(locator)


def _release_share(parts: Parts, leftover: Leftover) -> None:
    for row, label in own_shares(parts):
        if str(row["id"]) == leftover.locator:
            require_machine(parts.owner, label.machine, planned=leftover.machine, place=f"share {leftover.locator}")
            for dataset in read_datasets(parts.client, ["mountpoint", "=", row.get("path")]):
                parts.file_access().close(dataset)
            remove_share(parts, int(row["id"]))


def _release_dataset(parts: Parts, leftover: Leftover, name: str) -> None:
    found = find_dataset(parts.client, name)
    if found is None:
        return
    found = labelled(parts, found)
    label = found.label
    if label is None or label.what != leftover.what or (label.by, label.source) != (parts.by, parts.name):
        raise _without_label(name)
    require_machine(parts.owner, label.machine, planned=leftover.machine, place=name)
    if label.what == "clone":
        remove_clone(parts, found)
    elif label.what == "staging" and found.marks.get("state") == "moving":
        finish(parts, found)
    else:
        if found.marks.get("stopped"):
            settle_stopped(parts, found)
        _close_all(parts, found)
        destroy_tree(parts.client, found, clock=parts.clock)


def _close_all(parts: Parts, dataset: Dataset) -> None:
    for item in (*reversed(read_datasets(parts.client, ["id", "^", f"{dataset.id}/"])), dataset):
        remove_shares(parts, item)


def _without_label(locator: str) -> Refused:
    return Refused(
        f"{locator} carries no label of ours", hint="look at it and remove it by hand if it is not needed", safe="nothing was touched"
    )
