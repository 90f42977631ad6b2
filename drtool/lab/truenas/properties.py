"""What a property is worth where nobody set it, and how one comes down from a parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drtool.lab.truenas.storage import BLOCK, SPARSE, VOLUME, Value

DEFAULTS: Final = {
    "aclinherit": "discard",
    "aclmode": "discard",
    "acltype": "posix",
    "atime": "off",
    "canmount": "on",
    "casesensitivity": "sensitive",
    "checksum": "on",
    "compression": "lz4",
    "copies": "1",
    "dedup": "off",
    "exec": "on",
    "logbias": "latency",
    "primarycache": "all",
    "quota": "0",
    "readonly": "off",
    "recordsize": "131072",
    "refquota": "0",
    "refreservation": "0",
    "reservation": "0",
    "snapdev": "hidden",
    "snapdir": "hidden",
    "special_small_blocks": "0",
    "sync": "standard",
    "xattr": "sa",
}
ALONE: Final = frozenset({"quota", "refquota", "reservation", "refreservation", "casesensitivity", "canmount", VOLUME, BLOCK, SPARSE})
"""Properties that no child inherits."""


def effective(name: str, local: Mapping[str, Mapping[str, str]]) -> dict[str, Value]:
    """Return the properties of a dataset from what was set on each: own, else the nearest ancestor's, else the default."""
    found = {key: Value(raw, "default") for key, raw in DEFAULTS.items()}
    parts = name.split("/")
    for depth in range(1, len(parts) + 1):
        ancestor = "/".join(parts[:depth])
        for key, raw in local.get(ancestor, {}).items():
            if ancestor == name:
                found[key] = Value(raw, "local")
            elif key not in ALONE:
                found[key] = Value(raw, f"inherited from {ancestor}")
    return found
