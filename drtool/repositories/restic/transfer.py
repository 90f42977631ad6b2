"""Copying sealed points from one repository into another: data first, each manifest verbatim after its data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drtool.model.errors import Corrupt, NotFound, Refused
from drtool.model.memory import SAME_HINT, same_repository
from drtool.ports import ProgressListener
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.phases import PhaseReader

RECENT_SECONDS = 5.0
IDS_PER_CALL = 200


def copy_points(target: ResticClient, origin: ResticClient, points: Iterable[str], on_progress: ProgressListener | None = None) -> None:
    """Copy points in order and see in the target's next listing that each is whole there, with the same digest.

    Of a point that is sealed in the target already, but not whole, what is gone is brought again.

    Raises:
        Refused: both are one repository, or restic cannot be given the credentials of both at once.
        NotFound: a point is not sealed in the origin, or not whole there.
        Corrupt: data in the origin is damaged, or a point did not arrive whole.
    """
    wanted = tuple(points)
    reading = origin.read(maximum_age_seconds=RECENT_SECONDS)
    known = {point.point: point for point in reading.listing.points}
    for point in wanted:
        if point not in known:
            raise NotFound(f"the point {point} is not sealed in the repository {origin.name}", hint="drtool points --refresh")
        if not known[point].stored:
            raise NotFound(
                f"data of the point {point} is gone from the repository {origin.name}: only what is whole is copied",
                hint=f"drtool verify {origin.name}; drtool copy brings it there again from a copy that is whole",
            )
    _require_apart(target, origin)
    there = target.read(maximum_age_seconds=RECENT_SECONDS).listing.points
    present = {point.point: point.digest for point in there if point.stored}
    groups = [  # of a manifest written again under its own tags, one at least has the bytes that were sealed
        (*(data.id for data in known[point].data), *reading.written_again(known[point].manifest))
        for point in wanted
        if present.get(point) != known[point].digest
    ]
    begun = 0
    for batch in batches(groups):
        try:
            phases = PhaseReader(on_progress, snapshots=begun, of=sum(map(len, groups)))
            target.run(Call(commands.copy(batch), f"copy from {origin.name}", origin=origin, phases=phases))
            begun += len(batch)
        except Corrupt as error:
            raise Corrupt(
                f"copying from {origin.name} to {target.name} met damage: {error.what}",
                hint=f"drtool verify {origin.name}",
                safe=f"points already sealed in {target.name} are untouched",
                repository=origin.name,
            ) from None
        finally:
            target.changed()
    arrived = {point.point: point for point in target.read().listing.points} if groups else {}
    for point in wanted if groups else ():
        found, sent = arrived.get(point), known[point]
        if found is None or found.digest != sent.digest or not found.stored:
            raise Corrupt(
                f"restic said that it copied the point {point} to {target.name}, but it is not there as it was sealed",
                hint=f"drtool copy again, and drtool doctor {target.name}",
                safe=f"it is whole in {origin.name}",
                repository=target.name,
            )


def batches(groups: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Join groups of ids into calls of bounded length; a group stays together and in order."""
    batch: tuple[str, ...] = ()
    for group in groups:
        if batch and len(batch) + len(group) > IDS_PER_CALL:
            yield batch
            batch = ()
        batch += group
    if batch:
        yield batch


def _require_apart(target: ResticClient, origin: ResticClient) -> None:
    if target.identity() == origin.identity():
        raise Refused(
            same_repository(target.name, origin.name),
            hint=SAME_HINT,
        )
    here, there = target.access(), origin.access()
    if here.scheme == there.scheme == "sftp" and here.options != there.options:
        raise Refused(
            f"restic cannot reach {origin.name} and {target.name} over two SSH connections at once",
            hint="reach one of them by a mounted path or another scheme",
        )
    ours = {**here.environment, **{name: secret.reveal() for name, secret in here.secrets.items()}}
    theirs = {**there.environment, **{name: secret.reveal() for name, secret in there.secrets.items()}}
    clash = sorted(name for name in (ours.keys() & theirs.keys()) - {"RESTIC_PASSWORD"} if ours[name] != theirs[name])
    if clash:
        raise Refused(
            f"restic takes one {clash[0]} only, but {origin.name} and {target.name} need two",
            hint="use credentials that open both, or reach one of them by another scheme",
        )
