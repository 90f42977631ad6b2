"""What a timer's call looks at first, by this host's disk alone; the modules that work are loaded when there is work."""

from __future__ import annotations

from collections.abc import Iterable

from drtool.app.runtime import Runtime
from drtool.app.timetable import Timetable
from drtool.model.nearest import named
from drtool.model.report import Report
from drtool.planning.schedule import drill_tasks, run_tasks


def run_due(runtime: Runtime, sets: Iterable[str] = ()) -> Report | None:
    """Back up the sets whose time has come, and prune and read what is due; None when nothing was: then nobody was asked."""
    tasks, timetable = run_tasks(runtime.policy, runtime.sets_named(sets)), Timetable(runtime)
    look = timetable.agenda(tasks)
    if not (look.due or look.unknown or timetable.owes()):
        return None
    from drtool.app import backup

    return backup.run_looked(runtime, tasks, look)


def due_drills(runtime: Runtime, names: Iterable[str] = ()) -> tuple[str, ...]:
    """Name the drills whose time has come; the repositories are asked only about those of which nothing is remembered here."""
    chosen = tuple(named(name, runtime.policy.drills, "drill") for name in dict.fromkeys(names)) or tuple(runtime.policy.drills)
    tasks, timetable = drill_tasks(runtime.policy, chosen), Timetable(runtime)
    look = timetable.agenda(tasks)
    if look.unknown or (not look.due and timetable.owes()):
        from drtool.app import drill

        look = drill.settled(runtime, tasks, look)
    return look.names("drill")
