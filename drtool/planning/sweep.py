from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from drtool.model.hold import FREEZE, Hold, active_holds
from drtool.model.inventory import Problem
from drtool.model.plan import EndHold, Plan, Release, Skipped, Step
from drtool.model.point import Unsealed
from drtool.model.workload import Leftover
from drtool.planning.standing import left_elsewhere, left_here
from drtool.planning.words import spell_instant


def plan_sweep(
    leftovers: Iterable[Leftover],
    *,
    run: str,
    now: datetime,
    by: str,
    machines: frozenset[str] = frozenset(),
    dead_runs: frozenset[str],
    live_runs: frozenset[str],
    ended_runs: frozenset[str] = frozenset(),
    kept: bool = False,
    unsealed: Mapping[str, Iterable[Unsealed]] | None = None,
    holds: Mapping[str, tuple[Hold, ...]] | None = None,
    problems: Iterable[Problem] = (),
    withheld: Iterable[Problem] = (),
) -> Plan:
    """Plan to release what runs that are over left behind, on sources and (by repository, `unsealed`) among stored data.

    Released is what carries our name and no other machine's, of a run that died on this host or whose lease is past; of a run that
    ended in order everything but its sandboxes and the labels of what it placed, which live as long as their lease; never of a live
    run, and what was kept aside only with `kept`. What stays for a reason that a person may want to know is told as skipped. A freeze
    (by repository, `holds`) of a restore that is over here is released; that of a run on another machine ends with its lease. What
    could not be asked or settled (`problems`) makes the sweep fail: what is left there is not known. What a policy out of a repository may
    not ask (`withheld`) is told.
    """
    alive = live_runs | {run}
    steps: dict[str, Step] = {}
    skipped = [Skipped(what=problem.what, reason=problem.hint or "sweep again when it answers", outcome="failed") for problem in problems]
    skipped += [Skipped(what=problem.what, reason=problem.hint) for problem in withheld]
    stored = _as_leftovers(unsealed or {})
    for leftover, copied in (*((leftover, False) for leftover in leftovers), *stored):
        if leftover.inside:  # it goes with what it lies in
            continue
        place = f"{leftover.source} {leftover.what} {leftover.locator}"
        if not left_here(leftover, by=by, machines=machines) and not _is_over(leftover, by=by, now=now):
            elsewhere = left_elsewhere(leftover, by=by, machines=machines)
            if elsewhere and leftover.what != "unsealed":  # what others store just now is no news
                skipped.append(Skipped(what=place, reason=elsewhere))
            continue
        stays = _why_it_stays(leftover, alive=alive, kept=kept)
        if not stays and copied and alive - {run}:
            # A copy keeps the labels of the run that stored the data: whether one is under way can only be told from who is alive.
            stays = "a run that may be copying it is alive"
        if stays:
            skipped.append(Skipped(what=place, reason=stays))
            continue
        why = _why_it_goes(leftover, now=now, dead_runs=dead_runs, ended_runs=ended_runs, kept=kept)
        if why:
            room = "repository" if leftover.what == "unsealed" else "source"
            identifier = f"sweep/{leftover.source}/{leftover.what}/{leftover.locator}"
            steps[identifier] = Step(
                id=identifier,
                action=Release(leftover=leftover),
                why=why,
                uses=(f"{room}:{leftover.source}",),
            )
    steps = {name: _after_staging(step, steps.values()) for name, step in steps.items()}
    for step in _thaws(holds or {}, now=now, by=by, over=(dead_runs | ended_runs) - alive):
        steps[step.id] = step
    return Plan(verb="sweep", run=run, policy=by, created=now, steps=tuple(steps.values()), skipped=tuple(skipped))


def in_pieces(leftovers: Iterable[Leftover], *, by: str, machines: frozenset[str]) -> tuple[Skipped, ...]:
    """Return the places that somebody else was exchanging and that may lie in pieces: what is stored of them may not be all."""
    return tuple(
        Skipped(
            what=f"what run {each.run} was exchanging at {each.target} when it died",
            reason=f"part of it may stand aside and not be stored; {left_elsewhere(each, by=by, machines=machines)}",
            outcome="partial",
        )
        for each in leftovers
        if each.what == "staging" and each.target and left_elsewhere(each, by=by, machines=machines)
    )


def _is_over(leftover: Leftover, *, by: str, now: datetime) -> bool:
    """Tell whether it is a sandbox of our name past its lease: it lies where the policy lets drills be, and has no other owner left."""
    expires = _instant(leftover.expires)
    return leftover.what == "sandbox" and leftover.by == by and expires is not None and expires <= now


def _after_staging(step: Step, all_steps: Iterable[Step]) -> Step:
    """Let what was kept aside go once what an exchange left in pieces is whole again: some of it may wait in there."""
    if not isinstance(step.action, Release) or step.action.leftover is None or step.action.leftover.what != "kept":
        return step
    first = tuple(
        other.id
        for other in all_steps
        if isinstance(other.action, Release)
        and other.action.leftover is not None
        and other.action.leftover.what == "staging"
        and other.action.leftover.source == step.action.leftover.source
    )
    return replace(step, after=first)


def _thaws(holds: Mapping[str, tuple[Hold, ...]], *, now: datetime, by: str, over: frozenset[str]) -> Iterable[Step]:
    for repository, records in holds.items():
        for hold in active_holds(records, now):
            if hold.kind == FREEZE and hold.by == by and hold.run in over:
                yield Step(
                    id=f"sweep/{repository}/hold/{hold.id}",
                    action=EndHold(repository=repository, hold=hold),
                    why=f"run {hold.run} is over",
                    uses=(f"repository:{repository}",),
                )


def _as_leftovers(unsealed: Mapping[str, Iterable[Unsealed]]) -> tuple[tuple[Leftover, bool], ...]:
    return tuple(
        (
            Leftover(
                source=repository,
                what="unsealed",
                locator=item.id,
                run=item.run,
                by=item.by,
                machine=item.machine,
                expires="" if item.expires is None else item.expires.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            ),
            item.copied,
        )
        for repository, items in unsealed.items()
        for item in items
    )


def _why_it_stays(leftover: Leftover, *, alive: frozenset[str], kept: bool) -> str:
    if leftover.run in alive:
        return f"run {leftover.run} is alive"
    if leftover.what == "kept" and not kept:
        return "what was kept aside goes only with `drtool sweep --kept`"
    return ""


def _why_it_goes(leftover: Leftover, *, now: datetime, dead_runs: frozenset[str], ended_runs: frozenset[str], kept: bool) -> str:
    if leftover.what == "kept" or (leftover.what == "placed" and kept):
        return "it was asked for: what was kept aside"
    if leftover.what != "placed" and leftover.run in dead_runs:
        return f"run {leftover.run} died on this host"
    if leftover.run in ended_runs and leftover.what not in ("sandbox", "placed"):
        return f"run {leftover.run} ended without it"
    expires = _instant(leftover.expires)
    return f"its lease ended {spell_instant(expires)}" if expires is not None and expires <= now else ""


def _instant(text: str) -> datetime | None:
    """Read an expiry; labels come from outside, so one that cannot be read never expires."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo is not None else None
