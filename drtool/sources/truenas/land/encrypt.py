from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drtool.model.errors import NotFound, Refused
from drtool.model.secret import Secret
from drtool.sources.truenas.datasets.dataset import Dataset, find_dataset, read_datasets, require_dataset
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.keys.encryption import PASSPHRASE, exported_key, is_root, opens, unlock

INHERIT: Final = "inherit"
OWN: Final = "own"


@dataclass(frozen=True, slots=True)
class EncryptionMethod:
    """How a new dataset is encrypted while it waits, and what becomes of that in its place.

    `own`: it begins with a key of its own, `secret` or one that the NAS makes. `then` is what the cutover does: `inherit` its parent's key,
    keep its `own`, or nothing. `note` is what the person must know.
    """

    own: bool = False
    secret: Mapping[str, Secret] = field(default_factory=dict)
    then: str = ""
    note: str = ""

    def request(self) -> dict[str, Any]:
        """Return what `pool.dataset.create` must be told; with the secret in it."""
        if not self.own:
            return {}
        options: dict[str, Any] = {kind: value.reveal() for kind, value in self.secret.items()} or {"generate_key": True}
        return {"inherit_encryption": False, "encryption": True, "encryption_options": options}

    def mark(self) -> dict[str, str]:
        """Return what the waiting dataset is marked with, for its cutover."""
        return {"drtool:encryption": self.then} if self.then else {}


def encrypt_for_now(above: Dataset) -> EncryptionMethod:
    """What was encrypted is not laid down in clear: where the parent is not encrypted, the NAS makes a key for as long as it stays."""
    return EncryptionMethod(own=not above.encrypted)


def encrypt_as_recorded(parts: Parts, recorded: Mapping[str, Any], *, above: Dataset) -> EncryptionMethod:
    """Choose the key of a dataset that shall replace its original: its own one, or its parent's where it shared that.

    `above` is where it waits. What its parent shares must be open; Refused, before anything is made, when it cannot be.
    """
    name = str(recorded["dataset"])
    told = recorded.get("encryption") or {}
    shared = _nearest(parts, name).encryption_root
    if shared:
        require_open(parts, shared)
    if str(told.get("root") or name) != name:
        return _like_its_parent(parts, name, shared=shared, above=above)
    way = _passphrase(parts, name) if told.get("form") == PASSPHRASE else _key(parts, name)
    if above.key_form == PASSPHRASE and PASSPHRASE.lower() not in way.secret:
        note = f"its own passphrase was not given (`passphrases: {{{name}: …}}`), so it shares the one of {above.encryption_root}"
        return EncryptionMethod(note=note)
    return way


def require_movable(parts: Parts, target: Dataset | None) -> None:
    """Refuse, before a byte is poured, what the cutover could not take along: datasets below an old one that share its key."""
    if target is None or not is_root(target):
        return
    below = [item for item in read_datasets(parts.client, ["id", "^", f"{target.id}/"]) if item.encryption_root == target.id]
    if not below:
        return
    require_open(parts, target.id)
    if target.key_form != PASSPHRASE:
        return
    secret = parts.dataset_keys.passphrase_of(target.id)
    if secret is None or not opens(parts.client, target.id, {"passphrase": secret}):
        why = "what was given does not open it" if secret else "it was not given"
        raise Refused(
            f"{below[0].id} shares the passphrase of {target.id}, and {why}",
            hint=f"name it in the settings of the source: passphrases: {{{target.id}: file:…}}; then drtool doctor",
            safe="nothing was changed",
        )


def require_open(parts: Parts, root: str) -> None:
    """Unlock an encryption root by what the operator gave; Refused where nothing was given, or it does not fit."""
    found = require_dataset(parts.client, root)
    if not found.locked:
        return
    if found.key_form == PASSPHRASE:
        secret, kind = parts.dataset_keys.passphrase_of(root), "passphrase"
    else:
        secret, kind = parts.dataset_keys.key_of(root), "key"
    if secret is None:
        raise Refused(
            f"{root} is locked, so nothing can be restored at or below it",
            hint=f"unlock it on the NAS, or name its {kind} in the settings of the source: {kind}s: {{{root}: file:…}}",
            safe="nothing was changed",
        )
    unlock(parts.client, root, {kind: secret})


def _like_its_parent(parts: Parts, name: str, *, shared: str, above: Dataset) -> EncryptionMethod:
    if not shared:
        return EncryptionMethod(own=True, then=INHERIT)  # what it shared may come back by the time it is put into its place, or after
    if shared == above.encryption_root:
        return EncryptionMethod()
    if above.key_form != PASSPHRASE:
        return EncryptionMethod(own=True, then=INHERIT)
    secret = parts.dataset_keys.passphrase_of(shared)
    if secret is None:
        raise Refused(
            f"{name} shares the passphrase of {shared}, which was not given",
            hint=f"name it in the settings of the source: passphrases: {{{shared}: file:…}}",
            safe="nothing was changed",
        )
    return EncryptionMethod(own=True, secret={"passphrase": secret}, then=INHERIT)


def _passphrase(parts: Parts, name: str) -> EncryptionMethod:
    secret = parts.dataset_keys.passphrase_of(name)
    if secret is None:
        note = (
            f"its passphrase was not given (`passphrases: {{{name}: …}}`), so it has a key, made by the NAS: "
            "set a passphrase there if it shall have one again"
        )
        return EncryptionMethod(own=True, then=OWN, note=note)
    current = find_dataset(parts.client, name)
    other = current is not None and is_root(current) and not opens(parts.client, name, {"passphrase": secret})
    note = "it has the passphrase that was given, which is not the one that opens what was in its place" if other else ""
    return EncryptionMethod(own=True, secret={"passphrase": secret}, then=OWN, note=note)


def _key(parts: Parts, name: str) -> EncryptionMethod:
    given = parts.dataset_keys.key_of(name)
    current = find_dataset(parts.client, name)
    in_place = current is not None and is_root(current) and current.key_form != PASSPHRASE
    if given is not None:
        other = in_place and not opens(parts.client, name, {"key": given})
        note = "it has the key that was given; what was in its place has another: it was changed since" if other else ""
        return EncryptionMethod(own=True, secret={"key": given}, then=OWN, note=note)
    kept = exported_key(parts.client, name) if in_place and opens(parts.client, name) else None
    if kept is not None:
        return EncryptionMethod(own=True, secret={"key": kept}, then=OWN)
    note = (
        f"its key was not given (`keys: {{{name}: …}}`), so it has a new one, made by the NAS; the old one does not open it: "
        "save the configuration again"
    )
    return EncryptionMethod(own=True, then=OWN, note=note)


def _nearest(parts: Parts, name: str) -> Dataset:
    while "/" in name:
        name = name.rpartition("/")[0]
        found = find_dataset(parts.client, name)
        if found is not None:
            return found
    raise NotFound(f"{name} does not exist on {parts.name}", hint="make the pool first: runbooks/truenas-lost.md")
