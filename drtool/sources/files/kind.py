from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drtool.model.bounds import lies_in
from drtool.model.kind import KindFacts


def _protects(selector: Mapping[str, Any], name: str) -> bool:
    return any(lies_in(name, path) for path in selector.get("paths", ()))


FACTS: Final = KindFacts(connects={"ssh": "the machine"}, protects=_protects)
