from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from drtool.model.plan import Guard, Step
from drtool.model.policy import BackupSet, Quarantine
from drtool.planning.due import count_slots

_DAY = timedelta(days=1)
_MOST = 24 * 60
_EXPLAINED = 2
"""A run by hand beside every scheduled one is no burst."""


def explained(backup_set: BackupSet, *, now: datetime) -> Quarantine:
    """Return a set's rules with the points that its schedule explains: never fewer than twice as many as it asked for in the last day.

    It is the day in which the points are counted: one ahead would call the last hour of a schedule's days a burst.
    """
    rules = backup_set.quarantine
    if rules.points_per_day is None or backup_set.schedule is None:
        return rules
    scheduled = count_slots(backup_set.schedule, backup_set.time_zone, start=now - _DAY, length=_DAY, most=_MOST)
    return replace(rules, points_per_day=max(rules.points_per_day, _EXPLAINED * scheduled))


def guard_steps(backup_set: BackupSet, *, point: str, seal: str, now: datetime) -> tuple[Step, ...]:
    """Return the step that looks at a new point's size and at the number of points; none where the policy turned that off."""
    rules = explained(backup_set, now=now)
    if rules == Quarantine(None, None, None):
        return ()
    return (
        Step(
            id=f"{backup_set.name}/guard",
            action=Guard(repository=backup_set.to, point=point, rules=rules, copies=tuple(copy.repository for copy in backup_set.copies)),
            why="a point that looks wrong must not push out good ones",
            set=backup_set.name,
            needs=(seal,),
            uses=(f"repository:{backup_set.to}",),
        ),
    )
