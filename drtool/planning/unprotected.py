from __future__ import annotations

from collections.abc import Mapping

from drtool.model.errors import Refused
from drtool.model.outcome import Outcome
from drtool.model.plan import Skipped
from drtool.planning.selection import Selected


def without_unprotected(
    selected: Mapping[str, tuple[Selected, ...]], unprotected: frozenset[str], *, named: tuple[str, ...], in_place: bool
) -> tuple[dict[str, tuple[Selected, ...]], list[Skipped]]:
    """Leave out of a restore in place what today's policy does not mean and nobody named; Refused when that is everything."""
    if not in_place:
        return dict(selected), []
    kept = {
        name: tuple(item for item in items if item.member.workload not in unprotected or item.member.workload in named)
        for name, items in selected.items()
    }
    without = {name: [item.member.workload for item in items if item not in kept[name]] for name, items in selected.items()}
    names = [workload for workloads in without.values() for workload in workloads]
    how = " ".join(f"--workload {workload}" for workload in names)
    if names and not any(kept.values()):
        raise Refused(
            f"no set of the policy protects {' or '.join(names)}, so a point alone does not put it in place",
            hint=f"name it: {how}; or restore with: --to directory PATH",
            safe="nothing was changed",
        )
    reason = "no set of the policy protects it, so it is not put in place unless it is named: --workload"
    skipped = [
        Skipped(workload, f"{reason} {workload}", Outcome.PARTIAL.value, set=name, workload=workload)
        for name, found in without.items()
        for workload in found
    ]
    return kept, skipped
