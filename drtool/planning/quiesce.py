"""One instant for a whole set: everything held still before the first snapshot, and let go on as soon as the last one is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from drtool.model.plan import Quiesce, Step, TakeSnapshot, Thaw
from drtool.model.policy import BackupSet
from drtool.model.workload import Workload
from drtool.planning.hooks import Gate

_OF_IT: Final = (Quiesce, TakeSnapshot, Thaw)


@dataclass(frozen=True, slots=True)
class QuietSteps:
    """The snapshots of a set, and what holds their workloads still around them; nothing does where the set asks for none."""

    before: tuple[Step, ...]
    snapshots: tuple[Step, ...]
    thaws: tuple[Step, ...]

    @property
    def gate(self) -> tuple[str, ...]:
        """What must have ended before anything else of the set is done."""
        return tuple(step.id for step in self.thaws)


def quiet_steps(backup_set: BackupSet, workloads: Sequence[Workload], snapshots: Iterable[Step], gate: Gate, *, label: str) -> QuietSteps:
    """Draft what holds still, source by source, and what lets go on: always, and after all snapshots, though one of them failed.

    What holds still begins only when there is room for everything until the last snapshot, as nothing may wait for room then.
    """
    taken = tuple(snapshots)
    if backup_set.quiesce is None or not taken:
        return QuietSteps((), taken, ())
    members: dict[str, list[Workload]] = {}
    for workload in workloads:
        members.setdefault(workload.source, []).append(workload)
    before = tuple(
        Step(
            id=f"{backup_set.name}/quiesce/{source}",
            action=Quiesce(source, tuple(held), label, backup_set.quiesce.total_seconds()),
            why="all members are to be as of one instant",
            set=backup_set.name,
            needs=gate.needs,
            after=gate.after,
            uses=tuple(dict.fromkeys(name for step in taken for name in step.uses)),
        )
        for source, held in members.items()
    )
    quiet = tuple(_held(step, before) for step in taken)
    ended = tuple(step.id for step in (*before, *quiet))
    thaws = tuple(
        Step(
            id=f"{backup_set.name}/thaw/{step.action.source}",
            action=Thaw(step.id, step.action.source),
            why="it is held still no longer than the snapshots take",
            set=backup_set.name,
            after=ended,
            always=True,
        )
        for step in before
        if isinstance(step.action, Quiesce)
    )
    return QuietSteps(before, quiet, thaws)


def why_not_quiet(backup_set: BackupSet, workload: Workload) -> str:
    """Say why a member of a set that is to have one instant cannot have it; empty where it can."""
    if backup_set.quiesce is None or (workload.snapshots and not workload.existing_snapshot):
        return ""
    read = "a snapshot of another time is read" if workload.existing_snapshot else "it is read while it is in use"
    return f"it cannot be held still with the others, as `quiesce` asks: {read}"


def _held(step: Step, before: tuple[Step, ...]) -> Step:
    action = replace(step.action, quiet=True) if isinstance(step.action, TakeSnapshot) else step.action
    return replace(step, action=action, needs=(*step.needs, *(each.id for each in before)))


class Stillness:
    """Which set is held still, and since when: nothing else begins meanwhile, and nothing of it later than it may.

    One set at a time: whoever holds something still waits for nobody.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self._thaws: dict[str, set[str]] = {}
        for step in steps:
            if isinstance(step.action, Thaw):
                self._thaws.setdefault(step.set, set()).add(step.id)
        self._set = ""
        self._ends = 0.0

    @property
    def held(self) -> bool:
        """Whether anything is held still."""
        return bool(self._set)

    def may_begin(self, step: Step) -> bool:
        """Tell whether a step may begin now, as far as what is held still is concerned."""
        return not self._set or self._is_of_it(step)

    def is_too_late(self, step: Step, now: float) -> bool:
        """Tell whether the time is over in which this step makes sense: the set goes on, or may have gone on by itself."""
        return self._is_of_it(step) and not isinstance(step.action, Thaw) and now >= self._ends

    def is_due(self, step: Step, now: float) -> bool:
        """Tell whether what is held still goes on now, whatever is not ended yet."""
        return self._is_of_it(step) and isinstance(step.action, Thaw) and now >= self._ends

    def deadline(self, step: Step) -> float | None:
        """Return when a step that makes sense only while its set is still has to be over; None for any other."""
        return self._ends if self._is_of_it(step) and not isinstance(step.action, Thaw) else None

    def begin(self, step: Step, now: float) -> None:
        """Note that a step begins: the first that holds its set still starts the clock."""
        if isinstance(step.action, Quiesce) and not self._set:
            self._set, self._ends = step.set, now + step.action.seconds

    def end(self, step: Step) -> None:
        """Note that a step has ended."""
        if isinstance(step.action, Thaw):
            self._thaws[step.set].discard(step.id)
            if step.set == self._set and not self._thaws[step.set]:
                self._set = ""

    def _is_of_it(self, step: Step) -> bool:
        return bool(self._set) and step.set == self._set and isinstance(step.action, _OF_IT)
