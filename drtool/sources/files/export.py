from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drtool.model.errors import Bug
from drtool.model.point import Census
from drtool.model.workload import Snapshot
from drtool.ports import ArtifactRequest, PutResult, Runner
from drtool.sources.files.sample import Sampled, take_sample, unchanged
from drtool.sources.places.filesystem import FileSystem


@dataclass(slots=True)
class TreeExport:
    """One tree, read live, and the sample that was taken of it before."""

    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner
    file_system: FileSystem
    sample: tuple[Sampled, ...]

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return files and bytes as put, and the files of the sample that did not change meanwhile."""
        if artifact not in self.artifacts:
            raise Bug(f"{artifact.name} was not exported here")
        return Census(files=put.files, bytes=put.bytes, sample=unchanged(self.file_system, self.sample))


@contextlib.contextmanager
def export(file_system: FileSystem, snapshot: Snapshot) -> Iterator[TreeExport]:
    """Open a path for reading; nothing is made, so nothing is left."""
    selector: dict[str, Any] = dict(snapshot.workload.selector)
    artifact = ArtifactRequest(
        name=snapshot.workload.name,
        form="tree",
        path=selector["path"],
        excludes=tuple(selector.get("exclude", ())),
        exclude_if_present=tuple(selector.get("exclude_if_present", ())),
        exclude_caches=bool(selector.get("exclude_caches", False)),
        one_file_system=bool(selector.get("one_file_system", False)),
    )
    yield TreeExport((artifact,), file_system.runner, file_system, take_sample(file_system, artifact))
