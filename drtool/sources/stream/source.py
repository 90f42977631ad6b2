from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from drtool.model.carried import Survey
from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Interrupted, Refused
from drtool.model.label import LabelProofs
from drtool.model.ledger import Existing, Stock
from drtool.model.plan import Landed, Restored
from drtool.model.point import Census
from drtool.model.policy import Settings, SourcePolicy
from drtool.model.quantity import parse_duration
from drtool.model.secret import parse_reference
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import (
    ArtifactRequest,
    Clock,
    Export,
    Finding,
    Inspection,
    Landing,
    LandRequest,
    NativeStore,
    PutResult,
    ReserveRequest,
    Runner,
    SecretStore,
    TriedReading,
)
from drtool.sources.stream import postgresql
from drtool.sources.stream.pour import LONGEST, command_of, pour
from drtool.staging.cutover import cut_over, require_landed
from drtool.staging.land import Site, land, site_inside
from drtool.staging.leftovers import leftovers
from drtool.staging.marker import SANDBOX_MARKER, Owner, read_marker, write_marker
from drtool.staging.proof import of_this_process
from drtool.staging.release import release
from drtool.staging.reserve import reserve
from drtool.staging.staged import locator_of, staged
from drtool.trees.filesystem import FileSystem

KIND: Final = "stream"
SANDBOX_VARIABLE: Final = "DRTOOL_SANDBOX_DIRECTORY"


@dataclass(slots=True)
class StreamExport:
    """One stream; its census is what the repository hashed on the way."""

    artifacts: tuple[ArtifactRequest, ...]
    runner: Runner

    def census(self, artifact: ArtifactRequest, put: PutResult) -> Census:
        """Return one file, its bytes and its SHA-256."""
        del artifact
        return Census(files=1, bytes=put.bytes, sha256=put.sha256)


class StreamSource:
    """Whatever a program prints, and the program that takes it back.

    Args:
        policy: name and settings (`schema.Settings`).
        by: the policy's name, with which everything is labelled.
        runner: this machine's.
        clock: for ids.
        secrets: resolves the references of an environment when a command starts.
        staging: where a stream waits for its `restore` command; must hold the whole of it.
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
        secrets: SecretStore,
        staging: str = "/var/tmp",  # noqa: S108 - private inside
        machine: Callable[[], str] = str,
        proofs: Callable[[], LabelProofs] = of_this_process,
    ) -> None:
        self.name = policy.name
        self.runner = runner
        self._command: list[str] = list(policy.settings["command"])
        self._restore: list[str] = list(policy.settings.get("restore") or ())
        self._sandbox: list[str] = list(policy.settings.get("sandbox") or ())
        self._environment: dict[str, str] = dict(policy.settings.get("environment") or {})
        self._secrets = secrets
        self._seconds = parse_duration(str(policy.settings.get("timeout") or LONGEST)).total_seconds()
        self._staging = staging
        self._owner = Owner(policy.name, by, FileSystem(runner), clock, machine=machine, proofs=proofs)

    def runners(self) -> tuple[Runner, ...]:
        return (self.runner,)

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        del selector  # it has no keys
        return (Workload(self.name, self.name, KIND),)

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        del workloads  # only running the program would tell
        return {}

    def existing(self) -> Stock:
        return Stock((Existing(self.name, KIND),))

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        del together, keep_until  # it is read live
        return Snapshot(workload, label, live=True)

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        del label, seconds
        words = f"{', '.join(workload.name for workload in workloads)} cannot be held still: it is a stream"
        raise Refused(words, hint="in the policy, leave out quiesce", safe="nothing was changed")

    @contextlib.contextmanager
    def export(self, snapshot: Snapshot) -> Iterator[Export]:
        producer = self._command_of(self._command, self._environment)
        yield StreamExport((ArtifactRequest(snapshot.workload.name, "stream", f"/{self.name}", producer),), self.runner)

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        path = request.member.artifacts[0].path
        if path != f"/{self.name}":
            raise Refused(f"{path} is not a stream of {self.name}", hint="restore with: --to directory PATH", safe="nothing was written")
        self._require_command(request.destination.form)
        original = request.destination.form == "original"
        site = Site(self._staging, "", "", ()) if original else site_inside(self._owner, request, path)
        return self._land(request, site, path)

    def survey(self, request: LandRequest) -> Survey:
        del request  # nothing of what is there is carried back
        return Survey()

    def cutover(self, landed: Landed) -> Landed:
        form = landed.destination.form
        opened = bool(self._restore) if form == "original" else form == "sandbox" and bool(self._sandbox)
        self._require_command(form)
        marker, place = require_landed(self._owner, landed), staged(landed)
        if marker is not None and marker.state in ("landed", "moving"):
            if form == "original" and self._restore:
                command = self._command_of(self._restore, self._environment)
                write_marker(self._owner, place.marker, replace(marker, state="moving"))
                pour(self.runner, command=command, file=place.content)
            elif form == "sandbox" and self._sandbox and self._owner.file_system.exists(place.content):
                environment = self._environment_of(place.sandbox)
                pour(self.runner, command=self._command_of(self._sandbox, environment), file=place.content)
        return replace(cut_over(self._owner, landed), opened=opened)

    def undo(self, leftover: Leftover, run: str) -> str:
        del run
        raise Refused(
            f"what {self.name} took cannot be given back: its own program loaded it",
            hint="restore an older point of it",
            safe=f"{leftover.locator} is untouched",
        )

    def reserve(self, request: ReserveRequest) -> Leftover:
        reserved = reserve(self._owner, request=request)
        settings = request.settings.get("postgresql")
        if settings is not None:
            try:
                postgresql.start(self._owner.file_system, reserved, settings)
            except Interrupted:
                raise  # told to stop: the marker hands it to the sweep
            except DrtoolError:
                with contextlib.suppress(DrtoolError):
                    self.release(reserved)
                raise
        return reserved

    def start(self, restored: Restored) -> None:
        raise Refused(f"{restored.workload} is a stream, and nothing of it runs", hint="drtool restore again", safe="nothing was changed")

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        place, form = staged(restored), restored.destination.form
        production = self._environment if form == "original" else {}
        environment = self._environment_of(place.sandbox) if form == "sandbox" else production
        yield Inspection(up=True, runner=self.runner, environment=_plain(environment), root=place.target or None, sandbox=place.sandbox)

    def runner_in(self, workload: str) -> AbstractContextManager[Runner]:
        words = f"no command can be run inside {workload}, which is a stream"
        raise Refused(words, hint=f"in the policy, write the hook with: on: {self.name}", safe="nothing was run")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return leftovers(self._owner, places=places, watch=(self._staging,))

    def release(self, leftover: Leftover) -> None:
        files = self._owner.file_system
        if leftover.what == "sandbox" and files.exists(f"{leftover.locator}/{postgresql.FOLDER}"):
            postgresql.stop(files, leftover.locator, run=leftover.run)
        release(self._owner, leftover=leftover)

    def stores(self) -> tuple[NativeStore, ...]:
        return ()

    def examine(self) -> tuple[Finding, ...]:
        files = self._owner.file_system
        found = []
        for argv in filter(None, (self._command, self._restore, self._sandbox)):
            there = files.run("sh", "-c", 'command -v -- "$1" >/dev/null', "drtool", argv[0]).exit_code == 0
            text = f"{argv[0]} is {'there' if there else 'not installed here'}"
            found.append(Finding(f"source {self.name}", good=there, text=text, remedy="" if there else f"install {argv[0]}"))
        if not self._restore:
            text = "no `restore:` command takes it back: a restore in place leaves it out, and only --to directory gives it"
            found.append(Finding(f"source {self.name}", good=None, text=text, remedy=f"write restore: [PROGRAM, …] in {self.name}"))
        return tuple(found)

    @contextlib.contextmanager
    def _land(self, request: LandRequest, site: Site, path: str) -> Iterator[Landing]:
        with land(self._owner, request=request, site=site) as landing:
            place = staged(landing.landed)
            place = replace(place, content=f"{place.staging}{path}")
            yield replace(landing, landed=replace(landing.landed, locator=locator_of(place)))

    def _require_command(self, form: str) -> None:
        if form == "original" and not self._restore:
            raise Refused(
                f"{self.name} has no `restore` command",
                hint="write one in the policy, or restore to a file with: --to directory PATH",
                safe=f"what {self.name} belongs to is as it was",
            )

    def _command_of(self, argv: list[str], environment: Mapping[str, str]) -> Command:
        return command_of(argv, environment, self._secrets, seconds=self._seconds)

    def _environment_of(self, reserved: str) -> dict[str, str]:
        """Return the place's own variables, what reaches its server, and where the sandbox is."""
        marker = read_marker(self._owner, f"{reserved}/{SANDBOX_MARKER}")
        if marker is None:
            return {SANDBOX_VARIABLE: reserved}
        own = {str(name): str(value) for name, value in marker.settings.get("environment", {}).items()}
        server = postgresql.environment_of(reserved) if marker.settings.get("postgresql") is not None else {}
        return {**own, **server, SANDBOX_VARIABLE: reserved}


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if parse_reference(value) is None}
