from __future__ import annotations

from collections.abc import Collection

from drtool.model.errors import Refused
from drtool.model.secret import Secret, SecretReference
from drtool.ports import SecretStore


class OnlyGiven:
    """Resolves the references that the command line gave and no other: one out of a repository would be read, and sent, by its order."""

    def __init__(self, store: SecretStore, given: Collection[SecretReference]) -> None:
        self._store = store
        self._given = frozenset(given)

    def resolve(self, reference: SecretReference) -> Secret:
        if reference in self._given:
            return self._store.resolve(reference)
        raise Refused(
            f"the secret {reference} is named by a policy that came out of the repository, and is not looked up",
            hint="read that policy first; --trust-commands uses it as it is",
            safe="nothing was read",
        )
