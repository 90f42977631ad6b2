from __future__ import annotations

from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.datasets.destroy import destroy_tree
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.read.shares import remove_shares


def remove_staging(parts: Parts, name: str) -> None:
    """Destroy a staging dataset with what was poured into it; already gone is success."""
    found = find_dataset(parts.client, name)
    if found is not None:
        remove_shares(parts, found)
        destroy_tree(parts.client, found, clock=parts.clock)
