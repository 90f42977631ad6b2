from __future__ import annotations

import os
from collections.abc import Callable

from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.engine.adapters import Adapters
from drtool.model.errors import DrtoolError, WrongKey
from drtool.model.key import AddedKey
from drtool.model.secret import Secret, SecretReference
from drtool.ports import KeyRing
from drtool.secrets.keyfile import NewKeyFile, fresh_passphrase
from drtool.secrets.medium import require_mounted

USER = "drtool"


def key_add(runtime: Runtime, repository: str, *, file: str = "", name: str = "break-glass") -> tuple[AddedKey, Secret]:
    """Add a fresh key to a repository, written to a new file when one is named; returns the passphrase to be shown once."""
    chosen = runtime.repository_named(repository)
    with working(runtime):
        return add_key(runtime.adapters, chosen, name=name, file=os.path.abspath(file) if file else "", ring_with=runtime.ring_of(chosen))


def add_key(
    adapters: Adapters, repository: str, *, name: str, file: str, ring_with: Callable[[SecretReference], KeyRing]
) -> tuple[AddedKey, Secret]:
    """Add a fresh key to a repository; with `file` its passphrase is written there, never over anything, and opens it from there.

    Killed anywhere, a file of that name opens the repository or does not exist: the passphrase lies beside it until it does, and the same
    call again goes on from there. Refused where a medium is meant that is not mounted.
    """
    ring = adapters.key_ring(repository)
    if not file:
        passphrase = fresh_passphrase()
        before = {key.id for key in ring.list_keys()}
        ring.add(passphrase, user=USER, host=name)
        fresh = [key.id for key in ring.list_keys() if key.id not in before]
        return AddedKey(repository, "".join(fresh[:1]), USER, name, file), passphrase
    require_mounted(file)
    new = NewKeyFile(file)
    new.require_free()
    part = SecretReference("file", new.part)
    if not _opens(ring_with, new):
        new.write(fresh_passphrase())
        try:
            ring.add(new.read(), user=USER, host=name)
        except DrtoolError:
            new.discard()
            raise
    passphrase, made = new.read(), ring_with(part).current()
    new.finish()
    return AddedKey(repository, made, USER, name, file), passphrase


def _opens(ring_with: Callable[[SecretReference], KeyRing], new: NewKeyFile) -> bool:
    """Tell whether an earlier call that was killed added its key already."""
    if not os.path.lexists(new.part):
        return False
    try:
        ring_with(SecretReference("file", new.part)).current()
    except WrongKey:
        return False
    return True
