from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from drtool.model.damage import Damage
from drtool.model.inventory import Inventory, Listing, Problem
from drtool.model.point import RecoveryPoint
from drtool.planning.evidence import damage, verified_points

_Points = Mapping[str, tuple[RecoveryPoint, ...]]


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """One repository as planning sees it: our own points by set, which of them are verified, and where it was found damaged."""

    listing: Listing
    points: _Points
    verified: frozenset[str]
    damage: Damage | None = None

    @property
    def damaged(self) -> bool:
        """Whether data there was found wrong, and not good since."""
        return self.damage is not None

    def of(self, set_name: str) -> tuple[RecoveryPoint, ...]:
        """Return our points of a set."""
        return self.points.get(set_name, ())


def repository_views(inventory: Inventory, repositories: Mapping[str, object]) -> dict[str, RepositoryView]:
    """Sort what counts in each repository by set.

    A repository that was not observed counts as one that could not be read. A hold counts everywhere once one repository has it: the
    others may have been out of reach when it was written.
    """
    found = {}
    # Not by id: what somebody else writes under the id of a hold must not hide it.
    holds = dict.fromkeys(hold for listing in inventory.repositories.values() for hold in listing.holds)
    for name in repositories:
        listing = inventory.repositories.get(name)
        if listing is None:
            problem = Problem("Unavailable", f"the repository {name} was not listed", "drtool doctor")
            listing = Listing(repository=name, taken=inventory.taken, problem=problem)
        grouped: dict[str, list[RecoveryPoint]] = {}
        for point in listing.points:
            grouped.setdefault(point.set, []).append(point)
        found[name] = RepositoryView(
            listing=replace(listing, holds=tuple(holds)),
            points={set_name: tuple(points) for set_name, points in grouped.items()},
            verified=verified_points(listing) if listing.evidence else frozenset(),
            damage=damage(listing),
        )
    return found
