from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from drtool.model.errors import Refused
from drtool.model.policy import Settings
from drtool.model.workload import Leftover
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.datasets.labels import PREFIX, stays
from drtool.sources.truenas.datasets.snapshot import base_label_of, label_of, read_snapshot
from drtool.sources.truenas.inventory.mounts import shown
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.land.item_restore import live_leftovers
from drtool.sources.truenas.land.owed import owed_words
from drtool.sources.truenas.land.way_back import renamed_back
from drtool.sources.truenas.read.clone_label import labelled
from drtool.sources.truenas.read.shares import own_shares
from drtool.staging import leftovers as places_leftovers

_FIRST: Final = ("mount", "share")
"""What hides or holds the others goes before them."""


def leftovers(parts: Parts, *, places: Iterable[Settings], watch: Iterable[str], directory: str) -> tuple[Leftover, ...]:
    """Return every dataset, clone, snapshot and share that carries our label, and what lies in directories of this host."""
    datasets = parts.listing.fresh()
    if not datasets:
        _require_no_pool(parts)
    found = [*_datasets(parts, datasets), *_snapshots(parts, datasets)]
    wanted, paths = set(watch), [directory]
    files = parts.owner.file_system
    if datasets:
        file_access = parts.file_access()
        files = file_access.files
        if file_access.shares:
            found += [label.leftover(str(row["id"])) for row, label in own_shares(parts)]
            going = [dataset for dataset in datasets if dataset.label is not None and dataset.label.what == "kept"]
            found += live_leftovers(parts, tuple(dataset for dataset in datasets if dataset not in going))  # what was kept goes as a whole
        elif file_access.here:
            paths += [file_access.path_of(dataset.id) for dataset in datasets if dataset.id in wanted and dataset.mountpoint]
    found += [Leftover(parts.name, "mount", path, run, parts.by) for path, run in shown(files, directory).items()]
    directories = [place for place in places if place.get("directory")]
    here = map(renamed_back, places_leftovers.leftovers(parts.owner, places=directories, watch=paths))
    return tuple(sorted((*found, *here), key=lambda leftover: (leftover.what not in _FIRST, leftover.what, leftover.locator)))


def _require_no_pool(parts: Parts) -> None:
    """Refuse to say that nothing is left where nothing was seen: only a NAS without any pool has no dataset."""
    with contextlib.suppress(Refused):  # a key that may not ask for pools proves nothing
        if not parts.client.read("pool.query"):
            return
    raise Refused(
        f"{parts.name} tells of no dataset at all, so nobody knows what was left there",
        hint="look at its pools and at the roles of the key: drtool doctor",
        safe="nothing was touched",
    )


def _datasets(parts: Parts, datasets: tuple[Dataset, ...]) -> list[Leftover]:
    sandboxes = {dataset.id for dataset in datasets if dataset.label is not None and dataset.label.what == "sandbox"}
    found = []
    for dataset in datasets:
        label = labelled(parts, dataset).label
        if label is None or label.by != parts.by or label.source != parts.name:
            continue
        if any(dataset.id.startswith(f"{sandbox}/") for sandbox in sandboxes):
            continue  # goes with its sandbox
        left = label.leftover(parts.file_access().path_of(dataset.id) if label.what == "sandbox" else dataset.id)
        if label.what == "kept":
            left = renamed_back(replace(left, target=label.more.get("target", "")))
        found.append(_under_way(parts, dataset, left) if label.what == "staging" else left)
    return found


def _under_way(parts: Parts, dataset: Dataset, left: Leftover) -> Leftover:
    """Say of a cutover that was begun where it was to go, and of whatever was stopped for it, by name, that it is down until then."""
    moving = dataset.marks.get("state") == "moving" and dataset.marks.get("form") == "original"
    return replace(left, target=dataset.marks.get("target", "") if moving else "", owes=owed_words(parts, dataset))


def _snapshots(parts: Parts, datasets: tuple[Dataset, ...]) -> list[Leftover]:
    """Ask for names first, which is quick however many there are, and for the labels of those that may be ours and may go."""
    found, now = [], parts.clock.now()
    for pool in sorted({dataset.pool for dataset in datasets}):
        rows = parts.client.read("pool.snapshot.query", [["pool", "=", pool]], {"select": ["name"]})
        for row in rows:
            name = str(row["name"])
            own = name.partition("@")[2]
            if not own.startswith(f"{PREFIX}-") or stays(own, now=now):
                continue
            told = read_snapshot(parts.client, name)
            label = label_of(told) or base_label_of(told) if told is not None else None
            if label is not None and (label.by, label.source) == (parts.by, parts.name):
                found.append(label.leftover(name))
    return found
