from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from drtool.model.errors import Bug
from drtool.model.point import Canary, Census
from drtool.model.workload import Snapshot
from drtool.ports import ArtifactRequest, PutResult, Runner
from drtool.sources.files.canary import plant
from drtool.trees.census import FULL, SAMPLE, Look, look_after, look_before
from drtool.trees.filesystem import FileSystem


@dataclass(slots=True)
class TreeExport:
    """One tree, read live, and how it looked before."""

    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner
    file_system: FileSystem
    before: Look
    canary: Canary | None = None

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return files and bytes as put, the files of the sample that did not change meanwhile, and the attributes of what did not."""
        if artifact not in self.artifacts:
            raise Bug(f"{artifact.name} was not exported here")
        sample, attributes = look_after(self.file_system, artifact, self.before, whole=not put.unreadable)
        planted = self.canary is not None and not self.canary.problem
        return Census(
            files=put.files,
            bytes=put.bytes,
            sample=sample,
            attributes=attributes,
            canary=self.canary,
            seen_files=self.before.files,
            marks=self.before.marks + planted,
        )


@contextlib.contextmanager
def export(file_system: FileSystem, snapshot: Snapshot) -> Iterator[TreeExport]:
    """Open a path for reading; nothing is made but the canary that was asked for, which stays."""
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
    canary = plant(file_system, artifact, snapshot.canary) if snapshot.canary else None
    before = look_before(file_system, artifact, limit=FULL if selector.get("census") == "full" else SAMPLE)
    yield TreeExport((artifact,), file_system.runner, file_system, before, canary)
