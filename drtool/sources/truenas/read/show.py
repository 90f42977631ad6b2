from __future__ import annotations

import posixpath

from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.datasets.labels import spell_expiry
from drtool.sources.truenas.inventory.mounts import restored_dataset
from drtool.sources.truenas.inventory.parts import Parts


def show_restored(parts: Parts, path: str, *, directory: str) -> None:
    """Show a dataset that was put in service to whoever asks of it, without what is mounted below it, until it is swept.

    Not before it is asked of: what is shown is in use, and could not be moved along with a dataset around it.
    """
    name = restored_dataset(directory, path)
    found = find_dataset(parts.client, name) if name else None
    if found is None or not found.mountpoint:
        return
    run = posixpath.basename(posixpath.dirname(path))
    with parts.client.alone():
        parts.file_access().show(found, run=run, expires=spell_expiry(parts.clock.now()))
