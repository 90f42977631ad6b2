# ruff: noqa: ANN401 - a toy heeds little of what it is told
"""Toy machines that can be looked into and held still: commands run inside, and an address is told of each."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from drtool.model.command import Command, Completed
from drtool.model.errors import Conflict, NotFound, Unavailable
from drtool.model.plan import Restored
from drtool.model.workload import QUIET, Leftover, Snapshot, Workload
from drtool.ports import Inspection, RunningCommand
from drtool.process import current_scope
from tests.toy.cluster import Cluster, Console, Machine, Toy


@dataclass(slots=True)
class Rack(Cluster):
    """A cluster whose machines have insides."""

    said: list[tuple[str, ...]] = field(default_factory=list)
    """What ran inside, in order: the machine, the phase that asked for it, and its words."""
    going_on: dict[str, str] = field(default_factory=dict)
    """By the label of a command that has not ended: in which machine."""
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By the number that a machine had when it was backed up."""
    still: dict[str, str] = field(default_factory=dict)
    """By the number of a machine that is held still: what holds it."""


class Guest(Console):
    """The inside of one machine; `false` fails."""

    def __init__(self, rack: Rack, number: str, before_change: Callable[[str], None]) -> None:
        super().__init__(rack)
        self.name, self._rack, self._number, self._before = f"machine {number}", rack, number, before_change

    def run(self, command: Command, **_more: Any) -> Completed:
        label = current_scope().label
        self._before("a command inside")
        self._rack.going_on[label] = self._number
        self._rack.said.append((self._number, command.environment.get("DRTOOL_PHASE", ""), *command.argv))
        self._before("the end of a command inside")
        self._rack.going_on.pop(label, None)
        return Completed(int(command.argv[0] == "false"), b"", b"", 0.0)

    def find(self, label_prefix: str) -> tuple[RunningCommand, ...]:
        labels = [label for label, number in self._rack.going_on.items() if number == self._number and label.startswith(label_prefix)]
        return tuple(RunningCommand(f"task {label}", label) for label in labels)

    def end(self, commands: Iterable[RunningCommand]) -> None:
        for command in commands:
            self._rack.going_on.pop(command.label, None)


class Guests(Toy):
    """The adapter of a rack."""

    cluster: Rack

    @contextlib.contextmanager
    def runner_in(self, workload: str) -> Iterator[Guest]:
        source, _, number = workload.partition(":")
        if source != self.name or number not in self.cluster.machines or number in self.cluster.labels:
            raise NotFound(f"there is no machine {workload}", hint=f"drtool inventory {self.name}", safe="nothing was run")
        if not self.cluster.machines[number].running:
            raise Unavailable(f"{workload} does not run", hint="start it", safe="nothing was run")
        yield Guest(self.cluster, number, self._before)

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        until = self._clock.now() + timedelta(seconds=seconds)
        held = self._label(QUIET, f"still@{label}", (current_scope().label or label).partition("/")[0], until.isoformat())
        for workload in workloads:
            self._before("holding still")
            self.cluster.still[str(workload.selector["machine"])] = held.locator
        return held

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        taken = super().snapshot(workload, label, together=together, keep_until=keep_until)
        if f"still@{label}" in self.cluster.labels and self.cluster.still.get(str(workload.selector["machine"])) != f"still@{label}":
            raise Conflict(f"{workload.name} went on before its snapshot was there", hint="drtool run again", safe="nothing of it is used")
        return taken

    def release(self, leftover: Leftover) -> None:
        for number in [number for number, held in self.cluster.still.items() if leftover.what == QUIET and held == leftover.locator]:
            self._before("letting go on")
            del self.cluster.still[number]
        super().release(leftover)

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        with super().inspect(restored) as inspection:
            yield replace(inspection, addresses=self.cluster.addresses.get(str(restored.member.selector["machine"]), ()))


def machine(node: str, text: str) -> Machine:
    """Return a machine that runs, with two disks."""
    return Machine(node, {"system": f"{text} system".encode(), "data": f"{text} data".encode()}, running=True)
