from __future__ import annotations

from collections.abc import Callable

from drtool.engine.hands import Hands
from drtool.model.errors import DrtoolError
from drtool.model.key import AddedKey
from drtool.model.secret import Secret, SecretReference
from drtool.ports import KeyRing
from drtool.secrets.keyfile import fresh_passphrase, remove_key_file, write_key_file

USER = "drtool"


def add_key(
    hands: Hands, repository: str, *, name: str, file: str, ring_with: Callable[[SecretReference], KeyRing]
) -> tuple[AddedKey, Secret]:
    """Add a fresh key to a repository; with `file` its passphrase is written there first, never over anything, and opens it from there.

    Killed in between, the file holds a key that opens nothing, and `key prove` tells so.
    """
    ring = hands.key_rings[repository]
    passphrase = fresh_passphrase()
    before = {key.id for key in ring.list_keys()}
    if file:
        write_key_file(file, passphrase)
    try:
        ring.add(passphrase, user=USER, host=name)
    except DrtoolError:
        if file:
            remove_key_file(SecretReference("file", file))
        raise
    fresh = [key.id for key in ring.list_keys() if key.id not in before]
    made = ring_with(SecretReference("file", file)).current() if file else "".join(fresh[:1])
    return AddedKey(repository, made, USER, name, file), passphrase
