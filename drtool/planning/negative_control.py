from __future__ import annotations

from collections.abc import Iterator

from drtool.model.negative_control import IN_QUESTIONS, Fault
from drtool.model.plan import Ask, Break, Plan, Reserve, Step
from drtool.model.point import Manifest, Member


def break_steps(restore: Plan, *, set_name: str, older: Manifest | None, repository: str) -> tuple[Step, ...]:
    """Plan the negative control of one set: fault after fault, once every check was green.

    Files are broken workload by workload. An older point is a fault only where its census differs: else nothing could tell them apart.
    """
    asks = {step.id: step.action for step in restore.steps if step.set == set_name and isinstance(step.action, Ask)}
    reserves = tuple(step.id for step in restore.steps if isinstance(step.action, Reserve))
    steps: list[Step] = []
    breaks = [*_breaks(asks, older), (Fault.WRONG_KEY.value, Break(Fault.WRONG_KEY, (), repository=repository))]
    for identifier, action in breaks:
        steps.append(
            Step(
                id=f"{set_name}/break/{identifier}",
                action=action,
                why="a check that cannot go red proves nothing",
                set=set_name,
                workload=action.workload,
                needs=(*asks, *reserves),
                after=(steps[-1].id,) if steps else (),
                uses=(f"repository:{action.repository}",) if action.repository else (),
            )
        )
    return tuple(steps)


def _breaks(asks: dict[str, Ask], older: Manifest | None) -> Iterator[tuple[str, Break]]:
    workloads = dict.fromkeys(workload for ask in asks.values() for workload in ask.cutovers)
    for workload in workloads:
        own = tuple(name for name, ask in asks.items() if workload in ask.cutovers)
        for fault in (Fault.FLIPPED_BYTE, Fault.MISSING_FILE):
            yield f"{fault}/{workload}", Break(fault, own, workload)
        before = _member(older, workload)
        if before is not None:
            yield f"{Fault.OLDER_POINT}/{workload}", Break(Fault.OLDER_POINT, own, workload, before)
    for fault in sorted(IN_QUESTIONS):
        yield fault.value, Break(fault, tuple(asks))


def _member(manifest: Manifest | None, workload: str) -> Member | None:
    if manifest is None:
        return None
    return next((member for member in manifest.members if member.workload == workload), None)
