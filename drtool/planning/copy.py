from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.inventory import Inventory
from drtool.model.outcome import Outcome
from drtool.model.plan import Copy, Plan, Skipped, Step
from drtool.model.point import RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.caution import cautions
from drtool.planning.order import set_of
from drtool.planning.repository_view import RepositoryView, repository_views
from drtool.planning.retention import verdicts
from drtool.planning.words import spell_count

_NAMED = 5

_Holdings = Mapping[str, RepositoryView]


def plan_copy(policy: Policy, inventory: Inventory, *, sets: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to bring the copies of sets up to date, each with the points its own retention would keep, oldest first.

    A point that is not whole is brought again from a repository that holds it whole, also into the one that is written to. A
    repository that could not be listed still gets its step, which then tells the error. Raises NotFound for an unknown set.
    """
    held = repository_views(inventory, policy.repositories)
    steps: list[Step] = []
    skipped: list[Skipped] = []
    for name in dict.fromkeys(sets):
        backup_set = set_of(policy, name)
        if not backup_set.copies:
            skipped.append(Skipped(what=name, reason="the policy names no copies for it", set=name))
        origin = held[backup_set.to].listing
        healing = _healing_steps(policy, backup_set, held, now=now)
        steps += healing
        skipped += cautions(policy, backup_set, held, now=now, forgets=False)
        for copy in backup_set.copies:
            target = copy.repository
            points = lacking(policy, backup_set, held, target=target, now=now)
            what = f"{name}/{target}"
            if points:
                steps.append(copy_step(backup_set, held, target, points=points))
            elif origin.problem is not None:
                skipped.append(Skipped(what=what, reason=origin.problem.what, outcome="failed", set=name))
            elif not any(step.action.target == target for step in healing if isinstance(step.action, Copy)):
                skipped.append(Skipped(what=what, reason=f"{target} lacks nothing it would keep", set=name))
        skipped += _told_broken(policy, backup_set, held)
    return Plan(
        verb="copy",
        run=run,
        policy=policy.name,
        created=now,
        steps=tuple(steps),
        skipped=tuple(skipped),
    )


def copy_step(backup_set: BackupSet, held: _Holdings, target: str, *, points: tuple[str, ...], needs: tuple[str, ...] = ()) -> Step:
    """Return the step that copies points of a set from the repository it is written to into `target`."""
    return _step(backup_set, held, backup_set.to, target, points=points, needs=needs)


def lacking(
    policy: Policy,
    backup_set: BackupSet,
    held: _Holdings,
    *,
    target: str,
    now: datetime,
    fresh: RecoveryPoint | None = None,
) -> tuple[str, ...]:
    """Return the points of a set that `target` lacks or does not hold whole, and its retention would keep, oldest first.

    `fresh` is about to be sealed. A point dated in the future is copied: retention never deletes it either.
    """
    there = held[target].of(backup_set.name)
    present = {point.point for point in there if point.stored}
    candidates = {point.point: point for point in held[backup_set.to].of(backup_set.name) if _gives(point) and point.point not in present}
    oldest_first = _worth_having(policy, backup_set, held[target], candidates, target=target, now=now, fresh=fresh)
    return (*oldest_first, fresh.point) if fresh is not None else oldest_first


def _healing_steps(policy: Policy, backup_set: BackupSet, held: _Holdings, *, now: datetime) -> list[Step]:
    """Bring what is not whole from a copy that holds it whole, where the repository that is written to cannot give it."""
    repositories = policy.repositories_of(backup_set)
    from_first = {point.point for point in held[backup_set.to].of(backup_set.name) if point.stored}
    steps = []
    for target in repositories:
        broken = {point.point for point in held[target].of(backup_set.name) if not point.stored} - from_first
        for origin in repositories:
            if origin == target or not broken:
                continue
            candidates = {point.point: point for point in held[origin].of(backup_set.name) if _gives(point) and point.point in broken}
            points = _worth_having(policy, backup_set, held[target], candidates, target=target, now=now)
            if points:
                steps.append(_step(backup_set, held, origin, target, points=points))
            broken -= candidates.keys()
    return steps


def _worth_having(
    policy: Policy,
    backup_set: BackupSet,
    holding: RepositoryView,
    candidates: Mapping[str, RecoveryPoint],
    *,
    target: str,
    now: datetime,
    fresh: RecoveryPoint | None = None,
) -> tuple[str, ...]:
    if not candidates:
        return ()
    horizon = now + FUTURE_TOLERANCE
    there = [point for point in holding.of(backup_set.name) if point.point not in candidates]
    known = (*there, *candidates.values(), *([fresh] if fresh is not None else []))
    judged = verdicts(
        [point for point in known if point.instant <= horizon],
        policy.retention_in(backup_set, target),
        repository=target,
        set=backup_set.name,
        now=now,
        verified=holding.verified,
    )
    kept = {verdict.point for verdict in judged if verdict.reasons}
    wanted = [point for point in candidates.values() if point.point in kept or point.instant > horizon]
    return tuple(point.point for point in sorted(wanted, key=lambda point: (point.instant, point.point)))


def _gives(point: RecoveryPoint) -> bool:
    """Tell whether a copy of it can be worth something: all of its data is here, and what its platform keeps is not known to be gone."""
    return point.stored and not point.native.gone


def _step(
    backup_set: BackupSet, held: _Holdings, origin: str, target: str, *, points: tuple[str, ...], needs: tuple[str, ...] = ()
) -> Step:
    broken = {point.point for point in held[target].of(backup_set.name) if not point.stored}
    again = [point for point in points if point in broken]
    why = f"{target} lacks {spell_count(len(points), 'point')} that it keeps"
    why += f" ({len(again)} of them not whole there, brought again)" if again else ""
    return Step(
        id=f"{backup_set.name}/copy/{target}" + ("" if origin == backup_set.to else f"/from/{origin}"),
        action=Copy(origin=origin, target=target, points=points),
        why=why,
        set=backup_set.name,
        needs=needs,
        uses=(f"repository:{origin}", f"repository:{target}"),
    )


def _told_broken(policy: Policy, backup_set: BackupSet, held: _Holdings) -> list[Skipped]:
    """Name the points that are listed and whole in no repository that could be read."""
    name = backup_set.name
    listed: dict[str, list[str]] = {}
    whole: set[str] = set()
    for repository in policy.repositories_of(backup_set):
        for point in held[repository].of(name):
            listed.setdefault(point.point, []).append(repository)
            whole |= {point.point} if point.stored else set()
    native = _told_native(policy, backup_set, held)
    lost = sorted(listed.keys() - whole)
    if not lost:
        return native
    places = ", ".join(dict.fromkeys(repository for point in lost for repository in listed[point]))
    shown = ", ".join(lost[:_NAMED]) + (f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else "")
    reason = f"data of {spell_count(len(lost), 'point')} is gone from {places} and no other repository has it: {shown}"
    return [Skipped(f"{name}/whole", reason, Outcome.PARTIAL.value, set=name), *native]


def _told_native(policy: Policy, backup_set: BackupSet, held: _Holdings) -> list[Skipped]:
    """Name the points of which a platform keeps something that is gone, or that nobody can ask for: no copy brings that back."""
    name = backup_set.name
    points = {point.point: point for repository in policy.repositories_of(backup_set) for point in held[repository].of(name)}
    told = []
    for of, words in (
        ({each for each, point in points.items() if point.native.gone}, "is gone, and no repository has it"),
        ({each for each, point in points.items() if point.unasked}, "could not be asked for"),
    ):
        shown = ", ".join(sorted(of)[:_NAMED]) + (f" and {len(of) - _NAMED} more" if len(of) > _NAMED else "")
        if of:
            reason = f"what a platform keeps of {spell_count(len(of), 'point')} {words}: {shown}"
            told.append(Skipped(f"{name}/platform", reason, Outcome.PARTIAL.value, set=name, hint="drtool doctor"))
    return told
