"""A bare machine: a repository, a key, nothing else; the policy comes out of the manifests and is data, not orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from drtool.catalog import manifest as manifests
from drtool.catalog.rotation import opened_rotations
from drtool.engine.clock import SystemClock
from drtool.model.errors import Corrupt, DrtoolError, NoRepository, NotFound, Refused, WrongKey
from drtool.model.inventory import Listing
from drtool.model.point import FUTURE_TOLERANCE, RecoveryPoint
from drtool.model.policy import Address, Policy, RepositoryPolicy, SourcePolicy
from drtool.model.secret import SecretReference
from drtool.model.standing import Acceptance, Adoption
from drtool.notary import Witness, met
from drtool.offsite.restic.repository import ResticRepository
from drtool.planning.adopt import adoptable, choose_adoption
from drtool.planning.standing import judged, ours_of
from drtool.planning.succession import at_once
from drtool.planning.whose import Whose, whose
from drtool.planning.words import spell_count, spell_instant
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets

NAME = "repository"
_MOST_TRIED = 20
"""So many manifests of one set are tried, the newest first: each is a call, and whoever writes bad ones can write many."""
_CREDENTIALS = ("AWS_", "RESTIC_REST_", "B2_", "AZURE_", "GOOGLE_", "OS_", "ST_")


@dataclass(frozen=True, slots=True)
class Found:
    """What a repository tells a machine that knows nothing else.

    `of` is whose points those are; None: of a release that told no machines apart. `told` is what a person must know of how that was
    found out.
    """

    policy: Policy
    of: Adoption | None
    told: tuple[str, ...] = ()
    said: str = ""
    """What `--machine` says of that, where others keep points there too; empty: it need not be said."""


def policy_from_repository(
    location: str,
    password_file: str,
    environment: Mapping[str, str],
    *,
    binary: str,
    ssh_config: str = "",
    machine: str = "",
    asked: Sequence[str] = (),
) -> Found:
    """Return a policy that can restore what lies in a repository, and whose points those are.

    It is put together from the newest manifest that can be read of each set of `machine`, or of the only one there; with several the sets
    and points that are `asked` for decide. Raises NotFound when there is no point, Conflict when it is not clear whose are meant, Corrupt
    when no manifest can be read.
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
    listed = _listed(repository, location, password_file)
    chosen = whose(listed.points, machine=machine, asked=asked)
    chosen, listing, of = _settled(listed, chosen)
    told = _told_of(chosen)
    by_set: dict[str, list[RecoveryPoint]] = {}
    for point in sorted(listing.points, key=lambda each: (each.counts, each.complete, each.instant), reverse=True):
        if point.instant <= clock.now() + FUTURE_TOLERANCE:
            by_set.setdefault(point.set, []).append(point)
    if not by_set:
        raise NotFound("there is no recovery point of drtool in this repository", hint="restic snapshots shows what else lies in it")
    policies: dict[str, Policy] = {}
    failures: list[DrtoolError] = []
    for name in sorted(by_set):
        for number, point in enumerate(by_set[name], start=1):
            if number > _MOST_TRIED:
                break
            try:
                policies[name] = _policy_of(repository, point)
            except (Corrupt, NotFound, Refused) as error:
                failures.append(error)
                told.append(f"the manifest of {point.point} of {name} cannot be read: {error.what}")
                continue
            if number > 1:
                told[-1] += f"; what {name} is, the one before it tells: {point.point}"
            break
    if not policies:
        raise failures[0]
    return Found(_joined(policies, described, by=chosen.by), of, tuple(told), chosen.said)


def _policy_of(repository: ResticRepository, point: RecoveryPoint) -> Policy:
    """Return the policy inside a manifest; Corrupt when it is not that of the point whose tags name it."""
    manifest = manifests.read(repository.read(point.manifest), digest=point.digest)
    if (manifest.by, manifest.set, manifest.point) != (point.by, point.set, point.point):
        raise Corrupt("it is that of another point", hint="drtool points shows others")
    return manifests.policy_of(manifest)


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


def _settled(listing: Listing, chosen: Whose) -> tuple[Whose, Listing, Adoption | None]:
    """Leave the points of whom was chosen; a whole point that was asked for decides by its key what a machine's id does not."""
    try:
        found = _of_one_machine(listing, chosen)
        if not chosen.signer_asked or any(point.signer == chosen.signer_asked for point in found[0].points):
            return chosen, *found
    except Refused:
        if not chosen.signer_asked:
            raise
    chosen = replace(chosen, signer=chosen.signer_asked, said=chosen.signer_asked)
    return chosen, *_of_one_machine(listing, chosen)


def _told_of(chosen: Whose) -> list[str]:
    told = [f"left aside: {each.words}; if it is yours after all: --machine {each.by}" for each in chosen.left_aside]
    if chosen.signer and chosen.signer == chosen.signer_asked:
        told.append(f"that point is signed by {chosen.signer}, as others of {chosen.by} are not: compare it with the recovery sheet")
    return told


def _of_one_machine(listing: Listing, chosen: Whose) -> tuple[Listing, Adoption | None]:
    """Leave the points of one machine in a listing."""
    if not chosen.by:
        return listing, None
    first, unsigned = met(listing, by=chosen.by)
    rotations = at_once(opened_rotations(listing.rotations, by=chosen.by))
    known = Acceptance(first=first, unsigned=unsigned, rotations=rotations)
    ours = ours_of(known, by=chosen.by)
    if not chosen.machine and not chosen.signer:
        return judged(listing, ours), None
    found = [each for each in adoptable({NAME: judged(listing, ours)}, known) if each.machine == chosen.machine]
    try:
        of = choose_adoption(found, chosen.machine or chosen.signer, signer=chosen.signer, ours=ours, signers=(), rotations=rotations)
    except Refused as error:
        keys = "; ".join(f"{each.signer}: {spell_count(each.points, 'point')} since {spell_instant(each.oldest)}" for each in found)
        hint = f"compare with its recovery sheet which key is its own ({keys}), then: --machine {found[0].signer}"
        raise Refused(error.what, hint=hint, safe="nothing was changed") from None
    return judged(listing, ours_of(known, by=chosen.by, standing_in=of)), of


def given_to(policy: Policy) -> frozenset[SecretReference]:
    """Return the references of such a policy that the command line and its environment gave: those of its repository."""
    addresses = [repository.address for repository in policy.repositories.values()]
    variables = [value for address in addresses for value in address.environment.values()]
    return frozenset((*(address.password for address in addresses), *(value for value in variables if isinstance(value, SecretReference))))


def _joined(policies: Mapping[str, Policy], repository: RepositoryPolicy, *, by: str) -> Policy:
    sources: dict[str, SourcePolicy] = {}
    sets = {}
    for name, policy in policies.items():
        sets[name] = replace(policy.sets[name], to=NAME, copies=())
        sources.update(policy.sources)
    return Policy(name=by, site="", repositories={NAME: repository}, sources=sources, sets=sets)
