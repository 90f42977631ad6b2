from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from drtool.model.errors import Conflict, DrtoolError, Interrupted, NotFound, Refused
from drtool.model.workload import LOCAL, Snapshot, Workload
from drtool.ports import Clock
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import names_of_tree
from drtool.sources.truenas.datasets.destroy import destroy_snapshot
from drtool.sources.truenas.datasets.labels import Label, read_label, read_marks, run_of, snapshot_name, spell_expiry
from drtool.sources.truenas.datasets.unlabelled import unlabelled

WITH_USERS: Final = "zfs.resource.snapshot.query"
"""Where there is this, `pool.snapshot.query` tells no user properties, and with them no label."""


@dataclass(slots=True)
class Taken:
    """What this process took or saw, by `dataset@name`: the instants of snapshots, and which datasets are taken with which."""

    instants: dict[str, datetime] = field(default_factory=dict)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    """Snapshots of somebody else that this process reads, which it never destroys."""
    bases: set[str] = field(default_factory=set)
    """Snapshots of ours that stay after the run that took them, as the next stream begins there."""
    labelled: bool = False
    """Whether one was seen with its label: what drops that of one drops that of every one."""
    continues: bool | None = None
    """Whether some were there before this process asked for the first, which then goes on with what another one began."""

    def forget(self, locator: str) -> None:
        """Know a snapshot no more: it was destroyed."""
        self.instants.pop(locator, None)
        self.groups.pop(locator, None)


@dataclass(frozen=True, slots=True)
class _Taking:
    client: ApiClient
    taken: Taken
    name: str
    label: str
    by: str
    clock: Clock
    machine: str
    keep_until: datetime | None


def take_snapshot(
    client: ApiClient,
    taken: Taken,
    *,
    workload: Workload,
    together: Sequence[Workload],
    label: str,
    by: str,
    clock: Clock,
    machine: str = "",
    keep_until: datetime | None = None,
) -> Snapshot:
    """Take one recursive snapshot of all of a set that lies below the same child of a pool; the same label gives the same snapshot.

    Never of a whole pool: the NAS keeps datasets of its own there, which it neither shows nor lets anybody clean up. Several are taken one
    right after the other, each at its own instant; one that fails is told by the step of its own datasets. What lies below the same root
    and is not of the set loses its part of it at once.
    """
    dataset, name = _dataset(workload), snapshot_name(label, until=keep_until)
    taking, locator = _Taking(client, taken, name, label, by, clock, machine, keep_until), f"{dataset}@{name}"
    groups = _by_child_of_pool((dataset, *map(_dataset, filter(_is_taken, together)))) if together else []
    taken.groups |= {f"{member}@{name}": group for group in groups for member in group}
    if locator not in taken.instants and taken.continues is not False:
        _look(taking, locator)
    if locator not in taken.instants:
        _take(taking, taken.groups.get(locator, frozenset({dataset})), dataset)
    if locator not in taken.instants:
        raise NotFound(f"{dataset} has no snapshot {name}", hint="look whether it was made after the others; run again")
    for group in groups:
        if dataset not in group:
            _take_elsewhere(taking, group)
    return Snapshot(workload, label, live=False, locator=locator, instant=taken.instants[locator])


def read_snapshot(client: ApiClient, locator: str) -> Mapping[str, Any] | None:
    """Return what the NAS tells of one snapshot by its full name, None when it is gone."""
    if client.knows(WITH_USERS, untold=False):
        try:
            told = client.read(WITH_USERS, {"paths": [locator], "get_user_properties": True})
        except NotFound:
            return None
        return told[0] if told else None
    rows = client.read("pool.snapshot.query", [["id", "=", locator]])
    return rows[0] if rows else None


def label_of(row: Mapping[str, Any]) -> Label | None:
    """Read the label of a snapshot: no dataset has one of a snapshot, so none can come down from it."""
    return _label_in(row, "snapshot", LOCAL)


def base_label_of(row: Mapping[str, Any]) -> Label | None:
    """Read the label of a snapshot that was kept for the next stream."""
    return _label_in(row, "base")


def _label_in(row: Mapping[str, Any], *what: str) -> Label | None:
    label = read_label(read_marks({**(row.get("properties") or {}), **(row.get("user_properties") or {})}), str(row["name"]))
    return label if label is not None and label.what in what else None


def _dataset(workload: Workload) -> str:
    return str(workload.selector.get("dataset") or "")


def _is_taken(workload: Workload) -> bool:
    return bool(_dataset(workload)) and not workload.problem


def _by_child_of_pool(names: Iterable[str]) -> list[frozenset[str]]:
    groups: dict[tuple[str, ...], set[str]] = {}
    for name in names:
        groups.setdefault(tuple(name.split("/")[:2]), set()).add(name)
    return [frozenset(group) for group in groups.values()]


def _take_elsewhere(taking: _Taking, group: frozenset[str]) -> None:
    """Take what lies elsewhere, unless it was taken; a failure is for the steps of its own datasets, which try again."""
    if any(f"{member}@{taking.name}" in taking.taken.instants for member in group):
        return
    try:
        _take(taking, group, min(group))
    except Interrupted:
        raise
    except DrtoolError:
        return


def _root(names: frozenset[str]) -> str:
    """Return the nearest dataset that all of these are or lie below."""
    first, *others = sorted(names)
    shared = first.split("/")
    for other in others:
        parts = other.split("/")
        while shared != parts[: len(shared)]:
            shared.pop()
    return "/".join(shared)


def _look(taking: _Taking, locator: str) -> None:
    """Take over what is there already; that the first is not there is true of all others, unless the NAS says no."""
    instant = _instant_of(taking.client, locator, by=taking.by)
    taking.taken.continues = taking.taken.continues or instant is not None
    if instant is not None:
        taking.taken.instants[locator] = instant


def _take(taking: _Taking, group: frozenset[str], dataset: str) -> None:
    """Take a whole group by one call; where that was done before it appeared, only the dataset. What is there is not taken again."""
    root = _root(group)
    try:
        _take_below(taking, root, group)
    except Conflict:  # an earlier try, or another step of this run, was faster; or it is somebody else's
        instant = _instant_of(taking.client, f"{dataset}@{taking.name}", by=taking.by)
        if instant is not None:
            taking.taken.instants[f"{dataset}@{taking.name}"] = instant
        elif len(group) > 1 and _instant_of(taking.client, f"{root}@{taking.name}", by=taking.by) is not None:
            _take_below(taking, dataset, frozenset({dataset}))
        else:
            raise


def _take_below(taking: _Taking, root: str, group: frozenset[str]) -> None:
    client, name = taking.client, taking.name
    start, recursive = f"{root}@{name}", group != {root}
    instant = taking.clock.now().astimezone(UTC)
    more = {"instant": instant.isoformat(), "name": name}
    what, expires = "snapshot", spell_expiry(instant)
    if taking.keep_until is not None:
        what, expires = LOCAL, taking.keep_until.astimezone(UTC).isoformat()
    label = Label(what, taking.by, client.source, run_of(taking.label), expires, more, machine=taking.machine)
    request = {"dataset": root, "name": name, "recursive": recursive, "properties": label.properties(root)}

    def is_there() -> bool:
        return _instant_of(client, start, by=taking.by) is not None

    made = client.change("pool.snapshot.create", request, look=is_there, timeout_seconds=300.0)
    members = names_of_tree(client, root) if recursive else (root,)
    if not _has_label(taking, made):
        row = read_snapshot(client, start)
        if row is None:
            raise NotFound(f"{start} was taken and is gone", hint="look what destroys snapshots on the NAS; run again")
        if made is not None and label_of(row) is None:
            raise unlabelled(client, start, remove=lambda: _destroy_all(client, members, name))
        instant = _instant_in(client, row, start, by=taking.by)
    taking.taken.labelled = True
    for member in members:
        if member in group:
            taking.taken.instants[f"{member}@{name}"] = instant
        else:
            destroy_snapshot(client, f"{member}@{name}")


def _has_label(taking: _Taking, made: Any) -> bool:  # noqa: ANN401 - JSON
    """Tell whether what was made is known to have its label; the newest release tells it of none, so that one of a run is looked at."""
    if not isinstance(made, Mapping):
        return False
    return label_of({"name": "", **made}) is not None or (taking.taken.labelled and taking.client.knows(WITH_USERS, untold=False))


def _destroy_all(client: ApiClient, members: Iterable[str], name: str) -> None:
    for member in members:
        destroy_snapshot(client, f"{member}@{name}")


def _instant_of(client: ApiClient, locator: str, *, by: str) -> datetime | None:
    row = read_snapshot(client, locator)
    return _instant_in(client, row, locator, by=by) if row is not None else None


def _instant_in(client: ApiClient, row: Mapping[str, Any], locator: str, *, by: str) -> datetime:
    label = label_of(row)
    if label is None or label.by != by or label.source != client.source:
        raise Conflict(f"{locator} exists and is not ours", hint="rename it on the NAS, and run again", safe="it was not touched")
    try:
        return datetime.fromisoformat(label.more["instant"])
    except (KeyError, ValueError):
        raise Refused(f"the label of {locator} cannot be read", hint="look at its user properties on the NAS") from None
