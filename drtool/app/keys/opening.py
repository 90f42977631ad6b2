from __future__ import annotations

from drtool.app.composition import make_secrets
from drtool.engine.adapters import Adapters
from drtool.model.errors import Refused, WrongKey
from drtool.model.key import UsedKey
from drtool.model.secret import SecretReference


def require_open(adapters: Adapters, repository: str, reference: SecretReference, *, what: str) -> UsedKey:
    """Open a repository with adapters that know this key alone, before anything else is done; `what` needs it.

    Raises Refused when the key is not at hand, WrongKey when it opens nothing here.
    """
    try:
        make_secrets().resolve(reference)
    except Refused as error:
        raise Refused(
            f"{what} opens {repository} with {reference} alone, and that key is not at hand: {error.what}",
            hint=f"bring the medium that holds it, or mount it so that only its owner can read it ({error.hint})",
            safe="nothing was started",
        ) from None
    try:
        used = UsedKey(adapters.key_ring(repository).current(), str(reference))
    except WrongKey:
        raise WrongKey(
            f"{what}: {reference} does not open the repository {repository}",
            hint=f"look for the right key: drtool key list {repository}; or make a new one: drtool key add {repository} --file FILE",
            safe="nothing was started; the key in use was not asked",
        ) from None
    if adapters.key_ring(repository).needs_white_space:
        raise WrongKey(
            f"{what}: {reference} opens {repository} only with the white space around the passphrase, which restic cuts off",
            hint=f"make a key that restic alone opens it with: drtool key add {repository} --file FILE",
            safe="nothing was started",
        )
    return used
