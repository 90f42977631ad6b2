from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

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


def lacking(held: Collection[str], *, shares: bool) -> dict[str, tuple[str, ...]]:
    """Return each role that is missing, with the verbs that cannot do without it."""
    missing: dict[str, tuple[str, ...]] = {}
    for verb, roles in ROLES.items():
        for role in roles:
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
