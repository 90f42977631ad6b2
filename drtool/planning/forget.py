from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drtool.model.plan import Forget, Step, Verdict
from drtool.model.point import RecoveryPoint
from drtool.model.policy import BackupSet, Policy, Quarantine
from drtool.planning.holdings import Holding
from drtool.planning.retention import verdicts
from drtool.planning.words import spell_count


@dataclass(frozen=True, slots=True)
class ForgetDecision:
    """What retention says of a set in one repository, once the fresh point is there."""

    repository: str
    verdicts: tuple[Verdict, ...]
    points: tuple[str, ...]
    """Those without a reason to be kept, oldest first."""


def decide_forget(
    policy: Policy,
    backup_set: BackupSet,
    holding: Holding,
    *,
    fresh: RecoveryPoint,
    now: datetime,
) -> ForgetDecision | None:
    """Judge the points of a set in one repository as if `fresh` were sealed there; None when the repository could not be listed."""
    listing = holding.listing
    if listing.problem is not None:
        return None
    judged = verdicts(
        (*holding.of(backup_set.name), fresh),
        policy.retention_in(backup_set, listing.repository),
        repository=listing.repository,
        set=backup_set.name,
        now=now,
        verified=holding.verified,
        holds=listing.holds,
        damaged=holding.damaged,
    )
    lost = tuple(verdict.point for verdict in reversed(judged) if not verdict.reasons and verdict.point != fresh.point)
    return ForgetDecision(repository=listing.repository, verdicts=judged, points=lost)


def forget_step(
    backup_set: BackupSet,
    decision: ForgetDecision,
    *,
    expected: str,
    needs: tuple[str, ...],
    written: Mapping[str, tuple[str, ...]],
    rules: Quarantine,
) -> Step:
    """Return the step that forgets; `written` names, by repository, the steps of the plan that write to it or read from it."""
    return Step(
        id=f"{backup_set.name}/forget/{decision.repository}",
        action=Forget(repository=decision.repository, points=decision.points, expected=expected, rules=rules),
        why=f"no rule keeps {spell_count(len(decision.points), 'point')} in {decision.repository}",
        set=backup_set.name,
        needs=needs,
        after=tuple(step for step in written[decision.repository] if step not in needs),
        uses=(f"repository:{decision.repository}",),
    )
