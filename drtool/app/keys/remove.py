from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from drtool.app.keys.holders import holders
from drtool.app.runtime import Runtime
from drtool.app.working import alone_with
from drtool.model.errors import Refused, UnknownName, WrongKey
from drtool.model.key import ID_CHARACTERS, RemovedKey, RepositoryKey
from drtool.model.policy import Policy
from drtool.model.secret import SecretReference
from drtool.planning.keys import last_proofs
from drtool.ports import KeyRing
from drtool.secrets.rotating_file import RotatingFile

RingWith = Callable[[SecretReference], KeyRing]

_AN_ID: Final = re.compile(f"[0-9a-f]{{{ID_CHARACTERS}}}|[0-9a-f]{{64}}")


def key_remove(runtime: Runtime, repository: str, key: str, *, anyway: bool = False) -> RemovedKey:
    """Remove a key from a repository, by its id as `key_list` tells it or whole; no run of its sets may be going on.

    With `anyway` also where no proven key but the one in use is left then, or where a key of the policy is not at hand to be compared.
    """
    name, policy = runtime.repository_named(repository), runtime.policy
    sets = tuple(each.name for each in policy.sets.values() if name in policy.repositories_of(each))
    with alone_with(runtime, sets), _no_rotation(policy, name):
        ring = runtime.adapters.key_ring(name)
        proven = last_proofs(runtime.adapters.repositories[name].list())
        return remove_key(policy, name, key, ring=ring, ring_with=runtime.ring_of(name), proven=proven, anyway=anyway)


def remove_key(
    policy: Policy, repository: str, key: str, *, ring: KeyRing, ring_with: RingWith, proven: Mapping[str, datetime], anyway: bool
) -> RemovedKey:
    """Remove a key that nothing of the policy opens the repository with; `proven` says by id when each last opened it alone.

    Raises UnknownName for what is no key there; Refused where it is in use, where the repository only takes, and, but with `anyway`, where
    nobody can tell or no other proven one would be left.
    """
    if policy.repositories[repository].append_only:
        raise Refused(
            f"{repository} lets nothing be removed from here: append_only stands in the policy",
            hint=f"on its trusted side: drtool key remove {repository} {key}",
            safe="nothing was changed",
        )
    keys = ring.list_keys()
    chosen = _chosen(repository, key, keys)
    if chosen.current:
        raise Refused(
            f"{chosen.id} is the key that this policy opens {repository} with",
            hint=f"a fresh one in its place: drtool key rotate {repository}",
            safe="nothing was changed",
        )
    notes = _require_unused(policy, repository, chosen, ring_with, anyway=anyway)
    if not anyway and not any(each.id in proven for each in keys if not each.current and each.id != chosen.id):
        raise Refused(
            f"without {chosen.id} no key of {repository} besides the one in use is left that was ever proven to open it",
            hint=f"prove another first: drtool key prove {repository} --file FILE (drtool key add makes one); or say so: --anyway",
            safe="nothing was changed",
        )
    ring.remove(key)
    left = ring.list_keys()
    if any(each.id == chosen.id for each in left):
        raise Refused(f"{repository} was told to remove {chosen.id}, and still lists it", hint=f"drtool doctor {repository}")
    return RemovedKey(repository, chosen.id, chosen.user, chosen.host, len(left), notes)


@contextlib.contextmanager
def _no_rotation(policy: Policy, repository: str) -> Iterator[None]:
    """Keep rotations of the policy's key file out; Refused where one was not finished, as one of the keys is on its way into the file."""
    reference = policy.repositories[repository].address.password
    if reference.scheme != "file":
        yield
        return
    file = RotatingFile(reference)
    with file.alone():
        if file.is_begun:
            raise Refused(
                f"a rotation of {file.path} is not finished",
                hint=f"first: drtool key rotate {repository}",
                safe="nothing was changed",
            )
        yield


def _chosen(repository: str, key: str, keys: tuple[RepositoryKey, ...]) -> RepositoryKey:
    fitting = [each for each in keys if key.startswith(each.id)] if _AN_ID.fullmatch(key) else []
    if len(fitting) != 1:
        count = "several keys" if fitting else "no key"
        raise UnknownName(f"{repository} has {count} `{key}`", hint="keys: " + ", ".join(each.id for each in keys))
    return fitting[0]


def _require_unused(policy: Policy, repository: str, chosen: RepositoryKey, ring_with: RingWith, *, anyway: bool) -> tuple[str, ...]:
    """Refuse when a drill or another machine opens the repository with this key, or nobody can tell; return what that is, with `anyway`."""
    place = policy.repositories[repository]
    notes: tuple[str, ...] = ()
    for who, reference in holders(policy, repository):
        if reference == place.address.password:
            continue
        why = "opens it, and which key that is is not told"
        try:
            opens = ring_with(reference).current()
        except WrongKey:
            continue
        except Refused:
            opens, why = "", "is not at hand"
        if not opens:
            if not anyway:
                raise Refused(
                    f"{reference} of {who} {why}: whether {chosen.id} is its key cannot be told",
                    hint="bring the medium that holds it; or say so: --anyway",
                    safe="nothing was changed",
                )
            notes += (f"{reference} of {who} {why}: if it holds the removed key, it opens nothing any more",)
            continue
        if opens == chosen.id:
            raise Refused(
                f"{chosen.id} is the key of {who} ({reference})",
                hint=f"give it another first: drtool key add {repository} --file FILE",
                safe="nothing was changed",
            )
    return notes
