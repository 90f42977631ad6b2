from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.model.errors import Conflict, DrtoolError, NotFound
from drtool.model.plan import Cutover, Fetched, Restored


def cutover(work: Work, action: Cutover) -> Restored:
    """Put what was landed into service; Conflict when that took away what an earlier step put in place."""
    fetched = work.result(action.restore)
    if not isinstance(fetched, Fetched):
        raise Conflict(f"the step {action.restore} landed nothing")
    try:
        landed = work.adapters.sources[action.source].cutover(fetched.landed)
    except DrtoolError as error:
        error.safe = "; ".join(filter(None, (error.safe, _in_place_already(work))))
        raise
    for other in action.others:
        before = work.results.get(other)
        if isinstance(before, Restored) and not _is_there(work, before):
            raise Conflict(
                f"{before.workload} was put in place, and is not there any more since {landed.workload} was put at {landed.target}",
                hint=f"restore it again: drtool restore {work.step.set} --workload {before.workload}",
                safe=f"what was in the way is kept as {landed.aside}" if landed.aside else "",
            )
    return Restored(
        workload=landed.workload,
        source=landed.source,
        destination=landed.destination,
        path=landed.target,
        member=fetched.member,
        paths=fetched.paths,
        aside=landed.aside,
        note=landed.note,
        opened=landed.opened,
        carried=landed.carried,
        locator=landed.locator,
        way_back=landed.way_back,
    )


def _in_place_already(work: Work) -> str:
    """Name what of the same set went into service before: that one place is as it was does not say that its set is."""
    results = [work.results.get(step.id) for step in work.plan.steps if step.set == work.step.set and isinstance(step.action, Cutover)]
    names = [each.workload for each in results if isinstance(each, Restored) and each.destination.form == "original"]
    return f"put in place already, as of this point: {', '.join(names)}" if names else ""


def _is_there(work: Work, restored: Restored) -> bool:
    """Tell whether an earlier one is still in place; one that has yet to be started is not up before that."""
    try:
        with work.adapters.sources[restored.source].inspect(restored) as inspection:
            return inspection.up or restored.member.starts
    except NotFound:
        return False
