"""Which stored data is gone through to find a file, each once however many points have it, and what the finds amount to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from drtool.model.found import FoundFile, FoundVersion
from drtool.model.inventory import Listing
from drtool.model.point import TREE_CHARACTERS, DataSnapshot, RecoveryPoint
from drtool.model.view import PointView
from drtool.ports import Entry

_Version = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class SearchedData:
    """One body of data: where it lies, the nearest first, and every point and workload that it is the data of."""

    tree: str
    places: tuple[tuple[str, DataSnapshot], ...]
    holders: tuple[tuple[PointView, str], ...]


def choose_views(views: Iterable[PointView], *, set_name: str | None, newest: int | None) -> tuple[PointView, ...]:
    """Return the points to be searched, newest first: of one set where it is named, and only so many of each set."""
    chosen = []
    taken: defaultdict[str, int] = defaultdict(int)
    for view in views:
        if set_name not in (None, view.point.set):
            continue
        taken[view.point.set] += 1
        if newest is None or taken[view.point.set] <= newest:
            chosen.append(view)
    return tuple(chosen)


def needs_manifest(point: RecoveryPoint) -> bool:
    """Tell whether only the manifest says which of the data that bears its id is a point's: its tags tell no trees, or not all."""
    return len(point.trees) < point.artifacts - point.natives or not point.trees


def choose_data(
    views: Iterable[PointView],
    listings: Mapping[str, Listing],
    *,
    trees: Mapping[str, Collection[str]],
    workload: str | None,
) -> tuple[SearchedData, ...]:
    """Return the data to go through; `trees` says of some points what their manifests do. What a first attempt left is none of a point."""
    known = {(name, point.point): point for name, listing in listings.items() for point in listing.points}
    places: defaultdict[str, dict[str, DataSnapshot]] = defaultdict(dict)
    holders: defaultdict[str, dict[tuple[str, str], PointView]] = defaultdict(dict)
    for view in views:
        for name in view.listed:
            for data in known[name, view.point.point].data:
                if workload in (None, data.workload) and _belongs(data, view.point, trees.get(view.point.point)):
                    places[data.tree].setdefault(name, data)
                    holders[data.tree][view.point.point, data.workload] = view
    return tuple(
        SearchedData(tree, tuple(found.items()), tuple((view, held) for (_, held), view in holders[tree].items()))
        for tree, found in places.items()
    )


def _belongs(data: DataSnapshot, point: RecoveryPoint, trees: Collection[str] | None) -> bool:
    return data.tree in trees if trees is not None else data.tree[:TREE_CHARACTERS] in point.trees


def gather(
    found: Mapping[Entry, Iterable[SearchedData]], views: Iterable[PointView], *, unsearched: Collection[tuple[str, str]] = ()
) -> tuple[FoundFile, ...]:
    """Return what was found by set and path, each version told once.

    `views` are the searched points, newest first; `unsearched` are points, each with a workload that was not gone through there, or none.
    """
    newest = {view.point.set: view.point.point for view in reversed(tuple(views)) if view.counts}
    files: defaultdict[tuple[str, str, str], dict[_Version, FoundVersion]] = defaultdict(dict)
    held, unknown = set(), set(unsearched)
    for entry, bodies in found.items():
        key = _version_of(entry)
        for (point, workload), view in {(view.point.point, name): view for body in bodies for view, name in body.holders}.items():
            place = (view.point.set, workload, entry.path)
            versions, fresh = files[place], _in(view, entry)
            versions[key] = _joined(versions[key], fresh) if key in versions else fresh
            if newest.get(view.point.set) == point:
                held.add(place)
    return tuple(
        FoundFile(
            *place,
            versions=tuple(sorted(files[place].values(), key=lambda each: (each.last_instant, each.modified), reverse=True)),
            gone=place not in held and place[0] in newest and not {(newest[place[0]], name) for name in (place[1], "")} & unknown,
        )
        for place in sorted(files, key=lambda each: (each[0], each[2], each[1]))
    )


def _version_of(entry: Entry) -> _Version:
    """Return what tells versions apart; a folder is one whatever changed in it, and one instant may be told in several time zones."""
    if entry.type == "dir":
        return entry.type, 0, ""
    try:
        modified = datetime.fromisoformat(entry.modified).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        modified = entry.modified
    return entry.type, entry.bytes, modified


def _in(view: PointView, entry: Entry) -> FoundVersion:
    point, instant = view.point.point, view.point.instant
    return FoundVersion(entry.type, entry.bytes, entry.modified, point, instant, point, instant, 1, view.listed, partial=not view.counts)


def _joined(one: FoundVersion, other: FoundVersion) -> FoundVersion:
    """Return one version that both tell of; the last point of it is a complete one where there is any."""
    first = min(one, other, key=lambda each: (each.first_instant, each.first))
    last = max(one, other, key=lambda each: (not each.partial, each.last_instant, each.last))
    return replace(last, first=first.first, first_instant=first.first_instant, points=one.points + other.points)
