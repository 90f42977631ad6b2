from __future__ import annotations

from dataclasses import replace
from typing import Final

from drtool.model.workload import Leftover

WAY_BACK: Final = "on the NAS, rename what is in service to another name, then what was kept aside to the name it had"


def renamed_back(leftover: Leftover, *, aside: str = "", target: str = "") -> Leftover:
    """Say of what was kept aside how a person takes its exchange back, by the names that the NAS itself has for both."""
    aside, target = aside or leftover.locator, target or leftover.target
    if leftover.what != "kept" or not target:
        return leftover
    return replace(leftover, target=target, way_back=f"on the NAS, rename {target} to another name, then {aside} to {target}")
