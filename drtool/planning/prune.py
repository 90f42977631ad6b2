from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.model.plan import Plan, Prune, Step
from drtool.model.policy import Policy
from drtool.planning.repositories import named_repositories


def plan_prune(policy: Policy, *, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to free the space that nothing claims; raises NotFound for an unknown repository."""
    steps = tuple(
        Step(
            id=f"prune/{name}",
            action=Prune(repository=name),
            why="forgetting removes only the claim; this frees the space",
            uses=(f"repository:{name}",),
            alone=True,
        )
        for name in named_repositories(policy, repositories)
    )
    return Plan(verb="prune", run=run, policy=policy.name, created=now, steps=steps)
