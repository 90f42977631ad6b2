from __future__ import annotations

from drtool.model.secret import parse_reference
from drtool.ports import SecretStore


def resolved(text: str, secrets: SecretStore) -> str:
    """Return what a value says, looked up where it refers to a secret; Refused as by the store."""
    reference = parse_reference(text)
    return text if reference is None else secrets.resolve(reference).reveal().strip()
