"""The pool as plain directories: snapshots are copies, made where the file system can by sharing blocks."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drtool.lab.truenas.answers import Json
from drtool.lab.truenas.properties import effective
from drtool.lab.truenas.state import write_json
from drtool.lab.truenas.storage import Dataset, StorageError, StoredSnapshot, Value
from drtool.model.command import Command
from drtool.ports import Clock, Runner

_BATCH = 500


@dataclass(slots=True)
class DirectoryStorage:
    """A pool below `directory`: `mnt/` as the appliance shows it, `unmounted/`, `snapshots/`, and `storage.json` that names them.

    Quotas and `readonly` are kept and told, and not enforced. A dataset's own entries are copied one by one, so a hard link from one
    entry of its root to another becomes two files in a snapshot.
    """

    directory: str
    pool: str
    runner: Runner
    clock: Clock
    _kept: dict[str, Json]

    def start(self) -> None:
        for name in ("mnt", "unmounted", "snapshots"):
            os.makedirs(os.path.join(self.directory, name), exist_ok=True)
        try:
            with open(self._file, encoding="utf-8") as stream:
                self._kept = json.load(stream)
        except FileNotFoundError:
            self._kept = {"txg": 4, "datasets": {}, "snapshots": {}}
        if self.pool not in self._datasets:
            self._add(self.pool, {}, origin="")
            os.makedirs(self._mountpoint(self.pool), exist_ok=True)
            self._write()

    def stop(self) -> None:
        """Nothing to let go of."""

    def datasets(self, names: Sequence[str] | None = None, *, children: bool = True) -> tuple[Dataset, ...]:
        every = sorted(self._datasets)
        if names is not None:
            every = [name for name in every if name in names or (children and any(name.startswith(f"{top}/") for top in names))]
        local = {name: entry["local"] for name, entry in self._datasets.items()}
        return tuple(self._dataset(name, local) for name in every)

    def create(self, name: str, properties: Mapping[str, str]) -> None:
        self._must_be_free(name)
        self._add(name, dict(properties), origin="")
        os.mkdir(self._mountpoint(name))
        self._write()

    def change(self, name: str, values: Mapping[str, str], inherit: Sequence[str] = ()) -> None:
        local = self._entry(name)["local"]
        local.update(values)
        for key in inherit:
            local.pop(key, None)
        self._write()

    def destroy(self, name: str) -> None:
        entry = self._entry(name)
        if any(other.startswith(f"{name}/") for other in self._datasets):
            raise StorageError("filesystem has children")
        for snapshot in [snapshot for snapshot in self._snapshots if snapshot.partition("@")[0] == name]:
            raise StorageError(f"filesystem has children\nuse '-r' to destroy the following datasets:\n{snapshot}")
        _remove(self._place(name))
        if not entry["mounted"] and os.path.isdir(self._mountpoint(name)):
            os.rmdir(self._mountpoint(name))
        del self._datasets[name]
        self._end_deferred(entry["origin"])
        self._write()

    def rename(self, name: str, new: str) -> None:
        self._entry(name)
        self._must_be_free(new)
        os.rename(self._mountpoint(name), self._mountpoint(new))
        self._renamed(lambda old: new + old[len(name) :] if f"{old}/".startswith(f"{name}/") else old)

    def promote(self, name: str) -> None:
        entry = self._entry(name)
        origin = entry["origin"]
        if not origin:
            raise StorageError("not a cloned filesystem")
        parent = origin.partition("@")[0]
        limit = self._snapshots[origin]["txg"]
        moved = [each for each, kept in self._snapshots.items() if each.partition("@")[0] == parent and kept["txg"] <= limit]
        entry["origin"], self._datasets[parent]["origin"] = self._datasets[parent]["origin"], origin
        self._renamed_snapshots({each: f"{name}@{each.partition('@')[2]}" for each in moved})

    def mount(self, name: str) -> None:
        entry = self._entry(name)
        if entry["mounted"]:
            return
        target = self._mountpoint(name)
        if os.path.isdir(target):
            if os.listdir(target):
                raise StorageError("directory is not empty")
            os.rmdir(target)
        os.rename(self._place(name), target)
        entry["mounted"] = True
        self._write()

    def unmount(self, name: str) -> None:
        entry = self._entry(name)
        if not entry["mounted"]:
            return
        if any(other.startswith(f"{name}/") and kept["mounted"] for other, kept in self._datasets.items()):
            raise StorageError("dataset is busy")
        entry["mounted"] = False
        os.rename(self._mountpoint(name), self._place(name))
        os.mkdir(self._mountpoint(name))
        self._write()

    def snapshots(self, names: Sequence[str] | None = None) -> tuple[StoredSnapshot, ...]:
        found = [name for name in self._snapshots if names is None or name in names]
        return tuple(sorted((self._snapshot(name) for name in found), key=lambda each: (each.dataset, each.txg)))

    def snapshot(self, datasets: Sequence[str], name: str, user: Mapping[str, str]) -> None:
        for dataset in datasets:
            self._entry(dataset)
            if f"{dataset}@{name}" in self._snapshots:
                raise StorageError("dataset already exists")
        txg, made = self._next(), {}
        try:
            for dataset in datasets:
                guid = _guid()
                made[f"{dataset}@{name}"] = {
                    "guid": guid,
                    "txg": txg,
                    "created": self._seconds(),
                    "user": dict(user),
                    "holds": [],
                    "defer": False,
                }
                self._copy(dataset, self._store(guid))
        except StorageError:
            for entry in made.values():
                _remove(self._store(entry["guid"]))
            raise
        self._snapshots.update(made)
        self._write()

    def destroy_snapshot(self, name: str, *, defer: bool) -> None:
        entry = self._taken(name)
        if (entry["holds"] or self._clones(name)) and not defer:
            raise StorageError("dataset is busy" if entry["holds"] else "snapshot has dependent clones")
        entry["defer"] = True
        self._end_deferred(name)
        self._write()

    def rename_snapshot(self, name: str, new: str) -> None:
        self._taken(name)
        if new in self._snapshots:
            raise StorageError("dataset already exists")
        self._renamed_snapshots({name: new})

    def hold(self, name: str, tag: str) -> None:
        holds = self._taken(name)["holds"]
        if tag in holds:
            raise StorageError("tag already exists on this dataset")
        holds.append(tag)
        self._write()

    def release(self, name: str, tag: str) -> None:
        holds = self._taken(name)["holds"]
        if tag not in holds:
            raise StorageError("no such tag on this dataset")
        holds.remove(tag)
        self._end_deferred(name)
        self._write()

    def clone(self, snapshot: str, name: str, properties: Mapping[str, str]) -> None:
        entry = self._taken(snapshot)
        self._must_be_free(name)
        target = self._mountpoint(name)
        os.mkdir(target)
        try:
            self._run("cp", "-a", "--reflink=auto", "--sparse=auto", "-T", "--", self._store(entry["guid"]), target)
        except StorageError:
            _remove(target)
            raise
        self._add(name, dict(properties), origin=snapshot)
        self._write()

    def rollback(self, snapshot: str, *, destroy_newer: bool) -> None:
        entry = self._taken(snapshot)
        dataset = snapshot.partition("@")[0]
        newer = [name for name, kept in self._snapshots.items() if name.partition("@")[0] == dataset and kept["txg"] > entry["txg"]]
        if newer and not destroy_newer:
            raise StorageError(
                f"more recent snapshots or bookmarks exist\nuse '-r' to force deletion of the following snapshots and bookmarks:\n{newer[0]}"
            )
        for name in newer:
            self.destroy_snapshot(name, defer=False)
        place, below = self._place(dataset), self._entries_below(dataset)
        for item in os.listdir(place):
            if item not in below:
                _remove(os.path.join(place, item))
        self._copy_entries(self._store(entry["guid"]), place, below)
        self._write()

    def space(self) -> tuple[int, int]:
        found = os.statvfs(self.directory)
        return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize

    @property
    def _file(self) -> str:
        return os.path.join(self.directory, "storage.json")

    @property
    def _datasets(self) -> dict[str, Json]:
        kept: dict[str, Json] = self._kept["datasets"]
        return kept

    @property
    def _snapshots(self) -> dict[str, Json]:
        kept: dict[str, Json] = self._kept["snapshots"]
        return kept

    def _write(self) -> None:
        write_json(self._file, self._kept)

    def _next(self) -> int:
        self._kept["txg"] += 1
        return int(self._kept["txg"])

    def _seconds(self) -> int:
        return int(self.clock.now().timestamp())

    def _entry(self, name: str) -> Json:
        if name not in self._datasets:
            raise StorageError("dataset does not exist")
        return self._datasets[name]

    def _taken(self, name: str) -> Json:
        if name not in self._snapshots:
            raise StorageError("dataset does not exist")
        return self._snapshots[name]

    def _must_be_free(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        if name in self._datasets:
            raise StorageError("dataset already exists")
        if parent not in self._datasets:
            raise StorageError("parent does not exist")
        if not self._datasets[parent]["mounted"]:
            raise StorageError("parent is not mounted")
        if os.path.lexists(self._mountpoint(name)):
            raise StorageError("directory is not empty")

    def _add(self, name: str, local: dict[str, str], *, origin: str) -> None:
        entry = {"guid": _guid(), "created": self._seconds(), "txg": self._next(), "local": local, "origin": origin, "mounted": True}
        self._datasets[name] = entry

    def _mountpoint(self, name: str) -> str:
        return os.path.join(self.directory, "mnt", name)

    def _store(self, guid: int) -> str:
        return os.path.join(self.directory, "snapshots", str(guid))

    def _place(self, name: str) -> str:
        entry = self._entry(name)
        return self._mountpoint(name) if entry["mounted"] else os.path.join(self.directory, "unmounted", str(entry["guid"]))

    def _dataset(self, name: str, local: Mapping[str, Mapping[str, str]]) -> Dataset:
        entry = self._datasets[name]
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
            "used": lambda: _bytes_below(place, ()),
            "referenced": lambda: _bytes_below(place, self._entries_below(name)),
            "usedbydataset": lambda: _bytes_below(place, self._entries_below(name)),
        }
        return Dataset(name, _Properties(known, sizes), place if entry["mounted"] else "")

    def _snapshot(self, name: str) -> StoredSnapshot:
        entry = self._snapshots[name]
        size = _bytes_below(self._store(entry["guid"]), ())
        return StoredSnapshot(
            name=name,
            created=entry["created"],
            txg=entry["txg"],
            guid=entry["guid"],
            used=0,
            referenced=size,
            user=entry["user"],
            clones=self._clones(name),
            holds=tuple(entry["holds"]),
        )

    def _clones(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(dataset for dataset, entry in self._datasets.items() if entry["origin"] == name))

    def _end_deferred(self, name: str) -> None:
        entry = self._snapshots.get(name)
        if entry is not None and entry["defer"] and not entry["holds"] and not self._clones(name):
            del self._snapshots[name]
            _remove(self._store(entry["guid"]))

    def _renamed(self, new_name: Callable[[str], str]) -> None:
        self._kept["datasets"] = {new_name(name): entry for name, entry in self._datasets.items()}
        self._renamed_snapshots({name: f"{new_name(name.partition('@')[0])}@{name.partition('@')[2]}" for name in self._snapshots})

    def _renamed_snapshots(self, names: Mapping[str, str]) -> None:
        self._kept["snapshots"] = {names.get(name, name): entry for name, entry in self._snapshots.items()}
        for entry in self._datasets.values():
            entry["origin"] = names.get(entry["origin"], entry["origin"])
        self._write()

    def _entries_below(self, name: str) -> frozenset[str]:
        """Return the entries of a dataset's root that are other datasets."""
        depth = name.count("/") + 1
        return frozenset(each.split("/")[depth] for each in self._datasets if each.startswith(f"{name}/"))

    def _copy(self, dataset: str, target: str) -> None:
        place, below = self._place(dataset), self._entries_below(dataset)
        os.mkdir(target)
        self._copy_entries(place, target, below)
        for item in below:
            os.mkdir(os.path.join(target, item))
        _copy_attributes(place, target)

    def _copy_entries(self, place: str, target: str, without: frozenset[str]) -> None:
        wanted = [os.path.join(place, item) for item in sorted(os.listdir(place)) if item not in without]
        for start in range(0, len(wanted), _BATCH):
            self._run("cp", "-a", "--reflink=auto", "--sparse=auto", "-t", target, "--", *wanted[start : start + _BATCH])

    def _run(self, *argv: str) -> None:
        ended = self.runner.run(Command(argv))
        if ended.exit_code:
            said = ended.said()
            raise StorageError("out of space" if "No space left" in said else said)


class _Properties(Mapping[str, Value]):
    """Properties, of which sizes are measured only when somebody looks."""

    def __init__(self, known: dict[str, Value], measured: Mapping[str, Callable[[], int]]) -> None:
        self._known = known
        self._measured = measured

    def __getitem__(self, name: str) -> Value:
        if name in self._measured:
            return Value(str(self._measured[name]()), "-")
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._known, *self._measured))

    def __len__(self) -> int:
        return len(self._known) + len(self._measured)


def _guid() -> int:
    return secrets.randbits(63)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _copy_attributes(origin: str, target: str) -> None:
    found = os.stat(origin)
    if os.geteuid() == 0:
        os.chown(target, found.st_uid, found.st_gid)
    shutil.copystat(origin, target)


def _bytes_below(path: str, without: frozenset[str] | tuple[()]) -> int:
    total = 0
    for place, directories, files in os.walk(path):
        if place == path:
            directories[:] = [name for name in directories if name not in without]
        for name in files:
            total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total
