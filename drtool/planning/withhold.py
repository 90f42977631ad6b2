from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from drtool.model.errors import Refused
from drtool.model.kind import KindFacts, kind_of_directories, named_by
from drtool.model.outcome import Outcome
from drtool.model.plan import Ask, Cutover, Plan, Restore, RunHook, Skipped, Start, Step
from drtool.model.policy import Hook, SourcePolicy
from drtool.planning.way_back import as_directory

_CAME: Final = "came out of the repository"
_READ: Final = "or read it, and repeat with --trust-commands"


def withhold(
    plan: Plan, *, sources: Mapping[str, SourcePolicy], facts: Mapping[str, KindFacts], beyond: Mapping[str, Mapping[str, str]]
) -> Plan:
    """Take out of a restore what a policy that came out of a repository would run or connect to, and tell it.

    `facts` are those of the kinds of sources, `beyond` those of the kinds of checks; a check that leads beyond what was restored stays
    in the plan, as one that is not asked. Raises Refused, by name, when nothing would be restored, or only without a hook that the
    policy lets nothing be restored without.
    """
    reaching = {
        step.id: f"{step.workload} by {' and '.join(reached)}"
        for step in plan.steps
        if isinstance(step.action, Restore)
        and step.action.destination.form == "original"
        and (reached := reached_by(sources.get(step.action.member.source), facts))
    }
    restores = {step.id for step in plan.steps if isinstance(step.action, Restore)}
    stopping = [*(reaching.values() if reaching.keys() == restores else ()), *_required(plan)]
    if stopping:
        commands = "; ".join(_as_directory(plan, name) for name in reaching) or "restore with: --to directory PATH"
        hint = f"{commands}: a directory needs none of it; {_READ}"
        raise Refused(f"what {_CAME} puts nothing in place: {'; '.join(stopping)}", hint=hint, safe="nothing was changed")
    without = _without(plan, reaching)
    alone = {_step(plan, name).set for name in restores} - {_step(plan, name).set for name in restores - reaching.keys()}
    skipped = [_left_out(plan, name, words, alone=_step(plan, name).set in alone) for name, words in reaching.items()]
    for step in without:
        if isinstance(step.action, RunHook):
            what = f"{step.action.phase.replace('_', ' ')}: {_spelled(step.action.hook)}"
            skipped.append(Skipped(what, f"it {_CAME} and is not run", Outcome.PARTIAL.value, step.set, of="hook"))
    hooks = {step.id for step in without if isinstance(step.action, RunHook)}
    kept = tuple(_waiting_less(step, hooks) for step in without if step.id not in hooks)
    return replace(plan, steps=kept, skipped=(*plan.skipped, *skipped), notes=(*plan.notes, *_not_asked(kept, beyond)))


def at_home(source: SourcePolicy, facts: Mapping[str, KindFacts]) -> SourcePolicy:
    """Forget where somebody else's source is reached: what lay in the point can still be put into a directory of this machine."""
    known = facts.get(source.kind)
    elsewhere = known is None or named_by(known.connects, source.settings)
    return replace(source, kind=kind_of_directories(facts), settings={}) if elsewhere else source


def reached_by(source: SourcePolicy | None, facts: Mapping[str, KindFacts]) -> tuple[str, ...]:
    """Spell what a source would connect to or run to put something in place; a kind that nobody knows says nothing of itself."""
    if source is None:
        return ("a source that its policy does not have",)
    known = facts.get(source.kind)
    if known is None:
        named = ", ".join(f"{key} {value}" for key, value in source.settings.items())
        return (f"a platform of a kind that this release does not know, {source.kind} ({named})",)
    return (*named_by(known.connects, source.settings), *named_by(known.runs, source.settings))


def _left_out(plan: Plan, name: str, words: str, *, alone: bool) -> Skipped:
    """Tell of a restore that is left out: its set comes back without it, or not at all where it is `alone`."""
    step, command = _step(plan, name), _as_directory(plan, name)
    return Skipped(
        words,
        f"this {_CAME}; without it: {command}; {_READ}",
        (Outcome.REFUSED if alone else Outcome.PARTIAL).value,
        step.set,
        hint=f"{command} gives it as a file; {_READ}",
        workload=step.workload,
    )


def _step(plan: Plan, name: str) -> Step:
    return next(step for step in plan.steps if step.id == name)


def _as_directory(plan: Plan, name: str) -> str:
    """Return the whole command, with the point: the workload named alone might be taken from another."""
    step = _step(plan, name)
    point = step.action.point if isinstance(step.action, Restore) else ""
    return as_directory(step.set, point=point, workload=step.workload)


def _required(plan: Plan) -> list[str]:
    return [
        f"before it the policy runs {_spelled(step.action.hook)}"
        for step in plan.steps
        if isinstance(step.action, RunHook) and step.action.phase == "before_restore" and step.action.hook.on_failure == "stop"
    ]


def _spelled(hook: Hook) -> str:
    return f"{' '.join(hook.run)} ({hook.where})"


def _without(plan: Plan, restores: Collection[str]) -> tuple[Step, ...]:
    """Leave out restores, their cutovers and starts, and the questions to what they would have restored."""
    cutovers = {step.id for step in plan.steps if isinstance(step.action, Cutover) and step.action.restore in restores}
    starts = {step.id for step in plan.steps if isinstance(step.action, Start) and step.action.cutover in cutovers}
    gone = {*restores, *cutovers, *starts}
    kept = []
    for step in plan.steps:
        if step.id in gone:
            continue
        action = step.action
        if isinstance(action, Ask) and action.cutovers:
            left = {workload: name for workload, name in action.cutovers.items() if name not in cutovers}
            if not left:
                continue
            step = replace(step, action=replace(action, cutovers=left))  # noqa: PLW2901 - the same step, of less
        kept.append(_waiting_less(step, gone))
    return tuple(kept)


def _waiting_less(step: Step, gone: Collection[str]) -> Step:
    needs, after = (tuple(name for name in names if name not in gone) for names in (step.needs, step.after))
    return replace(step, needs=needs, after=after)


def _not_asked(steps: tuple[Step, ...], beyond: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    checks = [step.action.check for step in steps if isinstance(step.action, Ask)]
    return tuple(
        f"not asked: {check.name}: {' and '.join(named)} {_CAME}; --trust-commands asks it"
        for check in checks
        if (named := named_by(beyond.get(check.kind, {}), check.settings))
    )
