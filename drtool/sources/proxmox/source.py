from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from drtool.model.carried import Survey
from drtool.model.errors import Refused
from drtool.model.label import LabelProofs
from drtool.model.ledger import Stock
from drtool.model.plan import Landed, Restored
from drtool.model.policy import Settings, SourcePolicy
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import (
    Clock,
    Export,
    Finding,
    Inspection,
    Landing,
    LandRequest,
    NativeStore,
    ReserveRequest,
    Runner,
    SecretStore,
    TriedReading,
)
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.configuration.export import export_configuration
from drtool.sources.proxmox.examine import examine
from drtool.sources.proxmox.existing import existing
from drtool.sources.proxmox.facts import KIND, SYSTEM
from drtool.staging.cutover import cut_over
from drtool.staging.land import land, site_inside
from drtool.staging.leftovers import leftovers
from drtool.staging.marker import Owner
from drtool.staging.proof import of_this_process
from drtool.staging.release import release
from drtool.staging.reserve import reserve
from drtool.staging.staged import staged
from drtool.trees.filesystem import FileSystem

BY_HAND: Final = "nothing is ever written into a cluster"
_WAY: Final = "what the API tells, by questions alone: no private key, no password, no file of /etc"


class ProxmoxSource:
    """A cluster of Proxmox VE, or one node: its own configuration is a workload, and its guests are listed and looked at.

    Args:
        policy: name and settings (`schema.Settings`).
        by: the policy's name, with which everything is labelled.
        runner: this machine's, on which everything is read and restored.
        clock: for waiting, and to compare the nodes' clocks with.
        secrets: resolves the API token when a connection is opened.
        stores: whether a set of the policy protects the configuration.
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
        stores: bool = False,
        machine: Callable[[], str] = str,
        proofs: Callable[[], LabelProofs] = of_this_process,
    ) -> None:
        self.name = policy.name
        self.runner = runner
        self._clock = clock
        self._stores = stores
        self._client = ApiClient(source=policy.name, settings=policy.settings, secrets=secrets, clock=clock)
        self._directory = f"{str(policy.settings.get('staging') or '/run/drtool').rstrip('/')}/{policy.name}"
        self._owner = Owner(policy.name, by, FileSystem(runner), clock, takes_back=False, machine=machine, proofs=proofs)

    def runners(self) -> tuple[Runner, ...]:
        return (self.runner,)

    def discover(self, selector: Settings) -> tuple[Workload, ...]:
        del selector  # it has one key, which says just that
        return (Workload(f"{self.name}:{SYSTEM}", self.name, KIND, {SYSTEM: True, "by_hand": BY_HAND}, way=_WAY),)

    def try_reading(self, workloads: Sequence[Workload]) -> Mapping[str, TriedReading]:
        del workloads  # doctor tells what the token may not ask
        return {}

    def existing(self) -> Stock:
        return existing(self._client)

    def snapshot(
        self, workload: Workload, label: str, *, together: Sequence[Workload] = (), keep_until: datetime | None = None
    ) -> Snapshot:
        del together, keep_until  # it is read live: a cluster keeps no image of its configuration
        return Snapshot(workload, label, live=True)

    def quiesce(self, workloads: Sequence[Workload], label: str, *, seconds: float) -> Leftover:
        del label, seconds
        words = f"{', '.join(workload.name for workload in workloads)} cannot be held still: it is the configuration of a cluster"
        raise Refused(words, hint="in the policy, leave out quiesce", safe="nothing was changed")

    def export(self, snapshot: Snapshot) -> AbstractContextManager[Export]:
        return export_configuration(self._client, self._owner, snapshot, directory=self._directory)

    def land(self, request: LandRequest) -> AbstractContextManager[Landing]:
        self._refuse_original(request.destination.form, request.member.workload)
        return land(self._owner, request=request, site=site_inside(self._owner, request, request.member.artifacts[0].path))

    def survey(self, request: LandRequest) -> Survey:
        self._refuse_original(request.destination.form, request.member.workload)
        return Survey()

    def cutover(self, landed: Landed) -> Landed:
        self._refuse_original(landed.destination.form, landed.workload)
        return cut_over(self._owner, landed)

    def undo(self, leftover: Leftover, run: str) -> str:
        del run
        raise Refused(
            f"nothing of {self.name} was ever put in place: {BY_HAND}", hint="drtool sweep", safe=f"{leftover.locator} is untouched"
        )

    def reserve(self, request: ReserveRequest) -> Leftover:
        return reserve(self._owner, request=request)

    def start(self, restored: Restored) -> None:
        words = f"{restored.workload} is the configuration of a cluster, and nothing of it runs"
        raise Refused(words, hint="drtool restore again", safe="nothing was changed")

    @contextlib.contextmanager
    def inspect(self, restored: Restored) -> Iterator[Inspection]:
        place = staged(restored)
        there = self._owner.file_system.exists(place.target)
        note = "" if there else f"{place.target} is not there"
        yield Inspection(there, self.runner, note=note, root=place.target, sandbox=place.sandbox)

    def runner_in(self, workload: str) -> AbstractContextManager[Runner]:
        words = f"no command can be run inside {workload}, which is the configuration of a cluster"
        raise Refused(words, hint=f"in the policy, write the hook with: on: {self.name}", safe="nothing was run")

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return leftovers(self._owner, places=places, watch=(self._directory,))

    def release(self, leftover: Leftover) -> None:
        release(self._owner, leftover=leftover)

    def stores(self) -> tuple[NativeStore, ...]:
        return ()

    def examine(self) -> tuple[Finding, ...]:
        return (*examine(self._client, self._clock, stores=self._stores), *(self._examine_place() if self._stores else ()))

    def _examine_place(self) -> Iterator[Finding]:
        """Tell where its configuration cannot lie while it is stored."""
        files = self._owner.file_system
        nearest = files.nearest_directory(self._directory)
        if files.run("test", "-w", nearest).exit_code != 0:
            text = f"its configuration lies in {self._directory} while it is stored, and this user may not write to {nearest}"
            yield Finding(f"source {self.name}", good=False, text=text, remedy=f"write `staging: DIRECTORY` into {self.name}")

    def _refuse_original(self, form: str, workload: str) -> None:
        if form == "original":
            raise Refused(
                f"{workload} is put back by a person: {BY_HAND}",
                hint="restore with: --to directory PATH, and type from it what is to be there again: pvesm, pveum, pvesh on a node. "
                "A node whose pmxcfs database was kept elsewhere comes back by that: docs/platforms/proxmox.md, Rebuild",
                safe="nothing was changed on the cluster",
            )
