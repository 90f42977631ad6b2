# ruff: noqa: ANN401 - a toy heeds little of what it is told
"""A toy platform, written against `drtool.ports` alone: machines on nodes, two disks each, and a vault; no file, path or process."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from drtool.model.carried import Survey
from drtool.model.command import Command, Completed
from drtool.model.errors import DrtoolError, NotFound, Refused
from drtool.model.ledger import Existing, Stock
from drtool.model.locator import Locator, locate, read_locator
from drtool.model.native import NativePlace
from drtool.model.plan import Landed, Restored
from drtool.model.point import Census
from drtool.model.policy import Settings
from drtool.model.workload import LOCAL, Leftover, Snapshot, Workload
from drtool.ports import (
    ArtifactRequest,
    Clock,
    Finding,
    Inspection,
    Landing,
    LandingWay,
    LandRequest,
    NativeStore,
    Owner,
    Piped,
    PutResult,
    ReserveRequest,
    Runner,
    RunningCommand,
    TriedReading,
)
from drtool.process import current_scope
from drtool.testing.memory_store import MemoryStore, Shelf

Changing = Callable[[str], None]
_let_be: Changing = lambda _words: None  # noqa: E731 - a change that nobody listens to
DISKS, VAULTED = ("system", "data"), "vault"  # the node that keeps the data of its machines itself


@dataclass(slots=True)
class Machine:
    """Its disks, where it lies, and how often it was looked at since it was started: it is up at the third look."""

    node: str
    disks: dict[str, bytes]
    running: bool = False
    looks: int = 0


@dataclass(frozen=True, slots=True)
class Number:
    """What the locator of a machine says: its own number, and the one it shall have."""

    number: str
    wanted: str


@dataclass(slots=True)
class Cluster:
    """What outlives every process: machines and snapshots by number, and the label of each that is ours."""

    machines: dict[str, Machine] = field(default_factory=dict)
    labels: dict[str, Leftover] = field(default_factory=dict)
    moving: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By the number of what landed: the one it shall have, and what the old one is then called."""
    done: dict[str, Landed] = field(default_factory=dict)
    vault: Shelf = field(default_factory=Shelf)
    made: int = 9000

    def new(self) -> str:
        """Return a number that nobody has."""
        self.made += 1
        return str(self.made)


class Console:
    """Where commands of the cluster run: `read NUMBER DISK` and `write NUMBER DISK`."""

    name = "console"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def run(self, command: Command, **_more: Any) -> Completed:
        verb, number, *rest = *command.argv, ""
        if verb != "write" or number not in self._cluster.machines:
            raise NotFound(f"there is no {verb} for {number}", hint="read or write")
        self._cluster.machines[number].disks[rest[0]] = command.standard_input or b""
        return Completed(0, b"", b"", 0.0)

    def pipe(self, command: Command, *, consume: Callable[[bytes], None] | None = None, **_more: Any) -> Piped:
        data = self._cluster.machines[command.argv[1]].disks[command.argv[2]]
        if consume is not None:
            consume(data)
        return Piped(Completed(0, b"", b"", 0.0), len(data), hashlib.sha256(data).hexdigest())

    def find(self, label_prefix: str) -> tuple[RunningCommand, ...]:
        return ()

    def end(self, commands: Iterable[RunningCommand]) -> None:
        """Nothing runs on when nobody waits for it."""

    def host_name(self) -> str:
        return self.name

    def owner(self, handle: str) -> Owner:
        return Owner.UNKNOWN


@dataclass(slots=True)
class Disks:
    """A snapshot that is open."""

    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner
    vaulted: bytes

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        if not artifact.places:
            return Census(put.files, put.bytes, sha256=put.sha256)
        return Census(1, len(self.vaulted), sha256=hashlib.sha256(self.vaulted).hexdigest())


class Toy:
    """The adapter; `before_change` is called before each single change."""

    kind = "toy"

    def __init__(self, *, name: str, by: str, cluster: Cluster, clock: Clock, before_change: Changing = _let_be, site: str = "") -> None:
        self.name, self.cluster = name, cluster
        self.runner: Runner = Console(cluster)
        self._by, self._clock, self._before = by, clock, before_change
        self.vault = MemoryStore(name=name, by=by, shelf=cluster.vault, put=self._recall, site=site, before_change=before_change)

    def runners(self) -> tuple[Runner, ...]:
        return (self.runner,)

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        return tuple(map(self._workload, selector.get("machines") or sorted(self.cluster.machines.keys() - self.cluster.labels.keys())))

    def _workload(self, number: str) -> Workload:
        machine = self.cluster.machines.get(number)
        problem = "" if machine and number not in self.cluster.labels else f"machine {number} does not exist"
        selector = {"machine": number, "starts": True, "node": machine.node if machine else ""}
        return Workload(f"{self.name}:{number}", self.name, self.kind, selector, snapshots=True, problem=problem)

    def existing(self) -> Stock:
        return Stock(tuple(Existing(each.name, "machine") for each in self.discover({})))

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        return {}

    def snapshot(self, workload: Workload, label: str, *, together: Any = (), keep_until: Any = None) -> Snapshot:
        if workload.problem:
            raise Refused(workload.problem)
        locator = f"{workload.selector['machine']}@{label}"
        if locator not in self.cluster.machines:
            run = (current_scope().label or label).partition("/")[0]
            self._label(LOCAL if keep_until else "snapshot", locator, run, str(keep_until or ""))
            self._before("keeping a snapshot")
            self.cluster.machines[locator] = Machine("", dict(self.cluster.machines[str(workload.selector["machine"])].disks))
        return Snapshot(workload, label, live=False, locator=locator)

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        raise Refused(f"{workloads} cannot be held still", hint=f"no {label} for {seconds} s", safe="nothing was done")

    @contextlib.contextmanager
    def export(self, snapshot: Snapshot) -> Iterator[Disks]:
        if snapshot.locator not in self.cluster.machines:
            raise NotFound(f"the snapshot {snapshot.label} is gone")
        number, data = snapshot.workload.selector["machine"], self.cluster.machines[snapshot.locator].disks["data"]
        offered = [ArtifactRequest(disk, "stream", f"/{number}/{disk}", Command(("read", snapshot.locator, disk))) for disk in DISKS]
        if snapshot.workload.selector["node"] == VAULTED:
            run = (current_scope().label or snapshot.label).partition("/")[0]
            offered[1] = ArtifactRequest("data", "native", f"/{number}/data", places=(self.vault.keep(snapshot.locator, data, run=run),))
        yield Disks(tuple(offered), self.runner, data)

    @contextlib.contextmanager
    def land(self, request: LandRequest) -> Iterator[Landing]:
        form, wanted = request.destination.form, str(request.member.selector["machine"])
        if form not in ("original", "sandbox") or (form == "sandbox" and not self._is("sandbox", request.reserved)):
            raise Refused(f"{self.name} cannot restore to {form} {request.reserved}")
        number = f"{request.reserved}/{self.cluster.new()}" if form == "sandbox" else self.cluster.new()
        self._label("staging", number, request.run, request.expires.isoformat())
        self._before("making a machine")
        self.cluster.machines[number] = Machine(str(request.member.selector["node"]), {})
        target = wanted if form == "original" else number
        place, ways = locate(self.kind, 1, Number(number, target)), {}
        for each in request.member.artifacts:
            into = None if each.native else Command(("write", number, each.name))
            ways[each.name] = LandingWay(self.runner, into=into, recalled=place if each.native else None)
        try:
            yield Landing(Landed(request.member.workload, self.name, request.destination, target, place), ways=ways)
        except DrtoolError:
            self._remove(number)
            raise
        aside = f"{wanted}.before-{request.point}-{number}" if form == "original" and wanted in self.cluster.machines else ""
        self._before("having landed")
        self.cluster.moving[number] = (target, aside)

    def survey(self, request: LandRequest) -> Survey:
        return Survey()

    def cutover(self, landed: Landed) -> Landed:
        place, cluster = self._place(landed), self.cluster
        if place.number not in cluster.done:
            if place.number not in cluster.moving:
                raise NotFound(f"what was landed for {landed.workload} is gone", hint="restore again")
            self._before("beginning a cutover")
            cluster.done[place.number] = replace(landed, aside=cluster.moving[place.number][1])
            self._finish(place.number)
        return cluster.done[place.number]

    def _finish(self, number: str) -> None:
        """Go on with a cutover from wherever it stands: the old one aside, the new one in its place, the label last."""
        machines = self.cluster.machines
        wanted, aside = self.cluster.moving.get(number, (number, ""))
        if aside:
            self._label("kept", aside, self.cluster.labels[number].run)
        if aside and aside not in machines:
            self._before("setting aside")
            machines[aside] = replace(machines.pop(wanted), running=False)
        if number in machines and wanted != number:
            self._before("putting into its place")
            machines[wanted] = machines.pop(number)
        self._before("removing a label")
        self.cluster.labels.pop(number, None)
        self.cluster.moving.pop(number, None)

    def undo(self, leftover: Leftover, run: str) -> str:
        raise Refused(f"{self.name} cannot take back run {run}", hint="by hand", safe=f"{leftover.locator} is untouched")

    def reserve(self, request: ReserveRequest) -> Leftover:
        return self._label("sandbox", f"pool{self.cluster.new()}", request.run, request.expires.isoformat())

    def start(self, restored: Restored) -> None:
        self._before("starting")
        self._machine(restored).running = True

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        machine = self._machine(restored)
        machine.looks += machine.running
        yield Inspection(machine.looks > 2, self.runner, note="it boots" if machine.running else "it is off")

    def runner_in(self, workload: str) -> contextlib.AbstractContextManager[Runner]:
        raise Refused(f"nobody is let into {workload}", hint="on: the source", safe="nothing was run")

    def _recall(self, into: Locator, _locator: str, body: bytes) -> None:
        if not self._is("staging", number := read_locator(into, self.kind, 1, shape=Number).number):
            raise Refused(f"nothing is landed at {number}")
        self._before("recalling")
        self.cluster.machines[number].disks["data"] = body

    def stores(self) -> tuple[NativeStore, ...]:
        return (self.vault,)

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return (*self.cluster.labels.values(), *self.cluster.vault.labels.values())

    def release(self, leftover: Leftover) -> None:
        locator = leftover.locator
        if leftover.source != self.name or (locator in self.cluster.machines and not self._is(leftover.what, locator)):
            raise Refused(f"{locator} carries no label of ours")
        if leftover.what == "native":
            self.vault.forget(NativePlace(leftover.store, "", locator))
        else:
            (self._finish if locator in self.cluster.done else self._remove)(locator)

    def examine(self) -> tuple[Finding, ...]:
        return (Finding(f"source {self.name}", good=True, text=f"{len(self.cluster.machines)} machines"),)

    def _machine(self, restored: Restored) -> Machine:
        if (machine := self.cluster.machines.get(self._place(restored).wanted)) is None:
            raise NotFound(f"{restored.workload} is gone")
        return machine

    def _place(self, thing: Landed | Restored) -> Number:
        return read_locator(thing.locator, self.kind, 1, shape=Number)

    def _is(self, what: str, locator: str) -> bool:
        return locator in self.cluster.labels and self.cluster.labels[locator].what == what

    def _label(self, what: str, locator: str, run: str, expires: str = "") -> Leftover:
        self._before("labelling")
        return self.cluster.labels.setdefault(locator, Leftover(self.name, what, locator, run, self._by, expires=expires))

    def _remove(self, locator: str) -> None:
        for place in (self.cluster.machines, self.cluster.moving, self.cluster.labels):
            for number in [each for each in place if each == locator or each.startswith(f"{locator}/")]:
                self._before("removing")
                place.pop(number)
