from __future__ import annotations

from datetime import datetime

from drtool.model.plan import Mount, Plan, Step
from drtool.model.point import RecoveryPoint
from drtool.planning.pin import pin_steps, unpin_steps


def plan_mount(
    point: RecoveryPoint, *, repository: str, directory: str, made: bool, until: datetime, now: datetime, run: str, by: str
) -> Plan:
    """Plan to show one point of one repository at a directory (`made`: for this alone) until it is ended, or `until`."""
    frozen = pin_steps(point.set, point=point.point, copies=(repository,), run=run, until=until, verb="mount")
    step = Step(
        id=f"{point.set}/mount",
        action=Mount(repository=repository, point=point.point, directory=directory, expires=until, made=made),
        why="to look inside and to copy out; nothing can be changed there",
        set=point.set,
        needs=(frozen[0].id,),
        uses=(f"repository:{repository}",),
    )
    return Plan("mount", run, by, now, (*frozen, step, *unpin_steps(point.set, frozen, after=(step.id,))))
