from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

from drtool.model.errors import Refused
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import Export, Finding, Inspection, Landing, LandRequest, ReserveRequest, Source


class SandboxOnly:
    """A source that can only touch its sandbox: what a drill is given (law 7).

    Reading and asking pass through; whatever would touch production is Refused.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.kind = source.kind
        self.runner = source.runner
        self._reserved: set[str] = set()

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        return self._source.discover(selector)

    def snapshot(self, workload: Workload, label: str) -> Snapshot:
        raise self._refusal(f"take the snapshot {label} of {workload.name}")

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        raise self._refusal(f"read {snapshot.workload.name}")

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        if request.destination.form != "sandbox" or not request.reserved:
            raise self._refusal(f"restore to {request.destination.form}")
        self._reserved.add(request.reserved)
        return self._source.land(request)

    def cutover(self, landed: Landed, *, trusted: bool = True) -> Landed:
        if landed.destination.form != "sandbox":
            raise self._refusal(f"put {landed.workload} into service at {landed.target}")
        return self._source.cutover(landed, trusted=trusted)

    def reserve(self, request: ReserveRequest) -> Leftover:
        if request.destination.form != "sandbox":
            raise self._refusal(f"reserve a place for {request.destination.form}")
        reserved = self._source.reserve(request)
        self._reserved.add(reserved.locator)
        return reserved

    def inspect(self, restored: Restored) -> Inspection:
        return self._source.inspect(restored)

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return self._source.leftovers(places)

    def release(self, leftover: Leftover) -> None:
        inside = any(leftover.locator.startswith(f"{reserved}/") for reserved in self._reserved)
        if leftover.what != "sandbox" and not (leftover.what == "staging" and inside):
            raise self._refusal(f"release {leftover.what} {leftover.locator}")
        self._source.release(leftover)

    def examine(self) -> tuple[Finding, ...]:
        return self._source.examine()

    def _refusal(self, what: str) -> Refused:
        return Refused(f"a drill may not {what} on {self.name}", hint="a drill only touches its sandbox", safe="nothing was touched")
