"""The pool as real ZFS in user space: the daemon's own programs do the work."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drtool.lab.truenas.properties import DEFAULTS
from drtool.lab.truenas.storage import Dataset, StorageError, StoredSnapshot, Value
from drtool.lab.truenas.zfs_daemon import ZfsDaemon, stripped
from drtool.ports import Clock

_PATIENCE_SECONDS: Final = 20.0
_BATCH: Final = 200
_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0
_UNKNOWN_HERE: Final = frozenset(
    {"aclinherit", "aclmode", "acltype", "casesensitivity", "special_small_blocks", "snapdev", "sync", "xattr", "dedup", "readonly"}
)
"""Properties this ZFS does not know, or knows with other values: kept as user properties beside, told as the vendor's.

`readonly` is one: asked for the extended attributes of a file that has none, this ZFS answers for a read-only dataset that there are no
such calls, and the kernel asks no more of that mount: then no file has any. Whoever mounts a share of it reads only all the same.
"""
_BOTH: Final = frozenset({"compression", "recordsize"})
"""Properties that may stand in both places."""
BESIDE: Final = "drtool.lab.property:"
_COMPRESSION: Final = frozenset({"on", "off", "gzip", "gzip-1", "gzip-9", "zle", "lzjb"})
_LARGEST_RECORD: Final = 128 * 1024


@dataclass(slots=True)
class ZfsStorage:
    """A pool of one sparse file below `directory`, mounted at `directory/mnt/POOL`.

    Whatever mounts or unmounts is done one at a time on the whole machine, and waited for: the daemon mixes up two mounts at once and
    answers no more, and closes what is not its own after an unmount. A destroy right after an unmount is told to be busy and tried again.
    """

    directory: str
    pool: str
    daemon: ZfsDaemon
    clock: Clock
    bytes: int
    _tags: dict[str, tuple[str, ...]]

    def start(self) -> None:
        self.daemon.leave_dead_mounts(os.path.join(self.directory, "mnt"))
        self.daemon.start()
        disks = os.path.join(self.directory, "disks")
        os.makedirs(disks, exist_ok=True)
        os.makedirs(os.path.join(self.directory, "mnt"), exist_ok=True)
        disk = os.path.join(disks, "disk0")
        if os.path.exists(disk):
            if self.pool not in self._pools():
                self._mounting("zpool", "import", "-f", "-d", disks, "-o", "cachefile=none", self.pool)
            for dataset in self.datasets():
                self.mount(dataset.name)
            return
        with open(disk, "wb") as stream:
            stream.truncate(self.bytes)
        self._mounting("zpool", "create", "-o", "cachefile=none", "-O", f"mountpoint={self._mountpoint(self.pool)}", self.pool, disk)

    def stop(self) -> None:
        if self.pool in self._pools():
            self._mounting("zpool", "export", "-f", self.pool)
        self.daemon.stop()

    def datasets(self, names: Sequence[str] | None = None, *, children: bool = True) -> tuple[Dataset, ...]:
        wanted = self._names("filesystem", names, children=children or names is None)
        found = self._properties(wanted)
        return tuple(self._dataset(name, found[name]) for name in sorted(found))

    def create(self, name: str, properties: Mapping[str, str]) -> None:
        options = [option for key, raw in self._own(properties).items() for option in ("-o", f"{key}={raw}")]
        self._mounting("zfs", "create", *options, name)

    def change(self, name: str, values: Mapping[str, str], inherit: Sequence[str] = ()) -> None:
        for key, raw in self._own(values).items():
            self._zfs("zfs", "set", f"{key}={raw}", name)
        for key in inherit:
            for each in (key, f"{BESIDE}{key}") if key in _BOTH else (f"{BESIDE}{key}" if key in _UNKNOWN_HERE else key,):
                self._zfs("zfs", "inherit", each, name)

    def destroy(self, name: str) -> None:
        self._retried("zfs", "destroy", name)

    def rename(self, name: str, new: str) -> None:
        # The daemon lets go of a mount a little after it is gone: a rename that unmounts by itself comes too early each time.
        # And what is renamed is busy as long as a clone of one of its snapshots is mounted.
        below = self.datasets([name])
        names = {dataset.name for dataset in below}
        clones = [each for origin, found in self._clones().items() if origin.partition("@")[0] in names for each in found]
        others = self.datasets([each for each in clones if each not in names], children=False)
        mounted = [dataset.name for dataset in (*below, *others) if dataset.path]
        try:
            for each in reversed(mounted):
                self._retried("zfs", "unmount", each)
            self._retried("zfs", "rename", name, new)
        except StorageError:
            for each in mounted:
                self.mount(each)
            raise
        for each in mounted:
            self.mount(f"{new}{each[len(name) :]}" if each in names else each)
        self._tags = {_renamed(snapshot, name, new): tags for snapshot, tags in self._tags.items()}

    def promote(self, name: str) -> None:
        before = self.snapshots()
        self._mounting("zfs", "promote", name)
        after = {snapshot.guid: snapshot.name for snapshot in self.snapshots()}
        self._tags |= {after[each.guid]: each.holds for each in before if each.holds and each.guid in after}

    def mount(self, name: str) -> None:
        if not self.datasets([name], children=False)[0].path:
            self._mounting("zfs", "mount", name)

    def unmount(self, name: str) -> None:
        if self.datasets([name], children=False)[0].path:
            self._retried("zfs", "unmount", name)

    def snapshots(self, names: Sequence[str] | None = None) -> tuple[StoredSnapshot, ...]:
        found = self._properties(self._names("snapshot", names, children=names is None))
        clones = self._clones() if found else {}
        every = (self._snapshot(name, known, clones) for name, known in found.items())
        return tuple(sorted(every, key=lambda each: (each.dataset, each.txg)))

    def snapshot(self, datasets: Sequence[str], name: str, user: Mapping[str, str]) -> None:
        options = [option for key, raw in user.items() for option in ("-o", f"{key}={raw}")]
        top = datasets[0]
        if len(datasets) > 1 and {each.name for each in self.datasets([top])} != set(datasets):
            raise StorageError("this storage takes a dataset alone, or all below it")
        self._zfs("zfs", "snapshot", *(("-r",) if len(datasets) > 1 else ()), *options, f"{top}@{name}")

    def destroy_snapshot(self, name: str, *, defer: bool) -> None:
        self._retried("zfs", "destroy", *(("-d",) if defer else ()), name)
        self._tags = {each: tags for each, tags in self._tags.items() if each != name or defer}

    def rename_snapshot(self, name: str, new: str) -> None:
        self._zfs("zfs", "rename", name, new)
        if name in self._tags:
            self._tags[new] = self._tags.pop(name)

    def hold(self, name: str, tag: str) -> None:
        self._zfs("zfs", "hold", tag, name)
        self._tags[name] = (*self._tags.get(name, ()), tag)

    def release(self, name: str, tag: str) -> None:
        self._zfs("zfs", "release", tag, name)
        self._tags[name] = tuple(each for each in self._tags.get(name, ()) if each != tag)

    def clone(self, snapshot: str, name: str, properties: Mapping[str, str]) -> None:
        options = [option for key, raw in self._own(properties).items() for option in ("-o", f"{key}={raw}")]
        self._mounting("zfs", "clone", *options, snapshot, name)

    def rollback(self, snapshot: str, *, destroy_newer: bool) -> None:
        self._mounting("zfs", "rollback", *(("-r",) if destroy_newer else ()), snapshot)

    def space(self) -> tuple[int, int]:
        found = self.datasets([self.pool], children=False)[0]
        used, free = int(found.raw("used", "0")), int(found.raw("available", "0"))
        return used + free, free

    def _own(self, properties: Mapping[str, str]) -> dict[str, str]:
        """Return properties as this ZFS takes them: what it does not know stands beside, under a user property."""
        own: dict[str, str] = {}
        for key, raw in properties.items():
            beside = (
                key in _UNKNOWN_HERE
                or (key == "compression" and raw not in _COMPRESSION)
                or (key == "recordsize" and raw.isdigit() and int(raw) > _LARGEST_RECORD)
            )
            own[f"{BESIDE}{key}" if beside else key] = raw
        return own

    def _dataset(self, name: str, known: dict[str, Value]) -> Dataset:
        known |= {key: Value(DEFAULTS[key], "default") for key in _UNKNOWN_HERE}
        for key in [key for key in known if key.startswith(BESIDE)]:
            known[key.removeprefix(BESIDE)] = known.pop(key)
        mounted = known.get("mounted", Value("no", "-")).raw == "yes"
        return Dataset(name, known, self._mountpoint(name) if mounted else "")

    def _snapshot(self, name: str, known: Mapping[str, Value], clones: Mapping[str, tuple[str, ...]]) -> StoredSnapshot:
        number = {
            key: int(known[key].raw) if key in known and known[key].raw.isdigit() else 0
            for key in ("creation", "guid", "used", "referenced")
        }
        held = known.get("userrefs", Value("0", "-")).raw not in ("0", "-")
        return StoredSnapshot(
            name=name,
            created=number["creation"],
            txg=number["creation"],
            guid=number["guid"],
            used=number["used"],
            referenced=number["referenced"],
            # A snapshot inherits the user properties of its dataset: only its own are the snapshot's label.
            user={key: value.raw for key, value in known.items() if ":" in key and value.source == "local" and not key.startswith(BESIDE)},
            clones=clones.get(name, ()),
            holds=(self._tags.get(name) or ("truenas",)) if held else (),
        )

    def _clones(self) -> dict[str, tuple[str, ...]]:
        said = self._zfs("zfs", "list", "-H", "-r", "-t", "filesystem", "-o", "name,origin", self.pool)
        found: dict[str, tuple[str, ...]] = {}
        for line in said.splitlines():
            name, origin = line.split("\t")
            if origin != "-":
                found[origin] = (*found.get(origin, ()), name)
        return found

    def _names(self, kind: str, names: Sequence[str] | None, *, children: bool) -> list[str]:
        """Return the names of what there is of a kind: of everything, or of the named, with what lies below them."""
        found: list[str] = []
        for top in (self.pool,) if names is None else names:
            said = self.daemon.run(("zfs", "list", *(("-r",) if children else ()), "-H", "-t", kind, "-o", "name", top))
            if said.exit_code and "does not exist" not in said.said():
                raise StorageError(stripped(said.said()))
            found += [name for name in said.standard_output.decode().splitlines() if name not in found]
        return found

    def _properties(self, names: Sequence[str]) -> dict[str, dict[str, Value]]:
        """Return the properties of all these; what went away meanwhile is left out."""
        found: dict[str, dict[str, Value]] = {}
        for start in range(0, len(names), _BATCH):
            for what in ("all", "guid"):  # which is not among all
                asked = ("zfs", "get", "-Hp", "-o", "name,property,value,source", what, *names[start : start + _BATCH])
                said = self.daemon.run(asked)
                if said.exit_code and "does not exist" not in said.said():
                    raise StorageError(stripped(said.said()))
                for line in said.standard_output.decode().splitlines():
                    name, key, raw, source = line.split("\t")
                    found.setdefault(name, {})[key] = Value(raw, source)
        return found

    def _pools(self) -> tuple[str, ...]:
        return tuple(self._zfs("zpool", "list", "-H", "-o", "name").split())

    def _mountpoint(self, name: str) -> str:
        return os.path.join(self.directory, "mnt", name)

    def _zfs(self, *argv: str) -> str:
        said = self.daemon.run(argv)
        if said.exit_code:
            raise StorageError(stripped(said.said()))
        return said.standard_output.decode()

    def _mounting(self, *argv: str) -> None:
        with self.daemon.mounting():
            self._zfs(*argv)

    def _retried(self, *argv: str) -> None:
        until, pause = self.clock.monotonic() + _PATIENCE_SECONDS, _PAUSE_SECONDS
        while True:
            try:
                return self._mounting(*argv)
            except StorageError as error:
                if "busy" not in str(error) or self.clock.monotonic() > until or self._really_busy(argv[-1]):
                    raise
            self.clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _really_busy(self, name: str) -> bool:
        """Tell whether a hold keeps it: then trying again is in vain."""
        return "@" in name and any(snapshot.holds for snapshot in self.snapshots([name]))


def _renamed(snapshot: str, name: str, new: str) -> str:
    dataset, _, label = snapshot.partition("@")
    return f"{new}{dataset[len(name) :]}@{label}" if f"{dataset}/".startswith(f"{name}/") else snapshot
