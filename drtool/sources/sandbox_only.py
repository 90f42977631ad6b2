from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NoReturn

from drtool.model.carried import Survey
from drtool.model.codec import canonical
from drtool.model.errors import Refused
from drtool.model.ledger import Stock
from drtool.model.native import Held, NativePlace
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import (
    Export,
    Finding,
    Guarantees,
    Inspection,
    Landing,
    LandRequest,
    NativeStore,
    Owner,
    RecallRequest,
    ReserveRequest,
    Runner,
    RunningCommand,
    Source,
    TriedReading,
)


class NoHooks:
    """The runner of a drill's source: an operator's hook would run beside production, so nothing is carried out by it."""

    def __init__(self, runner: Runner) -> None:
        self.name = runner.name
        self._runner = runner

    def run(self, *_arguments: Any, **_keywords: Any) -> NoReturn:  # noqa: ANN401 - whatever it is asked
        self._refuse()

    def pipe(self, *_arguments: Any, **_keywords: Any) -> NoReturn:  # noqa: ANN401 - whatever it is asked
        self._refuse()

    def find(self, label_prefix: str) -> tuple[RunningCommand, ...]:
        return self._runner.find(label_prefix)

    def end(self, commands: Iterable[RunningCommand]) -> NoReturn:
        del commands
        self._refuse()

    def host_name(self) -> str:
        return self._runner.host_name()

    def owner(self, handle: str) -> Owner:
        return self._runner.owner(handle)

    def _refuse(self) -> NoReturn:
        raise Refused(f"a drill may not run a command on {self.name}", hint="a drill runs no hooks", safe="nothing was touched")


class RecallsOnly:
    """A native store as a drill has it: it is asked and read, and recalls into what the drill landed itself."""

    def __init__(self, store: NativeStore, *, landed: set[bytes]) -> None:
        self.name = store.name
        self._store, self._landed = store, landed

    def present(self, places: Sequence[NativePlace]) -> tuple[Held | None, ...]:
        return self._store.present(places)

    def verify(self, place: NativePlace) -> Held:
        return self._store.verify(place)

    def recall(self, request: RecallRequest) -> Held:
        if request.into.identity not in self._landed:
            raise self._refusal(f"recall {request.workload} into what it did not land")
        return self._store.recall(request)

    def forget(self, place: NativePlace) -> None:
        raise self._refusal(f"remove {place.locator}")

    def guarantees(self) -> Guarantees:
        return self._store.guarantees()

    def _refusal(self, what: str) -> Refused:
        return Refused(f"a drill may not {what} on {self.name}", hint="a drill only touches its sandbox", safe="nothing was touched")


class SandboxOnly:
    """A source that can only touch what it reserved and landed itself: what a drill is given (law 7).

    It knows that by identity, never by how a place is spelt: what came out of `reserve`, `land` and `cutover` here goes in again, and
    nothing else. What labels tell of an earlier process may only be released. Whatever would touch production, or a sandbox of somebody
    else, is Refused.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.kind = source.kind
        self.runner: Runner = NoHooks(source.runner)
        self._reserved: set[bytes] = set()
        self._listed: set[bytes] = set()
        self._landed: set[bytes] = set()
        self._in_service: set[bytes] = set()
        self._recalled: set[bytes] = set()

    def runners(self) -> tuple[Runner, ...]:
        return tuple(map(NoHooks, self._source.runners()))

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        return self._source.discover(selector)

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        return self._source.try_reading(workloads)

    def existing(self) -> Stock:
        return self._source.existing()

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        del together, keep_until
        raise self._refusal(f"take the snapshot {label} of {workload.name}")

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        del label, seconds
        raise self._refusal(f"hold {', '.join(workload.name for workload in workloads)} still")

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        raise self._refusal(f"read {snapshot.workload.name}")

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        if request.destination.form != "sandbox" or not request.reserved:
            raise self._refusal(f"restore to {request.destination.form}")
        if _sandbox(request.reserved) not in self._reserved:
            raise self._refusal(f"restore into {request.reserved}, which it did not reserve,")
        return self._land(request)

    def survey(self, request: LandRequest) -> Survey:
        if request.destination.form != "sandbox":
            raise self._refusal(f"look at what is in service of {request.member.workload}")
        return Survey()

    def cutover(self, landed: Landed) -> Landed:
        if landed.destination.form != "sandbox" or canonical(landed) not in self._landed:
            raise self._refusal(f"put {landed.workload} into service at {landed.target}, which it did not land there,")
        result = self._source.cutover(landed)
        self._in_service.add(_place(result))
        return result

    def undo(self, leftover: Leftover, run: str) -> str:
        del run
        raise self._refusal(f"take back the restore of {leftover.target or leftover.locator}")

    def reserve(self, request: ReserveRequest) -> Leftover:
        if request.destination.form != "sandbox":
            raise self._refusal(f"reserve a place for {request.destination.form}")
        reserved = self._source.reserve(request)
        self._reserved.add(_sandbox(reserved.locator))
        return reserved

    def start(self, restored: Restored) -> None:
        if restored.destination.form != "sandbox" or _place(restored) not in self._in_service:
            raise self._refusal(f"start {restored.path or restored.workload}")
        self._source.start(restored)

    def inspect(self, restored: Restored) -> AbstractContextManager[Inspection]:
        if restored.destination.form != "sandbox" or _place(restored) not in self._in_service:
            raise self._refusal(f"ask {restored.path or restored.workload}")
        return self._source.inspect(restored)

    def runner_in(self, workload: str) -> AbstractContextManager[Runner]:
        raise self._refusal(f"run a command inside {workload}")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        """Return what is labelled; the sandboxes among it may be released from then on, and nothing else may be done with them."""
        found = self._source.leftovers(places)
        self._listed.update(canonical(leftover) for leftover in found if leftover.what == "sandbox")
        return found

    def release(self, leftover: Leftover) -> None:
        own = leftover.what == "sandbox" and _sandbox(leftover.locator) in self._reserved
        if not own and canonical(leftover) not in self._listed:
            raise self._refusal(f"release {leftover.what} {leftover.locator}")
        self._source.release(leftover)

    def stores(self) -> tuple[NativeStore, ...]:
        return tuple(RecallsOnly(store, landed=self._recalled) for store in self._source.stores())

    def examine(self) -> tuple[Finding, ...]:
        return self._source.examine()

    @contextlib.contextmanager
    def _land(self, request: LandRequest) -> Iterator[Landing]:
        with self._source.land(request) as landing:
            ways = (*landing.ways.values(), *((landing.way,) if landing.way is not None else ()))
            own = {way.recalled.identity for way in ways if way.recalled is not None}
            self._recalled |= own
            try:
                yield landing
            finally:
                self._recalled -= own
        self._landed.add(canonical(landing.landed))

    def _refusal(self, what: str) -> Refused:
        return Refused(f"a drill may not {what} on {self.name}", hint="a drill only touches its sandbox", safe="nothing was touched")


def _sandbox(locator: str) -> bytes:
    return canonical({"sandbox": locator})


def _place(thing: Landed | Restored) -> bytes:
    """Return which workload lies where: what a cutover gave and what is asked of it must be the same."""
    return canonical({"workload": thing.workload, "source": thing.source, "locator": thing.locator})
