"""The guests and nodes of a cluster, from its one listing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from drtool.sources.proxmox import door
from drtool.sources.proxmox.client import ApiClient

_WORDS: Final[Mapping[str, str]] = {"qemu": "vm", "lxc": "container"}
"""What Proxmox VE calls its two kinds of guests, and what people do."""


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest as the listing has it; `type` is `qemu` or `lxc`, `lock` what it is locked for, empty: it is not."""

    vmid: int
    type: str
    node: str
    name: str = ""
    status: str = ""
    pool: str = ""
    lock: str = ""
    template: bool = False

    @property
    def kind(self) -> str:
        """What it is, in people's words."""
        return f"{_WORDS[self.type]} template" if self.template else _WORDS[self.type]

    @property
    def words(self) -> str:
        """It and where it is, in words."""
        return f"{self.name or 'its name was not told'}, on {self.node}"


@dataclass(frozen=True, slots=True)
class Listed:
    """What a cluster lists: its guests by number, the nodes by whether each is online, and how many rows could not be read."""

    guests: tuple[Guest, ...]
    nodes: Mapping[str, bool]
    unreadable: int = 0


def read_guests(client: ApiClient) -> Listed:
    """Return everything that the cluster lists, by one question."""
    asked = "/cluster/resources"
    found: dict[int, Guest] = {}
    nodes: dict[str, bool] = {}
    unreadable = 0
    for row in door.rows(client.get("cluster", "resources"), asked, client.source):
        kind = row.get("type") if isinstance(row, dict) else None
        node = door.node(row.get("node")) if isinstance(row, dict) else ""
        if kind == "node" and node:
            nodes[node] = row.get("status") == "online"
        elif kind == "node":
            unreadable += 1
        elif not isinstance(kind, str) or kind in _WORDS or "vmid" in row:
            guest = _guest(row, node) if isinstance(kind, str) and kind in _WORDS else None
            if guest is None or guest.vmid in found:
                unreadable += 1
            else:
                found[guest.vmid] = guest
    return Listed(tuple(found[vmid] for vmid in sorted(found)), nodes, unreadable)


def _guest(row: Mapping[str, Any], node: str) -> Guest | None:
    vmid = door.guest_id(row.get("vmid"))
    if not vmid or not node:
        return None
    return Guest(
        vmid=vmid,
        type=str(row["type"]),
        node=node,
        name=door.line(row.get("name")),
        status=door.line(row.get("status")),
        pool=door.line(row.get("pool")),
        lock=door.line(row.get("lock")),
        template=door.is_on(row.get("template")),
    )
