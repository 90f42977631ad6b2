from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

from drtool.model.carried import Survey
from drtool.model.errors import Refused
from drtool.model.ledger import Stock
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import Export, Finding, Inspection, Landing, LandRequest, NativeStore, ReserveRequest, Runner, Source, TriedReading

_FORMS = ("original", "directory")
_SHOWN = ("kept", "placed", "staging")
_RELEASED = ("placed", "staging")


class AtHome:
    """The source of a policy that came out of a repository: it puts back on this machine what lay in a point, and does nothing else.

    Args:
        source: of this machine; it connects to nothing.
        runner: for commands of the policy; one that refuses.
        reaches: what this source would connect to or run to put something in place, in words; empty: nothing.
        own_runs: the runs that this machine's own state knows; what they, or a label with this state's proof, put into service is taken
            back, or finished when they died. What others left is told.
        own_directories: where such runs were pouring into a directory when they died; the policy's own places are not looked into.
    """

    def __init__(
        self,
        source: Source,
        runner: Runner,
        *,
        reaches: tuple[str, ...] = (),
        own_runs: Callable[[], Collection[str]] = frozenset,
        own_directories: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self.name = source.name
        self.kind = source.kind
        self.runner: Runner = runner
        self._source = source
        self._reaches = reaches
        self._own_runs = own_runs
        self._own_directories = own_directories

    def runners(self) -> tuple[Runner, ...]:
        return (self.runner,)

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        del selector
        raise self._refusal("look for anything to store")

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        del workloads
        raise self._refusal("look for anything to store")

    def existing(self) -> Stock:
        raise self._refusal("look for anything to store")

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        del label, together, keep_until
        raise self._refusal(f"take a snapshot of {workload.name}")

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        del label, seconds
        raise self._refusal(f"hold {', '.join(workload.name for workload in workloads)} still")

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        raise self._refusal(f"read {snapshot.workload.name}")

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        self._require(request.destination.form)
        return self._source.land(request)

    def survey(self, request: LandRequest) -> Survey:
        self._require(request.destination.form)
        return self._source.survey(request)

    def cutover(self, landed: Landed) -> Landed:
        self._require(landed.destination.form)
        return self._source.cutover(landed)

    def undo(self, leftover: Leftover, run: str) -> str:
        """Take back what this machine itself put into service: nothing is run or connected to for that, and no secret is looked up."""
        if self._reaches:
            raise self._refused_undo()
        if not self._is_ours(leftover):
            raise self._refusal(f"take back the restore of {leftover.target or leftover.locator}, which no run of this machine made")
        return self._source.undo(leftover, run)

    def reserve(self, request: ReserveRequest) -> Leftover:
        raise self._refusal(f"reserve a place for {request.destination.form}")

    def start(self, restored: Restored) -> None:
        raise self._refusal(f"start {restored.workload}")

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        """Tell what is there; no variable of the policy reaches a program."""
        with self._source.inspect(restored) as inspection:
            yield replace(inspection, environment={})

    def runner_in(self, workload: str) -> AbstractContextManager[Runner]:
        raise self._refusal(f"run a command inside {workload}")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        """Return what restores put into service here or left unfinished, whoever made them; Refused where that would be elsewhere."""
        if self._reaches:
            raise self._refused_undo()
        own = self._own_directories()
        chosen = [place for place in places if place.get("directory") in own]
        return tuple(each for each in self._source.leftovers(chosen) if each.what in _SHOWN)

    def release(self, leftover: Leftover) -> None:
        """Finish or remove what a run of this machine left when it died, or one that was taken over; what was kept aside stays."""
        if leftover.what in _RELEASED and not self._reaches and self._is_ours(leftover):
            self._source.release(leftover)
            return
        raise self._refusal(f"release {leftover.what} {leftover.locator}")

    def stores(self) -> tuple[NativeStore, ...]:
        """Return none: what a platform keeps is asked for by whoever may log in there."""
        return ()

    def examine(self) -> tuple[Finding, ...]:
        return ()

    def _require(self, form: str) -> None:
        if form not in _FORMS:
            raise self._refusal(f"restore to {form}")
        if form == "original" and self._reaches:
            raise self._refusal(f"put anything in place by {' and '.join(self._reaches)}")

    def _is_ours(self, leftover: Leftover) -> bool:
        """Tell whether a run of this machine left it, or its label is proven; the source asks for that proof again at the deed."""
        return leftover.proven or leftover.run in self._own_runs()

    def _refused_undo(self) -> Refused:
        return Refused(
            f"{self.name} comes out of the repository, and what was put in place by {' and '.join(self._reaches)} is not looked for",
            hint="read that policy (drtool policy latest); then repeat with --trust-commands",
            safe="nothing was changed",
        )

    def _refusal(self, what: str) -> Refused:
        return Refused(
            f"{self.name} comes out of the repository and may not {what}",
            hint="restore with: --to directory PATH; or read that policy, and use it with --trust-commands",
            safe="nothing was changed",
        )
