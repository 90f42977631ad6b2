from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drtool.model.plan import Forget, Step, Verdict
from drtool.model.point import RecoveryPoint
from drtool.model.policy import BackupSet, Policy, Quarantine
from drtool.planning.repository_view import RepositoryView
from drtool.planning.retention import verdicts
from drtool.planning.words import spell_count


@dataclass(frozen=True, slots=True)
class ForgetDecision:
    """What retention says of a set in one repository, once the fresh point is there."""

    repository: str
    verdicts: tuple[Verdict, ...]
    points: tuple[str, ...]
    """Those without a reason to be kept, oldest first."""
    natives: bool = False
    """Whether a platform keeps something of one of those."""


def decide_forget(
    policy: Policy,
    backup_set: BackupSet,
    holding: RepositoryView,
    *,
    fresh: RecoveryPoint,
    now: datetime,
    stopped: str = "",
) -> ForgetDecision | None:
    """Judge the points of a set in one repository as if `fresh` were sealed there; None when the repository could not be listed.

    `stopped` says why nothing is forgotten; empty: by the rules.
    """
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
        stopped=stopped,
    )
    lost = tuple(verdict.point for verdict in reversed(judged) if not verdict.reasons and verdict.point != fresh.point)
    going = frozenset(lost)
    natives = any(point.natives and point.point in going for point in holding.of(backup_set.name))
    return ForgetDecision(repository=listing.repository, verdicts=judged, points=lost, natives=natives)


def forget_step(
    backup_set: BackupSet,
    decision: ForgetDecision,
    *,
    expected: str,
    needs: tuple[str, ...],
    written: Mapping[str, tuple[str, ...]],
    rules: Quarantine,
    behind: tuple[str, ...] = (),
) -> Step:
    """Return the step that forgets; `written` names, by repository, the steps of the plan that write to it or read from it.

    `behind` are other forgettings of the set, which end first: the last claim takes along what a platform keeps.
    """
    return Step(
        id=f"{backup_set.name}/forget/{decision.repository}",
        action=Forget(repository=decision.repository, points=decision.points, expected=expected, rules=rules),
        why=f"no rule keeps {spell_count(len(decision.points), 'point')} in {decision.repository}",
        set=backup_set.name,
        needs=needs,
        after=(*(step for step in written[decision.repository] if step not in needs), *behind),
        uses=(f"repository:{decision.repository}",),
        alone=True,
    )
