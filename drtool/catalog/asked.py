"""How much of its points a recovery was asked for, and how much of that came back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drtool.model.plan import Plan, Restore, Skipped, Step
from drtool.model.report import LeftOut, SetReport


def asked(name: str, plan: Plan, steps: list[Step], left_out: list[Skipped]) -> dict[str, Any]:
    """Return what of a point a recovery was to bring back, and what it left out, as a report of a set names them."""
    restores = [step for step in steps if isinstance(step.action, Restore)]
    without = tuple(LeftOut(each.workload, each.reason.partition(";")[0], each.hint) for each in left_out if each.workload)
    return {
        "left_out": without,
        "workloads": len({step.workload for step in restores}),
        "workloads_in_point": next((objective.members for objective in plan.objectives if objective.set == name), 0),
        "only_paths": any(isinstance(step.action, Restore) and step.action.paths for step in restores),
    }


def of_all(restored: list[str]) -> str:
    """Return what several sets' `restored` amount to together."""
    if len(set(restored)) == 1:
        return restored[0]
    return "part" if restored else ""


def how_much_asked(sets: Iterable[SetReport]) -> str:
    """Tell whether all that the points hold was asked for, or a part; empty where nothing was to come back."""
    recovered = [entry for entry in sets if entry.restored]
    if not recovered:
        return ""
    return "part" if any(map(_is_part, recovered)) else "all"


def _is_part(entry: SetReport) -> bool:
    """Tell whether less was asked for than the point holds; what was left out was asked for."""
    return entry.only_paths or entry.workloads + len(entry.left_out) < entry.workloads_in_point
