from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from drtool.catalog.evidence_folder import EvidenceFolder
from drtool.engine.natives import Natives, stores_of
from drtool.model.errors import Refused
from drtool.model.key import UsedKey
from drtool.model.policy import Policy
from drtool.ports import Check, Clock, KeyRing, NativeStore, Notary, PackIndex, Repository, Runner, Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Adapters:
    """Everything a run may touch the world with, chosen by `app.py`; a drill's adapters are wrapped so that they cannot do more."""

    policy: Policy
    sources: Mapping[str, Source]
    repositories: Mapping[str, Repository]
    checks: Mapping[str, Check]
    clock: Clock
    local: Runner
    versions: Mapping[str, str] = field(default_factory=dict)
    evidence: EvidenceFolder | None = None
    """Where this host keeps and signs evidence; None: it cannot."""
    read_only: Mapping[str, Repository] = field(default_factory=dict)
    sandbox_only: Mapping[str, Source] = field(default_factory=dict)
    key_rings: Mapping[str, KeyRing] = field(default_factory=dict)
    pack_indexes: Mapping[str, PackIndex] = field(default_factory=dict)
    locked_out: Mapping[str, Repository] = field(default_factory=dict)
    """The same repositories, tried with passwords that are not theirs."""
    spell_policy: Callable[[Policy], str] = lambda _policy: ""
    """How a policy is written as text, to travel in manifests."""
    notary: Notary | None = None
    """Who we are and whom we accept; None: nobody is told apart."""
    used_key: UsedKey | None = None
    """What the repositories are opened with, when that is not what the policy says."""

    natives: Natives = field(default_factory=lambda: Natives(dict))
    """What knows of every listing which places at platforms its manifests name."""

    @property
    def stores(self) -> Mapping[str, NativeStore]:
        """Where platforms keep what is native, by name; a drill's are as its sources let them be."""
        return stores_of(self.sources.values())

    @property
    def machine(self) -> str:
        """This machine's id; empty where it has none."""
        return self.notary.machine if self.notary is not None else ""

    def key_ring(self, repository: str) -> KeyRing:
        """Return the keys of a repository; Refused for a policy that came out of it: nobody may change a key by what lies there."""
        hint = "write one for this repository; without one restic tells them: restic key list"
        return _of_own_policy(self.key_rings, repository, f"the keys of the repository {repository}", hint)

    def pack_index(self, repository: str) -> PackIndex:
        """Return what a repository says of its own packs; Refused for a policy that came out of it."""
        hint = "write one for this repository: its address, its key, and the credentials of its bucket"
        return _of_own_policy(self.pack_indexes, repository, f"the locks of {repository}", hint)

    def for_drill(self, used_key: UsedKey | None = None) -> Adapters:
        """Return adapters that can read repositories, append evidence and holds, and touch a sandbox: nothing else."""
        return replace(self, sources=self.sandbox_only, repositories=self.read_only, key_rings={}, pack_indexes={}, used_key=used_key)


def _of_own_policy(known: Mapping[str, T], repository: str, what: str, hint: str) -> T:
    try:
        return known[repository]
    except KeyError:
        told = f"{what} are looked after with a policy of your own, and there is none here"
        raise Refused(told, hint=hint, safe="nothing was changed") from None
