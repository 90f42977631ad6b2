from __future__ import annotations

from typing import Final

from drtool.model.kind import KindFacts

FACTS: Final = KindFacts(connects={"url": "the address", "ssh": "the machine"})
