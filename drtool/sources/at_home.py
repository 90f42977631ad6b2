from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from drtool.model.carried import Survey
from drtool.model.errors import Refused
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import Export, Finding, Inspection, Landing, LandRequest, ReserveRequest, Runner, Source, TriedReading

_FORMS = ("original", "directory")
_SHOWN = ("kept", "placed", "staging")
_RELEASED = ("placed", "staging")


class AtHome:
    """The source of a policy that came out of a repository: it puts back on this machine what lay in a point, and does nothing else.

    Args:
        source: of this machine; it connects to nothing.
        runner: for commands of the policy; one that refuses.
        reaches: what this source would connect to or run to put something in place, in words; empty: nothing.
        own_runs: the runs that this machine's own state knows; only what they put into service is taken back, or finished when they died.
    """

    def __init__(
        self, source: Source, runner: Runner, *, reaches: tuple[str, ...] = (), own_runs: Callable[[], Collection[str]] = frozenset
    ) -> None:
        self.name = source.name
        self.kind = source.kind
        self.runner: Runner = runner
        self._source = source
        self._reaches = reaches
        self._own_runs = own_runs

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        del selector
        raise self._refusal("look for anything to store")

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        del workloads
        raise self._refusal("look for anything to store")

    def snapshot(self, workload: Workload, label: str, *, together: Sequence[Workload] = ()) -> Snapshot:
        del label, together
        raise self._refusal(f"take a snapshot of {workload.name}")

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
        if leftover.run not in self._own_runs():
            raise self._refusal(f"take back the restore of {leftover.target or leftover.locator}, which no run of this machine made")
        return self._source.undo(leftover, run)

    def reserve(self, request: ReserveRequest) -> Leftover:
        raise self._refusal(f"reserve a place for {request.destination.form}")

    def inspect(self, restored: Restored) -> Inspection:
        """Tell what is there; no variable of the policy reaches a program."""
        return replace(self._source.inspect(restored), environment={})

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        """Return what runs of this machine put into service or left unfinished; Refused where that would be looked for elsewhere."""
        del places
        if self._reaches:
            raise self._refused_undo()
        own = self._own_runs()
        if not own:
            return ()
        return tuple(each for each in self._source.leftovers(()) if each.what in _SHOWN and each.run in own)

    def release(self, leftover: Leftover) -> None:
        """Finish or remove what a run of this machine left when it died, and labels; what was kept aside stays."""
        if leftover.what in _RELEASED and not self._reaches and leftover.run in self._own_runs():
            self._source.release(leftover)
            return
        raise self._refusal(f"release {leftover.what} {leftover.locator}")

    def examine(self) -> tuple[Finding, ...]:
        return ()

    def _require(self, form: str) -> None:
        if form not in _FORMS:
            raise self._refusal(f"restore to {form}")
        if form == "original" and self._reaches:
            raise self._refusal(f"put anything in place by {' and '.join(self._reaches)}")

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
