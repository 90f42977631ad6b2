from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drtool.model.kind import KindFacts

KIND: Final = "proxmox"
SYSTEM: Final = "system"
"""What the cluster's own configuration is called, as a key of the policy and as a workload."""


def _protects(selector: Mapping[str, Any], name: str) -> bool:
    """Tell it by the name: of a cluster nothing else is stored."""
    return bool(selector.get(SYSTEM)) and name == SYSTEM


FACTS: Final = KindFacts(connects={"url": "the address"}, protects=_protects)
