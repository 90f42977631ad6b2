"""`pool.dataset.*`, but for encryption."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from typing import Final

from drtool.lab.truenas.answers import CallError, InstanceNotFoundError, Json, ValidationErrors
from drtool.lab.truenas.devices import appear, follow
from drtool.lab.truenas.methods import dataset_models as models
from drtool.lab.truenas.methods.attachments import attachments_of, remove_attachments
from drtool.lab.truenas.methods.core import Query
from drtool.lab.truenas.methods.dataset_query import is_hidden, rows
from drtool.lab.truenas.methods.dataset_rows import RENAMED, USER
from drtool.lab.truenas.methods.keys import check_options, check_way, encrypt
from drtool.lab.truenas.registry import Call, Method
from drtool.lab.truenas.storage import BLOCK, SPARSE, VOLUME, VOLUME_FILE, Dataset, StorageError

_NAME: Final = re.compile(r"^[a-zA-Z0-9][\w.:-]*(/[\w.: -]*[\w.:-])+$")
_LONGEST: Final = 200
_RECORDS: Final = (
    {"512": 512, "512B": 512}
    | {f"{1 << power}K": 1024 << power for power in range(10)}
    | {f"{1 << power}M": 1 << 20 << power for power in range(5)}
)
_TO_ZFS: Final = {new: old for old, new in RENAMED.items()} | {new: old for old, new in USER.items()}
_PLAIN: Final = ("comments", "managedby", "quota_warning", "quota_critical", "refquota_warning", "refquota_critical")
_OWN: Final = frozenset(
    {"name", "type", "share_type", "encryption", "encryption_options", "inherit_encryption", "user_properties", "user_properties_update"}
    | {"create_ancestors", "force_size", "sparse", "volsize", "volblocksize"}
)


def get_instance(call: Call, arguments: models.GetInstance) -> Json:
    """Tell one dataset."""
    extra = (arguments.options.get("extra") or {}) if arguments.options else {}
    instance(call, arguments.id)
    found: Json = rows(call, Query(filters=[["id", "=", arguments.id]], options={"extra": extra}))
    return found[0]


def instance(call: Call, name: str) -> Dataset:
    """Return a dataset that must exist."""
    found = call.storage.datasets([name], children=False)
    if not found or is_hidden(name, call.appliance.state):
        raise InstanceNotFoundError(f"PoolDataset {name} does not exist")
    return found[0]


def create(call: Call, arguments: models.Create) -> Json:
    """Make a dataset or a volume."""
    data = arguments.data
    missing = _check_create(call, data)
    given = data.model_dump(exclude_unset=True)
    values, _inherit = _translated(given)
    if isinstance(data, models.PoolDatasetCreateVolume):
        values |= {VOLUME: str(data.volsize), BLOCK: str(_RECORDS[data.volblocksize or "16K"])}
        values |= {SPARSE: "yes"} if data.sparse else {}
    try:
        for ancestor in missing:
            call.storage.create(ancestor, {})
        call.storage.create(data.name, values)
        if not call.mounted:
            call.storage.unmount(data.name)
    except StorageError as error:
        raise CallError(f"Failed to create dataset: cannot create '{data.name}': {error}") from None
    if data.encryption:
        encrypt(call, data.name, data.encryption_options)
    if isinstance(data, models.PoolDatasetCreateVolume):
        with open(os.path.join(instance(call, data.name).path, VOLUME_FILE), "wb") as stream:
            stream.truncate(data.volsize)
        appear(call, data.name)
    call.appliance.save()
    return get_instance(call, models.GetInstance(id=data.name))


def update(call: Call, arguments: models.Update) -> Json:
    """Change properties."""
    dataset = instance(call, arguments.id)
    errors = ValidationErrors()
    volsize = arguments.data.volsize
    if volsize is not None and volsize < dataset.volume_bytes:
        errors.add("pool_dataset_update.volsize", "You cannot shrink a zvol from GUI, this may lead to data loss.")
    for place, each in enumerate(arguments.data.user_properties_update):
        if each.value is None and not each.remove:
            errors.add(f"pool_dataset_update.user_properties_update.{place}.value", 'Either "value" or "remove" must be specified')
    errors.check()
    values, inherit = _translated(arguments.data.model_dump(exclude_unset=True))
    if volsize is not None:
        values[VOLUME] = str(volsize)
        os.truncate(os.path.join(dataset.path, VOLUME_FILE), volsize)
    try:
        call.storage.change(arguments.id, values, inherit)
    except StorageError as error:
        raise CallError(f"Failed to update dataset: {error}") from None
    return get_instance(call, models.GetInstance(id=arguments.id))


def delete(call: Call, arguments: models.Delete) -> Json:
    """Destroy a dataset; before anything else, shares and tasks of its path are removed."""
    name, options = arguments.id, arguments.options
    instance(call, name)
    below = [dataset.name for dataset in call.storage.datasets([name])]
    if len(below) > 1 and not options.recursive:
        raise CallError(f"Failed to delete dataset: cannot destroy {name!r}: filesystem has children", errno.ENOTEMPTY)
    remove_attachments(call, name)
    try:
        for each in reversed(below):
            if options.recursive:
                for snapshot in reversed([one.name for one in call.storage.snapshots() if one.dataset == each]):
                    call.storage.destroy_snapshot(snapshot, defer=False)
            if each != call.storage.pool:
                _destroy(call, each)
    except StorageError as error:
        number = errno.EBUSY if "busy" in str(error) else errno.EFAULT
        raise CallError(f"Failed to delete dataset: cannot destroy {name!r}: {error}", number) from None
    finally:
        call.appliance.save()
        follow(call, name)
    return True


def rename(call: Call, arguments: models.Rename) -> None:
    """Give a dataset another name, whoever uses it."""
    if not arguments.data.force:
        said = (
            "No safety checks are performed when renaming ZFS resources; this may break existing usages. "
            "If you understand the risks, please set force and proceed."
        )
        raise ValidationErrors([("pool.dataset.rename.force", said, errno.EINVAL)])
    instance(call, arguments.id)
    new = arguments.data.new_name
    check_way(call, arguments.id, new)
    try:
        call.storage.rename(arguments.id, new)
    except StorageError as error:
        raise CallError(f"Failed to rename {arguments.id!r} to {new!r}: {error}") from None
    state = call.appliance.state
    follow(call, arguments.id)
    state.encryption = {_moved(root, arguments.id, new): each for root, each in state.encryption.items()}
    state.quotas = {_moved(name, arguments.id, new): each for name, each in state.quotas.items()}
    call.appliance.save()


def get_quota(call: Call, arguments: models.GetQuota) -> Json:
    """Tell what users or groups may use of a dataset, and use: those of whom there is a limit."""
    instance(call, arguments.dataset)
    kind = arguments.quota_type
    told: dict[int, dict[str, Json]] = {}
    for each in call.appliance.state.quotas.get(arguments.dataset, ()):
        if each["quota_type"] in (kind, f"{kind}OBJ"):
            row = told.setdefault(
                int(each["id"]),
                {"quota_type": kind, "id": int(each["id"]), "name": None, "quota": 0, "used_bytes": 0, "obj_quota": 0, "obj_used": 0},
            )
            row["obj_quota" if each["quota_type"].endswith("OBJ") else "quota"] = each["quota_value"]
    return list(told.values())


def set_quota(call: Call, arguments: models.SetQuota) -> None:
    """Limit users and groups."""
    instance(call, arguments.dataset)
    known = {(each["quota_type"], each["id"]): each for each in call.appliance.state.quotas.get(arguments.dataset, ())}
    for place, given in enumerate(arguments.quotas):
        if not given.id.isdigit() or int(given.id) == 0:
            raise ValidationErrors(
                [(f"quotas.{place}.id", f"Setting {given.quota_type} quota on {given.id} is not permitted", errno.EINVAL)]
            )
        known[(given.quota_type, given.id)] = given.model_dump()
    call.appliance.state.quotas[arguments.dataset] = [each for each in known.values() if each["quota_value"]]
    call.appliance.save()


def promote(call: Call, arguments: models.Identity) -> None:
    """Make a clone independent of its origin."""
    instance(call, arguments.id)
    try:
        call.storage.promote(arguments.id)
    except StorageError as error:
        raise CallError(f"Failed to promote dataset: {error}") from None


def attachments(call: Call, arguments: models.Identity) -> Json:
    """Tell the shares and tasks that use a dataset."""
    instance(call, arguments.id)
    return attachments_of(call, arguments.id)


def processes(call: Call, arguments: models.Identity) -> Json:
    """Tell who has files of a dataset open: in this appliance nobody."""
    instance(call, arguments.id)
    return []


def _destroy(call: Call, name: str) -> None:
    clones = [dataset.name for dataset in call.storage.datasets() if dataset.raw("origin").partition("@")[0] == name]
    if clones:
        raise StorageError(f"filesystem has dependent clones\nuse '-R' to destroy the following datasets:\n{clones[0]}")
    call.storage.destroy(name)
    call.appliance.state.encryption.pop(name, None)


def _check_create(call: Call, data: models.AtBirth) -> list[str]:
    """Raise what stands against a new dataset, else return the ancestors to be made before it, highest first."""
    errors = ValidationErrors()
    schema, name = "pool_dataset_create", data.name
    if "/" not in name:
        errors.add(f"{schema}.name", "You need a full name, e.g. pool/newdataset")
    elif not _NAME.match(name) or len(name) > _LONGEST:
        errors.add(f"{schema}.name", "Invalid dataset name")
    errors.check()
    if is_hidden(name, call.appliance.state):
        said = f"{name!r} is using system internal managed dataset. Please specify a different parent."
        raise ValidationErrors([(f"{schema}.name", said, errno.EINVAL)])
    missing, parent = _ancestors(call, data)
    found = call.storage.datasets([parent], children=False)
    if not found:
        said = "Please specify a pool which exists for the dataset/volume to be created"
        if call.appliance.state.at_least("26"):
            said = f"Parent dataset ({parent}) does not exist." if "/" in parent else f"zpool ({parent}) does not exist."
        errors.add(f"{schema}.name", said)
        errors.check()
    if found[0].raw("readonly") == "on":
        errors.add(f"{schema}.readonly", f"Turn off readonly mode on {parent} to create {name}")
    if found[0].volume_bytes:
        errors.add(f"{schema}.name", f"{parent}: parent may not be a ZFS volume")
    if call.appliance.state.is_locked(parent):
        errors.add(f"{schema}.name", f"{parent} must be unlocked to create {name}.")
    elif call.storage.datasets([name], children=False) or os.path.lexists(os.path.join(found[0].path, name.rpartition("/")[2])):
        errors.add(f"{schema}.name", f"Path /mnt/{name} already exists")
    check_options(call, data, errors, schema)
    _check_kind(data, errors, schema)
    errors.check()
    return missing


def _ancestors(call: Call, data: models.AtBirth) -> tuple[list[str], str]:
    """Return the ancestors to be made first, highest first, and the nearest one there is."""
    missing: list[str] = []
    parent = data.name.rpartition("/")[0]
    while getattr(data, "create_ancestors", False) and "/" in parent and not call.storage.datasets([parent], children=False):
        missing.insert(0, parent)
        parent = parent.rpartition("/")[0]
    return missing, parent


def _check_kind(data: models.AtBirth, errors: ValidationErrors, schema: str) -> None:
    if isinstance(data, models.PoolDatasetCreateVolume) and data.volsize % 16384 and not data.volblocksize:
        errors.add(f"{schema}.volsize", "Volume size should be a multiple of volume block size")
    if isinstance(data, models.PoolDatasetCreateFilesystem):
        if data.recordsize not in (None, "INHERIT", *_RECORDS):
            errors.add(f"{schema}.recordsize", f"{data.recordsize!r} is an invalid recordsize.")
        if data.acltype in ("POSIX", "OFF") and data.aclmode not in (None, "DISCARD"):
            errors.add(f"{schema}.aclmode", "Must be set to DISCARD when acltype is POSIX or OFF")
        if data.acltype == "NFSV4" and data.aclmode == "DISCARD":
            errors.add(f"{schema}.aclmode", "DISCARD aclmode may not be set for NFSv4 acl type")


def _translated(given: Mapping[str, Json]) -> tuple[dict[str, str], list[str]]:
    """Return what was given as raw properties, and what shall be inherited."""
    values: dict[str, str] = {}
    inherit: list[str] = []
    for name, value in given.items():
        if name in _OWN:
            continue
        key = _TO_ZFS.get(name, name)
        if value == "INHERIT":
            inherit.append(key)
        elif name == "recordsize":
            values[key] = str(_RECORDS.get(value, value))
        elif value is None:
            values[key] = "0"
        else:
            values[key] = str(value) if name in _PLAIN else str(value).lower()
    for each in given.get("user_properties") or []:
        values[each["key"]] = each["value"]
    for each in given.get("user_properties_update") or []:
        if each.get("remove"):
            inherit.append(each["key"])
        else:
            values[each["key"]] = each["value"]
    return values, inherit


def _moved(root: str, name: str, new: str) -> str:
    return new + root[len(name) :] if f"{root}/".startswith(f"{name}/") else root


_READ: Final = ("DATASET_READ",)
_WRITE: Final = ("DATASET_WRITE",)
METHODS: Final = (
    Method("pool.dataset.query", Query, rows, roles=_READ),
    Method("pool.dataset.get_instance", models.GetInstance, get_instance, roles=_READ),
    Method("pool.dataset.create", models.Create, create, roles=_WRITE),
    Method("pool.dataset.update", models.Update, update, roles=_WRITE),
    Method("pool.dataset.delete", models.Delete, delete, roles=("DATASET_DELETE",)),
    Method("pool.dataset.rename", models.Rename, rename, roles=_WRITE, first="25.10"),
    Method("pool.dataset.get_quota", models.GetQuota, get_quota, roles=_READ),
    Method("pool.dataset.set_quota", models.SetQuota, set_quota, roles=_WRITE),
    Method("pool.dataset.promote", models.Identity, promote, roles=_WRITE),
    Method("pool.dataset.attachments", models.Identity, attachments, roles=_READ),
    Method("pool.dataset.processes", models.Identity, processes, roles=_READ),
)
