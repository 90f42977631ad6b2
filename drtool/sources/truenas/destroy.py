from __future__ import annotations

from typing import Final

from drtool.model.errors import Locked, NotFound, Refused
from drtool.ports import Clock
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.datasets import Dataset, find_dataset, read_datasets
from drtool.sources.truenas.labels import Label

_BUSY_WAITS: Final = (0.1, 0.3, 0.5, 1.0, 2.0, 4.0)


def destroy_snapshot(client: Client, locator: str) -> None:
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


def destroy_dataset(client: Client, dataset: Dataset, *, clock: Clock) -> None:
    """Destroy one dataset that carries our label; Refused where shares or tasks of others point at it, or something lies below it.

    A dataset that is busy is asked again for a few seconds; already gone is success.
    """
    if dataset.label is None:
        raise Refused(f"{dataset.id} carries no label of ours", hint="remove it by hand if it is not needed", safe="nothing was touched")
    _require_unused(client, dataset)
    for wait in (*_BUSY_WAITS, None):
        try:
            client.change(
                "pool.dataset.delete",
                dataset.id,
                {"recursive": False, "force": False},
                look=lambda: find_dataset(client, dataset.id) is None,
                timeout_seconds=300.0,
            )
        except NotFound:
            return
        except Locked:
            if wait is None:
                raise
            clock.sleep(wait)
        else:
            return


def destroy_tree(client: Client, dataset: Dataset, *, clock: Clock) -> None:
    """Destroy a dataset of ours with its own snapshots and what of ours lies below it, the deepest first.

    Refused where something below it is not ours.
    """
    below = read_datasets(client, ["id", "^", f"{dataset.id}/"])
    strangers = [item.id for item in below if item.label is None or item.label.by != (dataset.label or _NOBODY).by]
    if strangers:
        raise Refused(
            f"{dataset.id} holds {strangers[0]}, which carries no label of ours",
            hint="move it away on the NAS, and sweep again",
            safe="nothing was destroyed",
        )
    for item in (*reversed(below), dataset):
        for row in client.read("pool.snapshot.query", [["dataset", "=", item.id]], {"select": ["id"]}):
            destroy_snapshot(client, str(row["id"]))
        destroy_dataset(client, item, clock=clock)


_NOBODY: Final = Label("", "", "", "")


def _require_unused(client: Client, dataset: Dataset) -> None:
    try:
        used = client.read("pool.dataset.attachments", dataset.id)
    except NotFound:
        return
    if used:
        kinds = ", ".join(f"{item.get('type')}: {', '.join(map(str, item.get('attachments', ())))}" for item in used)
        raise Refused(
            f"{dataset.id} is used on the NAS ({kinds}), and destroying it would remove that too",
            hint="remove or change those on the NAS, and sweep again",
            safe="nothing was destroyed",
        )


def _has_snapshot(client: Client, locator: str) -> bool:
    return bool(client.read("pool.snapshot.query", [["id", "=", locator]]))
