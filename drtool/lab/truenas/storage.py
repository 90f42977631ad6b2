"""What the appliance asks of whatever keeps its bytes: real ZFS or plain directories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

VOLUME: Final = "drtool.lab:volume"
"""The property that marks a dataset as a volume: its size. Its bytes lie in one file of that dataset."""
VOLUME_FILE: Final = "volume"
BLOCK: Final = "drtool.lab:block"
"""The size of a volume's blocks."""
SPARSE: Final = "drtool.lab:sparse"
"""Marks a volume for which no room is kept free."""
OWN: Final = (".system", "ix-apps")
"""Children of a pool in which the appliance keeps what is its own; shown to nobody."""


def is_own(name: str) -> bool:
    """Tell whether a dataset, or a snapshot's, is one that the appliance keeps for itself."""
    return any(part in OWN for part in name.partition("@")[0].split("/")[1:2])


class StorageError(Exception):
    """What the storage says in its own words (`dataset is busy`); the method called puts its own before them."""


@dataclass(frozen=True, slots=True)
class Value:
    """A property: its raw value and where that comes from (`local`, `default`, `-`, or `inherited from NAME`)."""

    raw: str
    source: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One file system, or one volume; `path` is where its bytes lie while it is mounted, empty while it is not."""

    name: str
    properties: Mapping[str, Value]
    path: str

    def raw(self, name: str, default: str = "") -> str:
        """Return the raw value of a property."""
        value = self.properties.get(name)
        return default if value is None or value.raw == "-" else value.raw

    @property
    def volume_bytes(self) -> int:
        """The size of a volume, 0 for a file system."""
        value = self.properties.get(VOLUME)
        return int(value.raw) if value is not None and value.source == "local" else 0


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """One snapshot: `name` is `dataset@snapshot`; `txg` grows with every change of the pool."""

    name: str
    created: int
    txg: int
    guid: int
    used: int
    referenced: int
    user: Mapping[str, str] = field(default_factory=dict)
    clones: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()

    @property
    def dataset(self) -> str:
        """The dataset it is of."""
        return self.name.partition("@")[0]


class Storage(Protocol):
    """One pool. Names are the vendor's (`tank/documents`); a failure is a StorageError and changes nothing.

    Calls come one at a time.
    """

    pool: str

    def start(self) -> None:
        """Bring the pool up, made first where there is none, and mount what shall be mounted."""

    def stop(self) -> None:
        """Let go of the pool; what it keeps stays."""

    def datasets(self, names: Sequence[str] | None = None, *, children: bool = True) -> tuple[Dataset, ...]:
        """Return all datasets in the order of their names, or the named ones that exist, with what lies below them."""

    def create(self, name: str, properties: Mapping[str, str]) -> None:
        """Make a dataset whose parent exists, and mount it."""

    def change(self, name: str, values: Mapping[str, str], inherit: Sequence[str] = ()) -> None:
        """Set properties, and inherit others."""

    def destroy(self, name: str) -> None:
        """Destroy a dataset that has neither children nor snapshots."""

    def rename(self, name: str, new: str) -> None:
        """Give a dataset, and all below it, another name in the pool."""

    def promote(self, name: str) -> None:
        """Make a clone independent of its origin, which becomes a clone of it."""

    def mount(self, name: str) -> None:
        """Mount a dataset; mounted already is success."""

    def unmount(self, name: str) -> None:
        """Unmount a dataset; not mounted is success."""

    def snapshots(self, names: Sequence[str] | None = None) -> tuple[StoredSnapshot, ...]:
        """Return all snapshots, or the named ones that exist, oldest first within a dataset."""

    def snapshot(self, datasets: Sequence[str], name: str, user: Mapping[str, str]) -> None:
        """Take snapshots of one name of all these datasets as of one instant, or of none."""

    def destroy_snapshot(self, name: str, *, defer: bool) -> None:
        """Destroy one snapshot; with `defer` one in use is destroyed when its last user is gone."""

    def rename_snapshot(self, name: str, new: str) -> None:
        """Give one snapshot another full name."""

    def hold(self, name: str, tag: str) -> None:
        """Keep a snapshot from being destroyed."""

    def release(self, name: str, tag: str) -> None:
        """Take that hold away."""

    def clone(self, snapshot: str, name: str, properties: Mapping[str, str]) -> None:
        """Make a dataset of a snapshot, and mount it."""

    def rollback(self, snapshot: str, *, destroy_newer: bool) -> None:
        """Bring a dataset back to a snapshot."""

    def space(self) -> tuple[int, int]:
        """Return the bytes of the pool and how many of them are free."""
