from __future__ import annotations

from typing import Final

from drtool.model.kind import KindFacts

FACTS: Final = KindFacts(runs={"restore": "the command"})
