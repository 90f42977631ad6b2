"""Keys across a cutover.

A rename leaves the key that the NAS keeps under the old name, and the NAS throws away what opens nothing under its name: without writing
it again, what was renamed would stay locked for good after the next boot. And ZFS moves no dataset out from under the root whose key it
shares, so it gets a key of its own for the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from drtool.model.errors import Refused
from drtool.model.secret import Secret
from drtool.sources.truenas.datasets.dataset import Dataset, find_dataset, require_dataset
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.keys.encryption import PASSPHRASE, change_key, exported_key, inherit_key, is_root, opens
from drtool.sources.truenas.land.create import mark_dataset
from drtool.sources.truenas.land.encrypt import INHERIT

ON_ITS_WAY: Final = "drtool:rekeyed"
"""Its value is the name that the dataset has then: another one than that above it, from which it could have come down."""


def kept_key(parts: Parts, dataset: Dataset | None) -> Secret | None:
    """Return the key that the NAS keeps of a dataset, before a rename parts them; None where it keeps none."""
    by_key = dataset is not None and is_root(dataset) and dataset.key_form != PASSPHRASE
    return exported_key(parts.client, dataset.id) if by_key and dataset is not None else None


def keep_key(parts: Parts, dataset: Dataset, *, names: tuple[str, ...], known: Secret | None = None) -> str:
    """See to it that the NAS keeps the key of a dataset under its present name, and return what the person must know, mostly nothing.

    `names` are those it had, `known` the key it should have.
    """
    if not is_root(dataset) or dataset.key_form == PASSPHRASE or dataset.locked or opens(parts.client, dataset.id):
        return ""
    for name in (dataset.id, *names):
        for key in (known, parts.dataset_keys.key_of(name), exported_key(parts.client, name) if find_dataset(parts.client, name) else None):
            if key is not None and opens(parts.client, dataset.id, {"key": key}):
                change_key(parts.client, dataset.id, {"key": key})
                return ""
    change_key(parts.client, dataset.id, {})
    return f"{dataset.id} has a new key, made by the NAS: save the configuration again"


def settle_key(parts: Parts, current: Dataset, *, known: Secret | None) -> str:
    """Let what was put into its place share its parent's key again, or keep its own under its name; `known` is that."""
    then = current.marks.get("encryption", "")
    if then == INHERIT and is_root(current):
        if require_dataset(parts.client, current.parent).encrypted:
            inherit_key(parts.client, current.id)
            return ""
        mark_dataset(parts.client, current.id, {ON_ITS_WAY: current.id})
        keep_key(parts, current, names=(), known=known)
        return f"{current.parent} is not encrypted, so it has a key of its own, made by the NAS, until that is restored"
    return keep_key(parts, current, names=(), known=known) if then else ""


def move_below(parts: Parts, below: Dataset, new: str, *, above: Dataset, named: str, rename: Callable[[str, str], None]) -> None:
    """Rename a dataset to a place below `above`, although it shares the key of another root; `named` is what that root was called."""
    shares = below.encrypted and not is_root(below) and below.encryption_root != above.encryption_root
    if shares:
        mark_dataset(parts.client, below.id, {ON_ITS_WAY: below.id})
        change_key(parts.client, below.id, _for_the_way(parts, below, named))
    rename(below.id, new)
    if shares or "rekeyed" in below.marks:
        rejoin(parts, require_dataset(parts.client, new))


def rejoin(parts: Parts, dataset: Dataset) -> None:
    """Let a dataset that got a key for its way share its parent's again, or keep it where the parent has none."""
    if is_root(dataset):
        if require_dataset(parts.client, dataset.parent).encrypted:
            inherit_key(parts.client, dataset.id)
        else:
            keep_key(parts, dataset, names=())
    mark_dataset(parts.client, dataset.id, {ON_ITS_WAY: None})


def _for_the_way(parts: Parts, below: Dataset, named: str) -> Mapping[str, Secret]:
    """The key of the root that it leaves: whoever has that can open it, wherever this ends."""
    if below.key_form != PASSPHRASE:
        key = exported_key(parts.client, below.encryption_root)
        return {"key": key} if key is not None else {}
    secret = parts.dataset_keys.passphrase_of(named)
    if secret is None:
        raise Refused(
            f"{below.id} shares the passphrase of {named}, which was not given",
            hint=f"name it in the settings of the source: passphrases: {{{named}: file:…}}; then drtool sweep",
            safe="nothing is lost: it lies where it was",
        )
    return {"passphrase": secret}
