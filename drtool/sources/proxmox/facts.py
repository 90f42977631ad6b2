from __future__ import annotations

from typing import Final

from drtool.model.kind import KindFacts

KIND: Final = "proxmox"
FACTS: Final = KindFacts(connects={"url": "the address"}, only_looked_at=True)
