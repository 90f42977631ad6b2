"""A bare machine: a repository, a key, nothing else; the policy comes out of the manifests and is data, not orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from drtool.catalog import manifest as manifests
from drtool.engine.clock import SystemClock
from drtool.model.errors import Conflict, NotFound
from drtool.model.point import FUTURE_TOLERANCE, Manifest, RecoveryPoint
from drtool.model.policy import Address, Policy, RepositoryPolicy, SourcePolicy
from drtool.model.secret import SecretReference
from drtool.offsite.restic.repository import ResticRepository
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets

NAME = "repository"
_CREDENTIALS = ("AWS_", "RESTIC_REST_", "B2_", "AZURE_", "GOOGLE_", "OS_", "ST_")


def policy_from_repository(
    location: str, password_file: str, environment: Mapping[str, str], *, binary: str, ssh_config: str = ""
) -> Policy:
    """Return a policy that can restore what lies in a repository, put together from the newest manifest of each set.

    Raises NotFound when there is no point, Conflict when two policies of different names protect a set of the same name.
    """
    address = Address(
        location=location,
        password=SecretReference("file", password_file),
        environment={name: SecretReference("env", name) for name in sorted(environment) if name.startswith(_CREDENTIALS)},
        ssh_config=ssh_config,
    )
    described = RepositoryPolicy(name=NAME, address=address, site="", timeout=timedelta(seconds=60))
    runner = LocalRunner()
    clock = SystemClock()
    repository = ResticRepository(policy=described, by="", secrets=Secrets(environment, runner), clock=clock, local=runner, binary=binary)
    listing = repository.list()
    newest: dict[tuple[str, str], RecoveryPoint] = {}
    for point in sorted(listing.points, key=lambda each: (each.counts, each.complete, each.instant)):
        if point.instant <= clock.now() + FUTURE_TOLERANCE:
            newest[point.by, point.set] = point
    if not newest:
        raise NotFound("there is no recovery point of drtool in this repository", hint="restic snapshots shows what else lies in it")
    read = [manifests.read(repository.read(point.manifest), digest=point.digest) for point in newest.values()]
    return _joined(read, described)


def given_to(policy: Policy) -> frozenset[SecretReference]:
    """Return the references of such a policy that the command line and its environment gave: those of its repository."""
    addresses = [repository.address for repository in policy.repositories.values()]
    variables = [value for address in addresses for value in address.environment.values()]
    return frozenset((*(address.password for address in addresses), *(value for value in variables if isinstance(value, SecretReference))))


def _joined(read: list[Manifest], repository: RepositoryPolicy) -> Policy:
    names = {manifest.by for manifest in read}
    if len(names) > 1:
        raise Conflict(
            f"several machines keep their points here: {', '.join(sorted(names))}",
            hint="write a small policy with the name of the one you want, or restore with restic as docs/format.md tells",
        )
    sources: dict[str, SourcePolicy] = {}
    sets = {}
    for manifest in read:
        policy = manifests.policy_of(manifest)
        sets[manifest.set] = replace(policy.sets[manifest.set], to=NAME, copies=())
        sources.update(policy.sources)
    return Policy(name=names.pop(), site="", repositories={NAME: repository}, sources=sources, sets=sets)
