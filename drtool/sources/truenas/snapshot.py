from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from drtool.model.errors import Conflict, NotFound, Refused
from drtool.model.workload import Snapshot, Workload
from drtool.ports import Clock
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.datasets import read_tree
from drtool.sources.truenas.destroy import destroy_snapshot
from drtool.sources.truenas.discover import Choose, is_wanted
from drtool.sources.truenas.labels import Label, read_label, run_of, snapshot_name, spell_expiry


@dataclass(slots=True)
class Taken:
    """Which snapshots this process took or saw: root and name to the instant of each dataset's."""

    instants: dict[str, datetime] = field(default_factory=dict)


def take_snapshot(client: Client, taken: Taken, *, workload: Workload, label: str, by: str, clock: Clock, choose: Choose) -> Snapshot:
    """Take one snapshot of everything that the workload's selector matches in its pool, at one instant; the same label gives the same.

    What lies below the same root and is not wanted loses its part of it at once.
    """
    dataset, name = str(workload.selector["dataset"]), snapshot_name(label)
    locator = f"{dataset}@{name}"
    instant = taken.instants.get(locator) or _instant_of(client, locator, by=by)
    if instant is None:
        made = _label(client, label, name, by=by, clock=clock)
        _take(client, taken, selector=workload.selector, name=name, label=made, choose=choose)
        instant = taken.instants.get(locator)
    if instant is None:
        raise NotFound(f"{dataset} has no snapshot {name}", hint="look whether it was made after the others; run again")
    taken.instants[locator] = instant
    return Snapshot(workload, label, live=False, locator=locator, instant=instant)


def read_snapshot(client: Client, locator: str) -> Mapping[str, Any] | None:
    """Return what the NAS tells of one snapshot by its full name, None when it is gone."""
    rows = client.read("pool.snapshot.query", [["id", "=", locator]])
    return rows[0] if rows else None


def label_of(row: Mapping[str, Any]) -> Label | None:
    """Read the label of a snapshot."""
    return read_label({**(row.get("properties") or {}), **(row.get("user_properties") or {})})


def _label(client: Client, label: str, name: str, *, by: str, clock: Clock) -> Label:
    now = clock.now().astimezone(UTC)
    more = {"instant": now.isoformat(), "name": name}
    return Label("snapshot", by, client.source, run_of(label), spell_expiry(now), more)


def _take(client: Client, taken: Taken, *, selector: Mapping[str, Any], name: str, label: Label, choose: Choose) -> None:
    dataset, root = str(selector["dataset"]), str(selector.get("root") or selector["dataset"])
    recursive = root != dataset or bool(selector.get("recursive"))
    wanted = {dataset}
    members: tuple[str, ...] = (dataset,)
    if recursive:
        rules = {**selector, "dataset": selector.get("pattern") or dataset}
        tree = read_tree(client, root)
        members = tuple(item.id for item in tree)
        exact = bool(selector.get("exact"))
        wanted |= {item.id for item in tree if is_wanted(item, rules) and not choose(item, exact).problem}
    if recursive and _instant_of(client, f"{root}@{name}", by=label.by) is not None:
        root, recursive, members = dataset, False, (dataset,)  # it appeared after the others were taken
    start = f"{root}@{name}"
    request = {"dataset": root, "name": name, "recursive": recursive, "properties": label.properties()}

    def is_there() -> bool:
        return _instant_of(client, start, by=label.by) is not None

    try:
        client.change("pool.snapshot.create", request, look=is_there, timeout_seconds=300.0)
    except Conflict:  # another step of this run was faster
        if not is_there():
            raise
    instant = _instant_of(client, start, by=label.by)
    if instant is None:
        raise NotFound(f"{start} was taken and is gone", hint="look what destroys snapshots on the NAS; run again")
    for member in members:
        if member in wanted:
            taken.instants[f"{member}@{name}"] = instant
        else:
            destroy_snapshot(client, f"{member}@{name}")


def _instant_of(client: Client, locator: str, *, by: str) -> datetime | None:
    row = read_snapshot(client, locator)
    if row is None:
        return None
    label = label_of(row)
    if label is None or label.by != by or label.source != client.source:
        raise Conflict(f"{locator} exists and is not ours", hint="rename it on the NAS, and run again", safe="it was not touched")
    try:
        return datetime.fromisoformat(label.more["instant"])
    except (KeyError, ValueError):
        raise Refused(f"the label of {locator} cannot be read", hint="look at its user properties on the NAS") from None
