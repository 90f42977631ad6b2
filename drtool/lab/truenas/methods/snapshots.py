"""`pool.snapshot.*`, in the oldest release `zfs.snapshot.*`."""

from __future__ import annotations

import errno
import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Final

from drtool.lab.truenas import query
from drtool.lab.truenas.answers import CallError, InstanceNotFoundError, Json, ValidationErrors, date
from drtool.lab.truenas.devices import appear
from drtool.lab.truenas.methods.core import Query
from drtool.lab.truenas.methods.snapshot_models import (
    Clone,
    Create,
    Delete,
    GetInstance,
    Hold,
    PoolSnapshotCreateWithName,
    PoolSnapshotCreateWithSchema,
    Rename,
    Rollback,
)
from drtool.lab.truenas.registry import Call, Method
from drtool.lab.truenas.state import Encryption
from drtool.lab.truenas.storage import BLOCK, SPARSE, VOLUME, StorageError, StoredSnapshot, is_own

_NAME: Final = re.compile(r"^[\w.: -]+$")
_LONGEST: Final = 255
TAG: Final = "truenas"


def told(call: Call, snapshot: StoredSnapshot, *, holds: bool = False, asked: Collection[str] = (), made: bool = False) -> dict[str, Json]:
    """Return the row of one snapshot; the newest release tells only the properties asked for, and never those of users."""
    newest = call.appliance.state.at_least("26")
    numbers = {"creation": snapshot.created, "createtxg": snapshot.txg}
    numbers |= {"used": snapshot.used, "referenced": snapshot.referenced, "guid": snapshot.guid}
    if newest:
        numbers = {name: number for name, number in numbers.items() if name in asked}
    properties: dict[str, Json] = {}
    for name, number in numbers.items():
        parsed: Json = date(number) if name == "creation" and not newest else number
        properties[name] = {"value": str(number), "rawvalue": str(number), "source": "NONE", "parsed": parsed}
    if not newest:
        for name, text in snapshot.user.items():
            properties[name] = {"value": text, "rawvalue": text, "source": "LOCAL", "parsed": text}
    row: dict[str, Json] = {
        "id": snapshot.name,
        "properties": properties,
        "pool": snapshot.name.partition("/")[0].partition("@")[0],
        "name": snapshot.name,
        "type": "SNAPSHOT",
        "snapshot_name": snapshot.name.partition("@")[2],
        "dataset": snapshot.dataset,
        "createtxg": str(snapshot.txg),
    }
    # A hold of somebody else has no place in the vendor's model.
    held = 1 if newest else snapshot.created
    return row | ({"holds": {TAG: held} if holds and TAG in snapshot.holds else {}} if holds or (newest and not made) else {})


def rows(call: Call, arguments: Query) -> Json:
    """Tell the snapshots."""
    if call.appliance.state.at_least("26"):
        return _rows_of_paths(call, arguments)
    extra = arguments.options.get("extra") or {}
    names = query.names_asked(arguments.filters, "id", "name")
    found = call.storage.snapshots(names)
    if extra.get("retention") and names is None and not arguments.options.get("limit"):
        raise CallError("`id` or `limit` is required if `retention` is requested", errno.EINVAL)
    low, high = int(extra.get("min_txg") or 0), int(extra.get("max_txg") or 0)
    within = [each for each in found if each.txg >= low and (not high or each.txg <= high)]
    table = [told(call, each, holds=bool(extra.get("holds")), asked=extra.get("properties") or ()) for each in within]
    return query.run(table, arguments.filters, arguments.options)


def _rows_of_paths(call: Call, arguments: Query) -> Json:
    """Look only at what the filters name, and let these filters go: of several such ones any suffices, a pool's with all below it."""
    extra = arguments.options.get("extra") or {}
    by_path = [each for each in arguments.filters if _is_by_path(each)]
    others = [each for each in arguments.filters if not _is_by_path(each)]
    paths = [str(name) for each in by_path for name in (each[2] if each[1] == "in" else [each[2]])]
    found = call.storage.snapshots([path for path in paths if "@" in path] if paths and all("@" in path for path in paths) else None)
    if paths:
        known = {each.name for each in found} | {each.name for each in call.storage.datasets()}
        deep = any(each[0] == "pool" for each in by_path)
        found = tuple(each for each in found if any(_is_at(each, path, deep=deep) for path in paths)) if known >= set(paths) else ()
    if not any(map(is_own, paths)):
        found = tuple(each for each in found if not is_own(each.dataset))
    low, high = int(extra.get("min_txg") or 0), int(extra.get("max_txg") or 0)
    within = [each for each in found if each.txg >= low and (not high or each.txg <= high)]
    table = [told(call, each, holds=bool(extra.get("holds")), asked=extra.get("properties") or ()) for each in within]
    return query.run(table, others, arguments.options)


def _is_by_path(condition: Json) -> bool:
    known = {"id", "name", "pool", "dataset"}
    return isinstance(condition, list) and len(condition) == 3 and condition[0] in known and condition[1] in ("=", "in")  # noqa: PLR2004


def _is_at(snapshot: StoredSnapshot, path: str, *, deep: bool) -> bool:
    return path in (snapshot.name, snapshot.dataset) or (deep and snapshot.dataset.startswith(f"{path}/"))


def get_instance(call: Call, arguments: GetInstance) -> Json:
    """Tell one snapshot."""
    found = call.storage.snapshots([arguments.id])
    if not found:
        kind = "PoolSnapshot" if call.appliance.state.at_least("25.10") else "ZFSSnapshot"
        raise InstanceNotFoundError(f"{kind} {arguments.id} does not exist")
    extra = arguments.options.get("extra") or {}
    return told(call, found[0], holds=bool(extra.get("holds")), asked=extra.get("properties") or ())


def create(call: Call, arguments: Create) -> Json:
    """Take a snapshot; with `recursive` of all below too, as of one instant."""
    data = arguments.data
    name = _name_of(call, data)
    full = f"{data.dataset}@{name}"
    below = [dataset.name for dataset in call.storage.datasets([data.dataset], children=data.recursive)]
    if not below:
        raise CallError(f"Failed to snapshot {full}: Dataset {data.dataset} not found")
    wanted = [each for each in below if not any(fnmatchcase(each, pattern) for pattern in data.exclude)]
    user = {key: str(value) for key, value in data.properties.items()}
    try:
        call.storage.snapshot(wanted, name, user)
    except StorageError as error:
        if "already exists" not in str(error):
            raise CallError(f"Failed to snapshot {full}: {error}") from None
        if call.appliance.state.at_least("26"):
            said = f"Snapshot '{full}' already exists"
            raise ValidationErrors([("zfs.resource.snapshot.create", said, errno.EEXIST)]) from None
        raise CallError(f"Failed to snapshot {full}: {error}", errno.EEXIST) from None
    return told(call, call.storage.snapshots([full])[0], asked=("creation", "createtxg"), made=True)


def delete(call: Call, arguments: Delete) -> bool:
    """Destroy a snapshot; what stands in the way is told as each release does."""
    name, options = arguments.id, arguments.options
    dataset, _, label = name.partition("@")
    found = snapshot_of(call, name)
    if is_own(name) and call.appliance.state.at_least("26"):
        raise ValidationErrors([("zfs.resource.snapshot.destroy", f"{name!r} is a protected path.", errno.EACCES)])
    names = [name]
    if options.recursive:
        names = [
            each.name
            for each in call.storage.snapshots()
            if f"{each.dataset}/".startswith(f"{dataset}/") and each.name.endswith(f"@{label}")
        ]
    if found.clones and not options.defer and not call.appliance.state.at_least("26"):
        said = f"Please set this attribute as {name!r} snapshot has dependent clones: {', '.join(found.clones)}"
        raise ValidationErrors([("options.defer", said, errno.EINVAL)])
    for each in reversed(names):
        try:
            if options.recursive and call.appliance.state.at_least("26"):
                _let_go(call, each)
            call.storage.destroy_snapshot(each, defer=options.defer)
        except StorageError as error:
            number = errno.EBUSY if call.appliance.state.at_least("26") else errno.EFAULT
            raise CallError(f"cannot destroy snapshot {each}: {error}", number) from None
    return True


def hold(call: Call, arguments: Hold) -> None:
    """Keep a snapshot from being destroyed, under the one tag there is."""
    try:
        for each in _these(call, arguments):
            call.storage.hold(each, TAG)
    except StorageError as error:
        raise CallError(f"Failed to hold snapshot: {error}") from None


def release(call: Call, arguments: Hold) -> None:
    """Take away every hold, whoever made it."""
    tags = snapshot_of(call, arguments.id).holds
    try:
        for each in call.storage.snapshots(_these(call, arguments)):
            for tag in set(tags) & set(each.holds):
                call.storage.release(each.name, tag)
    except StorageError as error:
        raise CallError(f"Failed to release snapshot: {error}") from None


def clone(call: Call, arguments: Clone) -> bool:
    """Make a dataset of a snapshot; of a locked one a locked one."""
    data, state = arguments.data, call.appliance.state
    origin = data.snapshot.partition("@")[0]
    parent = call.storage.datasets([origin], children=False)
    if not parent or not call.storage.snapshots([data.snapshot]):
        raise CallError(f"Failed to clone snapshot: Snapshot {data.snapshot} not found")
    if state.at_least("26"):
        for key in data.dataset_properties:
            if ":" in key:  # the library beneath takes properties of its own only
                raise CallError(f"{key}: not a valid ZFS property", errno.EINVAL)
    values = {key: str(value) for key, value in data.dataset_properties.items()}
    if parent[0].volume_bytes:
        values |= {VOLUME: str(parent[0].volume_bytes), BLOCK: parent[0].raw(BLOCK, "16384"), SPARSE: "yes"}
    try:
        call.storage.clone(data.snapshot, data.dataset_dst, values)
        root = state.root_of(origin)
        if root is not None:
            of = state.encryption[root]
            state.encryption[data.dataset_dst] = Encryption(of.format, of.secret, of.locked, of.iterations, origin=root)
            call.appliance.save()
        if not call.mounted or state.is_locked(data.dataset_dst):
            call.storage.unmount(data.dataset_dst)
    except StorageError as error:
        raise CallError(f"Failed to clone snapshot: cannot create '{data.dataset_dst}': {error}") from None
    if parent[0].volume_bytes:
        appear(call, data.dataset_dst)
    return True


def rollback(call: Call, arguments: Rollback) -> None:
    """Bring a dataset back, child by child; a child without that snapshot is passed over in silence."""
    name, options = arguments.id, arguments.options
    dataset, _, label = name.partition("@")
    names = [name]
    if options.recursive_rollback:
        every = {snapshot.name for snapshot in call.storage.snapshots()}
        names = [f"{each.name}@{label}" for each in call.storage.datasets([dataset]) if f"{each.name}@{label}" in every]
    try:
        for each in names:
            call.storage.rollback(each, destroy_newer=options.recursive or options.recursive_clones)
    except StorageError as error:
        raise CallError(f"Failed to rollback snapshot: cannot rollback to '{each}': {error}") from None


def rename(call: Call, arguments: Rename) -> None:
    """Give a snapshot another name."""
    if not arguments.options.force:
        raise ValidationErrors(
            [("pool.snapshot.rename.force", "No safety checks are performed when renaming ZFS resources.", errno.EINVAL)]
        )
    snapshot_of(call, arguments.id)
    try:
        call.storage.rename_snapshot(arguments.id, arguments.options.new_name)
    except StorageError as error:
        raise CallError(f"Failed to rename snapshot: {error}") from None


def snapshot_of(call: Call, name: str) -> StoredSnapshot:
    """Return a snapshot that must exist."""
    found = call.storage.snapshots([name])
    if not found:
        raise InstanceNotFoundError(f"Snapshot {name} not found")
    return found[0]


def _these(call: Call, arguments: Hold) -> list[str]:
    snapshot_of(call, arguments.id)
    if not arguments.options.recursive:
        return [arguments.id]
    dataset, _, label = arguments.id.partition("@")
    return [
        each.name for each in call.storage.snapshots() if f"{each.dataset}/".startswith(f"{dataset}/") and each.name.endswith(f"@{label}")
    ]


def _let_go(call: Call, name: str) -> None:
    """Do what the newest release does unasked: its recursive destroy takes away holds that are in its way."""
    for snapshot in call.storage.snapshots([name]):
        for tag in snapshot.holds:
            call.storage.release(name, tag)


def _name_of(call: Call, data: PoolSnapshotCreateWithName | PoolSnapshotCreateWithSchema) -> str:
    errors = ValidationErrors()
    newest = call.appliance.state.at_least("26")
    if data.exclude:
        if not data.recursive and not newest:
            errors.add("snapshot_create.exclude", "This option has no sense for non-recursive snapshots")
        for key, given in (("vmware_sync", data.vmware_sync), ("properties", bool(data.properties))):
            if given:
                errors.add(f"snapshot_create.{key}", "This option is not supported when excluding datasets")
    for key in data.properties:
        if newest and ":" not in key:
            errors.add(f"snapshot_create.properties.{key}", "Only user properties can be set on snapshots")
    name = data.name if isinstance(data, PoolSnapshotCreateWithName) else call.appliance.clock.now().strftime(data.naming_schema)
    if not _NAME.match(name) or " " in name or len(f"{data.dataset}@{name}") > _LONGEST:
        errors.add("snapshot_create.name", "Invalid snapshot name")
    errors.check()
    return name


def _methods(service: str, first: str, last: str) -> tuple[Method, ...]:
    read, write, remove = ("SNAPSHOT_READ",), ("SNAPSHOT_WRITE",), ("SNAPSHOT_DELETE",)
    return (
        Method(f"{service}.query", Query, rows, roles=read, first=first, last=last),
        Method(f"{service}.get_instance", GetInstance, get_instance, roles=read, first=first, last=last),
        Method(f"{service}.create", Create, create, roles=write, first=first, last=last),
        Method(f"{service}.delete", Delete, delete, roles=remove, first=first, last=last),
        Method(f"{service}.hold", Hold, hold, roles=write, first=first, last=last),
        Method(f"{service}.release", Hold, release, roles=write, first=first, last=last),
        Method(f"{service}.clone", Clone, clone, roles=(*write, "DATASET_WRITE"), first=first, last=last),
        Method(f"{service}.rollback", Rollback, rollback, roles=(*write, "POOL_WRITE"), first=first, last=last),
    )


METHODS: Final = (
    *_methods("zfs.snapshot", "25.04", "25.04"),
    *_methods("pool.snapshot", "25.10", "26"),
    Method("pool.snapshot.rename", Rename, rename, roles=("SNAPSHOT_WRITE",), first="25.10"),
)
