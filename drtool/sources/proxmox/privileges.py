"""What a token may do, and what is built here needs, by the major version of Proxmox VE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drtool.sources.proxmox import door
from drtool.sources.proxmox.client import ApiClient

Held = Mapping[str, Mapping[str, bool]]
"""By path the privileges there, each with whether it counts below it too."""


@dataclass(frozen=True, slots=True)
class Need:
    """A privilege at a path, `below` it too, and which verbs cannot do without."""

    privilege: str
    path: str
    verbs: tuple[str, ...]
    below: bool = True

    def is_met(self, held: Held) -> bool:
        """Tell whether a token has it."""
        rights = held.get(self.path, {})
        return self.privilege in rights and (rights[self.privilege] or not self.below)


_LOOKS: Final = (
    Need("VM.Audit", "/vms", ("inventory", "doctor")),
    Need("Sys.Audit", "/", ("inventory", "doctor"), below=False),
    Need("Sys.Audit", "/nodes", ("doctor",)),
)
NEEDS: Final[Mapping[int, tuple[Need, ...]]] = {8: _LOOKS, 9: _LOOKS}
"""By major version. What only looks needs the same of both: what 9 renamed (VM.Monitor) is for work inside guests, which is not built."""
HARMLESS: Final = frozenset({"VM.Audit", "Sys.Audit", "Datastore.Audit", "Pool.Audit", "SDN.Audit", "Mapping.Audit"})
"""What lets nobody change anything."""


def needs_of(major: int) -> tuple[Need, ...]:
    """Return what is needed of a release; of one that nobody has tried, what its nearest needs."""
    return NEEDS[min(NEEDS, key=lambda known: abs(known - major))]


def read_privileges(client: ApiClient) -> Held:
    """Return what the platform says of our own token."""
    asked = "/access/permissions"
    answer = door.mapping(client.get("access", "permissions"), asked, client.source)
    return {
        path: {name: door.is_on(below) for name, below in door.mapping(rights, asked, client.source).items()}
        for path, rights in answer.items()
    }


def is_shown_every_guest(held: Held) -> bool:
    """Tell whether a listing has every guest: one that the token may not see is left out of it without a word."""
    return Need("VM.Audit", "/vms", ()).is_met(held)
