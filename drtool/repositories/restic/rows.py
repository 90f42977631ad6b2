"""The snapshots of ours that one listing tells, by their labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drtool.model.inventory import Listing


@dataclass(frozen=True, slots=True)
class Row:
    """One snapshot of ours: ids, the paths in it, and its labels."""

    id: str
    tree: str
    paths: tuple[str, ...]
    stored: datetime
    copied: bool
    labels: Mapping[str, str]

    @property
    def path(self) -> str:
        """Where the file of a stream or record lies in it; what was listed once more says that in a label."""
        return self.labels.get("inside", self.paths[0])

    @property
    def role(self) -> str:
        """`data`, `manifest`, `evidence`, `hold` or `rotation`."""
        return self.labels["role"]

    @property
    def by(self) -> str:
        """The policy that made it."""
        return self.labels["by"]

    @property
    def point(self) -> str:
        """The recovery point it belongs to; empty for a hold of a set and for a whole reading."""
        return self.labels.get("point", "")


@dataclass(frozen=True, slots=True)
class TranslatedListing:
    """One reading of a repository: what the port shows, and the ids behind it."""

    listing: Listing
    rows: tuple[Row, ...]
    foreign: frozenset[str] = field(default_factory=frozenset)
    _groups: dict[tuple[str, ...], tuple[Row, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """By point and role, data by workload too, filled when first asked: each member asks for its own among tens of thousands."""

    def find(self, snapshot: str) -> Row | None:
        """Return our snapshot with that id; an old restic tells only the beginning of an id."""
        found = [row for row in self.rows if row.id.startswith(snapshot)] if snapshot else []
        return found[0] if len(found) == 1 else None

    def alike(self, row: Row) -> tuple[Row, ...]:
        """Return other records that claim the digest of this one, its tags written again first: whose bytes fit, shows by reading."""
        digest = row.labels.get("digest")
        claims = [
            each for each in self.rows if digest and each.role == row.role and each.labels.get("digest") == digest and each is not row
        ]
        return tuple(sorted(claims, key=lambda each: each.labels != row.labels))

    def written_again(self, snapshot: str) -> tuple[str, ...]:
        """Return the ids of a record and of those with the very same tags."""
        row = self.find(snapshot)
        return (snapshot,) if row is None else (snapshot, *(each.id for each in self.alike(row) if each.labels == row.labels))

    def of_point(self, point: str, role: str) -> tuple[Row, ...]:
        """Return a point's snapshots of one role."""
        return self._grouped().get((point, role), ())

    def of_member(self, point: str, workload: str) -> tuple[Row, ...]:
        """Return the data of one workload of a point."""
        return self._grouped().get((point, "data", workload), ())

    def _grouped(self) -> Mapping[tuple[str, ...], tuple[Row, ...]]:
        if not self._groups:
            groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
            for row in self.rows:
                groups[row.point, row.role].append(row)
                if row.role == "data":
                    groups[row.point, "data", row.labels["workload"]].append(row)
            self._groups.update((key, tuple(found)) for key, found in groups.items())
        return self._groups
