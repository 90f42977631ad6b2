"""Reading what a task or a replication snapshotted already instead of making one, so that a NAS that keeps replicas can be a source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drtool.model.errors import Conflict, NotFound, Refused
from drtool.model.point import FUTURE_TOLERANCE
from drtool.model.workload import Snapshot, Workload
from drtool.sources.truenas.clone_label import takes_label
from drtool.sources.truenas.labels import PREFIX
from drtool.sources.truenas.parts import Parts

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
    known = _snapshots_of_pool(parts, dataset.partition("/")[0])
    if label not in parts.chosen:
        names = [dataset, *(str(each.selector.get("dataset")) for each in together if each.selector.get("snapshot") == NEWEST)]
        parts.chosen[label] = _in_common(known, names)
    own = [each for each in known if each.dataset == dataset]
    if not own:
        raise NotFound(f"{dataset} has no snapshot of anybody else's", hint="does a periodic task or a replication take any of it?")
    found = next((each for each in own if each.name == parts.chosen[label]), max(own, key=lambda each: each.age_key))
    _require_young(parts, found, at_most=age_of(str(workload.selector["at_most"])))
    locator = f"{dataset}@{found.name}"
    parts.taken.others.add(locator)
    return Snapshot(workload, label, live=False, locator=locator, instant=found.created)


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
    """Return the name of the newest snapshot that all these have, empty where there is none."""
    names = [{each.name for each in known if each.dataset == dataset} for dataset in datasets]
    shared = set.intersection(*names) if names else set()
    newest = max((each for each in known if each.name in shared), key=lambda each: each.age_key, default=None)
    return newest.name if newest is not None else ""


def _snapshots_of_pool(parts: Parts, pool: str) -> tuple[Existing, ...]:
    """Ask for all of a pool at once, once in a run: for each dataset the NAS would read all of them again."""
    if pool not in parts.existing:
        options = {"extra": {"properties": ["creation"]}, "select": ["name", "dataset", "createtxg", "properties"]}
        rows = parts.client.read("pool.snapshot.query", [["pool", "=", pool]], options)
        parts.existing[pool] = tuple(found for row in rows if (found := _existing(row)) is not None)
    known: tuple[Existing, ...] = parts.existing[pool]
    return known


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
