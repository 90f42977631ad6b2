"""A bare machine: a repository, a key, nothing else; the policy comes out of the manifests and is data, not orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from drtool.catalog import manifest as manifests
from drtool.catalog.rotation import opened_rotations
from drtool.engine.clock import SystemClock
from drtool.model.errors import Conflict, NoRepository, NotFound, WrongKey
from drtool.model.inventory import Listing
from drtool.model.point import FUTURE_TOLERANCE, Manifest, RecoveryPoint
from drtool.model.policy import Address, Policy, RepositoryPolicy, SourcePolicy
from drtool.model.secret import SecretReference
from drtool.model.standing import Acceptance, Adoption
from drtool.notary import Witness, met
from drtool.offsite.restic.repository import ResticRepository
from drtool.planning.adopt import adoptable, choose_adoption
from drtool.planning.standing import judged, ours_of
from drtool.planning.succession import at_once
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets

NAME = "repository"
_CREDENTIALS = ("AWS_", "RESTIC_REST_", "B2_", "AZURE_", "GOOGLE_", "OS_", "ST_")


def policy_from_repository(
    location: str, password_file: str, environment: Mapping[str, str], *, binary: str, ssh_config: str = "", machine: str = ""
) -> tuple[Policy, Adoption | None]:
    """Return a policy that can restore what lies in a repository, and whose points those are.

    It is put together from the newest manifest of each set of `machine`, or of the only one there; None: of a release that told no
    machines apart. Raises NotFound when there is no point, Conflict when several machines or policies keep their points there and none
    was named.
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
    repository = ResticRepository(
        policy=described, by="", secrets=Secrets(environment, runner), clock=clock, local=runner, binary=binary, notary=Witness()
    )
    listing, of = _of_one_machine(_listed(repository, location, password_file), machine)
    newest: dict[tuple[str, str], RecoveryPoint] = {}
    for point in sorted(listing.points, key=lambda each: (each.counts, each.complete, each.instant)):
        if point.instant <= clock.now() + FUTURE_TOLERANCE:
            newest[point.by, point.set] = point
    if not newest:
        raise NotFound("there is no recovery point of drtool in this repository", hint="restic snapshots shows what else lies in it")
    read = [manifests.read(repository.read(point.manifest), digest=point.digest) for point in newest.values()]
    return _joined(read, described), of


def _listed(repository: ResticRepository, location: str, password_file: str) -> Listing:
    """List it, in the words of somebody who has no policy and must not make a repository where one is missed."""
    try:
        return repository.list()
    except NoRepository:
        raise NoRepository(
            f"there is no repository at {location}",
            hint="check the address, and that its disk is mounted; never make a new one in the place of what is missed",
            safe="nothing was changed",
        ) from None
    except WrongKey:
        raise WrongKey(
            f"what is in {password_file} does not open the repository at {location}",
            hint="try the other keys of the recovery sheet: --password-file FILE",
            safe="nothing was changed",
        ) from None


def _of_one_machine(listing: Listing, machine: str) -> tuple[Listing, Adoption | None]:
    """Leave the points of one machine in a listing: of whom else they are is for a person to say."""
    names = sorted({point.by for point in listing.points})
    if len(names) != 1:
        return listing, None  # none, or several policies: told where their manifests are joined
    first, unsigned = met(listing, by=names[0])
    rotations = at_once(opened_rotations(listing.rotations, by=names[0]))
    known = Acceptance(first=first, unsigned=unsigned, rotations=rotations)
    ours = ours_of(known, by=names[0])
    found = adoptable({NAME: judged(listing, ours)}, known)
    machines = tuple(dict.fromkeys(each.machine for each in found if each.machine))
    if not machine and len(machines) > 1:
        each = "; ".join(f"{one.machine}: {one.points} points of {', '.join(one.sets)}, signed by {one.signer}" for one in found)
        raise Conflict(
            f"several machines named {names[0]} keep their points here: {each}",
            hint=f"say whose you want, and compare its fingerprint with the recovery sheet: --machine {machines[0]}",
            safe="nothing was changed",
        )
    if not machine and not machines:
        return judged(listing, ours), None
    chosen = choose_adoption(found, machine or machines[0], ours=ours, signers=(), rotations=rotations)
    return judged(listing, ours_of(known, by=names[0], standing_in=chosen)), chosen


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
