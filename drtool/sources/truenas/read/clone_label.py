"""The label of a clone where the NAS takes none with it, and of one that lost its maker before it got one."""

from __future__ import annotations

from dataclasses import replace

from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.datasets.labels import stable_name
from drtool.sources.truenas.datasets.snapshot import WITH_USERS, label_of, read_snapshot
from drtool.sources.truenas.inventory.parts import Parts


def takes_label(client: ApiClient) -> bool:
    """Tell whether a clone of this release can be made with its label; where snapshots have an interface of their own it cannot."""
    return not client.knows(WITH_USERS, untold=False)


def labelled(parts: Parts, dataset: Dataset) -> Dataset:
    """Return a dataset with its label; a bare clone of ours is known by its name and the label of the snapshot that it was made of.

    Its name holds this policy and source. One that is not ours is returned as it is.
    """
    if not dataset.is_bare_clone:
        return dataset
    origin = dataset.origin.partition("@")[0]
    if stable_name(origin, by=parts.by, source=parts.name, what="clone") != dataset.id:
        return dataset
    row = read_snapshot(parts.client, dataset.origin)
    label = label_of(row) if row is not None else None
    if label is None or (label.by, label.source) != (parts.by, parts.name):
        return dataset
    return replace(dataset, label=replace(label, what="clone", more={"snapshot": dataset.origin}))
