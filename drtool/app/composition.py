"""The composition table: which implementation carries out which kind. The only place that knows them all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from drtool import __version__
from drtool.app.notifying import notifier_keys
from drtool.model.kind import KindFacts
from drtool.policy.kinds import Kinds
from drtool.ports import SourceKind, SourceRequest
from drtool.sources.files.kind import FILES
from drtool.sources.proxmox.kind import PROXMOX
from drtool.sources.stream.kind import STREAM
from drtool.sources.truenas.kind import TRUENAS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drtool.app.notary import Notary
    from drtool.catalog.evidence_folder import EvidenceFolder
    from drtool.engine.adapters import Adapters
    from drtool.model.policy import Policy, RepositoryPolicy, SourcePolicy
    from drtool.model.standing import Adoption
    from drtool.planning.own import OwnPlace
    from drtool.ports import Check, Clock, ImmutableStore, RemoteRunner, Runner, SecretStore
    from drtool.repositories.restic.repository import ResticRepository


SOURCES: Mapping[str, SourceKind] = {
    kind.name: kind
    for kind in (
        FILES,
        STREAM,
        TRUENAS,
        PROXMOX,
    )
}
"""Every kind of source, a line each: what it brings along it says itself."""

FACTS: Mapping[str, KindFacts] = {name: kind.facts for name, kind in SOURCES.items()}


def make_notary(policy: Policy, *, state_directory: str, standing_in: Adoption | None = None, for_another: bool = False) -> Notary:
    """Build what tells who we are, or `for_another` whose points a trusted side forgets; who signs is asked when something is signed."""
    from drtool.app.notary import Notary
    from drtool.app.trusted_notary import TrustedNotary

    def folder() -> EvidenceFolder:
        from drtool.catalog.evidence_folder import EvidenceFolder

        return EvidenceFolder(state_directory, key=policy.evidence_key, resolve=lambda reference: make_secrets().resolve(reference))

    return (TrustedNotary if for_another else Notary)(
        policy,
        state_directory,
        os.environ,
        signer=lambda: folder().signer(),
        has_signer=lambda: policy.evidence_key is not None or os.path.exists(os.path.join(state_directory, "evidence", "key")),
        standing_in=standing_in,
        said=lambda: folder().rotations(),
        successor_waits=lambda: folder().has_successor,
    )


def make_adapters(
    policy: Policy, *, state_directory: str, clock: Clock, notary: Notary, binary: str = "restic", secrets: SecretStore | None = None
) -> Adapters:
    """Build everything a run may touch the world with, and its wrapped forms for a drill; `secrets` resolves its references."""
    from drtool.app.own_places import places_of_our_own
    from drtool.catalog.evidence_folder import EvidenceFolder
    from drtool.catalog.memory import MemoryFolder
    from drtool.engine.adapters import Adapters
    from drtool.engine.natives import Natives, stores_of
    from drtool.engine.remembered import Remembered
    from drtool.model.point import MANIFEST_FORMAT
    from drtool.planning.memory import knows
    from drtool.repositories.append_only import AppendOnly
    from drtool.repositories.restic.indexed import ResticIndex
    from drtool.repositories.restic.keys import ResticKeys
    from drtool.runners.local import LocalRunner
    from drtool.secrets.wrong_passwords import WrongPasswords
    from drtool.sources.sandbox_only import SandboxOnly

    local = LocalRunner()
    own = places_of_our_own(policy, state_directory)
    store = secrets or make_secrets()
    requests = {
        name: _request(source, policy, local=local, clock=clock, secrets=store, notary=notary, own=own)
        for name, source in policy.sources.items()
    }
    sources = {name: SOURCES[request.policy.kind].make(request) for name, request in requests.items()}
    folder = MemoryFolder(state_directory, policy.repositories)

    def met(name: str) -> bool:
        return notary.has_met(policy.repositories[name].address.location)

    def open_with(resolver: SecretStore) -> dict[str, ResticRepository]:
        return {
            name: _restic(
                policy,
                name,
                local=local,
                clock=clock,
                secrets=resolver,
                state_directory=state_directory,
                binary=binary,
                notary=notary,
                was_there=lambda name=name: knows(folder.of(name).read(), met=met(name)),  # type: ignore[misc]
            )
            for name in policy.repositories
        }

    bare = open_with(store)
    natives = Natives(lambda: stores_of(sources.values()))
    repositories = {
        name: Remembered(
            each,
            folder=folder,
            by=policy.name,
            clock=clock,
            met=lambda name=name: met(name),  # type: ignore[misc]
            others_forget=policy.repositories[name].append_only,
            complete=natives.complete,
        )
        for name, each in bare.items()
    }
    passwords = [address.password for each in policy.repositories.values() for address in (each.address, *each.seen_from.values())]
    return Adapters(
        policy=policy,
        sources=sources,
        repositories=repositories,
        checks=make_checks(),
        clock=clock,
        local=local,
        versions={"drtool": __version__, "format": MANIFEST_FORMAT},
        evidence=EvidenceFolder(state_directory, key=policy.evidence_key, resolve=store.resolve),
        read_only={name: AppendOnly(repository) for name, repository in repositories.items()},
        sandbox_only={name: SandboxOnly(source) for name, source in sources.items()},
        locked_out={name: AppendOnly(repository) for name, repository in open_with(WrongPasswords(store, passwords)).items()},
        key_rings={name: ResticKeys(repository) for name, repository in bare.items()},
        pack_indexes={name: ResticIndex(repository) for name, repository in bare.items()},
        notary=notary,
        natives=natives,
    )


def make_secrets() -> SecretStore:
    """Build what resolves references, for a look at a key before anything is started."""
    from drtool.runners.local import LocalRunner
    from drtool.secrets.store import Secrets

    return Secrets(os.environ, LocalRunner())


def make_immutable_store(policy: RepositoryPolicy, clock: Clock) -> ImmutableStore:
    """Build what speaks to the bucket of a repository, by the credentials that its `immutable:` names."""
    from drtool.repositories.s3.store import S3Store

    return S3Store(policy, secrets=make_secrets(), clock=clock)


def _restic(
    policy: Policy,
    name: str,
    *,
    local: Runner,
    clock: Clock,
    secrets: SecretStore,
    state_directory: str,
    binary: str,
    notary: Notary,
    was_there: Callable[[], bool],
) -> ResticRepository:
    from drtool.catalog.immutable_log import LetGo
    from drtool.engine.sweep import started_by_a_dead_run
    from drtool.repositories.restic.repository import ResticRepository

    on_s3 = policy.repositories[name].address.location.startswith("s3:")
    return ResticRepository(
        policy=policy.repositories[name],
        by=policy.name,
        secrets=secrets,
        clock=clock,
        local=local,
        binary=binary,
        known_dead=lambda pid, since: started_by_a_dead_run(state_directory, pid, since),
        notary=notary,
        was_there=was_there,
        on_remove=LetGo(state_directory, name).tell if on_s3 else lambda _snapshots: None,
    )


def _request(
    source: SourcePolicy, policy: Policy, *, local: Runner, clock: Clock, secrets: SecretStore, notary: Notary, own: Iterable[OwnPlace]
) -> SourceRequest:
    from drtool.planning.own import IN_USE

    return SourceRequest(
        policy=source,
        by=policy.name,
        local=local,
        clock=clock,
        secrets=secrets,
        reach=_reach,
        selectors=tuple(
            (each.name, protect.selector) for each in policy.sets.values() for protect in each.protect if protect.source == source.name
        ),
        spared=tuple((each.path, each.words if each.what in IN_USE else "") for each in own),
        machine=lambda: notary.machine,
        proofs=notary.label_proofs,
    )


def _reach(name: str, *, host: str, ssh_config: str | None = None) -> RemoteRunner:
    from drtool.runners.ssh import SshRunner

    return SshRunner(name=name, host=host, ssh_config=ssh_config)


def make_checks() -> Mapping[str, Check]:
    """Build every kind of check."""
    from drtool.checks.archive import ArchiveCheck
    from drtool.checks.canary import CanaryCheck
    from drtool.checks.census import CensusCheck
    from drtool.checks.command import CommandCheck
    from drtool.checks.files import FilesCheck
    from drtool.checks.http import HttpCheck
    from drtool.checks.sql import SqlCheck
    from drtool.checks.tcp import TcpCheck

    checks: tuple[Check, ...] = (
        *(FilesCheck(), CensusCheck(), CanaryCheck(), ArchiveCheck(), SqlCheck(), CommandCheck(), TcpCheck(), HttpCheck()),
        *(check for kind in SOURCES.values() for check in kind.checks()),
    )
    return {check.kind: check for check in checks}


def _check_keys() -> Mapping[str, type[BaseModel]]:
    from drtool.checks.schema import CHECKS

    return {**CHECKS, **{name: keys for kind in SOURCES.values() for name, keys in kind.check_keys().items()}}


KINDS = Kinds(
    sources=lambda: {name: kind.settings() for name, kind in SOURCES.items()},
    selectors=lambda: {name: kind.selector() for name, kind in SOURCES.items()},
    places=lambda: {name: kind.place() for name, kind in SOURCES.items()},
    checks=_check_keys,
    notifiers=notifier_keys,
    nodes=lambda: frozenset(name for name, kind in SOURCES.items() if kind.facts.nodes),
    inside=lambda: frozenset(name for name, kind in SOURCES.items() if kind.facts.runs_hooks_inside),
    quiesces=lambda: frozenset(name for name, kind in SOURCES.items() if kind.facts.quiesces),
    keeps_snapshots=lambda: frozenset(name for name, kind in SOURCES.items() if kind.facts.keeps_snapshots),
)
