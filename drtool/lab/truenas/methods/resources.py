"""`zfs.resource.snapshot.*`, new in release 26: holds with tags of their own, numbers as numbers."""

from __future__ import annotations

import errno
from collections.abc import Collection
from typing import Annotated, Any, Final

from pydantic import Field

from drtool.lab.truenas.answers import CallError, Json, ValidationErrors
from drtool.lab.truenas.methods import snapshot_models as models
from drtool.lab.truenas.methods import snapshots
from drtool.lab.truenas.registry import Arguments, Call, Method
from drtool.lab.truenas.storage import StorageError, StoredSnapshot, is_own

Text = Annotated[str, Field(min_length=1)]


class QueryData(Arguments):
    paths: list[str] = []
    properties: list[str] | None = []
    get_user_properties: bool = False
    get_source: bool = False
    get_holds: bool = False
    min_txg: int = 0
    max_txg: int = 0
    recursive: bool = False


class Query(Arguments):
    data: QueryData = QueryData()


class CreateData(Arguments):
    dataset: Text
    name: Text
    recursive: bool = False
    exclude: list[str] = []
    user_properties: dict[str, str] = {}


class Create(Arguments):
    data: CreateData


class DestroyData(Arguments):
    path: Text
    recursive: bool = False
    all_snapshots: bool = False
    defer: bool = False


class Destroy(Arguments):
    data: DestroyData


class HoldData(Arguments):
    path: Text
    tag: str = snapshots.TAG
    recursive: bool = False


class Hold(Arguments):
    data: HoldData


class ReleaseData(Arguments):
    path: Text
    tag: str | None = None
    recursive: bool = False


class Release(Arguments):
    data: ReleaseData


class PathData(Arguments):
    path: Text


class Path(Arguments):
    data: PathData


class CloneData(Arguments):
    snapshot: Text
    dataset: Text
    properties: dict[str, Any] = {}


class Clone(Arguments):
    data: CloneData


def rows(call: Call, arguments: Query) -> Json:
    """Tell the snapshots of datasets, or single ones."""
    data = arguments.data
    every = call.storage.snapshots()
    there = {each.name for each in every} | {dataset.name for dataset in call.storage.datasets()}
    for path in data.paths:
        if path not in there:
            raise ValidationErrors([("zfs.resource.snapshot.query", f"'{path}' not found", errno.ENOENT)])
    if not any(map(is_own, data.paths)):
        every = tuple(each for each in every if not is_own(each.dataset))
    if data.paths:
        every = tuple(each for each in every if any(_is_of(each, path, recursive=data.recursive) for path in data.paths))
    within = (each for each in every if each.txg >= data.min_txg and (not data.max_txg or each.txg <= data.max_txg))
    return [_told(call, each, user=data.get_user_properties, asked=data.properties or (), holds=data.get_holds) for each in within]


def create(call: Call, arguments: Create) -> Json:
    """Take a snapshot."""
    data = arguments.data
    made = models.PoolSnapshotCreateWithName(
        dataset=data.dataset, name=data.name, recursive=data.recursive, exclude=data.exclude, properties=dict(data.user_properties)
    )
    snapshots.create(call, models.Create(data=made))
    return _told(call, _of(call, f"{data.dataset}@{data.name}", "create"), asked=("creation", "createtxg"))


def destroy(call: Call, arguments: Destroy) -> None:
    """Destroy a snapshot."""
    _of(call, arguments.data.path, "destroy")
    options = models.DeleteOptions(recursive=arguments.data.recursive, defer=arguments.data.defer)
    snapshots.delete(call, models.Delete(id=arguments.data.path, options=options))


def hold(call: Call, arguments: Hold) -> None:
    """Keep a snapshot from being destroyed, under a tag."""
    _of(call, arguments.data.path, "hold")
    try:
        call.storage.hold(arguments.data.path, arguments.data.tag)
    except StorageError as error:
        raise CallError(f"Failed to hold snapshot: {error}", errno.EEXIST) from None


def holds(call: Call, arguments: Path) -> list[str]:
    """Tell the tags under which a snapshot is kept."""
    return list(_of(call, arguments.data.path, "holds").holds)


def release(call: Call, arguments: Release) -> None:
    """Take away one hold, or all when no tag is given."""
    found = _of(call, arguments.data.path, "release")
    try:
        for tag in found.holds if arguments.data.tag is None else (arguments.data.tag,):
            call.storage.release(found.name, tag)
    except StorageError as error:
        raise CallError(f"Failed to release snapshot: {error}") from None


def clone(call: Call, arguments: Clone) -> None:
    """Make a dataset of a snapshot."""
    data = arguments.data
    _of(call, data.snapshot, "clone")
    asked = models.PoolSnapshotClone(snapshot=data.snapshot, dataset_dst=data.dataset, dataset_properties=data.properties)
    snapshots.clone(call, models.Clone(data=asked))


def _of(call: Call, name: str, verb: str) -> StoredSnapshot:
    found = call.storage.snapshots([name])
    if not found:
        raise ValidationErrors([(f"zfs.resource.snapshot.{verb}", f"Snapshot '{name}' does not exist", errno.ENOENT)])
    return found[0]


def _is_of(snapshot: StoredSnapshot, path: str, *, recursive: bool) -> bool:
    return path in (snapshot.name, snapshot.dataset) or (recursive and snapshot.dataset.startswith(f"{path}/"))


def _told(call: Call, snapshot: StoredSnapshot, *, user: bool = False, asked: Collection[str] = (), holds: bool = False) -> dict[str, Json]:
    """Return the row of one snapshot; its user properties are told without their source, and those of its dataset are among them."""
    numbers = {"creation": snapshot.created, "createtxg": snapshot.txg, "used": snapshot.used, "referenced": snapshot.referenced}
    (dataset,) = call.storage.datasets([snapshot.dataset], children=False)
    down = {name: value.raw for name, value in dataset.properties.items() if ":" in name and not name.startswith("drtool.lab")}
    return {
        "name": snapshot.name,
        "pool": snapshot.name.partition("/")[0].partition("@")[0],
        "dataset": snapshot.dataset,
        "snapshot_name": snapshot.name.partition("@")[2],
        "type": "SNAPSHOT",
        "createtxg": snapshot.txg,
        "guid": snapshot.guid,
        "holds": (list(snapshot.holds) or None) if holds else None,
        "properties": {name: {"raw": str(numbers[name]), "value": numbers[name], "source": None} for name in asked if name in numbers}
        or None,
        "user_properties": down | dict(snapshot.user) if user else None,
    }


_READ: Final = ("SNAPSHOT_READ",)
_WRITE: Final = ("SNAPSHOT_WRITE",)
METHODS: Final = tuple(
    Method(f"zfs.resource.snapshot.{name}", model, work, roles=roles, first="26")
    for name, model, work, roles in (
        ("query", Query, rows, _READ),
        ("create", Create, create, _WRITE),
        ("destroy", Destroy, destroy, ("SNAPSHOT_DELETE",)),
        ("hold", Hold, hold, _WRITE),
        ("holds", Path, holds, _READ),
        ("release", Release, release, _WRITE),
        ("clone", Clone, clone, (*_WRITE, "DATASET_WRITE")),
    )
)
