"""The pool as plain directories: snapshots are copies, made where the file system can by sharing blocks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drtool.lab.truenas.answers import Json
from drtool.lab.truenas.directory_files import (
    MeasuredProperties,
    bytes_below,
    copy,
    copy_attributes,
    copy_entries,
    remove,
    unmount_all,
)
from drtool.lab.truenas.directory_index import Index
from drtool.lab.truenas.properties import effective
from drtool.lab.truenas.storage import Dataset, StorageError, StoredSnapshot, Value
from drtool.ports import Clock, Runner

_USE_R = "use '-r' to force deletion of the following snapshots and bookmarks:"


@dataclass(slots=True)
class DirectoryStorage:
    """A pool below `directory`: `mnt/` as the appliance shows it, `unmounted/`, `snapshots/`, and `storage.json` that names them.

    A dataset covers a directory of the one above, as a mount does; that directory waits in `covered/` for whoever sees the other alone.
    Quotas and `readonly` are kept and told, and not enforced. A dataset's own entries are copied one by one, so a hard link from one
    entry of its root to another becomes two files in a snapshot.
    """

    directory: str
    pool: str
    runner: Runner
    clock: Clock
    _index: Index

    def start(self) -> None:
        for name in ("mnt", "unmounted", "snapshots", "covered"):
            os.makedirs(os.path.join(self.directory, name), exist_ok=True)
        self._index.read()
        if self.pool not in self._index.datasets:
            self._add(self.pool, {}, origin="")
            os.makedirs(self._mountpoint(self.pool), exist_ok=True)
            self._index.write()

    def stop(self) -> None:
        """Nothing to let go of."""

    def datasets(self, names: Sequence[str] | None = None, *, children: bool = True) -> tuple[Dataset, ...]:
        every = sorted(self._index.datasets)
        if names is not None:
            every = [name for name in every if name in names or (children and any(name.startswith(f"{top}/") for top in names))]
        local = {name: entry["local"] for name, entry in self._index.datasets.items()}
        return tuple(self._dataset(name, local) for name in every)

    def create(self, name: str, properties: Mapping[str, str]) -> None:
        self._must_be_free(name)
        self._add(name, dict(properties), origin="")
        self._index.cover(name, self._mountpoint(name))
        os.mkdir(self._mountpoint(name))
        self._index.write()

    def change(self, name: str, values: Mapping[str, str], inherit: Sequence[str] = ()) -> None:
        local = self._index.dataset(name)["local"]
        local.update(values)
        for key in inherit:
            local.pop(key, None)
        self._index.write()

    def destroy(self, name: str) -> None:
        entry = self._index.dataset(name)
        if any(other.startswith(f"{name}/") for other in self._index.datasets):
            raise StorageError("filesystem has children")
        for snapshot in [snapshot for snapshot in self._index.snapshots if snapshot.partition("@")[0] == name]:
            raise StorageError(f"filesystem has children\nuse '-r' to destroy the following datasets:\n{snapshot}")
        remove(self._place(name))
        if not entry["mounted"] and os.path.isdir(self._mountpoint(name)):
            os.rmdir(self._mountpoint(name))
        remove(self._index.covered(name))
        del self._index.datasets[name]
        self._end_deferred(entry["origin"])
        self._index.write()

    def rename(self, name: str, new: str) -> None:
        self._index.dataset(name)
        place = self._mountpoint(new)
        parent, is_mount_point = os.path.dirname(place), os.path.isdir(place)
        before = os.stat(parent) if is_mount_point else None
        self._must_be_free(new)
        self._uncover(name)
        self._index.cover(name, place)
        os.rename(self._mountpoint(name), place)
        if before is not None:  # real ZFS mounts over the empty directory, and the parent does not change
            os.utime(parent, ns=(before.st_atime_ns, before.st_mtime_ns))
        self._index.rename(lambda old: new + old[len(name) :] if f"{old}/".startswith(f"{name}/") else old)

    def promote(self, name: str) -> None:
        entry = self._index.dataset(name)
        origin = entry["origin"]
        if not origin:
            raise StorageError("not a cloned filesystem")
        parent = origin.partition("@")[0]
        limit = self._index.snapshots[origin]["txg"]
        moved = [each for each, kept in self._index.snapshots.items() if each.partition("@")[0] == parent and kept["txg"] <= limit]
        entry["origin"], self._index.datasets[parent]["origin"] = self._index.datasets[parent]["origin"], origin
        self._index.rename_snapshots({each: f"{name}@{each.partition('@')[2]}" for each in moved})

    def mount(self, name: str) -> None:
        entry = self._index.dataset(name)
        if entry["mounted"]:
            return
        target = self._mountpoint(name)
        if os.path.isdir(target):
            if os.listdir(target):
                raise StorageError("directory is not empty")
            os.rmdir(target)
        self._uncover(name)
        os.rename(self._place(name), target)
        entry["mounted"] = True
        self._index.write()

    def unmount(self, name: str) -> None:
        entry = self._index.dataset(name)
        if not entry["mounted"]:
            return
        if any(other.startswith(f"{name}/") and kept["mounted"] for other, kept in self._index.datasets.items()):
            raise StorageError("dataset is busy")
        entry["mounted"] = False
        self._uncover(name)
        os.rename(self._mountpoint(name), self._place(name))
        os.mkdir(self._mountpoint(name))
        self._index.write()

    def snapshots(self, names: Sequence[str] | None = None) -> tuple[StoredSnapshot, ...]:
        found = [name for name in self._index.snapshots if names is None or name in names]
        return tuple(sorted((self._snapshot(name) for name in found), key=lambda each: (each.dataset, each.txg)))

    def snapshot(self, datasets: Sequence[str], name: str, user: Mapping[str, str]) -> None:
        for dataset in datasets:
            self._index.dataset(dataset)
            if f"{dataset}@{name}" in self._index.snapshots:
                raise StorageError("dataset already exists")
        txg = self._index.next()
        made: dict[str, Json] = {}
        try:
            for dataset in datasets:
                guid = _guid()
                facts = {"guid": guid, "txg": txg, "created": self._seconds(), "user": dict(user), "holds": [], "defer": False}
                made[f"{dataset}@{name}"] = facts
                self._copy(dataset, self._store(guid))
        except StorageError:
            for entry in made.values():
                remove(self._store(entry["guid"]))
            raise
        self._index.snapshots.update(made)
        self._index.write()

    def destroy_snapshot(self, name: str, *, defer: bool) -> None:
        entry = self._index.snapshot(name)
        if (entry["holds"] or self._index.clones(name)) and not defer:
            raise StorageError("dataset is busy" if entry["holds"] else "snapshot has dependent clones")
        entry["defer"] = True
        self._end_deferred(name)
        self._index.write()

    def rename_snapshot(self, name: str, new: str) -> None:
        self._index.snapshot(name)
        if new in self._index.snapshots:
            raise StorageError("dataset already exists")
        self._index.rename_snapshots({name: new})

    def hold(self, name: str, tag: str) -> None:
        holds = self._index.snapshot(name)["holds"]
        if tag in holds:
            raise StorageError("tag already exists on this dataset")
        holds.append(tag)
        self._index.write()

    def release(self, name: str, tag: str) -> None:
        holds = self._index.snapshot(name)["holds"]
        if tag not in holds:
            raise StorageError("no such tag on this dataset")
        holds.remove(tag)
        self._end_deferred(name)
        self._index.write()

    def clone(self, snapshot: str, name: str, properties: Mapping[str, str]) -> None:
        entry = self._index.snapshot(snapshot)
        self._must_be_free(name)
        target = self._mountpoint(name)
        self._add(name, dict(properties), origin=snapshot)
        self._index.cover(name, target)
        os.mkdir(target)
        try:
            copy(self.runner, "-T", "--", self._store(entry["guid"]), target)
        except StorageError:
            remove(target)
            del self._index.datasets[name]
            raise
        self._index.write()

    def rollback(self, snapshot: str, *, destroy_newer: bool) -> None:
        entry = self._index.snapshot(snapshot)
        dataset = snapshot.partition("@")[0]
        newer = [name for name, kept in self._index.snapshots.items() if name.partition("@")[0] == dataset and kept["txg"] > entry["txg"]]
        if newer and not destroy_newer:
            raise StorageError(f"more recent snapshots or bookmarks exist\n{_USE_R}\n{newer[0]}")
        for name in newer:
            self.destroy_snapshot(name, defer=False)
        place, below = self._place(dataset), self._index.entries_below(dataset)
        for item in os.listdir(place):
            if item not in below:
                remove(os.path.join(place, item))
        copy_entries(self.runner, self._store(entry["guid"]), place, below)
        self._index.write()

    def space(self) -> tuple[int, int]:
        found = os.statvfs(self.directory)
        return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize

    def _seconds(self) -> int:
        return int(self.clock.now().timestamp())

    def _must_be_free(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        if name in self._index.datasets:
            raise StorageError("dataset already exists")
        if parent not in self._index.datasets:
            raise StorageError("parent does not exist")
        if not self._index.datasets[parent]["mounted"]:
            raise StorageError("parent is not mounted")
        place = self._mountpoint(name)
        empty = os.path.isdir(place) and not os.path.islink(place) and not os.listdir(place)  # real ZFS mounts over an empty one
        if os.path.lexists(place) and not empty:
            raise StorageError("directory is not empty")

    def _uncover(self, name: str) -> None:
        """Take away what hides a dataset in shares of others: a directory that something is mounted on cannot be renamed."""
        covers = {self._index.covered(each) for each in self._index.datasets if f"{each}/".startswith(f"{name}/")}
        unmount_all(self.runner, covers)

    def _add(self, name: str, local: dict[str, str], *, origin: str) -> None:
        entry = {"guid": _guid(), "created": self._seconds(), "txg": self._index.next(), "local": local, "origin": origin, "mounted": True}
        self._index.datasets[name] = entry

    def _mountpoint(self, name: str) -> str:
        return os.path.join(self.directory, "mnt", name)

    def _store(self, guid: int) -> str:
        return os.path.join(self.directory, "snapshots", str(guid))

    def _place(self, name: str) -> str:
        entry = self._index.dataset(name)
        return self._mountpoint(name) if entry["mounted"] else os.path.join(self.directory, "unmounted", str(entry["guid"]))

    def _dataset(self, name: str, local: Mapping[str, Mapping[str, str]]) -> Dataset:
        entry = self._index.datasets[name]
        known = effective(name, local) | {
            key: Value(str(raw), "-")
            for key, raw in {
                "type": "filesystem",
                "creation": entry["created"],
                "createtxg": entry["txg"],
                "guid": entry["guid"],
                "origin": entry["origin"] or "-",
                "mounted": "yes" if entry["mounted"] else "no",
                "compressratio": "1.00",
            }.items()
        }
        place = self._place(name)
        sizes = {
            "available": lambda: self.space()[1],
            "used": lambda: bytes_below(place, ()),
            "referenced": lambda: bytes_below(place, self._index.entries_below(name)),
            "usedbydataset": lambda: bytes_below(place, self._index.entries_below(name)),
        }
        return Dataset(name, MeasuredProperties(known, sizes), place if entry["mounted"] else "")

    def _snapshot(self, name: str) -> StoredSnapshot:
        entry = self._index.snapshots[name]
        size = bytes_below(self._store(entry["guid"]), ())
        return StoredSnapshot(
            name=name,
            created=entry["created"],
            txg=entry["txg"],
            guid=entry["guid"],
            used=0,
            referenced=size,
            user=entry["user"],
            clones=self._index.clones(name),
            holds=tuple(entry["holds"]),
        )

    def _end_deferred(self, name: str) -> None:
        entry = self._index.snapshots.get(name)
        if entry is not None and entry["defer"] and not entry["holds"] and not self._index.clones(name):
            del self._index.snapshots[name]
            remove(self._store(entry["guid"]))

    def _copy(self, dataset: str, target: str) -> None:
        place, below = self._place(dataset), self._index.entries_below(dataset)
        os.mkdir(target)
        copy_entries(self.runner, place, target, below)
        for item in below:
            os.mkdir(os.path.join(target, item))
            copy_attributes(self._index.covered(f"{dataset}/{item}"), os.path.join(target, item))
        copy_attributes(place, target)


def _guid() -> int:
    return secrets.randbits(63)
