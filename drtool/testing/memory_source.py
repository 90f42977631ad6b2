from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from drtool.model.carried import Survey
from drtool.model.errors import DrtoolError, NotFound, Refused
from drtool.model.ledger import Existing, Stock
from drtool.model.locator import locate, read_locator
from drtool.model.plan import Landed, Restored
from drtool.model.point import Census
from drtool.model.policy import Settings
from drtool.model.workload import LOCAL, Leftover, Snapshot, Workload
from drtool.ports import (
    ArtifactRequest,
    Clock,
    Export,
    Finding,
    Inspection,
    Landing,
    LandingWay,
    LandRequest,
    NativeStore,
    PutResult,
    ReserveRequest,
    Runner,
    TriedReading,
)
from drtool.process import current_scope

Content = dict[str, bytes]


@dataclass(slots=True)
class _MemoryExport:
    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        del artifact
        return Census(put.files, put.bytes)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something waits in the scratch directory, and where it goes."""

    staging: str
    content: str
    target: str


@dataclass(slots=True)
class _Landed:
    """What was poured and waits for its cutover; `aside` is where a cutover that has begun keeps what is in the way."""

    request: LandRequest
    content: str
    target: str
    moving: bool = False
    aside: str = ""


@dataclass(slots=True)
class MemoryPlatform:
    """What outlives every process: what is in service, and everything labelled, by locator.

    `content` is what is in service: workload name to relative file name to bytes.
    """

    directory: Path
    content: dict[str, Content] = field(default_factory=dict)
    aside: dict[str, Content] = field(default_factory=dict)
    labelled: dict[str, Leftover] = field(default_factory=dict)
    snapshots: dict[str, Content] = field(default_factory=dict)
    landings: dict[str, _Landed] = field(default_factory=dict)
    done: dict[str, Landed] = field(default_factory=dict)


class MemorySource:
    """A platform in memory that takes snapshots; what it hands out and takes back are files in a scratch directory.

    Args:
        name: the source's name.
        by: the policy's name.
        platform: what outlives this object.
        runner: of this machine.
        clock: for ids.
        before_change: called before each single change: who raises there dies in the middle of something.
    """

    kind = "memory"

    def __init__(
        self,
        *,
        name: str,
        by: str,
        platform: MemoryPlatform,
        runner: Runner,
        clock: Clock,
        before_change: Callable[[str], None] = lambda _words: None,
    ) -> None:
        self.name = name
        self.runner = runner
        self.platform = platform
        self._by = by
        self._clock = clock
        self._before_change = before_change
        self._directory = platform.directory

    def runners(self) -> tuple[Runner, ...]:
        return (self.runner,)

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        wanted = selector.get("names")
        names = sorted(self.platform.content) if wanted is None else sorted(f"{self.name}:{item}" for item in set(wanted))
        return tuple(
            Workload(name, self.name, self.kind, snapshots=True, problem="" if name in self.platform.content else f"{name} does not exist")
            for name in names
        )

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        return {workload.name: TriedReading(bytes=workload.bytes or 0) for workload in workloads if not workload.problem}

    def existing(self) -> Stock:
        return Stock(tuple(Existing(name, self.kind) for name in sorted(self.platform.content)))

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        for other in together:
            self._take(other, label, keep_until)
        return self._take(workload, label, keep_until)

    def _take(self, workload: Workload, label: str, keep_until: datetime | None) -> Snapshot:
        if workload.problem:
            raise Refused(workload.problem)
        locator = f"{workload.name}@{label}"
        if locator not in self.platform.snapshots:
            expires = "" if keep_until is None else keep_until.isoformat()
            self._label(LOCAL if expires else "snapshot", locator, _run_of(label), expires=expires)
            self._before_change("keeping a snapshot")
            self.platform.snapshots[locator] = dict(self.platform.content[workload.name])
        return Snapshot(workload, label, live=False, locator=locator)

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        del label, seconds
        words = f"{', '.join(workload.name for workload in workloads)} cannot be held still: it is a tree of files"
        raise Refused(words, hint="in the policy, leave out quiesce", safe="nothing was changed")

    @contextlib.contextmanager
    def export(self, snapshot: Snapshot) -> Iterator[Export]:
        if snapshot.locator not in self.platform.snapshots:
            raise NotFound(f"the snapshot {snapshot.label} of {snapshot.workload.name} is gone")
        place = self._directory / "export" / self._clock.fresh_id()
        root = place / snapshot.workload.name.partition(":")[2]
        self._label("export", str(place), _run_of(snapshot.label))
        self._before_change("writing an export")
        _write(root, self.platform.snapshots[snapshot.locator])
        try:
            yield _MemoryExport((ArtifactRequest(snapshot.workload.name, "tree", str(root)),), self.runner)
        finally:
            self._remove(str(place))

    @contextlib.contextmanager
    def land(self, request: LandRequest) -> Iterator[Landing]:
        form = request.destination.form
        if form == "sandbox" and request.reserved not in self.platform.labelled:
            raise Refused(f"{request.reserved or 'no place'} was not reserved")
        if form not in ("original", "directory", "sandbox"):
            raise Refused(f"{self.name} cannot restore to {form}")
        target = self._target(request)
        if form == "directory" and Path(target).exists():
            raise Refused(f"{target} exists already", safe="nothing was written")
        staging = Path(request.reserved or self._directory) / "staging" / self._clock.fresh_id()
        self._label("staging", str(staging), request.run, expires=request.expires.isoformat())
        self._before_change("making a staging place")
        staging.mkdir(parents=True)
        try:
            content = f"{staging}{request.member.artifacts[0].path}"
            place = locate(self.kind, 1, _Place(str(staging), content, target))
            landed = Landed(request.member.workload, self.name, request.destination, target, place)
            yield Landing(landed, LandingWay(self.runner, str(staging)))
        except DrtoolError:
            self._remove(str(staging))
            raise
        self.platform.landings[str(staging)] = _Landed(request, content, target)

    def survey(self, request: LandRequest) -> Survey:
        del request  # nothing of what is there is carried back
        return Survey()

    def cutover(self, landed: Landed) -> Landed:
        place = self._place(landed)
        if place.staging not in self.platform.done:
            known = self.platform.landings.get(place.staging)
            if known is None or not (known.moving or Path(place.content).exists()):
                raise NotFound(f"what was landed for {landed.workload} is gone", hint="restore again")
            if landed.destination.form == "original" and landed.workload in self.platform.content:
                known.aside = known.aside or f"{landed.workload}.before-{known.request.point}-{place.staging[-4:]}"
            self._before_change("beginning a cutover")
            known.moving = True
            self._finish(place.staging, known)
            self.platform.done[place.staging] = replace(landed, aside=known.aside)
        return self.platform.done[place.staging]

    def _finish(self, staging: str, known: _Landed) -> None:
        """Go on with a cutover from wherever it stands."""
        platform, workload = self.platform, known.request.member.workload
        if known.aside and known.aside not in platform.labelled:
            self._label("kept", known.aside, known.request.run)
        if known.aside and known.aside not in platform.aside:
            self._before_change("setting aside")
            platform.aside[known.aside] = platform.content.pop(workload)
        if Path(known.content).exists():
            if known.request.destination.form == "original":
                self._before_change("putting into service")
                platform.content[workload] = _read(Path(known.content))
            self._before_change("moving into place")
            Path(known.target).parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(known.target, ignore_errors=True)
            Path(known.content).rename(known.target)
        self._remove(staging)

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
        leftover = self._label("sandbox", str(place), request.run, expires=request.expires.isoformat())
        self._before_change("making a sandbox")
        place.mkdir(parents=True)
        return leftover

    def start(self, restored: Restored) -> None:
        words = f"{restored.workload} is a tree of files, and nothing of it runs"
        raise Refused(words, hint="drtool restore again", safe="nothing was changed")

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        target = self._place(restored).target
        yield Inspection(Path(target).exists(), self.runner, root=target)

    def runner_in(self, workload: str) -> AbstractContextManager[Runner]:
        words = f"no command can be run inside {workload}, which is a tree of files"
        raise Refused(words, hint=f"in the policy, write the hook with: on: {self.name}", safe="nothing was run")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        del places
        return tuple(self.platform.labelled[locator] for locator in sorted(self.platform.labelled))

    def release(self, leftover: Leftover) -> None:
        if leftover.source != self.name:
            raise Refused(f"{leftover.locator} carries no label of {self.name}")
        if leftover.locator not in self.platform.labelled:
            if Path(leftover.locator).exists():
                raise Refused(f"{leftover.locator} carries no label of ours")
            return
        known = self.platform.landings.get(leftover.locator)
        if known is not None and known.moving:
            self._finish(leftover.locator, known)
        else:
            self._remove(leftover.locator)

    def stores(self) -> tuple[NativeStore, ...]:
        return ()

    def examine(self) -> tuple[Finding, ...]:
        return (Finding(f"source {self.name}", good=True, text="it is in memory"),)

    def _place(self, thing: Landed | Restored) -> _Place:
        return read_locator(thing.locator, self.kind, 1, shape=_Place)

    def _target(self, request: LandRequest) -> str:
        name = request.member.workload.partition(":")[2]
        if request.destination.form == "directory":
            return str(Path(request.destination.path) / self.name / name)
        if request.destination.form == "sandbox":
            return str(Path(request.reserved) / self.name / name)
        return str(self._directory / "service" / name)

    def _label(self, what: str, locator: str, run: str, *, expires: str = "") -> Leftover:
        """Write down what is about to be made: no label, not ours."""
        self._before_change("labelling")
        self.platform.labelled[locator] = Leftover(self.name, what, locator, run, self._by, expires=expires)
        return self.platform.labelled[locator]

    def _remove(self, locator: str) -> None:
        """Remove what lies there, and its label last."""
        self._before_change("removing")
        if locator.startswith(str(self._directory)):
            shutil.rmtree(locator, ignore_errors=True)
        stores: tuple[dict[str, Any], ...] = (self.platform.snapshots, self.platform.landings, self.platform.aside)
        for kept in stores:
            kept.pop(locator, None)
        self._before_change("removing a label")
        self.platform.labelled.pop(locator, None)


def _run_of(label: str) -> str:
    """Return whose work this is: of the step at work, or of whoever names its run itself."""
    return (current_scope().label or label).partition("/")[0]


def _write(root: Path, content: Content) -> None:
    root.mkdir(parents=True)
    for name, data in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _read(root: Path) -> Content:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
