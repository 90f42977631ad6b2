from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from drtool.model.carried import Survey
from drtool.model.errors import Refused
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import Export, Finding, Inspection, Landing, LandRequest, ProcessInfo, ReserveRequest, Runner, Source, TriedReading


class NoHooks:
    """The runner of a drill's source: an operator's hook would run beside production, so nothing is carried out by it."""

    def __init__(self, runner: Runner) -> None:
        self.name = runner.name
        self._runner = runner

    def run(self, *_arguments: Any, **_keywords: Any) -> NoReturn:  # noqa: ANN401 - whatever it is asked
        self._refuse()

    def pipe(self, *_arguments: Any, **_keywords: Any) -> NoReturn:  # noqa: ANN401 - whatever it is asked
        self._refuse()

    def find(self, label_prefix: str) -> tuple[ProcessInfo, ...]:
        return self._runner.find(label_prefix)

    def end(self, processes: Iterable[ProcessInfo]) -> NoReturn:
        del processes
        self._refuse()

    def host_name(self) -> str:
        return self._runner.host_name()

    def is_alive(self, pid: int) -> bool:
        return self._runner.is_alive(pid)

    def _refuse(self) -> NoReturn:
        raise Refused(f"a drill may not run a command on {self.name}", hint="a drill runs no hooks", safe="nothing was touched")


class SandboxOnly:
    """A source that can only touch the sandboxes it reserved itself: what a drill is given (law 7).

    Reading and asking pass through; whatever would touch production, or a sandbox of somebody else, is Refused.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.kind = source.kind
        self.runner: Runner = NoHooks(source.runner)
        self._reserved: set[str] = set()

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        return self._source.discover(selector)

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        return self._source.try_reading(workloads)

    def snapshot(self, workload: Workload, label: str, *, together: Sequence[Workload] = ()) -> Snapshot:
        del together
        raise self._refusal(f"take the snapshot {label} of {workload.name}")

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        raise self._refusal(f"read {snapshot.workload.name}")

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        if request.destination.form != "sandbox" or not request.reserved:
            raise self._refusal(f"restore to {request.destination.form}")
        if request.reserved not in self._reserved:
            raise self._refusal(f"restore into {request.reserved}, which it did not reserve,")
        return self._source.land(request)

    def survey(self, request: LandRequest) -> Survey:
        if request.destination.form != "sandbox":
            raise self._refusal(f"look at what is in service of {request.member.workload}")
        return Survey()

    def cutover(self, landed: Landed) -> Landed:
        if landed.destination.form != "sandbox":
            raise self._refusal(f"put {landed.workload} into service at {landed.target}")
        places = (landed.staging, landed.content, landed.target, landed.marker)
        for place in (*places, *(path for move in landed.moves for path in (move.content, move.target, move.aside))):
            if place and not self._is_inside(place):
                raise self._refusal(f"put {landed.workload} into service at {place}")
        return self._source.cutover(landed)

    def undo(self, leftover: Leftover, run: str) -> str:
        del run
        raise self._refusal(f"take back the restore of {leftover.target or leftover.locator}")

    def reserve(self, request: ReserveRequest) -> Leftover:
        if request.destination.form != "sandbox":
            raise self._refusal(f"reserve a place for {request.destination.form}")
        reserved = self._source.reserve(request)
        self._reserved.add(reserved.locator)
        return reserved

    def inspect(self, restored: Restored) -> Inspection:
        if restored.destination.form != "sandbox" or not self._is_inside(restored.path):
            raise self._refusal(f"ask {restored.path or restored.workload}")
        return self._source.inspect(restored)

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return self._source.leftovers(places)

    def release(self, leftover: Leftover) -> None:
        own = leftover.what == "sandbox" and leftover.locator in self._reserved
        if not own and not (leftover.what == "staging" and self._is_inside(leftover.locator)):
            raise self._refusal(f"release {leftover.what} {leftover.locator}")
        self._source.release(leftover)

    def examine(self) -> tuple[Finding, ...]:
        return self._source.examine()

    def _is_inside(self, place: str) -> bool:
        plain = posixpath.normpath(place) == place
        return plain and any(place.startswith(f"{reserved}/") for reserved in self._reserved)

    def _refusal(self, what: str) -> Refused:
        return Refused(f"a drill may not {what} on {self.name}", hint="a drill only touches its sandbox", safe="nothing was touched")
