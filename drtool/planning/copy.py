from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.inventory import Inventory
from drtool.model.plan import Copy, Plan, Skipped, Step
from drtool.model.point import FUTURE_TOLERANCE, RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.planning.holdings import Holding, holdings
from drtool.planning.order import set_of
from drtool.planning.retention import verdicts
from drtool.planning.words import spell_count


def plan_copy(policy: Policy, inventory: Inventory, *, sets: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to bring the copies of sets up to date, each with the points its own retention would keep, oldest first.

    A repository that could not be listed still gets its step, which then tells the error. Raises NotFound for an unknown set.
    """
    held = holdings(inventory, policy.repositories, by=policy.name)
    steps: list[Step] = []
    skipped: list[Skipped] = []
    for name in dict.fromkeys(sets):
        backup_set = set_of(policy, name)
        if not backup_set.copies:
            skipped.append(Skipped(what=name, reason="the policy names no copies for it", set=name))
        origin = held[backup_set.to].listing
        for copy in backup_set.copies:
            target = copy.repository
            points = lacking(policy, backup_set, held, target=target, now=now)
            what = f"{name}/{target}"
            if points:
                steps.append(copy_step(backup_set, target, points=points))
            elif origin.problem is not None:
                skipped.append(Skipped(what=what, reason=origin.problem.what, outcome="failed", set=name))
            else:
                skipped.append(Skipped(what=what, reason=f"{target} lacks nothing it would keep", set=name))
    return Plan(
        verb="copy",
        run=run,
        policy=policy.name,
        created=now,
        steps=tuple(steps),
        skipped=tuple(skipped),
    )


def copy_step(backup_set: BackupSet, target: str, *, points: tuple[str, ...], needs: tuple[str, ...] = ()) -> Step:
    """Return the step that copies points of a set from the repository it is written to into `target`."""
    return Step(
        id=f"{backup_set.name}/copy/{target}",
        action=Copy(origin=backup_set.to, target=target, points=points),
        why=f"{target} lacks {spell_count(len(points), 'point')} that it keeps",
        set=backup_set.name,
        needs=needs,
        uses=(f"repository:{backup_set.to}", f"repository:{target}"),
    )


def lacking(
    policy: Policy,
    backup_set: BackupSet,
    held: Mapping[str, Holding],
    *,
    target: str,
    now: datetime,
    fresh: RecoveryPoint | None = None,
) -> tuple[str, ...]:
    """Return the points of a set that `target` lacks and its retention would keep, oldest first; `fresh` is about to be sealed.

    A point dated in the future is copied: retention never deletes it either.
    """
    there = held[target].of(backup_set.name)
    present = {point.point for point in there}
    candidates = {point.point: point for point in held[backup_set.to].of(backup_set.name) if point.point not in present}
    if not candidates:
        return (fresh.point,) if fresh is not None else ()
    horizon = now + FUTURE_TOLERANCE
    known = (*there, *candidates.values(), *([fresh] if fresh is not None else []))
    judged = verdicts(
        [point for point in known if point.instant <= horizon],
        policy.retention_in(backup_set, target),
        repository=target,
        set=backup_set.name,
        now=now,
        verified=held[target].verified,
    )
    kept = {verdict.point for verdict in judged if verdict.reasons}
    wanted = [point for point in candidates.values() if point.point in kept or point.instant > horizon]
    oldest_first = tuple(point.point for point in sorted(wanted, key=lambda point: (point.instant, point.point)))
    return (*oldest_first, fresh.point) if fresh is not None else oldest_first
