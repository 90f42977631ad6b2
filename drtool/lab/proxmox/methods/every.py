"""All calls."""

from __future__ import annotations

from collections.abc import Sequence

from drtool.lab.proxmox.calls import Call
from drtool.lab.proxmox.methods import access, backup, configuration, guests, nodes, pools, snapshots, storages, tasks, whole


def every_call() -> Sequence[Call]:
    """Return the table of calls, the parts of the interface one after the other."""
    return [
        *access.CALLS,
        *whole.CALLS,
        *backup.CALLS,
        *nodes.CALLS,
        *guests.CALLS,
        *snapshots.CALLS,
        *storages.CALLS,
        *tasks.CALLS,
        *pools.CALLS,
        *configuration.CALLS,
    ]
