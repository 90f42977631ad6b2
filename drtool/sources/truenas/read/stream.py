from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from drtool.model.errors import Corrupt, NotFound
from drtool.model.point import Census
from drtool.model.workload import CHAIN, Snapshot
from drtool.ports import ArtifactRequest, Earlier, PutResult, Runner
from drtool.sources.truenas.api.shell import BLOCK, command_of, wait_for_device
from drtool.sources.truenas.datasets.dataset import find_dataset, require_dataset
from drtool.sources.truenas.datasets.snapshot import read_snapshot
from drtool.sources.truenas.inventory.parts import Parts, require_shell, tidying
from drtool.sources.truenas.read.chain import choose_base, facts_of, keep_base
from drtool.sources.truenas.read.clone import make_clone, remove_clone


@dataclass(slots=True)
class StreamExport:
    """One stream of the NAS, piped to the repository's program on this machine; `bytes` is what it must have, 0 where nobody knows."""

    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner
    bytes: int = 0

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return one file, its bytes and its SHA-256; Corrupt when the NAS gave another number of bytes than it has."""
        if artifact.earlier is not None:
            return artifact.earlier.artifact.census
        if self.bytes and put.bytes != self.bytes:
            raise Corrupt(
                f"{artifact.name} has {self.bytes} bytes and {put.bytes} were read",
                hint="run again; was the volume made larger meanwhile?",
                safe="no point was made of it; earlier points are untouched",
            )
        return Census(files=1, bytes=put.bytes, sha256=put.sha256)


@contextlib.contextmanager
def export_blocks(parts: Parts, snapshot: Snapshot) -> Iterator[StreamExport]:
    """Open the snapshot of a volume for reading from the device of a read-only clone, which goes when it is closed.

    Every block is read, and what is read lies at the same place each time: the repository stores what changed.
    """
    shell = require_shell(parts)
    volume = str(snapshot.workload.selector["dataset"])
    clone = make_clone(parts, dataset=volume, snapshot=snapshot.locator)
    try:
        size = clone.volume_bytes
        device = wait_for_device(shell, clone.id, size=size, clock=parts.clock)
        read = command_of("dd", f"if={device}", f"bs={BLOCK}", "iflag=fullblock", "status=none")
        artifact = ArtifactRequest(
            name=snapshot.workload.name, form="stream", path=f"/{volume}.raw", producer=read, producer_runner=shell.runner
        )
        yield StreamExport((artifact,), parts.owner.file_system.runner, size)
        if find_dataset(parts.client, clone.id) is None:
            raise NotFound(f"the clone {clone.id} went away while it was read", hint="look what destroys volumes on the NAS")
    finally:
        with tidying():
            remove_clone(parts, clone)


@contextlib.contextmanager
def export_exact(parts: Parts, snapshot: Snapshot) -> Iterator[StreamExport]:
    """Open a snapshot as a stream of ZFS; of an encrypted dataset as it lies on the disks, for which no key is needed.

    Where the policy asks for a chain, it begins where that of an earlier point ended, and what that has is offered once more before it.
    """
    shell = require_shell(parts)
    name = str(snapshot.workload.selector["dataset"])
    if read_snapshot(parts.client, snapshot.locator) is None:
        raise NotFound(f"the snapshot {snapshot.locator} is gone", hint="look what destroys snapshots on the NAS; run again")
    raw = ("-w",) if require_dataset(parts.client, name).encrypted else ()
    limit = int(snapshot.workload.selector.get(CHAIN) or 1)
    base = choose_base(shell, snapshot, limit=limit)
    since = ("-i", base.locator) if base.links else ()
    send = command_of("zfs", "send", "-L", "-e", "-c", *raw, *since, "--", snapshot.locator)
    links = tuple(
        ArtifactRequest(name=link.name, form="stream", path=link.path, earlier=Earlier(base.point, link), facts=link.facts)
        for link in base.links
    )
    number = len(links)
    artifact = ArtifactRequest(
        name=f"{snapshot.workload.name}+{number}" if number else snapshot.workload.name,
        form="stream",
        path=f"/{name}.zfs" if limit == 1 else f"/{name}.streams/{number:02}.zfs",
        producer=send,
        producer_runner=shell.runner,
        facts=facts_of(shell, snapshot.locator, base) if limit > 1 else {},
        note=base.reason,
    )
    yield StreamExport((*links, artifact), parts.owner.file_system.runner)
    if read_snapshot(parts.client, snapshot.locator) is None:
        raise NotFound(f"the snapshot {snapshot.locator} went away while it was sent", hint="look what destroys snapshots on the NAS")
    with tidying():
        keep_base(parts, shell, snapshot.locator, base, wanted=number + 1 < limit)
