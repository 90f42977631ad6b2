from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from drtool.model.errors import Locked, NotFound, Refused
from drtool.ports import Clock
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import Dataset, find_dataset, read_datasets

_BUSY_WAITS: Final = (0.1, 0.3, 0.5, 1.0, 2.0, 4.0)


def destroy_snapshot(client: ApiClient, locator: str) -> None:
    """Destroy one snapshot, never those of other datasets with it; already gone is success.

    A hold is never released: the NAS would let go of everybody's with it.
    """
    try:
        client.change(
            "pool.snapshot.delete", locator, {"recursive": False, "defer": False}, look=lambda: not _has_snapshot(client, locator)
        )
    except NotFound:
        return
    except Locked as error:
        raise Locked(
            error.what,
            hint="somebody else holds or cloned this snapshot: remove the hold or the clone on the NAS, then: drtool sweep",
            safe="nothing but this snapshot stays",
        ) from None


def destroy_dataset(client: ApiClient, dataset: Dataset, *, clock: Clock, unused: bool = False, listed: bool = True) -> None:
    """Destroy one dataset that carries our label; Refused where shares or tasks of others point at it, or something lies below it.

    A dataset that is busy is asked again for a few seconds; already gone is success. Whether it is in use is not asked where that is known
    (`unused`). The NAS takes away with it what points at it.
    """
    if dataset.label is None:
        raise Refused(f"{dataset.id} carries no label of ours", hint="remove it by hand if it is not needed", safe="nothing was touched")
    if not unused:
        _require_unused(client, dataset)
    for wait in (*_BUSY_WAITS, None):
        try:
            client.change(
                "pool.dataset.delete",
                dataset.id,
                {"recursive": False, "force": False},
                look=lambda: find_dataset(client, dataset.id) is None,
                timeout_seconds=300.0,
                listed=listed,
            )
        except NotFound:
            return
        except Locked:
            if wait is None:
                raise
            clock.sleep(wait)
        else:
            return


def destroy_tree(client: ApiClient, dataset: Dataset, *, clock: Clock) -> None:
    """Destroy a dataset of ours with its own snapshots and what of ours lies below it, the deepest first.

    All of it is looked at before anything goes: Refused where something in it is not ours, is used on the NAS, or has a snapshot that
    somebody holds or cloned. Where the NAS refuses half way all the same, the error tells what is gone.
    """
    tree = (*reversed(read_datasets(client, ["id", "^", f"{dataset.id}/"])), dataset)
    _require_ours(dataset, tree)
    for item in tree:
        _require_unused(client, item)
    _require_let_go(client, tree)
    gone: list[str] = []
    try:
        for item in tree:
            for snapshot in _snapshots_of(client, item):
                destroy_snapshot(client, snapshot)
                gone.append(snapshot)
            destroy_dataset(client, item, clock=clock)
            gone.append(item.id)
    except (Refused, Locked) as error:
        told = f"{len(gone)} of its snapshots and datasets are gone, {gone[-1]} last; the rest is as it was" if gone else ""
        error.safe = told or "nothing was destroyed"
        raise


def _require_ours(dataset: Dataset, tree: Sequence[Dataset]) -> None:
    by = dataset.label.by if dataset.label is not None else None
    strangers = [item.id for item in tree if item.label is None or item.label.by != by]
    if strangers:
        raise Refused(
            f"{dataset.id} holds {strangers[0]}, which carries no label of ours",
            hint="move it away on the NAS, and sweep again",
            safe="nothing was destroyed",
        )


def _require_let_go(client: ApiClient, tree: Sequence[Dataset]) -> None:
    """Refuse where somebody holds or cloned a snapshot; most releases tell only of holds that were set on the NAS itself."""
    with_snapshots = [item for item in tree if _snapshots_of(client, item)]
    if not with_snapshots:
        return
    clones = {dataset.origin: dataset.id for dataset in read_datasets(client, ["id", "^", f"{tree[-1].pool}/"])}
    for item in with_snapshots:
        for row in client.read("pool.snapshot.query", [["dataset", "=", item.id]], {"extra": {"holds": True}}):
            name = str(row["id"])
            if row.get("holds") or name in clones:
                raise Refused(
                    f"{name} was cloned as {clones[name]}" if name in clones else f"{name} is held by somebody",
                    hint="remove the hold or the clone on the NAS, and sweep again",
                    safe="nothing was destroyed",
                )


def _snapshots_of(client: ApiClient, dataset: Dataset) -> tuple[str, ...]:
    """Ask for names alone, which is quick however many snapshots the NAS has."""
    return tuple(str(row["name"]) for row in client.read("pool.snapshot.query", [["dataset", "=", dataset.id]], {"select": ["name"]}))


def attached(client: ApiClient, dataset: Dataset) -> list[dict[str, Any]]:
    """Return what on the NAS points at a dataset; NotFound where it is gone."""
    return list(client.read("pool.dataset.attachments", dataset.id))


def _require_unused(client: ApiClient, dataset: Dataset) -> None:
    try:
        used = attached(client, dataset)
    except NotFound:
        return
    if used:
        kinds = ", ".join(f"{item.get('type')}: {', '.join(map(str, item.get('attachments', ())))}" for item in used)
        raise Refused(
            f"{dataset.id} is used on the NAS ({kinds}), and destroying it would remove that too",
            hint="remove or change those on the NAS, and sweep again",
            safe="nothing was destroyed",
        )


def _has_snapshot(client: ApiClient, locator: str) -> bool:
    return bool(client.read("pool.snapshot.query", [["id", "=", locator]]))
