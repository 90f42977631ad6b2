"""Removing claims: manifests first, data after, always by ids that were listed just before."""

from __future__ import annotations

from collections.abc import Iterable

from drtool.model.errors import Refused
from drtool.model.hold import PIN
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.errors import translate
from drtool.repositories.restic.rows import TranslatedListing
from drtool.repositories.restic.transfer import IDS_PER_CALL, RECENT_SECONDS


def forget_points(client: ResticClient, points: Iterable[str], *, pins: Iterable[str] = ()) -> None:
    """Forget points of ours: their manifests by one call, their data by the next, then pins that are over; other records stay.

    A point whose manifest an earlier, interrupted call removed loses the rest of its data. What bears another name under its id stays.

    Raises:
        Refused: a point is unknown here, or another policy alone made it, or a record is no pin of ours; nothing is removed then.
    """
    wanted = tuple(dict.fromkeys(points))
    reading = client.read(maximum_age_seconds=RECENT_SECONDS)
    manifests: list[str] = []
    data: list[str] = []
    for point in wanted:
        found = (*reading.of_point(point, "manifest"), *reading.of_point(point, "data"))
        if not found:
            raise Refused(
                f"the point {point} is not in the repository {client.name}", hint="drtool points --refresh", safe="nothing was removed"
            )
        rows = [row for row in found if row.by == client.by]
        if not rows:
            raise Refused(
                f"the point {point} in {client.name} was made by {found[0].by}, not by {client.by}",
                hint=f"forget it where the policy {found[0].by} is at home",
                safe="nothing was removed",
            )
        manifests += [row.id for row in rows if row.role == "manifest"]
        data += [row.id for row in rows if row.role == "data"]
    records = _pins(client, reading, frozenset(pins))
    remove(client, manifests, "forget points")
    remove(client, data, "forget the data of points")
    remove(client, records, "forget pins that are over")


def _pins(client: ResticClient, reading: TranslatedListing, names: frozenset[str]) -> list[str]:
    found = [row for row in reading.rows if row.role == "hold" and row.labels.get("hid") in names]
    strange = next((row for row in found if row.by != client.by or row.labels.get("kind") != PIN), None)
    if strange is not None:
        raise Refused(
            f"the record {strange.labels.get('hid')} in {client.name} is no pin of {client.by}",
            hint="drtool hold list",
            safe="nothing was removed",
        )
    return [row.id for row in found]


def discard_snapshots(client: ResticClient, snapshots: Iterable[str]) -> None:
    """Remove stored artifacts of ours that no manifest claims; one that is gone already is success.

    Raises:
        Refused: one belongs to a sealed point, is a record, or is not ours; nothing is removed then.
    """
    reading = client.read(maximum_age_seconds=RECENT_SECONDS)
    unsealed = {item.id for item in reading.listing.unsealed if item.by == client.by}
    chosen: list[str] = []
    for snapshot in dict.fromkeys(snapshots):
        row = reading.find(snapshot)
        if row is not None and row.id in unsealed:
            chosen.append(row.id)
        elif row is not None or not snapshot or any(known.startswith(snapshot) for known in reading.foreign):
            raise Refused(
                f"{snapshot or 'a snapshot without id'} in {client.name} is not an unsealed artifact of {client.by}",
                hint="drtool points shows what is sealed",
                safe="nothing was removed",
            )
    remove(client, chosen, "remove unsealed data")


def remove(client: ResticClient, snapshots: list[str], verb: str) -> None:
    """Forget snapshots by their ids, a bounded number per call.

    Before 0.19 restic ends well though its store let nothing be removed; it says so, and then it is looked whether they are gone.
    """
    for start in range(0, len(snapshots), IDS_PER_CALL):
        batch = snapshots[start : start + IDS_PER_CALL]
        client.on_remove(batch)
        try:
            completed = client.run(Call(commands.forget(batch), verb))
        finally:
            client.changed()
        if completed.standard_error.strip():
            reading = client.read()
            if any(reading.find(each) is not None for each in batch):
                raise translate(completed, repository=client.name, verb=verb)
