from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from drtool.model.inventory import Listing
from drtool.model.policy import Policy
from drtool.model.secret import SecretReference
from drtool.planning.evidence import believable
from drtool.planning.proof import passed


def opened_with(policy: Policy, repository: str, reference: SecretReference) -> Policy:
    """Return the policy with this repository alone, and with this key in place of every other that opens it.

    What is built from it has no way to the key in use.
    """
    found = policy.repositories[repository]
    keyed = replace(
        found,
        address=replace(found.address, password=reference),
        seen_from={source: replace(address, password=reference) for source, address in found.seen_from.items()},
    )
    return replace(policy, repositories={repository: keyed})


def last_proofs(listing: Listing) -> Mapping[str, datetime]:
    """Return when each key, by its id, last opened this repository alone: in a proof of it, or in a drill that passed."""
    proven: dict[str, datetime] = {}
    for evidence in believable(listing):
        if evidence.key and evidence.subject in ("key", "drill") and passed(evidence):
            proven[evidence.key] = max(evidence.ended, proven.get(evidence.key, evidence.ended))
    return proven


def other_secrets(policy: Policy, repository: str) -> tuple[tuple[str, SecretReference], ...]:
    """Return what besides a repository's own keys the policy opens or signs with: whose it is in words, and its reference."""
    found: list[tuple[str, SecretReference]] = []
    for name, other in policy.repositories.items():
        addresses = (other.address, *other.seen_from.values())
        if name != repository:
            found += [(name, address.password) for address in addresses]
        found += [
            (f"{variable} of {name}", value)
            for address in addresses
            for variable, value in address.environment.items()
            if isinstance(value, SecretReference)
        ]
    found += [(f"the drill {drill.name}", drill.key) for drill in policy.drills.values() if drill.key and drill.repository != repository]
    if policy.evidence_key is not None:
        found.append(("the evidence", policy.evidence_key))
    return tuple(dict.fromkeys(found))
