from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.model.errors import NotFound, Refused
from drtool.model.inventory import Problem
from drtool.model.label import UNKNOWN_MACHINE
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Skipped, Step, Undo
from drtool.model.workload import Leftover
from drtool.planning.names import fitting
from drtool.planning.standing import left_here

_KINDS = ("kept", "placed")


def plan_undo(
    leftovers: Iterable[Leftover],
    *,
    undone: str,
    run: str,
    now: datetime,
    by: str,
    machines: frozenset[str] = frozenset(),
    problems: Iterable[Problem] = (),
) -> Plan:
    """Plan to take back what a run (its id, or a unique beginning or end of it) put into service: the inner places first.

    What was itself taken back comes back in the order in which it was restored, the outer places first. What a call that died had begun
    with belongs to it, under whatever run it was gone on with.

    Raises NotFound when nothing of that run is kept any more, Refused when another run exchanged one of its places since,
    or keeps one of them inside what it put aside, or when it was a run of another machine of our name, which is none of `machines`,
    or when a person has to take back all of it. What else a person has to take back is left out of the plan, as a problem.
    """
    ours = [leftover for leftover in leftovers if leftover.by == by and leftover.what in _KINDS]
    runs = fitting(sorted({leftover.run for leftover in ours}), undone)
    if len(runs) > 1:
        raise NotFound(f"`{undone}` fits {len(runs)} runs", hint=f"name one: {', '.join(runs)}")
    if not runs:
        _refuse_gone_on_with(ours, undone)
    problems = tuple(problems)
    theirs = next((each for each in ours if each.run in runs and not left_here(each, by=by, machines=machines)), None)
    if theirs is not None:
        name = theirs.machine or UNKNOWN_MACHINE
        raise Refused(
            f"run {theirs.run} was of machine {name}, which put {theirs.target} into service",
            hint=f"take it back there; or if that machine is gone: drtool adopt --leftovers {name}, then this again",
            safe="nothing was changed",
        )
    away = "; ".join(problem.what for problem in problems)
    chosen = _with_the_rest([leftover for leftover in ours if leftover.run in runs], ours)
    if not chosen:
        raise NotFound(
            f"nothing that run {undone} put into service can be taken back" + (f" ({away})" if away else ""),
            hint=next((problem.hint for problem in problems if problem.hint), "")
            or "drtool history names the runs; what was kept aside may be swept already, or its place is no longer in the policy",
            safe="nothing was changed",
        )
    going = next((each for each in chosen if each.removing), None)
    if going is not None:
        raise Refused(
            f"what run {going.run} kept as {going.locator} does not come back: its removal had begun",
            hint=f"what is left of it lies in {going.removing}: take out by hand what you need; drtool sweep removes the rest",
            safe="what is in service was not touched",
        )
    by_hand = [each for each in chosen if each.way_back]
    chosen = [each for each in chosen if not each.way_back]
    if not chosen:
        places = " and ".join(dict.fromkeys(each.target for each in by_hand))
        raise Refused(
            f"run {by_hand[0].run} put {places} into service, and drtool does not take that back by itself",
            hint="; ".join(each.way_back for each in by_hand),
            safe="nothing was changed",
        )
    since = [each for each in ours if each not in chosen and _exchanged_since(each, chosen)]
    if since:
        last = max(since, key=lambda each: each.run)
        elsewhere = "" if left_here(last, by=by, machines=machines) else f" of machine {last.machine}"
        raise Refused(
            f"{last.target} was exchanged again since, by run {last.run}{elsewhere}",
            hint=f"take that back first{elsewhere and ', there'}: drtool restore --undo {last.run}",
            safe="nothing was changed",
        )
    _refuse_covered(chosen, ours)
    steps: list[Step] = []
    for leftover in sorted(chosen, key=lambda each: (each.target.count("/") * (1 if each.took_back else -1), each.target)):
        gone = leftover.what == "placed"
        steps.append(
            Step(
                id=f"undo/{leftover.source}/{leftover.target or leftover.locator}",
                action=Undo(leftover),
                why="nothing was there before" if gone else f"{_what_comes_back(leftover)} is kept as {leftover.locator}",
                workload=f"{leftover.source}:{leftover.target}",
                needs=tuple(step.id for step in steps if isinstance(step.action, Undo) and _nested(step.action.leftover, leftover)),
                after=tuple(step.id for step in steps),
                uses=(f"source:{leftover.source}",),
            )
        )
    goes = "What was there before that restore" if any(each.took_back for each in chosen) else "What was restored"
    note = f"{goes} is kept aside, until `drtool sweep --kept`. No hooks are run: stop first what uses these places."
    notes = (note, *(f"not looked at: {problem.what}" for problem in problems))
    rest = tuple(
        Skipped(f"{each.source}:{each.target}", f"drtool does not take that back by itself: {each.way_back}", Outcome.PARTIAL.value)
        for each in by_hand
    )
    return Plan(verb="undo", run=run, policy=by, created=now, steps=tuple(steps), skipped=rest, notes=notes)


def _what_comes_back(leftover: Leftover) -> str:
    return f"what run {leftover.took_back} restored" if leftover.took_back else "what was there before"


def _refuse_gone_on_with(ours: list[Leftover], undone: str) -> None:
    """Refuse a run whose exchange was taken back, or brought back, by later ones: the last of them is what can be taken back."""
    for each in sorted(ours, key=lambda leftover: leftover.run, reverse=True):
        line = each.exchanged or tuple(filter(None, (each.brought_back or each.took_back,)))
        named = fitting(line, undone)
        if len(named) != 1:
            continue
        steps = len(line) - line.index(named[0])
        in_service = steps % 2 == 0 if each.exchanged else bool(each.brought_back)
        if in_service:
            raise NotFound(
                f"run {named[0]} was taken back, and what it did is done again since, by run {each.run}",
                hint=f"to take that back: drtool restore --undo {each.run}",
                safe="nothing was changed",
            )
        raise NotFound(
            f"run {named[0]} was taken back already, by run {each.run}",
            hint=f"to have again what it put into service: drtool restore --undo {each.run}",
            safe="nothing was changed",
        )


def _with_the_rest(chosen: list[Leftover], ours: list[Leftover]) -> list[Leftover]:
    """Add what other runs took back, or brought back, of the same restore: a call that died is gone on with under another run."""
    same = {(each.took_back, each.brought_back) for each in chosen} - {("", "")}
    return [each for each in ours if each in chosen or (each.took_back, each.brought_back) in same]


def _exchanged_since(later: Leftover, chosen: list[Leftover]) -> bool:
    """Tell whether a later run exchanged a place in or around one of the chosen.

    One that took back an exchange of since did not, nor one that had begun with what is asked for here.
    """
    return any(
        later.run > each.run
        and later.took_back < each.run
        and not (later.brought_back and later.brought_back == each.took_back)
        and _nested(later, each)
        for each in chosen
    )


def _refuse_covered(chosen: list[Leftover], ours: list[Leftover]) -> None:
    """Refuse what lies in something kept aside that does not come back with it."""
    back = {each.locator for each in chosen}
    covered = next((each for each in chosen if each.inside and each.inside not in back), None)
    if covered is not None:
        around = next(each for each in ours if each.locator == covered.inside)
        raise Refused(
            f"what is to come back to {covered.target} lies in {around.locator}, which run {around.run} put aside",
            hint=f"take that back first: drtool restore --undo {around.run}",
            safe="nothing was changed",
        )


def _nested(one: Leftover, other: Leftover) -> bool:
    return one.source == other.source and _touch(one.target, other.target)


def _touch(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other.rstrip('/')}/") or other.startswith(f"{one.rstrip('/')}/")
