from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.inventory import Listing
from drtool.model.plan import Plan, Step, Verify
from drtool.model.policy import Policy, VerifyPolicy
from drtool.planning.reading import next_slice, slices_of
from drtool.planning.repositories import named_repositories
from drtool.planning.words import spell_duration


def plan_verify(policy: Policy, *, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to read every byte of repositories against its digests; raises NotFound for an unknown repository."""
    steps = tuple(
        _step(name, Verify(repository=name), why="only what was read again is known to be readable")
        for name in named_repositories(policy, repositories)
    )
    return Plan(verb="verify", run=run, policy=policy.name, created=now, steps=steps)


def plan_verify_point(policy: Policy, *, point: str, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to read what one point needs, in each of the repositories; raises NotFound for an unknown repository."""
    steps = tuple(
        _step(name, Verify(repository=name, point=point), why=f"what {point} needs is read again, and nothing else")
        for name in named_repositories(policy, repositories)
    )
    return Plan(verb="verify", run=run, policy=policy.name, created=now, steps=steps)


def plan_due_verify(policy: Policy, listings: Mapping[str, Listing], *, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan the readings whose time has come: a repository with a `cycle` its next slice, any other everything."""
    steps: list[Step] = []
    for name in named_repositories(policy, repositories):
        rules = policy.repositories[name].verify
        slices = slices_of(rules) if rules is not None else 1
        if slices < 2:  # noqa: PLR2004 - one slice is everything
            steps += plan_verify(policy, repositories=(name,), now=now, run=run).steps
            continue
        number, cycle = next_slice(listings.get(name), slices=slices)
        action = Verify(repository=name, slice=number, slices=slices, cycle=cycle)
        steps.append(_step(name, action, why=f"slice {number} of {slices}: everything is read again within {_within(rules)}"))
    return Plan(verb="verify", run=run, policy=policy.name, created=now, steps=tuple(steps))


def _step(name: str, action: Verify, *, why: str) -> Step:
    return Step(id=f"verify/{name}", action=action, why=why, uses=(f"repository:{name}",), alone=True)


def _within(rules: VerifyPolicy | None) -> str:
    return spell_duration(rules.cycle) if rules is not None and rules.cycle is not None else "each time"
