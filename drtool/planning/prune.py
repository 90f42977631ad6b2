from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.model.errors import Refused
from drtool.model.plan import Plan, Prune, Step
from drtool.model.policy import Policy
from drtool.planning.repositories import named_repositories


def plan_prune(policy: Policy, *, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to free the space that nothing claims; one that only takes is left out.

    Raises NotFound for an unknown repository, and Refused where none is left.
    """
    names = named_repositories(policy, repositories)
    only_taking = [name for name in names if policy.repositories[name].append_only]
    if only_taking and len(only_taking) == len(names):
        raise Refused(
            f"{', '.join(only_taking)} cannot be pruned from here: append_only stands in the policy",
            hint="prune on its trusted side",
            safe="nothing was removed",
        )
    steps = tuple(
        Step(
            id=f"prune/{name}",
            action=Prune(repository=name),
            why="forgetting removes only the claim; this frees the space",
            uses=(f"repository:{name}",),
            alone=True,
        )
        for name in names
        if name not in only_taking
    )
    notes = tuple(f"{name} is not pruned from here, it is append_only: its trusted side does" for name in only_taking)
    return Plan(verb="prune", run=run, policy=policy.name, created=now, steps=steps, notes=notes)
