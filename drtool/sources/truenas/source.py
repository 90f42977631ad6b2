from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager

from drtool.model.errors import Refused
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings, SourcePolicy
from drtool.model.secret import SecretReference, parse_reference
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import Clock, Export, Finding, Inspection, Landing, LandRequest, ReserveRequest, Runner, SecretStore
from drtool.sources.places.cutover import cut_over as cut_over_paths
from drtool.sources.places.filesystem import FileSystem
from drtool.sources.places.marker import Owner
from drtool.sources.truenas.appliance import export_appliance
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.cutover import cut_over
from drtool.sources.truenas.datasets import Dataset, read_datasets
from drtool.sources.truenas.discover import KIND, discover
from drtool.sources.truenas.examine import examine
from drtool.sources.truenas.export import export
from drtool.sources.truenas.land import open_landing
from drtool.sources.truenas.leftovers import leftovers
from drtool.sources.truenas.network import NetworkReach
from drtool.sources.truenas.parts import Parts
from drtool.sources.truenas.reach import LocalReach, Reach, is_local
from drtool.sources.truenas.release import release
from drtool.sources.truenas.reserve import reserve
from drtool.sources.truenas.show import show_restored
from drtool.sources.truenas.snapshot import take_snapshot
from drtool.sources.truenas.tls import Endpoint


class TruenasSource:
    """The datasets of one TrueNAS host and its own configuration, each a workload.

    Args:
        policy: name and settings (`schema.Settings`).
        by: the policy's name, with which everything is labelled.
        runner: this machine's, which reads what the NAS shares with it.
        clock: for ids and waiting.
        secrets: resolves the API key when a connection is opened.
        watch: the protected datasets; in them single restored paths are looked for.
    """

    kind = KIND

    def __init__(
        self, *, policy: SourcePolicy, by: str, runner: Runner, clock: Clock, secrets: SecretStore, watch: tuple[str, ...] = ()
    ) -> None:
        self.name = policy.name
        self.runner = runner
        self.client = Client(
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
        self._reached: Reach | None = None
        self._parts = Parts(policy.name, by, self.client, clock, Owner(policy.name, by, self._files, clock), self._reach)

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        return discover(self.client, selector)

    def snapshot(self, workload: Workload, label: str, *, together: Sequence[Workload] = ()) -> Snapshot:
        if workload.problem:
            raise Refused(workload.problem, hint="correct the policy, or the dataset on the NAS")
        if workload.selector.get("system"):
            return Snapshot(workload, label, live=True)
        parts = self._parts
        return take_snapshot(self.client, parts.taken, workload=workload, together=together, label=label, by=parts.by, clock=parts.clock)

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        if snapshot.workload.selector.get("system"):
            return export_appliance(self._parts, snapshot, directory=self._directory)
        return export(self._parts, snapshot)

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        return open_landing(self._parts, request)

    def cutover(self, landed: Landed, *, trusted: bool = True) -> Landed:
        del trusted  # no command of the policy is run here
        return cut_over_paths(self._parts.owner, landed) if landed.moves else cut_over(self._parts, landed)

    def reserve(self, request: ReserveRequest) -> Leftover:
        return reserve(self._parts, request)

    def inspect(self, restored: Restored) -> Inspection:
        show_restored(self._parts, restored, directory=self._directory)
        there = self._files.exists(restored.path)
        return Inspection(there, self.runner, note="" if there else f"{restored.path} is not seen here")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return leftovers(self._parts, places=places, watch=self._watch, directory=self._directory)

    def release(self, leftover: Leftover) -> None:
        release(self._parts, leftover, directory=self._directory)

    def examine(self) -> tuple[Finding, ...]:
        return examine(self._parts)

    def close(self) -> None:
        """Hang up; the next call opens a connection again."""
        self.client.close()

    def _reach(self) -> Reach:
        if self._reached is None:
            self._reached = self._choose_reach()
        return self._reached

    def _choose_reach(self) -> Reach:
        for dataset in read_datasets(self.client, ["type", "=", "FILESYSTEM"]):
            prefix = _prefix(dataset)
            if not prefix:
                continue
            if self._access == "local" or (self._access == "auto" and is_local(self.client, self._files, dataset)):
                return LocalReach(self.client, self._files, prefix=prefix, directory=self._directory)
            return NetworkReach(self._parts, self._files, directory=self._directory)
        raise Refused(
            f"{self.name} has no mounted dataset", hint="import its pools and unlock its datasets first: runbooks/truenas-lost.md"
        )


def _reference(text: str) -> SecretReference:
    reference = parse_reference(text)
    if reference is None:
        raise Refused("the key of a NAS must be the reference of a secret", hint="write it like `key: credential:nas`")
    return reference


def _prefix(dataset: Dataset) -> str:
    """Return what stands before a dataset's name in its mount point, empty where it is mounted elsewhere."""
    return dataset.mountpoint.removesuffix(f"/{dataset.id}") if dataset.mountpoint.endswith(f"/{dataset.id}") else ""
