"""What this machine itself remembers of its runs: neither policy nor repository is needed for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drtool.app.runtime import Runtime
from drtool.catalog.runs import Runs
from drtool.model.errors import NotFound
from drtool.openness import Opening, opening_of

if TYPE_CHECKING:
    from drtool.model.report import Report


def history(runtime: Runtime) -> tuple[Report, ...]:
    """Return the reports of the runs this host remembers, newest first."""
    return tuple(report for folder in Runs(runtime.state_directory).all() if (report := folder.report()) is not None)


def report(runtime: Runtime, name: str) -> Report:
    """Return the report of one run, by its id, a unique beginning or end of it, or `last`."""
    folders = list(Runs(runtime.state_directory).all())
    matches = folders[:1] if name == "last" else [each for each in folders if each.run.startswith(name) or each.run.endswith(name)]
    found = matches[0].report() if len(matches) == 1 else None
    if found is None:
        raise NotFound(f"no run is called {name}", hint="drtool history")
    return found


def last_restore(runtime: Runtime) -> str:
    """Return the newest run of this machine that put something into service; NotFound when there is none."""
    for each in history(runtime):
        if each.verb == "restore" and any(step.action == "cutover" and step.outcome is not None for step in each.steps):
            return each.run
    raise NotFound("no restore that this machine remembers put anything into service", hint="drtool history; then --undo and a run")


def state_openings(runtime: Runtime) -> tuple[Opening, ...]:
    """Return by whom else the state directory may be written: what is told of schedules and runs is read there."""
    opening = opening_of(runtime.state_directory)
    return () if opening is None else (opening,)
