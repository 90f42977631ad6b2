"""Reading every byte of a repository against its digests."""

from __future__ import annotations

import re

from drtool.model.errors import Corrupt, NotFound, Refused
from drtool.model.reading import NAME_CHARACTERS
from drtool.ports import ProgressListener, VerifyRequest
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.errors import is_damage, translate
from drtool.repositories.restic.output import number, parse_document, words
from drtool.repositories.restic.phases import PhaseReader

_FAILED = 1
_PACK = re.compile(r"[0-9a-f]{64}")
_BROKEN = re.compile(r"^(?:error: |error for tree [0-9a-f]+: )?pack ([0-9a-f]{64}) contains", re.MULTILINE | re.IGNORECASE)
_NAMED = 5


def verify(client: ResticClient, request: VerifyRequest, on_progress: ProgressListener | None = None) -> int:
    """Read what is asked for and return how many stored bytes that were; restic uses a cache of its own for it, empty at first.

    Raises:
        Corrupt: names what is damaged.
        Refused: this restic cannot read a single point.
        NotFound: the point is not in this repository.
    """
    snapshots = snapshots_of(client, request.point) if request.point else ()
    arguments = commands.check(snapshots=snapshots, slice_of=(request.slice, request.slices) if request.slices else None)
    completed = client.run(Call(arguments, "read everything", accept=(0, _FAILED), phases=PhaseReader(on_progress)))
    said = words(completed)
    if is_damage(said):
        raise _damage(client, said)
    if completed.exit_code != 0:
        raise translate(completed, repository=client.name, verb="read everything")
    if "no errors were found" not in said:
        raise Refused(f"restic did not say that {client.name} is whole: {said[-500:]}", hint=f"drtool verify {client.name} again")
    if request.slices:
        return 0
    stored = client.run(Call(commands.stored_bytes(snapshots), "count its bytes"))
    try:
        return number(parse_document(stored.standard_output), "total_size")
    except (ValueError, AttributeError):
        return 0


def packs(client: ResticClient, slices: int) -> tuple[frozenset[str], ...]:
    """List the pack files by the slice in which restic reads them: it goes by the first byte of their names."""
    found: list[set[str]] = [set() for _ in range(slices)]
    for line in client.run(Call(commands.PACKS, "list its packs")).standard_output.split():
        name = line.decode("ascii", "replace")
        if not _PACK.fullmatch(name):
            raise Refused(f"the list of packs of {client.name} cannot be read: {name[:100]}", hint=f"drtool doctor {client.name}")
        found[int(name[:2], 16) % slices].add(name[:NAME_CHARACTERS])
    return tuple(map(frozenset, found))


def snapshots_of(client: ResticClient, point: str) -> tuple[str, ...]:
    """Return the snapshots that a point consists of; Refused where this restic cannot check some alone, NotFound without the point."""
    version = client.version()
    if not version.reads_one_point:
        raise Refused(
            f"restic {version} cannot read the data of one point alone",
            hint=f"install restic 0.19 or newer, or read everything: drtool verify {client.name}",
        )
    reading = client.read()
    rows = (*reading.of_point(point, "data"), *reading.of_point(point, "manifest"))
    if not reading.of_point(point, "manifest"):
        raise NotFound(f"the repository {client.name} does not hold the point {point}", hint="drtool points --refresh")
    return tuple(row.id for row in rows)


def _damage(client: ResticClient, said: str) -> Corrupt:
    named = [f"pack {pack}" for pack in dict.fromkeys(_BROKEN.findall(said))][:_NAMED]
    named = named or [line for line in said.splitlines() if is_damage(line)][:_NAMED]
    return Corrupt(
        f"the repository {client.name} is damaged: {'; '.join(named) or said[-500:]}",
        hint="keep it as it is, restore from another copy, and read restic's page on repairing a repository",
        safe="other copies are untouched",
        repository=client.name,
    )
