from __future__ import annotations

from collections.abc import Iterable

from drtool.model.errors import UnknownName
from drtool.model.policy import Policy


def named_repositories(policy: Policy, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each; raises UnknownName that tells the names there are."""
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in policy.repositories:
            known = ", ".join(sorted(policy.repositories)) or "none"
            raise UnknownName(f"the policy has no repository `{name}`", hint=f"the repositories are: {known}")
    return wanted
