from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drtool.model.errors import Bug, Conflict
from drtool.model.point import Census
from drtool.model.workload import Snapshot
from drtool.ports import ArtifactRequest, PutResult, Runner
from drtool.sources.truenas.datasets.dataset import require_dataset
from drtool.sources.truenas.datasets.labels import run_of, spell_expiry
from drtool.sources.truenas.inventory.access import require_filled, require_mounted
from drtool.sources.truenas.inventory.parts import Parts, tidying
from drtool.sources.truenas.read.clone import make_clone, remove_clone, require_ours_alone
from drtool.trees.census import FULL, SAMPLE, Look, look_after, look_before
from drtool.trees.filesystem import FileSystem


@dataclass(slots=True)
class DatasetExport:
    """The files of one dataset as its snapshot has them, and how they looked before they were read."""

    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner
    files: FileSystem
    before: Look

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return files and bytes as put, the sample, and the attributes of every entry: nothing changes in a snapshot."""
        if artifact not in self.artifacts:
            raise Bug(f"{artifact.name} was not exported here")
        if put.vanished:
            raise Conflict(
                f"{put.vanished[0]} went away while the snapshot was read, in which nothing changes",
                hint="look whether the share of the NAS was unmounted here; run again",
            )
        sample, attributes = look_after(self.files, artifact, self.before, whole=not put.unreadable)
        return Census(
            files=put.files,
            bytes=put.bytes,
            sample=sample,
            attributes=attributes,
            seen_files=self.before.files,
            marks=self.before.marks,
        )


@contextlib.contextmanager
def export(parts: Parts, snapshot: Snapshot) -> Iterator[DatasetExport]:
    """Open a snapshot for reading through a read-only clone, which goes when it is closed.

    Raises NotFound when the snapshot is gone, Conflict when what is seen is not what the NAS has.
    """
    selector: dict[str, Any] = dict(snapshot.workload.selector)
    name = str(selector["dataset"])
    clone, whole, alone = make_clone(parts, dataset=name, snapshot=snapshot.locator), False, False
    since = parts.clock.monotonic()
    try:
        file_access = parts.file_access()
        label = clone.label
        run, expires = (label.run, label.expires) if label else (run_of(snapshot.label), spell_expiry(parts.clock.now()))
        with file_access.open(clone, run=run, expires=expires, write=False, goes=True) as path:
            if file_access.files.is_empty_directory(path):  # what it should hold is asked of the clone itself: the listing is of before it
                require_filled(file_access.files, require_dataset(parts.client, clone.id), path)
            artifact = ArtifactRequest(
                name=snapshot.workload.name,
                form="tree",
                path=path,
                excludes=tuple(selector.get("exclude", ())),
                exclude_caches=bool(selector.get("exclude_caches", False)),
            )
            before = look_before(file_access.files, artifact, limit=FULL if selector.get("census") == "full" else SAMPLE)
            yield DatasetExport((artifact,), file_access.files.runner, file_access.files, before)
            require_mounted(parts.client, file_access.files, clone, path)  # what was unmounted meanwhile was read as empty
            alone = require_ours_alone(parts, clone, since=since, shares=int(file_access.shares))
        whole = True
    finally:
        with tidying():
            remove_clone(parts, clone, alone=whole and alone)
