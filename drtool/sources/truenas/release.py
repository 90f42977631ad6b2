from __future__ import annotations

from drtool.model.errors import Refused
from drtool.model.workload import Leftover
from drtool.sources.places import release as places_release
from drtool.sources.truenas.clone import remove_clone
from drtool.sources.truenas.cutover import finish
from drtool.sources.truenas.datasets import Dataset, find_dataset, read_datasets
from drtool.sources.truenas.destroy import destroy_snapshot, destroy_tree
from drtool.sources.truenas.mounts import mounted, restored_dataset, unmount
from drtool.sources.truenas.parts import Parts
from drtool.sources.truenas.shares import own_shares, remove_share, remove_shares
from drtool.sources.truenas.snapshot import label_of, read_snapshot


def release(parts: Parts, leftover: Leftover, *, directory: str) -> None:
    """Remove one leftover by its label, or finish the cutover it died in; already gone is success, without our label it is Refused."""
    if leftover.source != parts.name:
        raise Refused(f"{leftover.locator} is not a leftover of {parts.name}", safe="nothing was touched")
    match leftover.what:
        case "snapshot":
            _release_snapshot(parts, leftover.locator)
        case "share":
            _release_share(parts, leftover.locator)
        case "mount":
            if not restored_dataset(directory, leftover.locator):
                raise _without_label(leftover.locator)
            unmount(parts.owner.file_system, leftover.locator)
        case "clone":
            _release_dataset(parts, leftover, leftover.locator)
        case "sandbox" | "staging" | "kept":
            _release_place(parts, leftover, directory)
        case _:
            raise Refused(f"{leftover.what} {leftover.locator} is not a leftover of {parts.name}", safe="nothing was touched")


def _release_place(parts: Parts, leftover: Leftover, directory: str) -> None:
    files, locator = parts.owner.file_system, leftover.locator
    name = parts.reach().dataset_of(locator) if locator.startswith("/") else locator
    if name and find_dataset(parts.client, name) is not None:
        _release_dataset(parts, leftover, name)
    elif locator in mounted(files, directory):
        unmount(files, locator)  # somebody destroyed it on the NAS
    elif locator.startswith("/") and files.exists(locator):
        places_release.release(parts.owner, leftover=leftover)


def _release_snapshot(parts: Parts, locator: str) -> None:
    row = read_snapshot(parts.client, locator)
    if row is None:
        return
    label = label_of(row)
    if label is None or label.what != "snapshot" or (label.by, label.source) != (parts.by, parts.name):
        raise _without_label(locator)
    for clone in read_datasets(parts.client, ["id", "^", f"{locator.partition('/')[0].partition('@')[0]}/drtool-clone-"]):
        if clone.origin == locator and clone.label is not None and clone.label.by == parts.by:
            remove_clone(parts, clone)
    destroy_snapshot(parts.client, locator)


def _release_share(parts: Parts, locator: str) -> None:
    for row, _label in own_shares(parts):
        if str(row["id"]) == locator:
            for dataset in read_datasets(parts.client, ["mountpoint", "=", row.get("path")]):
                parts.reach().close(dataset)
            remove_share(parts, int(row["id"]))


def _release_dataset(parts: Parts, leftover: Leftover, name: str) -> None:
    found = find_dataset(parts.client, name)
    if found is None:
        return
    label = found.label
    if label is None or label.what != leftover.what or (label.by, label.source) != (parts.by, parts.name):
        raise _without_label(name)
    if label.what == "clone":
        remove_clone(parts, found)
    elif label.what == "staging" and found.marks.get("state") == "moving":
        finish(parts, found)
    else:
        _close_all(parts, found)
        destroy_tree(parts.client, found, clock=parts.clock)


def _close_all(parts: Parts, dataset: Dataset) -> None:
    for item in (*reversed(read_datasets(parts.client, ["id", "^", f"{dataset.id}/"])), dataset):
        remove_shares(parts, item)


def _without_label(locator: str) -> Refused:
    return Refused(
        f"{locator} carries no label of ours", hint="look at it and remove it by hand if it is not needed", safe="nothing was touched"
    )
