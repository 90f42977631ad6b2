"""Encryption of datasets: roots, keys, passphrases, and what is locked."""

from __future__ import annotations

import json
import secrets
from typing import Final

from drtool.lab.truenas.answers import CallError, InstanceNotFoundError, Json, ValidationErrors
from drtool.lab.truenas.methods import dataset_models as models
from drtool.lab.truenas.registry import Call, Method
from drtool.lab.truenas.state import Encryption, digest_of
from drtool.lab.truenas.storage import StorageError

_KEY_BYTES: Final = 32


def encrypt(call: Call, name: str, options: models.PoolCreateEncryptionOptions) -> None:
    """Make a dataset an encryption root."""
    if options.passphrase is not None:
        made = Encryption("PASSPHRASE", digest_of(options.passphrase), iterations=options.pbkdf2iters)
        call.appliance.state.stored_keys.pop(name, None)
    elif options.key is not None or options.generate_key:
        made = Encryption("HEX", options.key or secrets.token_hex(_KEY_BYTES))
        call.appliance.state.stored_keys[name] = made.secret
    else:
        raise ValidationErrors([("pool_dataset_create.encryption_options.key", "Key or passphrase must be provided", 22)])
    call.appliance.state.encryption[name] = made


def roots_below(call: Call, name: str) -> list[str]:
    """Return the encryption roots at a dataset and below it, parents first."""
    roots = call.appliance.state.encryption
    return sorted((root for root in roots if f"{root}/".startswith(f"{name}/")), key=lambda root: (root.count("/"), root))


def lock(call: Call, arguments: models.Lock) -> bool:
    """Lock a dataset and what shares its key; only one with a passphrase."""
    name, state = arguments.id, call.appliance.state
    _must_exist(call, name)
    root = state.root_of(name)
    if root is None:
        raise CallError(f"{name} is not encrypted")
    if state.encryption[root].locked:
        raise CallError(f"Dataset {name} is already locked")
    if state.encryption[root].format != "PASSPHRASE":
        raise CallError("Only datasets which are encrypted with passphrase can be locked")
    if root != name:
        raise CallError(f"Please lock {root}. Only encryption roots can be locked.")
    try:
        for dataset in reversed(call.storage.datasets([name])):
            call.storage.unmount(dataset.name)
    except StorageError as error:
        raise CallError(f"Failed to unload key of {name}: {error}") from None
    for each in roots_below(call, name):
        state.encryption[each].locked = True
    call.appliance.save()
    return True


def unlock(call: Call, arguments: models.Unlock) -> Json:
    """Unlock a root, or all below it; what failed stands in the result of a job that succeeded."""
    name, options, state = arguments.id, arguments.options, call.appliance.state
    _must_exist(call, name)
    supplied = _supplied(call, options)
    _check_unlock(call, arguments, supplied)
    parents = [root for root, each in state.encryption.items() if each.locked and name.startswith(f"{root}/")]
    if parents:
        raise CallError(f"{name} has locked parents {','.join(parents)} which must be unlocked first")
    unlocked: list[str] = []
    failed: dict[str, Json] = {}
    for root in roots_below(call, name) if options.recursive else [name]:
        if root in state.encryption and state.encryption[root].locked:
            _unlock_root(call, root, supplied, unlocked=unlocked, failed=failed)
    call.appliance.save()
    return {"unlocked": unlocked, "failed": failed}


def _check_unlock(call: Call, arguments: models.Unlock, supplied: dict[str, str]) -> None:
    name, options, state = arguments.id, arguments.options, call.appliance.state
    errors = ValidationErrors()
    for place, given in enumerate(options.datasets):
        if given.key and given.passphrase:
            errors.add(
                f"unlock_options.datasets.{place}.dataset.key", f"Must not be specified when passphrase for {given.name} is supplied"
            )
        elif not given.key and not given.passphrase:
            errors.add(f"unlock_options.datasets.{place}.dataset", f"Passphrase or key must be specified for {given.name}")
    if "/" in name or not options.recursive:
        if not state.is_locked(name):
            errors.add("id", f"{name} dataset is not locked")
        elif state.root_of(name) != name:
            errors.add("id", "Only encryption roots can be unlocked")
        elif name not in supplied and state.encryption[name].format == "PASSPHRASE":
            errors.add("unlock_options.datasets", f"Please specify key for {name}")
    errors.check()


def encryption_summary(call: Call, arguments: models.Summary) -> Json:
    """Tell of each root what an unlock with these keys would do."""
    _must_exist(call, arguments.id)
    supplied = _supplied(call, arguments.options)
    state = call.appliance.state
    found: list[dict[str, Json]] = []
    failed: set[str] = set()
    for root in roots_below(call, arguments.id):
        each = state.encryption[root]
        key = supplied.get(root) or state.stored_keys.get(root)
        valid = key is not None and each.opens(key)
        parents = [parent for parent in failed if root.startswith(f"{parent}/")]
        problem = f'Child cannot be unlocked when parent "{parents[0]}" is locked' if parents else None
        if not valid and each.locked:
            failed.add(root)
            if key is None:
                problem = problem or "Key not provided"
            else:
                problem = f"{problem} and provided key is invalid" if problem else "Provided key is invalid"
        found.append(
            {
                "name": root,
                "key_format": each.format,
                "key_present_in_database": root in state.stored_keys,
                "valid_key": valid,
                "locked": each.locked,
                "unlock_error": problem,
                "unlock_successful": not problem,
            }
        )
    return found


def export_key(call: Call, arguments: models.ExportKey) -> str | None:
    """Tell one root's key; a passphrase is not kept anywhere."""
    _must_exist(call, arguments.id)
    stored = call.appliance.state.stored_keys.get(arguments.id)
    if stored is None:
        raise CallError("Specified dataset does not have it's own encryption key.", 22)
    return stored


def export_keys(call: Call, arguments: models.Identity) -> None:
    """Write the keys of a dataset and all below it: JSON, without passphrases."""
    _must_exist(call, arguments.id)
    state = call.appliance.state
    # As the vendor does first, and once a day: a key that opens nothing under its name is thrown away.
    fits = {root: key for root, key in state.stored_keys.items() if root in state.encryption and state.encryption[root].opens(key)}
    state.stored_keys = fits
    call.appliance.save()
    call.download = json.dumps({root: key for root, key in fits.items() if f"{root}/".startswith(f"{arguments.id}/")}).encode()


def change_key(call: Call, arguments: models.ChangeKey) -> None:
    """Give an encrypted dataset another key, which it shares with what inherited from it; it is an encryption root from then on."""
    _must_exist(call, arguments.id)
    name, options, state = arguments.id, arguments.options, call.appliance.state
    root = state.root_of(name)
    errors = ValidationErrors()
    if root is None:
        errors.add("id", "Dataset is not encrypted")
    elif state.encryption[root].locked:
        errors.add("id", "Dataset must be unlocked before key can be changed")
    errors.check()
    above = [parent for parent in state.encryption if name.startswith(f"{parent}/")]
    below = [each for each in roots_below(call, name) if each != name and state.encryption[each].format != "PASSPHRASE"]
    if options.passphrase is not None and (options.key or options.generate_key):
        errors.add("change_key_options.key", f"Must not be specified when passphrase for {name} is supplied.")
    elif options.passphrase is not None and below:
        errors.add("change_key_options.passphrase", f"{name} has children which are encrypted with a key.")
    elif options.passphrase is None and not (options.key or options.generate_key):
        errors.add("change_key_options.key", "Either Key or passphrase must be provided.")
    elif options.passphrase is None and any(state.encryption[parent].format == "PASSPHRASE" for parent in above):
        errors.add("change_key_options.key", f"{name} has parent(s) which are encrypted with a passphrase.")
    errors.check()
    encrypt(call, name, models.PoolCreateEncryptionOptions(**options.model_dump(exclude={"key_file"})))
    call.appliance.save()


def inherit(call: Call, arguments: models.Identity) -> None:
    """Make an encryption root share its parent's key again."""
    _must_exist(call, arguments.id)
    name, state = arguments.id, call.appliance.state
    above = state.root_of(name.rpartition("/")[0])
    if state.root_of(name) is None:
        raise CallError(f"Dataset {name} is not encrypted")
    if name not in state.encryption:
        raise CallError(f"Dataset {name} is not an encryption root")
    if state.is_locked(name):
        raise CallError("Dataset must be unlocked to perform this operation")
    if above is None:
        raise CallError("This operation requires the parent dataset to be encrypted")
    if state.encryption[above].locked:
        raise CallError(f"Failed to change encryption root of {name}: Parent key must be loaded.")
    del state.encryption[name]
    state.stored_keys.pop(name, None)
    call.appliance.save()


def check_options(call: Call, data: models.AtBirth, errors: ValidationErrors, schema: str) -> None:
    """Note what stands against the encryption that a new dataset shall have."""
    if data.encryption and data.inherit_encryption:
        errors.add(f"{schema}.inherit_encryption", "Must be disabled when encryption is enabled.")
    state = call.appliance.state
    above = state.root_of(data.name.rpartition("/")[0]) if data.encryption and not data.encryption_options.passphrase else None
    if above is not None and state.encryption[above].format == "PASSPHRASE":
        errors.add(f"{schema}.encryption", "Passphrase encrypted datasets cannot have children encrypted with a key.")


def check_way(call: Call, name: str, new: str) -> None:
    """Refuse what ZFS refuses: a rename that takes a dataset out from under the root whose key it shares."""
    state = call.appliance.state
    root = state.root_of(name)
    if root not in (None, name) and state.root_of(new.rpartition("/")[0]) != root:
        said = f"cannot rename {name!r}: cannot move encrypted child outside of its encryption root"
        raise CallError(f"Failed to rename {name!r} to {new!r}: {said}")


def _must_exist(call: Call, name: str) -> None:
    if not call.storage.datasets([name], children=False):
        raise InstanceNotFoundError(f"PoolDataset {name} does not exist")


def _supplied(call: Call, options: models.SummaryOptions | models.UnlockOptions) -> dict[str, str]:
    supplied: dict[str, str] = json.loads(call.upload) if options.key_file and call.upload else {}
    for given in options.datasets:
        secret = given.key or given.passphrase
        if secret is None:
            continue
        supplied[given.name] = secret
        if isinstance(given, models.UnlockDataset) and given.recursive:
            supplied |= dict.fromkeys(roots_below(call, given.name), secret)
    return supplied


def _unlock_root(call: Call, root: str, supplied: dict[str, str], *, unlocked: list[str], failed: dict[str, Json]) -> None:
    state = call.appliance.state
    for parent in failed:
        if root.startswith(f"{parent}/"):
            failed[parent]["skipped"].append(root)
            return
    each = state.encryption[root]
    key = supplied.get(root) or state.stored_keys.get(root, "")
    if not key:
        failed[root] = {"error": "Missing key", "skipped": []}
        return
    if not each.opens(key):
        failed[root] = {"error": "Invalid Key", "skipped": []}
        return
    each.locked = False
    for dataset in call.storage.datasets([root]):
        if state.root_of(dataset.name) != root or not call.mounted:
            continue
        try:
            call.storage.mount(dataset.name)
        except (StorageError, OSError) as error:
            failed[dataset.name] = {"error": f"Failed to mount dataset: {error}", "skipped": []}
        else:
            unlocked.append(dataset.name)


_WRITE: Final = ("DATASET_WRITE",)
METHODS: Final = (
    Method("pool.dataset.lock", models.Lock, lock, roles=_WRITE, job=True, lock=lambda _arguments: "dataset_lock"),
    Method("pool.dataset.unlock", models.Unlock, unlock, roles=_WRITE, job=True, lock=lambda arguments: f"dataset_unlock_{arguments.id}"),
    Method("pool.dataset.encryption_summary", models.Summary, encryption_summary, roles=("DATASET_READ",), job=True),
    Method("pool.dataset.change_key", models.ChangeKey, change_key, roles=_WRITE, job=True, lock=lambda arguments: f"key {arguments.id}"),
    Method("pool.dataset.inherit_parent_encryption_properties", models.Identity, inherit, roles=_WRITE),
    Method("pool.dataset.export_key", models.ExportKey, export_key, roles=_WRITE, job=True, secret=True),
    Method("pool.dataset.export_keys", models.Identity, export_keys, roles=_WRITE, job=True, pipe="output", lock=lambda _arguments: "keys"),
)
