"""Reading what a task or a replication snapshotted already instead of making one, so that a NAS that keeps replicas can be a source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drtool.model.errors import Conflict, NotFound, Refused
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.model.workload import Snapshot, Workload
from drtool.sources.truenas.datasets.labels import PREFIX
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.read.clone_label import takes_label

NEWEST: Final = "newest"
_PART: Final = re.compile(r"(\d+)([dhm])")
_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60}


@dataclass(frozen=True, slots=True)
class Existing:
    """One snapshot that is there already."""

    dataset: str
    name: str
    created: datetime
    order: int = 0
    """Its transaction: instants are told in whole seconds."""

    @property
    def age_key(self) -> tuple[datetime, int]:
        """What makes one newer than another."""
        return self.created, self.order


def age_of(text: str) -> timedelta:
    """Return what `26h` or `1d12h` stands for; no time at all where it is none."""
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    return timedelta(seconds=seconds if _PART.sub("", text) == "" else 0)


def use_newest(parts: Parts, workload: Workload, label: str, *, together: Sequence[Workload] = ()) -> Snapshot:
    """Return the newest snapshot of a dataset that somebody else took; Refused where it is older than the policy lets it be.

    Of a set the newest one that all of it have is taken, as a task or a replication takes it of all at one instant; where they have none in
    common, the newest of each. It is never destroyed.
    """
    if not takes_label(parts.client):
        raise Refused(
            f"this release gives a clone of somebody else's snapshot no label, so `snapshot: {NEWEST}` is not supported there yet",
            hint="leave out `snapshot` and `at_most`, or read a NAS of 25.10 or earlier",
            safe="nothing was made",
        )
    dataset = str(workload.selector["dataset"])
    if label not in parts.chosen:
        names = [dataset, *(str(each.selector.get("dataset")) for each in together if each.selector.get("snapshot") == NEWEST)]
        pools = sorted({name.partition("/")[0] for name in names})
        parts.chosen[label] = _in_common([each for pool in pools for each in _snapshots_of_pool(parts, pool)], names)
    own = [each for each in _snapshots_of_pool(parts, dataset.partition("/")[0]) if each.dataset == dataset]
    if not own:
        raise _none_of(dataset)
    found = next((each for each in own if each.name == parts.chosen[label]), max(own, key=lambda each: each.age_key))
    _require_young(parts, found, at_most=age_of(str(workload.selector["at_most"])))
    locator = f"{dataset}@{found.name}"
    parts.taken.others.add(locator)
    return Snapshot(workload, label, live=False, locator=locator, instant=found.created)


def doubted(parts: Parts, workloads: Sequence[Workload]) -> tuple[Workload, ...]:
    """Say of each that reads a snapshot which is there whether one is, and young enough: whoever only looks is told that today.

    It bars nothing, as a hook may make one before the run; and nothing is remembered of it, for the same reason.
    """
    wanted = {str(each.selector.get("dataset")) for each in workloads if each.selector.get("snapshot") == NEWEST and not each.problem}
    try:
        known = [each for pool in sorted({name.partition("/")[0] for name in wanted}) for each in _ask_pool(parts, pool)]
    except Refused:  # a key that only looks may not ask for snapshots
        known, wanted = [], set()
    of: dict[str, list[Existing]] = {name: [] for name in wanted}
    for each in known:
        if each.dataset in of:
            of[each.dataset].append(each)
    return tuple(_with_doubt(parts, each, of.get(str(each.selector.get("dataset")))) for each in workloads)


def _with_doubt(parts: Parts, workload: Workload, known: list[Existing] | None) -> Workload:
    if workload.selector.get("snapshot") != NEWEST:
        return workload
    workload = replace(workload, existing_snapshot=True)
    try:
        if known:
            newest = max(known, key=lambda each: each.age_key)
            _require_young(parts, newest, at_most=age_of(str(workload.selector["at_most"])))
        elif known is not None:
            raise _none_of(str(workload.selector["dataset"]))
    except (Refused, Conflict, NotFound) as error:
        return replace(workload, doubt=f"{error.what}: {error.hint}")
    return workload


def _none_of(dataset: str) -> NotFound:
    return NotFound(f"{dataset} has no snapshot but drtool's own", hint="does a periodic task or a replication take any of it?")


def _require_young(parts: Parts, found: Existing, *, at_most: timedelta) -> None:
    age = parts.clock.now() - found.created
    if age < -FUTURE_TOLERANCE:
        raise Conflict(
            f"{found.dataset}@{found.name} is dated {found.created.isoformat()}, in the future",
            hint="set the clocks of the NAS, of the one it was replicated from, and of this machine by NTP",
            safe="nothing was stored from it",
        )
    if age > at_most:
        hours = age.total_seconds() / 3600
        raise Refused(
            f"the newest snapshot of {found.dataset}, {found.name}, is {hours:.0f} hours old: more than `at_most`",
            hint="does its periodic task, or its replication, still run? see Data Protection on the NAS",
            safe="nothing was stored from it",
        )


def _in_common(known: Iterable[Existing], datasets: Sequence[str]) -> str:
    """Return the name of the newest snapshot that all these have, empty where there is none.

    It is as old as its oldest part, whatever other datasets have of that name, and since when. Transactions are compared within a dataset
    alone: each pool counts its own.
    """
    of = {(each.dataset, each.name): each for each in known}
    shared = set.intersection(*({name for dataset, name in of if dataset == wanted} for wanted in datasets))

    def age(name: str) -> tuple[datetime, tuple[int, ...], str]:
        parts = [of[dataset, name] for dataset in datasets]
        return min(part.created for part in parts), tuple(part.order for part in parts), name

    return max(shared, key=age, default="")


def _snapshots_of_pool(parts: Parts, pool: str) -> tuple[Existing, ...]:
    """Ask for all of a pool at once, once in a run: for each dataset the NAS would read all of them again."""
    if pool not in parts.existing:
        parts.existing[pool] = _ask_pool(parts, pool)
    known: tuple[Existing, ...] = parts.existing[pool]
    return known


def _ask_pool(parts: Parts, pool: str) -> tuple[Existing, ...]:
    options = {"extra": {"properties": ["creation"]}, "select": ["name", "dataset", "createtxg", "properties"]}
    rows = parts.client.read("pool.snapshot.query", [["pool", "=", pool]], options)
    return tuple(found for row in rows if (found := _existing(row)) is not None)


def _existing(row: Mapping[str, Any]) -> Existing | None:
    """Return what a row tells of a snapshot that is not ours; one without an instant is of no use."""
    name = str(row.get("name") or "").partition("@")[2]
    created = (row.get("properties") or {}).get("creation")
    text = str(created.get("rawvalue") or "") if isinstance(created, Mapping) else ""
    if not name or name.startswith(f"{PREFIX}-") or not text.isdigit():
        return None
    try:
        order = str(row.get("createtxg") or "0")
        return Existing(str(row.get("dataset")), name, datetime.fromtimestamp(int(text), UTC), int(order) if order.isdigit() else 0)
    except (OverflowError, ValueError, OSError):
        return None
