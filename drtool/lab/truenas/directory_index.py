"""What a pool of plain directories knows of its datasets and snapshots, kept in one file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drtool.lab.truenas.answers import Json
from drtool.lab.truenas.directory_files import copy_attributes, remove
from drtool.lab.truenas.state import write_json
from drtool.lab.truenas.storage import StorageError


@dataclass(slots=True)
class Index:
    """Datasets and snapshots by name: guid, instant, number of the change, own properties, origin, holds."""

    path: str
    _kept: dict[str, Json] = field(default_factory=lambda: {"txg": 4, "datasets": {}, "snapshots": {}})

    def read(self) -> None:
        """Take up what was kept, if anything was."""
        try:
            with open(self.path, encoding="utf-8") as stream:
                self._kept = json.load(stream)
        except FileNotFoundError:
            return
        for name in self.datasets:
            os.makedirs(self.covered(name), exist_ok=True)

    @property
    def datasets(self) -> dict[str, Json]:
        """The datasets by name."""
        kept: dict[str, Json] = self._kept["datasets"]
        return kept

    @property
    def snapshots(self) -> dict[str, Json]:
        """The snapshots by name."""
        kept: dict[str, Json] = self._kept["snapshots"]
        return kept

    def write(self) -> None:
        """Keep it, in one move, and beside it what each dataset covers, for the mount program."""
        write_json(self.path, self._kept)
        root = os.path.dirname(self.path)
        rows = (f"{root}/mnt/{name.rpartition('/')[0]}\t{name.rpartition('/')[2]}\t{self.covered(name)}\n" for name in self.datasets)
        with open(f"{root}/covers.new", "w", encoding="utf-8") as stream:
            stream.writelines(rows)
        os.replace(f"{root}/covers.new", f"{root}/covers")

    def cover(self, name: str, place: str) -> None:
        """Remember the directory that a dataset covers at its place, a fresh one where there is none, and leave the place free."""
        covered = self.covered(name)
        remove(covered)
        os.mkdir(covered)
        if os.path.isdir(place):
            copy_attributes(place, covered)
            os.rmdir(place)

    def covered(self, name: str) -> str:
        """Return where the directory waits that a dataset covers in the one above it."""
        return os.path.join(os.path.dirname(self.path), "covered", str(self.dataset(name)["guid"]))

    def next(self) -> int:
        """Return the number of the next change."""
        self._kept["txg"] += 1
        return int(self._kept["txg"])

    def dataset(self, name: str) -> Json:
        """Return what is kept of a dataset that must exist."""
        if name not in self.datasets:
            raise StorageError("dataset does not exist")
        return self.datasets[name]

    def snapshot(self, name: str) -> Json:
        """Return what is kept of a snapshot that must exist."""
        if name not in self.snapshots:
            raise StorageError("dataset does not exist")
        return self.snapshots[name]

    def clones(self, name: str) -> tuple[str, ...]:
        """Return the clones of a snapshot."""
        return tuple(sorted(dataset for dataset, entry in self.datasets.items() if entry["origin"] == name))

    def rename(self, new_name: Callable[[str], str]) -> None:
        """Give every dataset the name that `new_name` has for it, and its snapshots too."""
        self._kept["datasets"] = {new_name(name): entry for name, entry in self.datasets.items()}
        self.rename_snapshots({name: f"{new_name(name.partition('@')[0])}@{name.partition('@')[2]}" for name in self.snapshots})

    def rename_snapshots(self, names: Mapping[str, str]) -> None:
        """Give some snapshots other names."""
        self._kept["snapshots"] = {names.get(name, name): entry for name, entry in self.snapshots.items()}
        for entry in self.datasets.values():
            entry["origin"] = names.get(entry["origin"], entry["origin"])
        self.write()

    def entries_below(self, name: str) -> frozenset[str]:
        """Return the entries of a dataset's root that are other datasets."""
        depth = name.count("/") + 1
        return frozenset(each.split("/")[depth] for each in self.datasets if each.startswith(f"{name}/"))
