from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.model.errors import NotFound, Refused
from drtool.model.inventory import Problem
from drtool.model.plan import Plan, Step, Undo
from drtool.model.workload import Leftover
from drtool.planning.names import fitting

_KINDS = ("kept", "placed")


def plan_undo(leftovers: Iterable[Leftover], *, undone: str, run: str, now: datetime, by: str, problems: Iterable[Problem] = ()) -> Plan:
    """Plan to take back what a run (its id, or a unique beginning or end of it) put into service: the inner places first.

    Raises NotFound when nothing of that run is kept any more, Refused when another run exchanged one of its places since.
    """
    ours = [leftover for leftover in leftovers if leftover.by == by and leftover.what in _KINDS]
    runs = fitting(sorted({leftover.run for leftover in ours}), undone)
    if len(runs) > 1:
        raise NotFound(f"`{undone}` fits {len(runs)} runs", hint=f"name one: {', '.join(runs)}")
    back = next((each for each in ours if each.took_back and fitting((each.took_back,), undone)), None)
    if not runs and back is not None:
        raise NotFound(
            f"run {back.took_back} was taken back already, by run {back.run}",
            hint=f"to have again what it restored: drtool restore --undo {back.run}",
            safe="nothing was changed",
        )
    away = "; ".join(problem.what for problem in problems)
    chosen = [leftover for leftover in ours if leftover.run in runs]
    if not chosen:
        raise NotFound(
            f"nothing that run {undone} put into service can be taken back" + (f" ({away})" if away else ""),
            hint="drtool history names the runs; what was kept aside may be swept already, or its place is no longer in the policy",
            safe="nothing was changed",
        )
    since = [each for each in ours if _exchanged_since(each, chosen)]
    if since:
        last = max(since, key=lambda each: each.run)
        raise Refused(
            f"{last.target} was exchanged again since, by run {last.run}",
            hint=f"take that back first: drtool restore --undo {last.run}",
            safe="nothing was changed",
        )
    steps: list[Step] = []
    for leftover in sorted(chosen, key=lambda each: (-each.target.count("/"), each.target)):
        gone = leftover.what == "placed"
        steps.append(
            Step(
                id=f"undo/{leftover.source}/{leftover.target or leftover.locator}",
                action=Undo(leftover),
                why="nothing was there before" if gone else f"what was there before is kept as {leftover.locator}",
                workload=f"{leftover.source}:{leftover.target}",
                after=tuple(step.id for step in steps),
                uses=(f"source:{leftover.source}",),
            )
        )
    note = "What was restored is kept aside, until `drtool sweep --kept`. No hooks are run: stop first what uses these places."
    return Plan(verb="undo", run=run, policy=by, created=now, steps=tuple(steps), notes=(note,))


def _exchanged_since(later: Leftover, chosen: list[Leftover]) -> bool:
    """Tell whether a later run exchanged a place in or around one of the chosen; one that took back an exchange of since did not."""
    run = chosen[0].run
    if later.run <= run or later.took_back > run:
        return False
    return any(later.source == each.source and _touch(later.target, each.target) for each in chosen)


def _touch(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other.rstrip('/')}/") or other.startswith(f"{one.rstrip('/')}/")
