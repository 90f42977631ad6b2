"""Runs of this machine that died and were never tidied up after, as their folders alone tell: nobody is asked, and nothing is changed."""

from __future__ import annotations

import contextlib
import os

from drtool.model.dead_run import DeadRun


def dead_runs(state_directory: str) -> tuple[DeadRun, ...]:
    """Return the runs that had begun, did not end, and are held by no process; oldest first.

    A plan is written once its run's lock is held: whose lock is free and who has one is dead, and nobody who starts is looked at.
    """
    place = os.path.join(state_directory, "runs")
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = sorted(os.listdir(place))
    begun = [each for each in names if all(os.path.exists(os.path.join(place, each, name)) for name in ("lock", "plan.json"))]
    if not begun:
        return ()
    from drtool.catalog.runs import Runs  # noqa: PLC0415 - nouns of plans, which a look needs only after a death

    found = []
    for name in begun:
        folder = Runs(state_directory).folder(name)
        with contextlib.suppress(OSError):
            plan = folder.plan() if folder.is_dead() else None
            if plan is not None:
                found.append(DeadRun(plan.run, plan.verb, plan.created, tuple(dict.fromkeys(step.set for step in plan.steps if step.set))))
    return tuple(found)
