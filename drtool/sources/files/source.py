from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from drtool.model.carried import Survey
from drtool.model.errors import DrtoolError, Refused
from drtool.model.label import LabelProofs
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings, SourcePolicy
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import Clock, Export, Finding, Inspection, Landing, LandRequest, ReserveRequest, Runner, TriedReading
from drtool.sources.files.discover import KIND, discover
from drtool.sources.files.export import export
from drtool.sources.files.reading import try_reading
from drtool.sources.files.spared import leave_out, refuse_in_use
from drtool.sources.places.carry import added, survey
from drtool.sources.places.cutover import cut_over, refuse_mounts
from drtool.sources.places.filesystem import FileSystem, require_plain
from drtool.sources.places.land import Site, land, left_out_of, require_room_below, site_inside, wanted_paths
from drtool.sources.places.leftovers import leftovers
from drtool.sources.places.marker import Owner
from drtool.sources.places.release import release
from drtool.sources.places.rename import RENAMES
from drtool.sources.places.reserve import reserve
from drtool.sources.places.undo import undo

_PROGRAMS = ("find", "xargs", "sha256sum", "stat", "df", "realpath", "sync")


class FilesSource:
    """Directories and files of one host, each protected path a workload.

    Args:
        policy: name and site; the runner decides which host it is.
        by: the policy's name, with which everything is labelled.
        runner: this machine's or another's.
        clock: for ids.
        watch: the protected paths; beside them, in them and above them leftovers are looked for.
        machine: tells which machine this is, with which everything is labelled too.
        proofs: tells by what labels are known to be ours; without a key anybody could write one.
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
        machine: Callable[[], str] = str,
        proofs: Callable[[], LabelProofs] = LabelProofs,
    ) -> None:
        self.name = policy.name
        self.runner = runner
        self._files = FileSystem(runner)
        self._owner = Owner(policy.name, by, self._files, clock, machine=machine, proofs=proofs)
        self._watch = watch
        self._spared: tuple[tuple[str, str], ...] = ()

    def spare(self, places: tuple[tuple[str, str], ...]) -> None:
        """Leave these paths out of what is stored; one with words is in use while a restore works, and is never moved by it."""
        self._spared = places

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        return leave_out(self._owner, discover(self._files, source=self.name, selector=selector), [path for path, _words in self._spared])

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        return {each.name: tried for each in workloads if not each.problem and (tried := try_reading(self._files, each)) is not None}

    def snapshot(self, workload: Workload, label: str, *, together: Sequence[Workload] = ()) -> Snapshot:
        del together  # it is read live
        if workload.problem:
            raise Refused(workload.problem, hint="correct the policy, or the place")
        return Snapshot(workload, label, live=True)

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        return export(self._files, snapshot)

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        path = request.member.artifacts[0].path
        original = request.destination.form == "original"
        site = self._site_of_original(path, request) if original else site_inside(self._owner, request, path)
        return land(self._owner, request=request, site=site, kind=KIND)

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
        return added(surveys)

    def cutover(self, landed: Landed) -> Landed:
        return cut_over(self._owner, landed)

    def undo(self, leftover: Leftover, run: str) -> str:
        return undo(self._owner, leftover=leftover, run=run)

    def reserve(self, request: ReserveRequest) -> Leftover:
        return reserve(self._owner, request=request)

    def inspect(self, restored: Restored) -> Inspection:
        there = self._files.exists(restored.path)
        return Inspection(there, self.runner, note="" if there else f"{restored.path} does not exist")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return leftovers(self._owner, places=places, watch=self._watch)

    def release(self, leftover: Leftover) -> None:
        release(self._owner, leftover=leftover)

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
            if self._files.exists(target):
                refuse_mounts(self._files, target)
        return Site(self._home_beside(path, wanted), path, "" if whole else path, tuple((target, target) for target in wanted))

    def _home_beside(self, path: str, wanted: tuple[str, ...]) -> str:
        """Return the directory for staging: beside the workload, or in it where it is a file system of its own."""
        parents = {self._files.nearest_directory(posixpath.dirname(target)) for target in wanted}
        homes = dict.fromkeys(self._files.nearest_directory(item) for item in (posixpath.dirname(path), path) if item != wanted[0])
        found = self._files.look(f"{item.rstrip('/')}/." for item in (*parents, *homes))
        for home in homes:
            if all(found[f"{item.rstrip('/')}/."].device == found[f"{home.rstrip('/')}/."].device for item in parents):
                return home
        raise Refused(
            f"what shall be restored in {path} lies on several file systems",
            hint="restore with: --to directory PATH",
            safe=f"{path} is untouched",
        )
