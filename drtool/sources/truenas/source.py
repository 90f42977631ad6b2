from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Final

from drtool.model.carried import Survey
from drtool.model.errors import Refused
from drtool.model.label import LabelProofs
from drtool.model.ledger import Stock
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings, SourcePolicy
from drtool.model.secret import SecretReference, parse_reference
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import (
    Clock,
    Export,
    Finding,
    Inspection,
    Landing,
    LandRequest,
    NativeStore,
    RemoteRunner,
    ReserveRequest,
    Runner,
    SecretStore,
    TriedReading,
)
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.shell import Shell
from drtool.sources.truenas.api.supported import require_supported
from drtool.sources.truenas.api.tls import Endpoint
from drtool.sources.truenas.configuration.appliance import export_appliance
from drtool.sources.truenas.datasets.dataset import VOLUME, Dataset
from drtool.sources.truenas.datasets.snapshot import take_snapshot
from drtool.sources.truenas.doctor.examine import examine
from drtool.sources.truenas.inventory import ways
from drtool.sources.truenas.inventory.access import FileAccess, LocalReach, is_local
from drtool.sources.truenas.inventory.discover import KIND, discover
from drtool.sources.truenas.inventory.existing import existing
from drtool.sources.truenas.inventory.guests import Guest
from drtool.sources.truenas.inventory.listing import Listing
from drtool.sources.truenas.inventory.located import seen_at
from drtool.sources.truenas.inventory.parts import Parts, Wants
from drtool.sources.truenas.inventory.ways import ExportMethod, choose_way
from drtool.sources.truenas.keys.dataset_keys import DatasetKeys
from drtool.sources.truenas.land.cutover import cut_over
from drtool.sources.truenas.land.files import open_landing
from drtool.sources.truenas.land.in_use import require_idle
from drtool.sources.truenas.land.item_restore import cut_over_live
from drtool.sources.truenas.land.left_out import refuse_what_stays_behind
from drtool.sources.truenas.land.put_back import BY_HAND
from drtool.sources.truenas.land.reserve import reserve
from drtool.sources.truenas.land.stream import land_stream
from drtool.sources.truenas.land.way_back import WAY_BACK
from drtool.sources.truenas.read.files import export
from drtool.sources.truenas.read.inspect_stream import inspect_stream
from drtool.sources.truenas.read.network import NetworkReach
from drtool.sources.truenas.read.newest import NEWEST, doubted, use_newest
from drtool.sources.truenas.read.show import show_restored
from drtool.sources.truenas.read.stream import export_blocks, export_exact
from drtool.sources.truenas.sweep.leftovers import leftovers
from drtool.sources.truenas.sweep.release import release
from drtool.staging import staged
from drtool.staging.marker import Owner
from drtool.staging.proof import of_this_process
from drtool.trees.filesystem import FileSystem

_NOT_COMPARED: Final = "not compared on a NAS: what is newer there than the point is kept aside with the rest"


class TruenasSource:
    """The datasets of one TrueNAS host and its own configuration, each a workload.

    Args:
        policy: name and settings (`schema.Settings`).
        by: the policy's name, with which everything is labelled.
        runner: this machine's, which reads what the NAS shares with it.
        clock: for ids and waiting.
        secrets: resolves the API key when a connection is opened.
        watch: the protected datasets; in them single restored paths are looked for.
        system: the set by which the policy protects the appliance itself, empty where none does.
        remote: the NAS over SSH, where the settings name it.
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
        watch: tuple[str, ...] = (),
        system: str = "",
        remote: RemoteRunner | None = None,
        machine: Callable[[], str] = str,
        proofs: Callable[[], LabelProofs] = of_this_process,
    ) -> None:
        self.name = policy.name
        self.runner = runner
        self.client = ApiClient(
            endpoint=Endpoint(policy.name, str(policy.settings["url"]), policy.settings.get("ca")),
            user=str(policy.settings["user"]),
            key=_reference(str(policy.settings["key"])),
            secrets=secrets,
            clock=clock,
        )
        self._access = str(policy.settings.get("access") or "auto")
        self._directory = f"{str(policy.settings.get('mounts') or '/run/drtool').rstrip('/')}/{policy.name}"
        self._files = FileSystem(runner)
        self._watch = watch
        self._reached: FileAccess | None = None
        self._listing = Listing(self.client, clock)
        self._shell = Shell(remote) if remote is not None else None
        owner = Owner(policy.name, by, self._files, clock, takes_back=False, machine=machine, proofs=proofs)
        self._parts = Parts(
            policy.name,
            by,
            self.client,
            clock,
            owner,
            self._file_access,
            self._choose,
            self._listing,
            self._shell,
            dataset_keys=_dataset_keys(policy, secrets),
            wants=Wants(datasets=bool(watch) or not system, system=system),
            stop=tuple(policy.settings.get("stop") or ()),
        )

    def runners(self) -> tuple[Runner, ...]:
        return (self.runner,) if self._shell is None else (self.runner, self._shell.runner)

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        require_supported(self.client)
        found = doubted(self._parts, discover(self._listing, selector, self._choose))
        return tuple(
            replace(each, selector={**each.selector, "by_hand": BY_HAND}) if each.selector.get("system") else each for each in found
        )

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        del workloads  # it is read as a snapshot shows it, and none is taken for a look
        return {}

    def existing(self) -> Stock:
        require_supported(self.client)
        return existing(self._listing)

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        if workload.problem:
            raise Refused(workload.problem, hint="correct the policy, or the dataset on the NAS")
        if workload.selector.get("system"):
            return Snapshot(workload, label, live=True)
        parts = self._parts
        if workload.selector.get("snapshot") == NEWEST:
            return use_newest(parts, workload, label, together=together)
        together = tuple(each for each in together if each.selector.get("snapshot") != NEWEST)
        return take_snapshot(
            self.client,
            parts.taken,
            workload=workload,
            together=together,
            label=label,
            keep_until=keep_until,
            by=parts.by,
            clock=parts.clock,
            machine=parts.owner.machine(),
        )

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        del label, seconds
        words = f"{', '.join(workload.name for workload in workloads)} cannot be held still: it is data of a NAS"
        raise Refused(words, hint="in the policy, leave out quiesce", safe="nothing was changed")

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        if snapshot.workload.selector.get("system"):
            return export_appliance(self._parts, snapshot, directory=self._directory)
        match snapshot.workload.selector.get("way"):
            case ways.BLOCKS:
                return export_blocks(self._parts, snapshot)
            case ways.EXACT:
                return export_exact(self._parts, snapshot)
            case _:
                return export(self._parts, snapshot)

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        self._require_supported(request)
        refuse_what_stays_behind(self._parts, request)
        self._require_idle(request)
        if request.member.selector.get("way") in ways.STREAMS and request.destination.form in ("original", "sandbox"):
            return land_stream(self._parts, request)
        return open_landing(self._parts, request)

    def survey(self, request: LandRequest) -> Survey:
        self._require_supported(request)
        refuse_what_stays_behind(self._parts, request)
        stopped = self._require_idle(request)
        guests = f"{', '.join(guest.words for guest in stopped)} will be stopped, and started again" if stopped else ""
        in_place = request.destination.form == "original" and not request.member.selector.get("system")
        return Survey(notes=tuple(filter(None, (guests, _NOT_COMPARED if in_place else ""))))

    def _require_supported(self, request: LandRequest) -> None:
        """What goes to a directory of this host needs no NAS at all."""
        if request.destination.form in ("original", "sandbox") and not request.member.selector.get("system"):
            require_supported(self.client)

    def _require_idle(self, request: LandRequest) -> tuple[Guest, ...]:
        """Refuse before a byte is poured to replace what is in use, unless the policy lets that be stopped: then return it."""
        if request.destination.form != "original" or request.paths or request.member.selector.get("system"):
            return ()
        return require_idle(self._parts, str(request.member.selector["dataset"]))

    def cutover(self, landed: Landed) -> Landed:
        there = cut_over_live(self._parts, landed) if landed.locator.kind == staged.KIND else cut_over(self._parts, landed)
        return replace(there, way_back=WAY_BACK) if landed.destination.form == "original" else there

    def undo(self, leftover: Leftover, run: str) -> str:
        del run
        raise Refused(
            f"{self.name} exchanges datasets on the NAS, and drtool does not take that back by itself",
            hint=leftover.way_back or WAY_BACK,
            safe=f"{leftover.locator} is untouched",
        )

    def reserve(self, request: ReserveRequest) -> Leftover:
        return reserve(self._parts, request)

    def start(self, restored: Restored) -> None:
        words = f"{restored.workload} is data of a NAS, and nothing of it runs"
        raise Refused(words, hint="drtool restore again", safe="nothing was changed")

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        path, sandbox = seen_at(restored)
        show_restored(self._parts, path, directory=self._directory)
        if restored.member.selector.get("way") in ways.STREAMS and restored.destination.form != "directory":
            yield inspect_stream(self._parts, restored)
            return
        files = self._files if restored.destination.form == "directory" else self._file_access().files
        there = files.exists(path)
        yield Inspection(there, files.runner, note="" if there else f"{path} is not seen here", root=path, sandbox=sandbox)

    def runner_in(self, workload: str) -> AbstractContextManager[Runner]:
        words = f"no command can be run inside {workload}, which is data of a NAS"
        raise Refused(words, hint=f"in the policy, write the hook with: on: {self.name}", safe="nothing was run")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return leftovers(self._parts, places=places, watch=self._watch, directory=self._directory)

    def release(self, leftover: Leftover) -> None:
        release(self._parts, leftover, directory=self._directory)

    def stores(self) -> tuple[NativeStore, ...]:
        return ()

    def examine(self) -> tuple[Finding, ...]:
        return examine(self._parts)

    def close(self) -> None:
        """Hang up; the next call opens a connection again."""
        self.client.close()

    def _choose(self, dataset: Dataset, exact: int) -> ExportMethod:
        return choose_way(dataset, exact=exact, shell=self._shell is not None, files=self._files_words())

    def _files_words(self) -> str:
        try:
            return self._file_access().words
        except Refused:
            return "once one is mounted"

    def _file_access(self) -> FileAccess:
        if self._reached is None:
            self._reached = self._choose_file_access()
        return self._reached

    def _choose_file_access(self) -> FileAccess:
        for dataset in self._listing.known():
            prefix = "" if dataset.type == VOLUME else _prefix(dataset)
            if not prefix:
                continue
            if self._access == "ssh" and self._shell is not None:
                return LocalReach(self.client, FileSystem(self._shell.runner), prefix=prefix, directory=self._directory, here=False)
            if self._access == "local" or (self._access == "auto" and is_local(self.client, self._files, dataset)):
                return LocalReach(self.client, self._files, prefix=prefix, directory=self._directory)
            return NetworkReach(self._parts, self._files, directory=self._directory)
        raise Refused(
            f"{self.name} has no mounted dataset", hint="import its pools and unlock its datasets first: runbooks/truenas-lost.md"
        )


def _dataset_keys(policy: SourcePolicy, secrets: SecretStore) -> DatasetKeys:
    given = {
        name: {dataset: _reference(str(text)) for dataset, text in (policy.settings.get(name) or {}).items()}
        for name in ("keys", "passphrases")
    }
    return DatasetKeys(given["keys"], given["passphrases"], secrets)


def _reference(text: str) -> SecretReference:
    reference = parse_reference(text)
    if reference is None:
        raise Refused("the key of a NAS must be the reference of a secret", hint="write it like `key: credential:nas`")
    return reference


def _prefix(dataset: Dataset) -> str:
    """Return what stands before a dataset's name in its mount point, empty where it is mounted elsewhere."""
    return dataset.mountpoint.removesuffix(f"/{dataset.id}") if dataset.mountpoint.endswith(f"/{dataset.id}") else ""
