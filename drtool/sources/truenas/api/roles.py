from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from drtool.sources.truenas.api.client import ApiClient

FULL: Final = "FULL_ADMIN"
SHARING: Final = "SHARING_NFS_WRITE"
"""Not needed where this host sees the datasets itself."""
_RELEASING: Final = ("SNAPSHOT_DELETE", "DATASET_DELETE", SHARING, "FILESYSTEM_ATTRS_READ")
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "inventory": ("DATASET_READ",),
    "run": ("DATASET_READ", "SNAPSHOT_WRITE", *_RELEASING),
    "restore": ("DATASET_WRITE", "SNAPSHOT_READ", *_RELEASING),
    "drill": ("DATASET_WRITE", "SNAPSHOT_READ", *_RELEASING),
    "sweep": ("DATASET_WRITE", "SNAPSHOT_READ", *_RELEASING),
    "doctor": ("READONLY_ADMIN",),
}
"""What a key must be allowed for each verb on datasets; who may write may read. Every verb but the first sweeps."""

STOPPING: Final[Mapping[str, str]] = {"vm": "VM_WRITE", "app": "APPS_WRITE", "iscsi": "SHARING_ISCSI_EXTENT_WRITE"}
"""What lets a key stop and start one of a kind that `stop:` of the policy names; whoever restores or sweeps does both."""
_STOPS: Final = ("restore", "sweep")
WHERE: Final = "on the NAS: Credentials, Groups, Privileges, edit the privilege of its group, Roles"
"""Where a person gives a key another role."""


def read_roles(client: ApiClient) -> frozenset[str]:
    """Return the roles of our key, from what the NAS says of its own session."""
    roles = ((client.read("auth.me") or {}).get("privilege") or {}).get("roles") or {}
    return frozenset(str(role) for role in (roles.get("$set", roles) if isinstance(roles, dict) else roles))


def unstoppable(held: Collection[str], kinds: Collection[str]) -> tuple[str, ...]:
    """Return the roles without which a key cannot stop and start what is of these kinds; of a key of which nothing is told, none."""
    if not held or FULL in held:
        return ()
    return tuple(role for kind, role in STOPPING.items() if kind in kinds and not _covers(held, role))


def lacking(held: Collection[str], *, shares: bool, stop: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Return each role that is missing, with the verbs that cannot do without it; `stop` are the kinds that may be stopped."""
    missing: dict[str, tuple[str, ...]] = {}
    stops = tuple(role for kind, role in STOPPING.items() if kind in stop)
    for verb, roles in ROLES.items():
        for role in (*roles, *(stops if verb in _STOPS else ())):
            if not _covers(held, role) and (shares or role != SHARING):
                missing[role] = (*missing.get(role, ()), verb)
    for role in tuple(missing):  # whoever gets the role that writes needs none that only reads
        writes = role.removesuffix("_READ") + "_WRITE"
        if role.endswith("_READ") and writes in missing:
            missing[writes] = tuple(dict.fromkeys((*missing.pop(role), *missing[writes])))
    return missing


def _covers(held: Collection[str], role: str) -> bool:
    writes = role.removesuffix("_READ") + "_WRITE" if role.endswith("_READ") else role
    return role in held or writes in held or (role.endswith("_READ") and "READONLY_ADMIN" in held)
