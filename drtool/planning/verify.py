from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.model.plan import Plan, Step, Verify
from drtool.model.policy import Policy
from drtool.planning.repositories import named_repositories


def plan_verify(policy: Policy, *, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to read every byte of repositories against its digests; raises NotFound for an unknown repository."""
    steps = tuple(
        Step(
            id=f"verify/{name}",
            action=Verify(repository=name),
            why="only what was read again is known to be readable",
            uses=(f"repository:{name}",),
        )
        for name in named_repositories(policy, repositories)
    )
    return Plan(verb="verify", run=run, policy=policy.name, created=now, steps=steps)
