from __future__ import annotations

from collections.abc import Callable

from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.model.errors import Refused, UnknownName, WrongKey
from drtool.model.key import RemovedKey, RepositoryKey
from drtool.model.policy import Policy
from drtool.model.secret import SecretReference
from drtool.ports import KeyRing

RingWith = Callable[[SecretReference], KeyRing]


def key_remove(runtime: Runtime, repository: str, key: str, *, last: bool = False) -> RemovedKey:
    """Remove a key from a repository, by its id or the beginning of it; with `last` also the last that is not in use here."""
    name = runtime.repository_named(repository)
    with working(runtime):
        return remove_key(runtime.policy, name, key, ring=runtime.adapters.key_ring(name), ring_with=runtime.ring_of(name), last=last)


def remove_key(policy: Policy, repository: str, key: str, *, ring: KeyRing, ring_with: RingWith, last: bool) -> RemovedKey:
    """Remove a key that nothing of the policy opens the repository with; already gone is UnknownName.

    Raises Refused where it is in use, where the repository only takes, and where no other would be left outside of this machine.
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
    notes = _require_unused(policy, repository, chosen, ring_with)
    if not last and not any(each for each in keys if not each.current and each.id != chosen.id):
        raise Refused(
            f"{chosen.id} is the only key of {repository} besides the one in use: without it nothing can be read once this machine is lost",
            hint=f"add another first: drtool key add {repository} --file FILE; or say so: --last",
            safe="nothing was changed",
        )
    ring.remove(chosen.id)
    left = ring.list_keys()
    if any(each.id == chosen.id for each in left):
        raise Refused(f"{repository} was told to remove {chosen.id}, and still lists it", hint=f"drtool doctor {repository}")
    return RemovedKey(repository, chosen.id, chosen.user, chosen.host, len(left), notes)


def _chosen(repository: str, key: str, keys: tuple[RepositoryKey, ...]) -> RepositoryKey:
    fitting = [each for each in keys if key and (each.id.startswith(key) or key.startswith(each.id))]
    if len(fitting) != 1:
        count = "several keys" if fitting else "no key"
        raise UnknownName(f"{repository} has {count} `{key}`", hint="keys: " + ", ".join(each.id for each in keys))
    return fitting[0]


def _require_unused(policy: Policy, repository: str, chosen: RepositoryKey, ring_with: RingWith) -> tuple[str, ...]:
    """Refuse when a drill or another machine opens the repository with this key; return what could not be looked at."""
    place = policy.repositories[repository]
    used = [(f"the drill {drill.name}", drill.key) for drill in policy.drills.values() if drill.key and drill.repository == repository]
    used += [(f"seen_from {name}", address.password) for name, address in place.seen_from.items()]
    notes: tuple[str, ...] = ()
    for who, reference in used:
        if reference == place.address.password:
            continue
        try:
            opens = ring_with(reference).current()
        except WrongKey:
            continue
        except Refused:
            notes += (f"{reference} of {who} is not at hand: if it holds the removed key, it opens nothing any more",)
            continue
        if opens == chosen.id:
            raise Refused(
                f"{chosen.id} is the key of {who} ({reference})",
                hint=f"give it another first: drtool key add {repository} --file FILE",
                safe="nothing was changed",
            )
    return notes
