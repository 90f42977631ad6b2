from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from drtool.model.carried import Survey
from drtool.model.errors import DrtoolError, Refused
from drtool.model.label import LabelProofs
from drtool.model.ledger import Stock
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings, SourcePolicy
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import Clock, Export, Finding, Inspection, Landing, LandRequest, NativeStore, ReserveRequest, Runner, TriedReading
from drtool.sources.files.discover import KIND, discover
from drtool.sources.files.export import export
from drtool.sources.files.machine.existing import existing
from drtool.sources.files.reading import try_reading
from drtool.sources.files.spared import leave_out, refuse_in_use
from drtool.staging.carry import added, survey
from drtool.staging.cutover import cut_over
from drtool.staging.land import Site, land, left_out_of, require_room_below, site_inside, wanted_paths
from drtool.staging.leftovers import leftovers
from drtool.staging.marker import Owner
from drtool.staging.mounted import refuse_mounts, still_shown
from drtool.staging.proof import of_this_process
from drtool.staging.release import release
from drtool.staging.rename import RENAMES
from drtool.staging.reserve import reserve
from drtool.staging.staged import staged
from drtool.staging.undo import undo
from drtool.trees.filesystem import FileSystem, require_plain, standing_in, way_to

_PROGRAMS = ("find", "xargs", "sha256sum", "stat", "df", "realpath", "sync")


class FilesSource:
    """Directories and files of one host, each protected path a workload.

    Args:
        policy: name and site; the runner decides which host it is.
        by: the policy's name, with which everything is labelled.
        runner: this machine's or another's.
        clock: for ids.
        watch: the protected paths; beside them, in them and above them leftovers are looked for.
        spared: paths that are left out of what is stored; one with words is in use while a restore works, and is never moved by it.
        machine: tells which machine this is, with which everything is labelled too.
        proofs: tells by what labels are known to be ours; without it those of this process are.
    """

    kind = KIND

    def __init__(
        self,
        *,
        policy: SourcePolicy,
        by: str,
        runner: Runner,
        clock: Clock,
        watch: tuple[str, ...] = (),
        spared: tuple[tuple[str, str], ...] = (),
        machine: Callable[[], str] = str,
        proofs: Callable[[], LabelProofs] = of_this_process,
    ) -> None:
        self.name = policy.name
        self.runner = runner
        self._files = FileSystem(runner)
        self._owner = Owner(policy.name, by, self._files, clock, machine=machine, proofs=proofs)
        self._watch = watch
        self._spared = spared

    def runners(self) -> tuple[Runner, ...]:
        return (self.runner,)

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        return leave_out(self._owner, discover(self._files, source=self.name, selector=selector), [path for path, _words in self._spared])

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        return {each.name: tried for each in workloads if not each.problem and (tried := try_reading(self._files, each)) is not None}

    def existing(self) -> Stock:
        return existing(self._files, source=self.name)

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        del together, keep_until  # it is read live
        if workload.problem:
            raise Refused(workload.problem, hint="correct the policy, or the place")
        return Snapshot(workload, label, live=True)

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        del label, seconds
        words = f"{', '.join(workload.name for workload in workloads)} cannot be held still: it is a tree of files"
        raise Refused(words, hint="in the policy, leave out quiesce", safe="nothing was changed")

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        return export(self._files, snapshot)

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        path = request.member.artifacts[0].path
        original = request.destination.form == "original"
        site = self._site_of_original(path, request) if original else site_inside(self._owner, request, path)
        return land(self._owner, request=request, site=site)

    def survey(self, request: LandRequest) -> Survey:
        path = request.member.artifacts[0].path
        if request.destination.form == "directory":
            require_room_below(self._owner, require_plain(request.destination.path), request.bytes)
        if request.destination.form != "original":
            return Survey()
        site = self._site_of_original(path, request)
        self._files.require_space(site.home, request.bytes)
        rules = left_out_of(self._owner, request)
        found = self._files.look(target for _, target in site.wanted)
        surveys = [
            survey(
                self._files,
                tree=target,
                stored=stored,
                rules=rules,
                home=site.home,
                leave=request.leave_excluded,
                held=request.held,
            )
            for stored, target in site.wanted
            if target in found and found[target].type == "d"
        ]
        shown = tuple(
            words for _, target in site.wanted if target in found for words in still_shown(self._files.mount_tables(target), target)
        )
        return added([*surveys, *([Survey(notes=shown)] if shown else [])])

    def cutover(self, landed: Landed) -> Landed:
        return cut_over(self._owner, landed)

    def undo(self, leftover: Leftover, run: str) -> str:
        return undo(self._owner, leftover=leftover, run=run)

    def reserve(self, request: ReserveRequest) -> Leftover:
        return reserve(self._owner, request=request)

    def start(self, restored: Restored) -> None:
        words = f"{restored.workload} is a tree of files, and nothing of it runs"
        raise Refused(words, hint="drtool restore again", safe="nothing was changed")

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        place = staged(restored)
        there = self._files.exists(place.target)
        note = "" if there else f"{place.target} does not exist"
        yield Inspection(there, self.runner, note=note, root=place.target, sandbox=place.sandbox)

    def runner_in(self, workload: str) -> AbstractContextManager[Runner]:
        words = f"no command can be run inside {workload}, which is a tree of files"
        raise Refused(words, hint=f"in the policy, write the hook with: on: {self.name}", safe="nothing was run")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return leftovers(self._owner, places=places, watch=self._watch)

    def release(self, leftover: Leftover) -> None:
        release(self._owner, leftover=leftover)

    def stores(self) -> tuple[NativeStore, ...]:
        return ()

    def examine(self) -> tuple[Finding, ...]:
        script = 'for program do command -v "$program" >/dev/null || printf "%s " "$program"; done'
        try:
            missing = self._files.require(f"asking {self.runner.name}", "sh", "-c", script, "drtool", *_PROGRAMS, *RENAMES).decode().split()
        except DrtoolError as error:
            return (Finding(f"source {self.name}", good=False, text=error.what, remedy=error.hint),)
        if len(set(RENAMES) & set(missing)) < len(RENAMES):
            missing = [program for program in missing if program not in RENAMES]
        if missing:
            text = f"{', '.join(missing)} not found on {self.runner.name}"
            return (
                Finding(
                    f"source {self.name}", good=False, text=text, remedy="install GNU coreutils and findutils, and perl or python3 there"
                ),
            )
        return (Finding(f"source {self.name}", good=True, text=f"{self.runner.name} answers and has what is needed"),)

    def _site_of_original(self, path: str, request: LandRequest) -> Site:
        wanted = wanted_paths(path, request.paths)
        whole = wanted == (path,)
        for target in wanted:
            if target == "/":
                raise Refused("/ cannot be replaced while the system runs", hint="restore with: --to directory PATH", safe="/ is untouched")
            refuse_in_use(target, self._spared)
            if not whole:
                self._files.require_real_directories(path, target, all_present=False)
        around = {posixpath.dirname(target) for target in wanted}
        beside = tuple(item for item in (posixpath.dirname(path), path) if item != wanted[0])
        found = self._files.look((*wanted, *(name for item in (*beside, *around) for name in way_to(item))))
        for target in wanted:
            if target in found:
                refuse_mounts(self._files, target)
        stands = {item: standing_in(found, item) for item in (*beside, *around)}
        home = next((each for each in beside if all(stands[item].device == stands[each].device for item in around)), None)
        if home is not None:  # beside the workload, or in it where it is a file system of its own
            return Site(stands[home].directory, path, "" if whole else path, tuple((target, target) for target in wanted))
        raise Refused(
            f"what shall be restored in {path} lies on several file systems",
            hint="restore with: --to directory PATH",
            safe=f"{path} is untouched",
        )
