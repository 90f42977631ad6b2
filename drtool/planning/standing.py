"""The one definition of whose a point is: everything that counts, keeps, forgets, copies or restores goes by it."""

from __future__ import annotations

from dataclasses import replace

from drtool.model.evidence import Evidence
from drtool.model.hold import Hold
from drtool.model.inventory import Listing
from drtool.model.label import SPENT, SPENT_HINT, UNKNOWN_MACHINE
from drtool.model.point import RecoveryPoint
from drtool.model.rotation import Rotation
from drtool.model.standing import Acceptance, Adoption, Ours, Standing
from drtool.model.workload import Leftover
from drtool.planning.succession import Succession, follow, with_former


def ours_of(acceptance: Acceptance, *, by: str, signers: tuple[str, ...] = (), standing_in: Adoption | None = None) -> Ours:
    """Say who counts: what this state has been itself, and whom it accepts.

    The policy's `signers` decide beside our own key; without them who alone signed at first contact, and those that were adopted.
    `standing_in` is what counts for this call alone, as a person named it, and then nobody for having been met first. A key that follows
    an accepted one is accepted, unless the policy's list decides.
    """
    found = succession_of(acceptance, signers=signers, standing_in=standing_in)
    machine = standing_in.machine if standing_in is not None else ""
    sealing = {*acceptance.machines, *(each.machine for each in acceptance.adopted if each.signers), machine}
    every = {*sealing, *(each.machine for each in acceptance.adopted)}
    return Ours(
        by=by,
        machines=frozenset(filter(None, every)),
        signers=found.signers,
        unsigned=frozenset((*acceptance.unsigned, *(standing_in.unsigned if standing_in is not None else ()))),
        retired=found.retired,
        disputed=() if signers else found.disputed,  # a person has decided, and heard of it once
        only_leftovers=frozenset(every - sealing),
    )


def succession_of(acceptance: Acceptance, *, signers: tuple[str, ...] = (), standing_in: Adoption | None = None) -> Succession:
    """Say which keys count, and which were replaced, of those that this state accepts."""
    direct = accepted_directly(acceptance, signers=signers, standing_in=standing_in)
    found = follow(direct, acceptance.rotations, own=frozenset(acceptance.signers), decided=bool(signers))
    return found if signers else with_former(found, acceptance.rotations)


def accepted_directly(acceptance: Acceptance, *, signers: tuple[str, ...] = (), standing_in: Adoption | None = None) -> frozenset[str]:
    """Return the keys that are accepted by themselves, without anybody's word."""
    first = acceptance.first if standing_in is None else ""
    others = signers or (first, *(signer for each in acceptance.adopted for signer in each.signers))
    return frozenset(filter(None, (*acceptance.signers, *others, standing_in.signer if standing_in is not None else "")))


def standing(point: RecoveryPoint, ours: Ours) -> Standing:
    """Say what a point is to us; what its tags say is believed only as far as a signature of all of them goes."""
    if point.by != ours.by:
        return Standing.ANOTHER_NAME
    if point.unsigned:
        return Standing.OURS if point.unsigned in ours.unsigned else Standing.STRANGER
    if not point.signer:
        return Standing.STRANGER
    if not ours.seals_as(point.machine):
        return Standing.ANOTHER_MACHINE
    if point.signer not in ours.signers:
        return Standing.STRANGER
    last = ours.retired.get(point.signer, ())
    return Standing.RETIRED if last and not any(each.covers_point(point) for each in last) else Standing.OURS


def judged(listing: Listing, ours: Ours) -> Listing:
    """Sort a listing into what is ours and what is others', say which evidence and holds count; judged again, it may be another."""
    own: dict[str, RecoveryPoint] = {}
    others = []
    moved = bool(listing.others)
    for point in (*listing.points, *listing.others):
        found = standing(point, ours)
        if found is Standing.OURS:
            known = own.get(point.point)
            moved = moved or known is not None
            if known is None or known.sealed <= point.sealed:  # sealed twice, it is the later one
                own[point.point] = replace(point, standing="") if point.standing else point
        else:
            others.append(point if point.standing == found else replace(point, standing=found.value))
    points = tuple(own.values())
    if moved:  # what was others' may be ours now, and lies between
        points = tuple(sorted(points, key=lambda point: (point.instant, point.point)))
    evidence = tuple(_weighed(each, ours) for each in listing.evidence)
    holds = tuple(each if each.counts is (may := _may_release(each, ours)) else replace(each, counts=may) for each in listing.holds)
    return replace(listing, points=points, others=tuple(others), evidence=evidence, holds=holds, disputed=ours.disputed)


def proves(evidence: Evidence, ours: Ours) -> bool:
    """Tell whether evidence proves anything here: by an accepted signer, and not about a point of another machine."""
    if evidence.set and evidence.by != ours.by:
        return False  # another policy's set of the same name
    if evidence.unsigned:
        return evidence.unsigned in ours.unsigned
    if evidence.tags_signer not in ours.signers or not (evidence.signer in ("", evidence.tags_signer) or _brought_later(evidence, ours)):
        return False
    if _outlived(evidence, ours):
        return False
    return not evidence.tested or ours.seals_as(evidence.tested)


def _weighed(evidence: Evidence, ours: Ours) -> Evidence:
    counts, late = proves(evidence, ours), _outlived(evidence, ours)
    retired = late and any(each.would_tell(evidence) for each in ours.retired[evidence.tags_signer])
    untold = late and not retired
    if (evidence.counts, evidence.retired, evidence.untold) == (counts, retired, untold):
        return evidence
    return replace(evidence, counts=counts, retired=retired, untold=untold)


def _brought_later(evidence: Evidence, ours: Ours) -> bool:
    """Tell whether a key that follows brought what the one before it had signed: known by then, and in no repository yet."""
    return any(isinstance(each, Rotation) and each.covers_evidence(evidence) for each in ours.retired.get(evidence.signer, ()))


def _outlived(evidence: Evidence, ours: Ours) -> bool:
    """Tell whether evidence bears the signature of a key that was replaced, and was not known then."""
    last = ours.retired.get(evidence.tags_signer, ())
    return bool(last) and not any(each.covers_evidence(evidence) for each in last)


def _may_release(hold: Hold, ours: Ours) -> bool:
    last = ours.retired.get(hold.signer, ())
    return hold.signer in ours.signers and (not last or any(each.covers_hold(hold) for each in last))


def left_here(leftover: Leftover, *, by: str, machines: frozenset[str]) -> bool:
    """Tell whether a leftover is this machine's to release: by the proof on its label, or where labels bear none, by the machine they name.

    One that names no machine there is of a release that told none apart.
    """
    if leftover.by != by or leftover.unproven:
        return False
    return leftover.proven or not leftover.machine or leftover.machine in machines


def left_elsewhere(leftover: Leftover, *, by: str, machines: frozenset[str]) -> str:
    """Say, in words, that another machine of our name left it; empty where it is ours, or another name's."""
    if leftover.by != by or left_here(leftover, by=by, machines=machines):
        return ""
    if leftover.spent:
        return f"what run {leftover.run} was exchanging has ended: {SPENT}; {SPENT_HINT}"
    if leftover.unproven:
        name = leftover.machine or UNKNOWN_MACHINE
        return (
            f"its label bears no proof of this machine (it names {name}): if a machine of yours that is gone left it, "
            f"drtool adopt --leftovers {name}; if none did, look at it and remove the label"
        )
    return f"left by machine {leftover.machine}, and its own to sweep; if that is gone: drtool adopt --leftovers {leftover.machine}"
