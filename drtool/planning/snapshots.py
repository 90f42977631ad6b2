"""The snapshots of a run: taken together, read, and released, or left where they are for a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from drtool.model.plan import Release, Step, TakeSnapshot
from drtool.model.workload import Workload
from drtool.planning.hooks import Gate
from drtool.planning.limits import used_of
from drtool.planning.words import spell_instant


def snapshot_steps(name: str, workloads: tuple[Workload, ...], gate: Gate, *, point: str, stays: datetime | None) -> list[Step]:
    """Draft a snapshot of each; the first of a source takes all of them there together, and the others wait for it.

    `stays`: until when they stay where they are taken, once their data is stored; None: they go then.
    """
    members: dict[str, list[Workload]] = {}
    for workload in workloads:
        if workload.snapshots:
            members.setdefault(workload.source, []).append(workload)
    steps = []
    for first, *others in members.values():
        step = _snapshot_step(name, first, gate, point=point, stays=stays, together=tuple(other.name for other in others))
        behind = replace(gate, after=(*gate.after, step.id))
        steps += [step, *(_snapshot_step(name, other, behind, point=point, stays=stays) for other in others)]
    return steps


def label_of(point: str) -> str:
    """Return what the snapshots of a point are called."""
    return f"drtool-{point}"


def _snapshot_step(
    name: str, workload: Workload, gate: Gate, *, point: str, stays: datetime | None, together: tuple[str, ...] = ()
) -> Step:
    keep_until = None if workload.existing_snapshot else stays
    return Step(
        id=f"{name}/snapshot/{workload.name}",
        action=TakeSnapshot(workload=workload, label=label_of(point), together=together, keep_until=keep_until),
        why="the newest that is there is read, and none is made" if workload.existing_snapshot else "it is read as it is at one instant",
        set=name,
        workload=workload.name,
        needs=gate.needs,
        after=gate.after,
        uses=used_of(workload.source, workload.selector),
    )


def release_step(name: str, workload: Workload, *, snapshot: str, store: str, stays: datetime | None) -> Step:
    """Draft what becomes of a snapshot once its data is stored, or could not be."""
    if workload.existing_snapshot:
        why = "the clone goes as soon as its data is stored; the snapshot stays"
    elif stays is None:
        why = "a snapshot is no backup: it goes as soon as its data is stored"
    else:
        why = f"the snapshot stays until {spell_instant(stays)} as a quick way back, unless its data could not be stored"
    return Step(
        id=f"{name}/release/{workload.name}",
        action=Release(snapshot=snapshot, keeps=store if stays is not None and not workload.existing_snapshot else ""),
        why=why,
        set=name,
        workload=workload.name,
        after=(snapshot, store),
        always=True,
        uses=used_of(workload.source, workload.selector),
    )
