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
    away = "; ".join(problem.what for problem in problems)
    chosen = [leftover for leftover in ours if leftover.run in runs]
    if not chosen:
        raise NotFound(
            f"nothing that run {undone} put into service can be taken back" + (f" ({away})" if away else ""),
            hint="drtool history names the runs; what was kept aside may be swept already, or its place is no longer in the policy",
            safe="nothing was changed",
        )
    later = {leftover.target: leftover.run for leftover in sorted(ours, key=lambda each: each.run) if leftover.run > chosen[0].run}
    since = [leftover.target for leftover in chosen if leftover.target in later]
    if since:
        raise Refused(
            f"{since[0]} was exchanged again since, by run {later[since[0]]}",
            hint=f"take that back first: drtool restore --undo {later[since[0]]}",
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
