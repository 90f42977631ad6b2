from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from drtool.model.hold import PIN, Hold, active_holds
from drtool.model.inventory import Problem
from drtool.model.label import UNKNOWN_MACHINE
from drtool.model.native import Claims
from drtool.model.plan import EndHold, Plan, Release, Skipped, Step
from drtool.model.point import Unsealed
from drtool.model.workload import LOCAL, NATIVE, QUIET, Leftover
from drtool.planning.pieces import is_down_for, lies_in_pieces, out_of_service
from drtool.planning.standing import left_elsewhere, left_here
from drtool.planning.words import spell_instant

_OF_NO_RUN = frozenset({"sandbox", "kept", "placed", "unsealed", "base", LOCAL})
"""What stays by its lease, or until a person asks for it, whoever made it: no news as long as it does."""


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
    over_runs: frozenset[str] = frozenset(),
    kept: bool = False,
    unsealed: Mapping[str, Iterable[Unsealed]] | None = None,
    holds: Mapping[str, tuple[Hold, ...]] | None = None,
    claims: Claims | None = None,
    problems: Iterable[Problem] = (),
    withheld: Iterable[Problem] = (),
) -> Plan:
    """Plan to release what runs that are over left behind, on sources and (by repository, `unsealed`) among stored data.

    Released is what carries our name and no other machine's, of a run that died on this host, of one that a person said is over
    (`over_runs`), or whose lease is past; of a run that ended in order everything but its sandboxes and the labels of what it placed,
    which live as long as their lease; never of a live run, and what was kept aside only with `kept`. What stays for a reason that a
    person may want to know is told as skipped, and so is what a run that nobody here knows has under way. A pin (by repository, `holds`)
    of a restore that is over here is released; what a platform keeps is no leftover while a manifest names it (`claims`), and stays while
    nobody knows what they name; that of a run on another machine ends with its lease. What could not be asked or settled
    (`problems`) makes the sweep fail: what is left there is not known. What a policy out of a repository may not ask (`withheld`) is told.
    """
    alive = live_runs | {run}
    steps: dict[str, Step] = {}
    skipped = [Skipped(what=problem.what, reason=problem.hint or "sweep again when it answers", outcome="failed") for problem in problems]
    skipped += [Skipped(what=problem.what, reason=problem.hint) for problem in withheld]
    stored = _as_leftovers(unsealed or {})
    for leftover, copied in (*((leftover, False) for leftover in leftovers), *stored):
        if leftover.inside or _is_claimed(leftover, claims):  # it goes with what it lies in, or is no leftover
            continue
        place = _place(leftover)
        if not left_here(leftover, by=by, machines=machines) and not _is_over(leftover, by=by, now=now):
            elsewhere = left_elsewhere(leftover, by=by, machines=machines)
            if elsewhere and leftover.what != "unsealed":  # what others store just now is no news
                outcome = "partial" if lies_in_pieces(leftover, by=by) or is_down_for(leftover, by=by) else "succeeded"
                skipped.append(Skipped(what=place, reason=elsewhere, outcome=outcome))
            continue
        stays = _why_it_stays(leftover, alive=alive, kept=kept, claims=claims)
        if not stays and copied and alive - {run}:
            # A copy keeps the labels of the run that stored the data: whether one is under way can only be told from who is alive.
            stays = "a run that may be copying it is alive"
        if stays:
            skipped.append(Skipped(what=place, reason=stays))
            continue
        why = _why_it_goes(leftover, now=now, dead_runs=dead_runs, ended_runs=ended_runs, over_runs=over_runs, kept=kept)
        untold = None if why else _nobody_knows(leftover, known=dead_runs | ended_runs)
        if untold is not None:
            skipped.append(untold)
        if why:
            room = "repository" if leftover.what == "unsealed" else "source"
            identifier = f"sweep/{leftover.source}/{leftover.what}/{leftover.locator}"
            steps[identifier] = Step(
                id=identifier,
                action=Release(leftover=leftover),
                why=f"{why}; {leftover.owes} was stopped for it" if leftover.owes else why,
                uses=(f"{room}:{leftover.source}",),
                alone=room == "repository",
            )
    first = sorted(steps.items(), key=lambda named: not _holds_still(named[1]))  # somebody waits for an answer meanwhile
    steps = {name: _after_staging(step, steps.values()) for name, step in first}
    for step in _thaws(holds or {}, now=now, by=by, over=(dead_runs | ended_runs) - alive):
        steps[step.id] = step
    return Plan(verb="sweep", run=run, policy=by, created=now, steps=tuple(steps.values()), skipped=tuple(skipped))


def _holds_still(step: Step) -> bool:
    return isinstance(step.action, Release) and step.action.leftover is not None and step.action.leftover.what == QUIET


def _is_claimed(leftover: Leftover, claims: Claims | None) -> bool:
    return leftover.what == NATIVE and claims is not None and (leftover.store, leftover.locator) in claims


def _place(leftover: Leftover) -> str:
    owes = f" ({leftover.owes}, stopped for it, is down)" if leftover.owes else ""
    return f"{leftover.source} {leftover.what} {leftover.locator}{owes}"


def _is_over(leftover: Leftover, *, by: str, now: datetime) -> bool:
    """Tell whether it is of our name and past its lease, and nobody's any more, whichever machine made it.

    A sandbox lies where the policy lets drills be; what is held still is to go on by then in any case.
    """
    expires = _instant(leftover.expires)
    return leftover.what in ("sandbox", QUIET) and leftover.by == by and expires is not None and expires <= now


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
            if hold.kind == PIN and hold.by == by and hold.run in over:
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


def _why_it_stays(leftover: Leftover, *, alive: frozenset[str], kept: bool, claims: Claims | None) -> str:
    if leftover.run in alive:
        return f"run {leftover.run} is alive"
    if leftover.what == "kept" and not kept and not leftover.removing:
        return "what was kept aside goes only with `drtool sweep --kept`"
    if leftover.what == NATIVE and claims is None:
        return "whether a manifest names it is not known: not every repository could be read"
    return ""


def _nobody_knows(leftover: Leftover, *, known: frozenset[str]) -> Skipped | None:
    """Tell what is ours and under way of a run that has no journal here: it may be alive elsewhere, so a person says that it is over."""
    if leftover.run in known or leftover.what in _OF_NO_RUN:
        return None
    expires = _instant(leftover.expires)
    lease = f" goes {spell_instant(expires)}" if expires is not None else " never goes by itself"
    return Skipped(
        what=_place(leftover),
        reason=f"this state directory has no journal of run {leftover.run}, which may be alive: it{lease}; if that run is over: "
        f"drtool adopt --leftovers {leftover.machine or UNKNOWN_MACHINE}, then drtool sweep",
        outcome="partial" if out_of_service(leftover) else "succeeded",
    )


def _why_it_goes(
    leftover: Leftover,
    *,
    now: datetime,
    dead_runs: frozenset[str],
    ended_runs: frozenset[str],
    over_runs: frozenset[str],
    kept: bool,
) -> str:
    if leftover.what in ("base", LOCAL):  # the run that left it ended in order: it stays for who goes on with it, or goes back to it
        return _lease_over(leftover, now=now)
    if leftover.removing:
        return "its removal had begun"
    if leftover.what == "kept" or (leftover.what == "placed" and kept):
        return "it was asked for: what was kept aside"
    if leftover.what != "placed" and leftover.run in dead_runs:
        return f"run {leftover.run} died on this host"
    if leftover.run in over_runs and leftover.what not in ("unsealed", "placed"):
        return f"run {leftover.run} was taken over by a person: it is over"
    if leftover.run in ended_runs and leftover.what not in ("sandbox", "placed"):
        return f"run {leftover.run} ended without it"
    return _lease_over(leftover, now=now)


def _lease_over(leftover: Leftover, *, now: datetime) -> str:
    expires = _instant(leftover.expires)
    return f"its lease ended {spell_instant(expires)}" if expires is not None and expires <= now else ""


def _instant(text: str) -> datetime | None:
    """Read an expiry; labels come from outside, so one that cannot be read never expires."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo is not None else None
