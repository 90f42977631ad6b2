"""The dry run is the plan, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.cli.render.forecast import about, promised
from drtool.cli.render.table import table
from drtool.cli.render.words import clock_time, counted, long_duration, printable, short_id, size, stamp, with_short_digests
from drtool.model.codec import kind_of
from drtool.model.plan import Ask, Cutover, Forget, Quiesce, Release, Reserve, Restore, RunHook, Start, Store, TakeSnapshot, Thaw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drtool.model.forecast import Forecast
    from drtool.model.plan import Action, Destination, Objective, Plan, Step


_NAMED_PATHS: Final = 3


def plan_lines(plan: Plan) -> list[str]:
    """Return any plan step by step with its reasons; a restore or a drill starts with what it means for the data."""
    if any(isinstance(step.action, Restore) for step in plan.steps):
        return restore_lines(plan)
    lines = [f"{plan.verb} {short_id(plan.run)} of {printable(plan.policy)}: {counted(len(plan.steps), 'step')}"]
    lines += _steps(plan)
    if not plan.steps and not plan.skipped:
        lines.append("Nothing to do.")
    lines += _skipped(plan)
    lines += [printable(note) for note in plan.notes]
    forgotten = [verdict for verdict in plan.verdicts if not verdict.reasons]
    if plan.verdicts:
        kept = len(plan.verdicts) - len(forgotten)
        lines.append(f"Retention: {counted(kept, 'point')} kept, {counted(len(forgotten), 'point')} forgotten.")
    return lines


def verdict_lines(plan: Plan) -> list[str]:
    """Return what retention says of every point, with its reasons."""
    rows = [
        (
            printable(verdict.repository),
            printable(verdict.set),
            short_id(verdict.point),
            stamp(verdict.instant),
            ", ".join(map(printable, verdict.reasons)) or "forgotten: no rule keeps it",
        )
        for verdict in plan.verdicts
    ]
    return table(rows, indent="  ")


def restore_lines(plan: Plan) -> list[str]:
    """Return the screen before a restore: the declared time, what will be lost, what goes where, what is kept aside."""
    lines: list[str] = []
    objectives = {objective.set: objective for objective in plan.objectives}
    sets = list(dict.fromkeys(step.set for step in plan.steps if isinstance(step.action, Restore)))
    number = 0
    for name in sets:
        steps = [step for step in plan.steps if step.set == name]
        lines.append(_heading(plan, objectives.get(name), steps, name=name if len(sets) > 1 else ""))
        rows: list[tuple[str, ...]] = []
        for what, amount, target, expected, why in _recoveries(steps, plan.forecast):
            number += 1
            rows.append((str(number), what, amount, target, *expected, why))
        for start in (step for step in steps if isinstance(step.action, Start)):
            number += 1
            took = (about(plan.forecast, start.id),) if plan.forecast else ()
            rows.append((str(number), f"start {printable(start.workload)}", "", "", *took, printable(start.why)))
        asked = list(dict.fromkeys(step.action.check.name for step in steps if isinstance(step.action, Ask)))
        if asked:
            number += 1
            asks = about(plan.forecast, *(step.id for step in steps if isinstance(step.action, Ask)))
            rows.append((str(number), f"check {', '.join(map(printable, asked))}", "", "", *((asks,) if plan.forecast else ()), ""))
        lines += table(rows, right=frozenset({0, 2}), indent="  ")
        lines += _hooks(steps)
    lines += _skipped(plan)
    lines += [printable(note) for note in plan.notes]
    lines.append(_promise(plan))
    return lines


def _heading(plan: Plan, objective: Objective | None, steps: list[Step], *, name: str) -> str:
    restores = [step.action for step in steps if isinstance(step.action, Restore)]
    declared = (objective.declared if objective else None) or plan.created
    parts = [f"{printable(name)}: declared {stamp(declared)}" if name else f"Declared {stamp(declared)}"]
    point = short_id(restores[0].point)
    instant = objective.point_instant if objective else None
    if instant is None:
        parts.append(f"point {point}")
    else:
        age = long_duration((declared - instant).total_seconds())
        goes = any(action.destination.form == "original" and not action.paths for action in restores)
        parts.append(f"point {point} of {clock_time(instant, declared)} ({age} {'of data will be lost' if goes else 'old'})")
    copies = restores[0].copies
    others = copies[1:]
    also = f" ({' and '.join(map(printable, others))} also {'has' if len(others) == 1 else 'have'} it)" if others else ""
    parts.append(f"from {printable(copies[0])}{also}" if copies else "from nowhere")
    return " · ".join(parts)


def _recoveries(steps: list[Step], forecast: Forecast | None) -> list[tuple[str, str, str, tuple[str, ...], str]]:
    rows: list[tuple[str, str, str, tuple[str, ...], str]] = []
    cutovers = {step.action.restore: step for step in steps if isinstance(step.action, Cutover)}
    for step in steps:
        action = step.action
        if not isinstance(action, Restore):
            continue
        member = action.member
        total = sum(artifact.census.bytes for artifact in member.artifacts)
        cutover = cutovers.get(step.id, step)
        only = f" (only {_paths(action.paths)})" if action.paths else ""
        rows.append(
            (
                printable(member.workload) + only,
                f"up to {size(total)}" if action.paths else size(total),
                f"→ {_target(action.destination, member.workload)}",
                (about(forecast, *dict.fromkeys((step.id, cutover.id))),) if forecast else (),
                printable(cutover.why),
            )
        )
    return rows


def _paths(paths: Sequence[str]) -> str:
    more = f" and {counted(len(paths) - _NAMED_PATHS, 'more path')}" if len(paths) > _NAMED_PATHS else ""
    return ", ".join(map(printable, paths[:_NAMED_PATHS])) + more


def _target(destination: Destination, workload: str) -> str:
    if destination.form == "original":
        return printable(workload)
    if destination.form == "directory":
        return printable(destination.path)
    return f"sandbox {printable(destination.sandbox)}".rstrip()


def _hooks(steps: list[Step]) -> list[str]:
    lines = []
    for step in steps:
        if isinstance(step.action, RunHook):
            hook = step.action.hook
            phase = step.action.phase.replace("_", " ")
            lines.append(f"     {phase}: {printable(' '.join(hook.run))} ({printable(hook.where)})")
    return lines


def _promise(plan: Plan) -> str:
    restores = [step.action for step in plan.steps if isinstance(step.action, Restore)]
    objective = promised(plan)
    forms = {action.destination.form for action in restores}
    if forms == {"sandbox"}:
        return f"{objective}What is in service is not touched; the sandbox is released at the end of its lease at the latest."
    if forms == {"directory"}:
        return f"{objective}What is in service is not touched."
    if all(action.member.by_hand for action in restores):
        return f"{objective}Nothing is changed: a person puts it back, and going on tells how."
    # A program that takes something loads it over what it has: nobody keeps that aside.
    loaded = [printable(action.member.workload) for action in restores if action.member.kind == "stream"]
    if len(loaded) == len(restores):
        return f"{objective}Of {', '.join(loaded)} nothing is kept aside: its program replaces what it has."
    kept = f"{objective}Nothing is overwritten: what is kept aside stays until `drtool sweep --kept`."
    if loaded:
        kept = kept.replace("Nothing is overwritten", "Nothing else is overwritten")
        return f"{kept} Of {', '.join(loaded)} nothing is kept aside: its program replaces what it has."
    return kept


def _steps(plan: Plan) -> list[str]:
    rows = [
        (str(number), printable(step.set), _words(step.action), printable(step.workload), _amount(step), printable(step.why))
        for number, step in enumerate(plan.steps, 1)
    ]
    return table(rows, right=frozenset({0, 4}), indent="  ")


def _words(action: Action) -> str:
    verb = kind_of(type(action)).replace("_", " ")
    match action:
        case RunHook(phase=phase, hook=hook):
            return f"{phase.replace('_', ' ')}: {printable(' '.join(hook.run))}"
        case TakeSnapshot(workload=workload) if workload.existing_snapshot:
            return "use snapshot"
        case Quiesce() | Thaw():
            return _stillness(action)
        case Reserve(source=source):
            return f"reserve {printable(source)}"
        case Store(repository=repository):
            return f"store → {printable(repository)}"
        case Forget(repository=repository, points=points):
            return f"forget {counted(len(points), 'point')} in {printable(repository)}"
        case Release(leftover=leftover) if leftover is not None:
            return f"release {printable(leftover.what)} {with_short_digests(leftover.locator)}"
        case Ask(check=check):
            return f"check {printable(check.name)}"
    origin, target = getattr(action, "origin", ""), getattr(action, "target", "")
    if origin and target:
        return f"{verb} {printable(origin)} → {printable(target)}"
    repository = getattr(action, "repository", "")
    return f"{verb} {printable(repository)}".rstrip()


def _stillness(action: Quiesce | Thaw) -> str:
    source = printable(action.source)
    return f"hold still {source}, at most {long_duration(action.seconds)}" if isinstance(action, Quiesce) else f"let go on {source}"


def _amount(step: Step) -> str:
    action = step.action
    if isinstance(action, Store) and action.workload.bytes is not None:
        return size(action.workload.bytes)
    if isinstance(action, Reserve):
        return size(action.bytes)
    return ""


def _skipped(plan: Plan) -> list[str]:
    return [
        f"  {'skipped' if skipped.outcome == 'succeeded' else 'problem'}  {with_short_digests(skipped.what)}: {printable(skipped.reason)}"
        for skipped in plan.skipped
    ]
