from __future__ import annotations

from collections.abc import Callable

from drtool.app.composition import make_secrets
from drtool.app.keys.holders import holders
from drtool.app.runtime import Runtime
from drtool.app.working import alone_with
from drtool.model.errors import Refused, WrongKey
from drtool.model.key import RotatedKey
from drtool.model.policy import Policy
from drtool.model.secret import Secret, SecretReference
from drtool.planning.keys import other_secrets
from drtool.ports import KeyRing, SecretStore
from drtool.secrets.keyfile import is_same_file
from drtool.secrets.rotating_file import RotatingFile

RingWith = Callable[[SecretReference], KeyRing]

_OTHER_PLACES = {
    "env": "where that variable comes from",
    "credential": "where the unit's LoadCredential= takes it from",
    "command": "where that command takes it from",
}


def key_rotate(runtime: Runtime, repository: str) -> RotatedKey:
    """Replace the key in a repository's own key file by a fresh one; no run of its sets may be going on."""
    name, policy = runtime.repository_named(repository), runtime.policy
    sets = tuple(each.name for each in policy.sets.values() if name in policy.repositories_of(each))
    with alone_with(runtime, sets):
        return rotate_key(policy, name, ring_with=runtime.ring_of(name), secrets=make_secrets())


def rotate_key(policy: Policy, repository: str, *, ring_with: RingWith, secrets: SecretStore) -> RotatedKey:
    """Replace the key in the policy's own key file by a fresh one, and remove the old one from the repository.

    The order is what makes it safe: the fresh key is added and opened before the file changes, and the old key is removed after the file
    has been seen to open. Killed anywhere, the file opens the repository, and the next call goes on from there.
    """
    reference = policy.repositories[repository].address.password
    if reference.scheme != "file":
        raise Refused(
            f"the key of {repository} is {reference}; only a `file:` can be replaced from here",
            hint=f"drtool key add {repository} --file NEW; put what is in NEW {_OTHER_PLACES[reference.scheme]}; "
            f"drtool doctor {repository}; then drtool key list {repository}, and: drtool key remove {repository} OLD-ID",
            safe="nothing was changed",
        )
    _require_alone(policy, repository, reference)
    file = RotatingFile(reference)
    with file.alone():
        for fault in file.faults():
            raise fault
        return _rotated(policy, repository, file, ring_with=ring_with, secrets=secrets)


def _rotated(policy: Policy, repository: str, file: RotatingFile, *, ring_with: RingWith, secrets: SecretStore) -> RotatedKey:
    resumed = file.is_begun
    notes: tuple[str, ...] = ("every other copy of the old key opens nothing any more: keep a copy of the new one away from this machine",)
    if file.is_fresh_lost:
        notes += (f"the key of an earlier rotation may be left, whose passphrase was taken away: drtool key list {repository}",)
        file.drop_aside()
    if not file.is_swapped:
        notes += _require_not_printed_elsewhere(policy, repository, secrets)
        notes += _require_no_copy_in_use(policy, repository, secrets)
        _bring_in_fresh(file, ring_with)
        file.swap()
    if _same(secrets.resolve(file.live), secrets.resolve(file.aside)):
        raise _holds_the_same(file)
    made = ring_with(file.live).current()
    removed = _close_to_the_old(file, ring_with, made)
    kept = file.finish(made)
    notes += (f"the old passphrase is kept in {kept}: what another policy opened with {file.path} needs it; remove it when nothing does",)
    return RotatedKey(repository, file.path, made, next(iter(removed), ""), resumed, notes, kept, removed[1:])


def _close_to_the_old(file: RotatingFile, ring_with: RingWith, made: str) -> tuple[str, ...]:
    """Remove every key that the old passphrase opens, until it opens nothing, and return their ids.

    One passphrase may have several: a child that went on after its drtool was killed adds what the next call adds again.
    """
    removed: list[str] = []
    while (old := _opening(ring_with(file.aside))) is not None:
        if old and old == made:
            raise _holds_the_same(file)
        if not old or old in removed:
            by = f"the key {old}" if old else "a key of unknown id"
            raise Refused(
                f"the old passphrase of {ring_with(file.live).name} still opens it, by {by}",
                hint=f"drtool key list; drtool key remove {ring_with(file.live).name} ID, of that key; then rotate again",
                safe=f"{file.path} holds the fresh key {made}, which opens it; the old passphrase is in {file.aside.value}",
            )
        ring_with(file.live).remove(old)
        removed.append(old)
    return tuple(removed)


def _holds_the_same(file: RotatingFile) -> Refused:
    """Say that there is no old key to remove: the one that both open may be the only one."""
    return Refused(
        f"{file.path} and {file.aside.value} hold the same passphrase: there is no old one to remove",
        hint=f"remove {file.aside.value}, not the key; then rotate again",
        safe=f"{file.path} opens the repository as before",
    )


def _bring_in_fresh(file: RotatingFile, ring_with: RingWith) -> None:
    """Have a fresh key beside the file that is seen to open the repository."""
    ring = ring_with(file.live)
    current = next((key for key in ring.list_keys() if key.current), None)
    if current is None:
        raise Refused(f"{ring.name} does not tell which key is in use", hint=f"drtool doctor {ring.name}", safe="nothing was changed")
    file.make_fresh()
    fresh = ring_with(file.fresh)
    if _opening(fresh) is None:
        ring.add(file.read_fresh(), user=current.user, host=current.host)
        fresh = ring_with(file.fresh)
    fresh.current()


def _opening(ring: KeyRing) -> str | None:
    """Return the id of the key that opens the repository, empty where it does not tell; None: it does not open."""
    try:
        return ring.current()
    except WrongKey:
        return None


def _require_alone(policy: Policy, repository: str, reference: SecretReference) -> None:
    others = [who for who, other in other_secrets(policy, repository) if is_same_file(other, reference)]
    if others:
        raise _opens_others(reference, others)


def _require_not_printed_elsewhere(policy: Policy, repository: str, secrets: SecretStore) -> tuple[str, ...]:
    """Refuse when a command, a credential or a variable gives somebody else this passphrase; return what could not be looked at.

    Where that takes it from is not known here: it may be this file.
    """
    reference = policy.repositories[repository].address.password
    in_use = secrets.resolve(reference)
    notes: tuple[str, ...] = ()
    for who, other in other_secrets(policy, repository):
        if other.scheme == "file":
            continue
        try:
            is_same = _same(secrets.resolve(other), in_use)
        except Refused:
            notes += (f"{other} of {who} is not at hand: if it comes from {reference.value}, it opens nothing any more",)
            continue
        if is_same:
            raise _opens_others(reference, [f"{who} ({other})"])
    return notes


def _opens_others(reference: SecretReference, others: list[str]) -> Refused:
    return Refused(
        f"{reference} opens {', '.join(others)} too, which would then be closed",
        hint="give each a key file of its own: copy the file, name the copy in the policy, then rotate",
        safe="nothing was changed",
    )


def _require_no_copy_in_use(policy: Policy, repository: str, secrets: SecretStore) -> tuple[str, ...]:
    """Refuse when another place of the policy holds a copy of the key that is to go; return what could not be looked at."""
    found = policy.repositories[repository]
    in_use = secrets.resolve(found.address.password)
    notes: tuple[str, ...] = ()
    for who, reference in holders(policy, repository):
        if reference == found.address.password or is_same_file(reference, found.address.password):
            continue
        try:
            other = secrets.resolve(reference)
        except Refused:
            notes += (f"{reference} of {who} is not at hand: if it holds a copy of the old key, it opens nothing any more",)
            continue
        if _same(other, in_use):
            raise Refused(
                f"{reference} of {who} is a copy of the key that would be removed",
                hint=f"give it a key of its own first: drtool key add {repository} --file FILE",
                safe="nothing was changed",
            )
    return notes


def _same(one: Secret, other: Secret) -> bool:
    return one.reveal() == other.reveal()
