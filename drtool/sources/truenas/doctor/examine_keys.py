from __future__ import annotations

from collections.abc import Mapping

from drtool.model.errors import DrtoolError, Refused
from drtool.model.secret import Secret
from drtool.ports import Finding
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.keys.encryption import PASSPHRASE, encryption_summary, is_root, opens


def examine_keys(parts: Parts, subject: str, datasets: tuple[Dataset, ...]) -> list[Finding]:
    """Try every key and passphrase without using it: those the NAS keeps, and those that the policy names for a restore."""
    roots = {dataset.id: dataset for dataset in datasets if is_root(dataset) and not dataset.is_under_way}
    found = [*_kept(parts, subject, roots), *_nowhere(parts, subject, datasets)]
    for name, dataset in roots.items():
        try:
            secret = _given(parts, dataset)
        except Refused as error:
            found.append(Finding(subject, good=False, text=error.what, remedy=error.hint))
            continue
        if secret is not None:
            found.append(_tried(parts, subject, name, secret))
        elif dataset.key_form == PASSPHRASE:
            found.append(
                Finding(
                    subject,
                    good=None,
                    text=f"no backup has the passphrase of {name}: a restore would give it a key instead",
                    remedy=f"keep it with the recovery sheet, or name it: passphrases: {{{name}: file:…}}",
                )
            )
    return found


def _kept(parts: Parts, subject: str, roots: Mapping[str, Dataset]) -> list[Finding]:
    """Tell which datasets the NAS could not open by itself after its next boot, although it should."""
    found = []
    for pool in sorted({dataset.pool for dataset in roots.values()}):
        told = encryption_summary(parts.client, pool)
        for name in sorted({name for name in roots if roots[name].pool == pool} - {root.name for root in told}):
            text = f"the NAS does not tell whether the key that it keeps opens {name}"
            remedy = "look at its encryption on the NAS, and at the jobs there"
            found.append(Finding(subject, good=False, text=text, remedy=remedy))
        for root in told:
            if root.name in roots and root.form != PASSPHRASE and not root.opens:
                state = "is locked and the NAS has no key that opens it" if root.locked else "will be locked after the next boot"
                remedy = (
                    f"give it a key on the NAS (Datasets, {root.name}, Encryption, Edit) while it is open: the NAS keeps none that fits"
                    if not root.locked
                    else "unlock it with a key from a saved configuration: runbooks/truenas-lost.md"
                )
                found.append(Finding(subject, good=False, text=f"{root.name} {state}", remedy=remedy))
    return found


def _nowhere(parts: Parts, subject: str, datasets: tuple[Dataset, ...]) -> list[Finding]:
    """Tell of names that are given a passphrase and are no dataset with one; what is lost may still be named, so it is no fault."""
    named = {dataset.id: dataset for dataset in datasets}
    return [
        Finding(subject, good=None, text=f"`passphrases:` names {name}, which {why}", remedy="correct the name, or leave it for a restore")
        for name in sorted(parts.dataset_keys.passphrases)
        if (why := _why_not(named.get(name)))
    ]


def _why_not(dataset: Dataset | None) -> str:
    if dataset is None:
        return "does not exist there"
    return "" if is_root(dataset) and dataset.key_form == PASSPHRASE else "has no passphrase of its own"


def _given(parts: Parts, dataset: Dataset) -> dict[str, Secret] | None:
    by_phrase = dataset.key_form == PASSPHRASE
    secret = parts.dataset_keys.passphrase_of(dataset.id) if by_phrase else parts.dataset_keys.key_of(dataset.id)
    return None if secret is None else {"passphrase" if by_phrase else "key": secret}


def _tried(parts: Parts, subject: str, name: str, secret: dict[str, Secret]) -> Finding:
    kind = next(iter(secret))
    try:
        good = opens(parts.client, name, secret)
    except DrtoolError as error:
        return Finding(subject, good=False, text=error.what, remedy=error.hint)
    if good:
        return Finding(subject, good=True, text=f"the {kind} that is given opens {name}")
    return Finding(
        subject,
        good=False,
        text=f"the {kind} that is given does not open {name}: it is wrong, or {name} was given another since",
        remedy=f"correct what `{kind}s:` names for {name}",
    )
