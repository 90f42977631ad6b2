"""Who opens a repository besides the policy's own entry of it."""

from __future__ import annotations

from collections.abc import Iterator

from drtool.model.policy import Policy
from drtool.model.secret import SecretReference


def holders(policy: Policy, repository: str) -> Iterator[tuple[str, SecretReference]]:
    """Yield the drills and the other machines of a policy that open a repository, in words, and what each opens it with."""
    for drill in policy.drills.values():
        if drill.key and drill.repository == repository:
            yield f"the drill {drill.name}", drill.key
    for machine, address in policy.repositories[repository].seen_from.items():
        yield f"seen_from {machine}", address.password
