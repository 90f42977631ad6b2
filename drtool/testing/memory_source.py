from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from drtool.model.carried import Survey
from drtool.model.errors import DrtoolError, NotFound, Refused
from drtool.model.plan import Landed, Restored
from drtool.model.point import Census
from drtool.model.policy import Settings
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import (
    ArtifactRequest,
    Clock,
    Export,
    Finding,
    Inspection,
    Landing,
    LandRequest,
    PutResult,
    ReserveRequest,
    Runner,
    TriedReading,
)

Content = dict[str, bytes]


@dataclass(slots=True)
class _MemoryExport:
    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        del artifact
        return Census(put.files, put.bytes)


class MemorySource:
    """A platform in memory that takes snapshots; what it hands out and takes back are files in a scratch directory.

    `content` is what is in service: workload name to relative file name to bytes. `labelled` is what was left, by locator.

    Args:
        name: the source's name.
        by: the policy's name.
        content: what is in service at first, by workload name without the source's.
        directory: an empty directory for what is exported and landed.
        runner: of this machine.
        clock: for ids.
    """

    kind = "memory"

    def __init__(
        self, *, name: str, by: str, content: Mapping[str, Mapping[str, bytes]], directory: Path, runner: Runner, clock: Clock
    ) -> None:
        self.name = name
        self.runner = runner
        self.content: dict[str, Content] = {f"{name}:{key}": dict(value) for key, value in content.items()}
        self.aside: dict[str, Content] = {}
        self.labelled: dict[str, Leftover] = {}
        self._snapshots: dict[str, Content] = {}
        self._landings: dict[str, LandRequest] = {}
        self._done: dict[str, Landed] = {}
        self._by = by
        self._clock = clock
        self._directory = directory

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        wanted = selector.get("names")
        names = sorted(self.content) if wanted is None else sorted(f"{self.name}:{item}" for item in set(wanted))
        return tuple(
            Workload(name, self.name, self.kind, snapshots=True, problem="" if name in self.content else f"{name} does not exist")
            for name in names
        )

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        return {workload.name: TriedReading(bytes=workload.bytes or 0) for workload in workloads if not workload.problem}

    def snapshot(self, workload: Workload, label: str, *, together: Sequence[Workload] = ()) -> Snapshot:
        for other in together:
            self._take(other, label)
        return self._take(workload, label)

    def _take(self, workload: Workload, label: str) -> Snapshot:
        if workload.problem:
            raise Refused(workload.problem)
        locator = f"{workload.name}@{label}"
        if locator not in self._snapshots:
            self._snapshots[locator] = dict(self.content[workload.name])
            self.labelled[locator] = Leftover(self.name, "snapshot", locator, label.partition("/")[0], self._by)
        return Snapshot(workload, label, live=False, locator=locator)

    @contextlib.contextmanager
    def export(self, snapshot: Snapshot) -> Iterator[Export]:
        if snapshot.locator not in self._snapshots:
            raise NotFound(f"the snapshot {snapshot.label} of {snapshot.workload.name} is gone")
        root = self._directory / "export" / self._clock.fresh_id() / snapshot.workload.name.partition(":")[2]
        _write(root, self._snapshots[snapshot.locator])
        try:
            yield _MemoryExport((ArtifactRequest(snapshot.workload.name, "tree", str(root)),), self.runner)
        finally:
            shutil.rmtree(root.parent)

    @contextlib.contextmanager
    def land(self, request: LandRequest) -> Iterator[Landing]:
        form = request.destination.form
        if form == "sandbox" and request.reserved not in self.labelled:
            raise Refused(f"{request.reserved or 'no place'} was not reserved")
        if form not in ("original", "directory", "sandbox"):
            raise Refused(f"{self.name} cannot restore to {form}")
        target = self._target(request)
        if form == "directory" and Path(target).exists():
            raise Refused(f"{target} exists already", safe="nothing was written")
        staging = self._directory / "staging" / self._clock.fresh_id()
        self.labelled[str(staging)] = Leftover(
            self.name, "staging", str(staging), request.run, self._by, expires=request.expires.isoformat()
        )
        staging.mkdir(parents=True)
        try:
            content = f"{staging}{request.member.artifacts[0].path}"
            landed = Landed(
                request.member.workload, self.name, request.destination, str(staging), content, target, str(staging), kind=self.kind
            )
            yield Landing(str(staging), self.runner, landed)
        except DrtoolError:
            self._remove(str(staging))
            raise
        self._landings[str(staging)] = request

    def survey(self, request: LandRequest) -> Survey:
        del request  # nothing of what is there is carried back
        return Survey()

    def cutover(self, landed: Landed) -> Landed:
        if landed.staging in self._done:
            return self._done[landed.staging]
        request = self._landings.get(landed.staging)
        if request is None or not Path(landed.content).exists():
            raise NotFound(f"what was landed for {landed.workload} is gone", hint="restore again")
        aside = ""
        if landed.destination.form == "original":
            if landed.workload in self.content:
                aside = f"{landed.workload}.before-{request.point}"
                self.aside[aside] = self.content[landed.workload]
                self.labelled[aside] = Leftover(self.name, "kept", aside, request.run, self._by)
            self.content[landed.workload] = _read(Path(landed.content))
        Path(landed.target).parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(landed.target, ignore_errors=True)
        Path(landed.content).rename(landed.target)
        self._remove(landed.staging)
        self._done[landed.staging] = replace(landed, aside=aside)
        return self._done[landed.staging]

    def undo(self, leftover: Leftover, run: str) -> str:
        del run
        raise Refused(
            f"{self.name} cannot take back a restore",
            hint="move it by hand",
            safe=f"{leftover.locator} is untouched",
        )

    def reserve(self, request: ReserveRequest) -> Leftover:
        capacity = request.settings.get("capacity")
        if capacity is not None and request.bytes > capacity:
            raise Refused(f"{request.bytes} bytes are needed and {capacity} are free")
        place = self._directory / "sandbox" / self._clock.fresh_id()
        place.mkdir(parents=True)
        leftover = Leftover(self.name, "sandbox", str(place), request.run, self._by, expires=request.expires.isoformat())
        self.labelled[leftover.locator] = leftover
        return leftover

    def inspect(self, restored: Restored) -> Inspection:
        return Inspection(Path(restored.path).exists(), self.runner)

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        del places
        return tuple(self.labelled[locator] for locator in sorted(self.labelled))

    def release(self, leftover: Leftover) -> None:
        if leftover.source != self.name:
            raise Refused(f"{leftover.locator} carries no label of {self.name}")
        if leftover.locator not in self.labelled:
            if Path(leftover.locator).exists():
                raise Refused(f"{leftover.locator} carries no label of ours")
            return
        self._remove(leftover.locator)

    def examine(self) -> tuple[Finding, ...]:
        return (Finding(f"source {self.name}", good=True, text="it is in memory"),)

    def _target(self, request: LandRequest) -> str:
        name = request.member.workload.partition(":")[2]
        if request.destination.form == "directory":
            return str(Path(request.destination.path) / self.name / name)
        if request.destination.form == "sandbox":
            return str(Path(request.reserved) / self.name / name)
        return str(self._directory / "service" / name)

    def _remove(self, locator: str) -> None:
        self._snapshots.pop(locator, None)
        self._landings.pop(locator, None)
        self.aside.pop(locator, None)
        self.labelled.pop(locator, None)
        if locator.startswith(str(self._directory)):
            shutil.rmtree(locator, ignore_errors=True)


def _write(root: Path, content: Content) -> None:
    root.mkdir(parents=True)
    for name, data in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _read(root: Path) -> Content:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
