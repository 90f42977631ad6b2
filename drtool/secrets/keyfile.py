from __future__ import annotations

import os
import secrets

from drtool.model.errors import Refused
from drtool.model.secret import SecretReference

KEY_BYTES = 32


def make_key_file(reference: SecretReference) -> bool:
    """Write a fresh random key where a `file:` reference points and nothing is yet (0600); False when there is one, or no file is meant."""
    if reference.scheme != "file" or os.path.lexists(reference.value):
        return False
    try:
        os.makedirs(os.path.dirname(reference.value), mode=0o700, exist_ok=True)
        descriptor = os.open(reference.value, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(KEY_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise Refused(
            f"the key file {reference.value} cannot be written: {error.strerror}", hint="make its folder, or run as root"
        ) from None
    return True


def remove_key_file(reference: SecretReference) -> None:
    """Take back a key that `make_key_file` made and no repository uses."""
    os.unlink(reference.value)
