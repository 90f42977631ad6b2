from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.model.plan import Initialise, Plan, Step
from drtool.model.policy import Policy
from drtool.planning.repositories import named_repositories


def plan_initialise(policy: Policy, *, repositories: Iterable[str], run: str, now: datetime) -> Plan:
    """Plan to create repositories; a copy shares the chunker of the repository it is copied from, so that copies dedupe.

    Raises NotFound for an unknown repository.
    """
    wanted = named_repositories(policy, repositories)
    chunker_of = _chunkers(policy)
    ordered: dict[str, None] = {}
    for name in wanted:
        chain = [name]
        while chunker_of.get(chain[-1]) in wanted:
            chain.append(chunker_of[chain[-1]])
        ordered.update(dict.fromkeys(reversed(chain)))
    steps = []
    for name in ordered:
        origin = chunker_of.get(name, "")
        steps.append(
            Step(
                id=f"initialise/{name}",
                action=Initialise(repository=name, chunker_of=origin),
                why=f"it shares the chunker of {origin}, so that copies dedupe" if origin else "sets are written to it",
                needs=(f"initialise/{origin}",) if origin in ordered else (),
                uses=(f"repository:{name}", f"repository:{origin}") if origin else (f"repository:{name}",),
            )
        )
    return Plan(verb="initialise", run=run, policy=policy.name, created=now, steps=tuple(steps))


def _chunkers(policy: Policy) -> dict[str, str]:
    """Return the origin of each copy repository, never in a circle."""
    origins: dict[str, str] = {}
    for backup_set in policy.sets.values():
        for copy in backup_set.copies:
            above = backup_set.to
            while above in origins and above != copy.repository:
                above = origins[above]
            if above != copy.repository:
                origins.setdefault(copy.repository, backup_set.to)
    return origins
