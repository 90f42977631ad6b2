"""A repository whose key file is not there: was it never made, or is the key what is missing?"""

from __future__ import annotations

import os
from collections.abc import Callable

from drtool.model.errors import DrtoolError, NoRepository, Refused
from drtool.model.location import FAR_SCHEMES
from drtool.model.memory import missed_hint
from drtool.model.policy import Address, RepositoryPolicy
from drtool.ports import SecretStore
from drtool.repositories.restic.address import Access, resolve


def key_is_gone(address: Address) -> bool:
    """Tell whether the key file that an address names is not there."""
    if address.password.scheme != "file":
        return False
    try:
        os.lstat(os.path.expanduser(address.password.value))
    except FileNotFoundError:
        return True
    except OSError:  # what may not be looked at may be there
        return False
    return False


def resolved(policy: RepositoryPolicy, secrets: SecretStore, *, was_there: Callable[[], bool]) -> Access:
    """Return how a repository is reached from here; where its key file is not there, the error says what that means."""
    try:
        return resolve(policy.address, secrets)
    except Refused as error:
        # One that may not be looked up is another matter.
        if isinstance(error.__context__, FileNotFoundError) and key_is_gone(policy.address):
            raise without_key(policy.name, policy.address, was_there=was_there()) from None
        raise


def without_key(name: str, address: Address, *, was_there: bool) -> DrtoolError:
    """Return what a missing key file means: nothing lies at the place either, so it was never made; or only the key is missing.

    Anything that lies at its place may be the repository, and what is not mounted or far away may hold it: then nothing is claimed.
    Where this machine knows of one (`was_there`), it is missed, and none is made in its place.
    """
    location, key = address.location.removeprefix("local:"), address.password
    init, safe = f"drtool init {name}", "nothing was started"
    if location.partition(":")[0] in FAR_SCHEMES:
        hint = "bring that key back, the recovery sheet says which it is"
        hint = f"{missed_hint(name)}; its key: {hint}" if was_there else f"if {name} was never made: {init}; if it was: {hint}"
        return Refused(f"the key {key} of {name} is not there", hint=hint, safe=safe)
    if _is_taken(location):
        hint = f"bring that key back, the recovery sheet says which it is: something lies at {location}"
        return Refused(f"the key {key} of {name} is not there", hint=hint, safe=safe)
    if was_there:
        what = f"the repository {name} is not there: neither {location} nor its key {key} is"
        return NoRepository(what, hint=missed_hint(name), safe=safe)
    what = f"the repository {name} is not there yet: neither {location} nor its key {key} is"
    if not os.path.isdir(os.path.dirname(location.rstrip("/"))):
        return NoRepository(what, hint=f"{init}; if it was made before: mount its disk, and bring its key back", safe=safe)
    return NoRepository(what, hint=init, safe=safe)


def _is_taken(location: str) -> bool:
    try:
        return bool(os.listdir(location))
    except FileNotFoundError:
        return False
    except OSError:  # it is no folder, or closed to us: something is there
        return True
