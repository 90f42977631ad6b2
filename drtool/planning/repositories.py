from __future__ import annotations

from collections.abc import Iterable

from drtool.model.nearest import named
from drtool.model.policy import Policy


def named_repositories(policy: Policy, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each; raises UnknownName for one the policy does not have."""
    return tuple(named(name, policy.repositories, "repository") for name in dict.fromkeys(names))
