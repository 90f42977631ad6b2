from __future__ import annotations

import secrets
from collections.abc import Collection

from drtool.model.secret import Secret, SecretReference
from drtool.ports import SecretStore


class WrongPasswords:
    """Resolves passwords to ones that are nobody's, and every other reference truly: what a locked door is tried with."""

    def __init__(self, store: SecretStore, passwords: Collection[SecretReference]) -> None:
        self._store = store
        self._passwords = {each: Secret(secrets.token_hex(20)) for each in passwords}

    def resolve(self, reference: SecretReference) -> Secret:
        return self._passwords.get(reference) or self._store.resolve(reference)
