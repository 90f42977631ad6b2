"""What a token may do, and what is built here needs, by the major version of Proxmox VE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drtool.sources.proxmox import door
from drtool.sources.proxmox.client import ApiClient

Held = Mapping[str, Mapping[str, bool]]
"""By path the privileges there, each with whether it counts below it too; none where the access list names a path and gives nothing."""
_IN_POOLS: Final = ("/vms", "/storage")


@dataclass(frozen=True, slots=True)
class Need:
    """A privilege at a path, `below` it too, and which verbs cannot do without."""

    privilege: str
    path: str
    verbs: tuple[str, ...]
    below: bool = True

    def is_met(self, held: Held) -> bool:
        """Tell whether a token has it; a path below that lacks it is a hole where it has to count `below` too."""
        rights = held.get(self.path, {})
        if self.privilege not in rights or not (rights[self.privilege] or not self.below):
            return False
        return not self.below or not any(self._is_hole(path, held[path]) for path in held)

    def _is_hole(self, path: str, rights: Mapping[str, bool]) -> bool:
        """Tell whether something below is hidden; a pool with no rights at all hides the guests and storages in it, too."""
        if path.startswith(f"{self.path}/"):
            return self.privilege not in rights
        return self.path in _IN_POOLS and path.startswith("/pool/") and not rights

    @property
    def words(self) -> str:
        """It and where, in words."""
        return f"{self.privilege} at {self.path}{' and below' if self.below else ''}"


GUESTS: Final = Need("VM.Audit", "/vms", ("inventory", "doctor", "run"))
CLUSTER: Final = Need("Sys.Audit", "/", ("inventory", "doctor", "run"), below=False)
NODES: Final = Need("Sys.Audit", "/nodes", ("doctor", "run"))
ACCESS: Final = Need("Sys.Audit", "/access", ("run",))
STORAGES: Final = Need("Datastore.Audit", "/storage", ("run",))
POOLS: Final = Need("Pool.Audit", "/pool", ("run",))
NETWORKS: Final = Need("SDN.Audit", "/sdn", ("run",))
MAPPINGS: Final = Need("Mapping.Audit", "/mapping", ("run",))
_ALL: Final = (GUESTS, CLUSTER, NODES, ACCESS, STORAGES, POOLS, NETWORKS, MAPPINGS)
NEEDS: Final[Mapping[int, tuple[Need, ...]]] = {8: _ALL, 9: _ALL}
"""By major version. What only looks needs the same of both: what 9 renamed (VM.Monitor) is for work inside guests, which is not built.

What only `run` needs is for a policy that protects the cluster's own configuration.
"""
_UNTOLD: Final = ("/mapping",)
"""Paths of which the platform tells only whoever asks for them, unless something is granted on them."""
HARMLESS: Final = frozenset({"VM.Audit", "Sys.Audit", "Datastore.Audit", "Pool.Audit", "SDN.Audit", "Mapping.Audit"})
"""What lets nobody change anything."""


def needs_of(major: int, *, stores: bool) -> tuple[Need, ...]:
    """Return what is needed of a release, of one that nobody has tried what its nearest needs; `stores`: for runs too."""
    needs = NEEDS[min(NEEDS, key=lambda known: abs(known - major))]
    return tuple(need for need in needs if stores or need.verbs != ("run",))


def read_privileges(client: ApiClient, *, stores: bool = False) -> Held:
    """Return what the platform says of our own token; `stores`: of the paths that runs need too.

    It leaves out each path where the token may do nothing (`NoAccess`) as if nothing was said of it: the access list has it.
    """
    held = _held(client)
    for path in _UNTOLD if stores else ():
        if path not in held:
            held |= _held(client, path=path)
    return {**{path: {} for path in _named_by_the_access_list(client)}, **held}


def _held(client: ApiClient, **parameters: str) -> dict[str, Mapping[str, bool]]:
    asked = "/access/permissions"
    answer = door.mapping(client.get("access", "permissions", **parameters), asked, client.source)
    return {
        path: {name: door.is_on(below) for name, below in door.mapping(rights, asked, client.source).items()}
        for path, rights in answer.items()
    }


def _named_by_the_access_list(client: ApiClient) -> set[str]:
    asked = "/access/acl"
    return {str(row.get("path")) for row in door.mappings(client.get("access", "acl"), asked, client.source)}


def is_shown_every_guest(held: Held) -> bool:
    """Tell whether a listing has every guest: one that the token may not see is left out of it without a word."""
    return GUESTS.is_met(held)
