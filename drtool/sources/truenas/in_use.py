from __future__ import annotations

from typing import Final

from drtool.model.errors import Refused
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.datasets import Dataset

_HARMLESS: Final = ("Snapshot Task", "Replication")
"""What goes by the name of a dataset and finds another one of that name just as well."""


def users_of(client: Client, name: str) -> str:
    """Return in words what the NAS offers or runs from a dataset, empty when nothing of it would be pulled away."""
    used = [item for item in client.read("pool.dataset.attachments", name) if item.get("type") not in _HARMLESS]
    return "; ".join(f"{item.get('type')}: {', '.join(map(str, item.get('attachments') or ()))}" for item in used)


def require_idle(client: Client, volume: Dataset | None) -> None:
    """Refuse to move a volume that somebody uses: the NAS renames it all the same, and its guest goes on writing to what was put aside."""
    if volume is None or not volume.is_volume:
        return
    used = users_of(client, volume.id)
    if used:
        raise Refused(
            f"{volume.id} is in use on the NAS ({used}), and would be pulled away under it",
            hint="stop the virtual machine, or disable the extent, on the NAS, and restore again",
            safe=f"{volume.id} is as it was",
        )
