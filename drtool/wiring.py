"""The composition table: which implementation carries out which kind. The only place that knows them all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypedDict

from drtool import __version__
from drtool.model.kind import KindFacts
from drtool.policy.kinds import Kinds
from drtool.sources.files import kind as files
from drtool.sources.stream import kind as stream
from drtool.sources.truenas import kind as truenas

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drtool.catalog.evidence_folder import EvidenceFolder
    from drtool.engine.hands import Hands
    from drtool.model.label import LabelProofs
    from drtool.model.policy import Policy, SourcePolicy
    from drtool.model.standing import Adoption
    from drtool.notary import Notary
    from drtool.offsite.restic.repository import ResticRepository
    from drtool.planning.own import OwnPlace
    from drtool.ports import Check, Clock, Runner, SecretStore, Source


def make_notary(policy: Policy, *, state_directory: str, standing_in: Adoption | None = None) -> Notary:
    """Build what tells who we are; whose key signs is asked only when something is signed."""
    from drtool.notary import Notary

    def folder() -> EvidenceFolder:
        from drtool.catalog.evidence_folder import EvidenceFolder

        return EvidenceFolder(state_directory, key=policy.evidence_key, resolve=make_secrets().resolve)

    return Notary(
        policy,
        state_directory,
        os.environ,
        signer=lambda: folder().signer(),
        has_signer=lambda: policy.evidence_key is not None or os.path.exists(os.path.join(state_directory, "evidence", "key")),
        standing_in=standing_in,
        said=lambda: folder().rotations(),
        successor_waits=lambda: folder().has_successor,
    )


def make_hands(
    policy: Policy, *, state_directory: str, clock: Clock, notary: Notary, binary: str = "restic", secrets: SecretStore | None = None
) -> Hands:
    """Build everything a run may touch the world with, and its wrapped forms for a drill; `secrets` resolves its references."""
    from drtool.catalog.evidence_folder import EvidenceFolder
    from drtool.catalog.memory import MemoryFolder
    from drtool.engine.hands import Hands
    from drtool.engine.remembered import Remembered
    from drtool.model.point import MANIFEST_FORMAT
    from drtool.offsite.append_only import AppendOnly
    from drtool.offsite.restic.keys import ResticKeys
    from drtool.planning.memory import knows
    from drtool.planning.own import IN_USE
    from drtool.runners.local import LocalRunner
    from drtool.secrets.stranger import Stranger
    from drtool.sources.files.source import FilesSource
    from drtool.sources.sandbox_only import SandboxOnly

    local = LocalRunner()
    own = places_of_our_own(policy, state_directory)
    store = secrets or make_secrets()
    sources = {name: SOURCES[source.kind](source, policy, local, clock, store, notary) for name, source in policy.sources.items()}
    for source in sources.values():
        if isinstance(source, FilesSource) and source.runner is local:
            source.spare(tuple((each.path, each.words if each.what in IN_USE else "") for each in own))

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
    repositories = {
        name: Remembered(each, folder=folder, by=policy.name, clock=clock, met=lambda name=name: met(name))  # type: ignore[misc]
        for name, each in bare.items()
    }
    passwords = [address.password for each in policy.repositories.values() for address in (each.address, *each.seen_from.values())]
    return Hands(
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
        locked_out={name: AppendOnly(repository) for name, repository in open_with(Stranger(store, passwords)).items()},
        key_rings={name: ResticKeys(repository) for name, repository in bare.items()},
        notary=notary,
    )


def places_of_our_own(policy: Policy, state_directory: str) -> tuple[OwnPlace, ...]:
    """Say where on this machine drtool keeps its own things, the policy where it is looked for."""
    from drtool.model.errors import PolicyError
    from drtool.planning.own import own_places
    from drtool.policy.find import find

    found: tuple[str, ...] = ()
    with contextlib.suppress(PolicyError):
        found = find(None, os.environ)
    absolute = (os.path.abspath(path) for path in found)
    return own_places(policy, state_directory=os.path.abspath(state_directory), policy_paths=absolute)


def make_secrets() -> SecretStore:
    """Build what resolves references, for a look at a key before anything is started."""
    from drtool.runners.local import LocalRunner
    from drtool.secrets.store import Secrets

    return Secrets(os.environ, LocalRunner())


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
    from drtool.engine.sweep import started_by_a_dead_run
    from drtool.offsite.restic.repository import ResticRepository

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
    )


class _LabelledBy(TypedDict):
    """By what a source labels what it leaves."""

    machine: Callable[[], str]
    proofs: Callable[[], LabelProofs]


def _labelled_by(notary: Notary) -> _LabelledBy:
    return {"machine": lambda: notary.machine, "proofs": notary.label_proofs}


def _files(source: SourcePolicy, policy: Policy, local: Runner, clock: Clock, _secrets: SecretStore, notary: Notary) -> Source:
    from drtool.runners.ssh import SshRunner
    from drtool.sources.files.source import FilesSource

    runner: Runner = local
    if source.settings.get("ssh"):
        runner = SshRunner(name=source.name, host=source.settings["ssh"], ssh_config=source.settings.get("ssh_config"))
    paths = {
        path
        for backup_set in policy.sets.values()
        for protect in backup_set.protect
        if protect.source == source.name
        for path in protect.selector.get("paths", ())
    }
    return FilesSource(policy=source, by=policy.name, runner=runner, clock=clock, watch=tuple(sorted(paths)), **_labelled_by(notary))


def _stream(source: SourcePolicy, policy: Policy, local: Runner, clock: Clock, secrets: SecretStore, notary: Notary) -> Source:
    from drtool.sources.stream.source import StreamSource

    return StreamSource(policy=source, by=policy.name, runner=local, clock=clock, secrets=secrets, **_labelled_by(notary))


def _truenas(source: SourcePolicy, policy: Policy, local: Runner, clock: Clock, secrets: SecretStore, notary: Notary) -> Source:
    from drtool.sources.truenas.source import TruenasSource

    wanted = [(each.name, protect.selector) for each in policy.sets.values() for protect in each.protect if protect.source == source.name]
    watch = tuple(sorted({str(selector["dataset"]) for _, selector in wanted if selector.get("dataset")}))
    system = next((name for name, selector in wanted if selector.get("system")), "")
    remote = None
    if source.settings.get("ssh"):
        from drtool.runners.ssh import SshRunner

        remote = SshRunner(name=source.name, host=source.settings["ssh"], ssh_config=source.settings.get("ssh_config"))
    return TruenasSource(
        policy=source,
        by=policy.name,
        runner=local,
        clock=clock,
        secrets=secrets,
        watch=watch,
        system=system,
        remote=remote,
        **_labelled_by(notary),
    )


SOURCES: Mapping[str, Callable[[SourcePolicy, Policy, Runner, Clock, SecretStore, Notary], Source]] = {
    "files": _files,
    "stream": _stream,
    "truenas": _truenas,
}

FACTS: Mapping[str, KindFacts] = {"files": files.FACTS, "stream": stream.FACTS, "truenas": truenas.FACTS}
"""What each kind says of itself."""


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
    from drtool.sources.truenas.check import ApplianceCheck

    checks: tuple[Check, ...] = (
        *(FilesCheck(), CensusCheck(), CanaryCheck(), ArchiveCheck()),
        *(SqlCheck(), CommandCheck(), TcpCheck(), HttpCheck(), ApplianceCheck()),
    )
    return {check.kind: check for check in checks}


def _schemas(name: str) -> Callable[[], Mapping[str, type[BaseModel]]]:
    def load() -> Mapping[str, type[BaseModel]]:
        from drtool.sources.files import schema as of_files
        from drtool.sources.stream import schema as of_stream
        from drtool.sources.truenas import schema as of_truenas

        return {"files": getattr(of_files, name), "stream": getattr(of_stream, name), "truenas": getattr(of_truenas, name)}

    return load


def _check_schemas() -> Mapping[str, type[BaseModel]]:
    from drtool.checks import schema
    from drtool.sources.truenas.schema import Check as TruenasConfig

    return {**schema.CHECKS, "truenas_config": TruenasConfig}


KINDS = Kinds(sources=_schemas("Settings"), selectors=_schemas("Selector"), places=_schemas("Place"), checks=_check_schemas)
