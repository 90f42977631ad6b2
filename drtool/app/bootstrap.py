"""A bare machine: a repository, a key, nothing else; the policy comes out of the manifests and is data, not orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from drtool.app.notary import Witness
from drtool.catalog import manifest as manifests
from drtool.catalog.rotation import opened_rotations
from drtool.engine.clock import SystemClock
from drtool.model.errors import Corrupt, DrtoolError, NoRepository, NotFound, Refused, WrongKey
from drtool.model.inventory import Listing
from drtool.model.point import RecoveryPoint
from drtool.model.policy import Address, Policy, RepositoryPolicy, SourcePolicy
from drtool.model.rotation import Rotation, SignedRotation
from drtool.model.secret import SecretReference
from drtool.model.standing import Acceptance, Adoption
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.adopt import adoptable, choose_adoption
from drtool.planning.first_contact import met
from drtool.planning.standing import judged, ours_of
from drtool.planning.succession import at_once, follow
from drtool.planning.whose import Whose, whose
from drtool.planning.words import spell_count, spell_instant, spell_some
from drtool.repositories.restic.repository import ResticRepository
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets

NAME = "repository"
_MOST_TRIED = 20
"""So many manifests of one set are tried, the newest first: each is a call, and whoever writes bad ones can write many."""
_SHOWN = 5
_CREDENTIALS = ("AWS_", "RESTIC_REST_", "B2_", "AZURE_", "GOOGLE_", "OS_", "ST_", "RCLONE_")


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
    called: str = ""
    """What evidence calls the repository; empty: it lies at no address that a policy there names, and evidence does not agree."""


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

    It is put together from the newest manifest that can be read of each set of `machine`, or of the only one there; with several the
    points that are `asked` for decide, as `whose` says. Raises NotFound when there is no point, Conflict when it is not clear whose are
    meant, Corrupt when no manifest can be read.
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
    chosen = whose(listed.points, machine=machine, asked=asked, rotations=_Rotations(listed))
    listing, of = _of_one_machine(listed, chosen)
    told = _told_of(chosen)
    by_set: dict[str, list[RecoveryPoint]] = {}
    for point in sorted(
        listing.points or _named(listing, chosen, asked), key=lambda each: (each.counts, each.complete, each.instant), reverse=True
    ):
        if point.instant <= clock.now() + FUTURE_TOLERANCE:
            by_set.setdefault(point.set, []).append(point)
    if not by_set:
        raise _nothing_counts(listed, listing, chosen)
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
    return Found(_joined(policies, described, by=chosen.by), of, tuple(told), chosen.said, _called(listing, policies.values(), location))


def _called(listing: Listing, policies: Iterable[Policy], location: str) -> str:
    """Return by which name evidence proves this repository: that of its address in a policy, else the only one that counts here.

    Evidence that was brought here from another repository makes it two, and then none is believed.
    """
    named = {name for policy in policies for name, each in policy.repositories.items() if each.address.location == location}
    names = named or {each.repository for each in listing.evidence if each.counts}
    return names.pop() if len(names) == 1 else ""


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


class _Rotations:
    """What a listing tells of keys that follow one another, by the name of the policy; each is held against its signatures once."""

    def __init__(self, listing: Listing) -> None:
        self._signed: dict[str, list[SignedRotation]] = {}
        for each in listing.rotations:
            self._signed.setdefault(each.by, []).append(each)
        self._opened: dict[str, tuple[Rotation, ...]] = {}

    def __call__(self, by: str) -> tuple[Rotation, ...]:
        if by not in self._opened:
            self._opened[by] = at_once(opened_rotations(self._signed.get(by, ()), by=by))
        return self._opened[by]


def _told_of(chosen: Whose) -> list[str]:
    told = [f"left aside: {each.words}; if it is yours after all: --machine {each.by}" for each in chosen.left_aside[:_SHOWN]]
    more = len(chosen.left_aside) - _SHOWN
    return [*told, f"left aside: as unsigned, under {more} more names"] if more > 0 else told


def _of_one_machine(listing: Listing, chosen: Whose) -> tuple[Listing, Adoption | None]:
    """Leave the points of one machine in a listing."""
    if not chosen.by:
        return listing, None
    known = Acceptance(rotations=_Rotations(listing)(chosen.by))
    if not chosen.signer:
        of = _unsigned(listing, chosen) if chosen.unsigned else None
        believed = () if chosen.unsigned else met(listing, by=chosen.by).unsigned
        return judged(listing, ours_of(replace(known, unsigned=believed), by=chosen.by, standing_in=of)), of
    ours = ours_of(known, by=chosen.by)
    found = adoptable({NAME: judged(listing, ours)}, known, rotations=known.rotations)
    found = tuple(each for each in found if each.machine == chosen.machine)
    of = choose_adoption(found, chosen.signer, signer=chosen.signer, ours=ours, signers=(), rotations=known.rotations)
    return judged(listing, ours_of(known, by=chosen.by, standing_in=of)), of


def _unsigned(listing: Listing, chosen: Whose) -> Adoption | None:
    """Take what nobody signed, as a person means it: of a release that told no machines apart, unless there is nothing else."""
    every = [point for point in listing.points if point.by == chosen.by and point.unsigned]
    meant = [point for point in every if not point.machine] or every
    if not meant:
        return None
    instants = [point.instant for point in meant]
    sets = tuple(sorted({point.set for point in meant}))
    unsigned = tuple(dict.fromkeys(point.unsigned for point in meant))
    return Adoption("", "", len(meant), sets, min(instants), max(instants), unsigned=unsigned)


def _named(listing: Listing, chosen: Whose, asked: Sequence[str]) -> tuple[RecoveryPoint, ...]:
    """Return the points that were asked for by their whole ids, where nothing counts: that is looked at, and poured, after an answer."""
    return tuple(point for point in listing.others if point.by == chosen.by and point.point in asked)


def _nothing_counts(listed: Listing, listing: Listing, chosen: Whose) -> NotFound:
    """Say why nothing of what lies here is taken, and what a person may decide about that."""
    if listing.points:
        point = max(listing.points, key=lambda each: (each.instant, each.point))
        return NotFound(
            f"each point of {chosen.by} here is dated in the future, {point.point} {spell_instant(point.instant)}",
            hint="look at the clock of this machine: date",
        )
    there = [each for each in listing.others if each.by == chosen.by and (each.machine, each.signer) == (chosen.machine, chosen.signer)]
    there = there or [each for each in listing.others if each.by == chosen.by]
    if not there:
        return NotFound("there is no recovery point of drtool in this repository", hint="restic snapshots shows what else lies in it")
    rotations = _Rotations(listed)(chosen.by)
    found = follow(frozenset(filter(None, (chosen.signer,))), rotations)
    why = [
        *found.disputed,
        *(
            f"{each.new} follows the key {each.old} since {each.at:%Y-%m-%d}, signed by both, and knows none of them"
            for each in found.followed
        ),
    ]
    keys = dict.fromkeys(each.signer for each in listing.others if each.by == chosen.by and each.signer not in ("", chosen.signer))
    other = f"--machine {spell_some(tuple(keys), _SHOWN, between=' or ')}, or " if keys else ""
    newest = max(there, key=lambda each: (each.instant, each.point))
    command = f"drtool restore {newest.set} --point {newest.point}"
    signed = f" signed by {chosen.signer}" if chosen.signer else ""
    because = f": {spell_some(why, _SHOWN, between='; ')}" if why else ""
    return NotFound(
        f"{spell_count(len(there), 'point')} of {chosen.by}{signed} lie here, and none of them counts{because}",
        hint=f"compare the keys with the recovery sheet, then: {other}one point by its name: {command}",
        safe="nothing was changed",
    )


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
