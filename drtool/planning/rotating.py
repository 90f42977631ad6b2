"""A key that signs takes another's place: what is said of that, what is refused, and whom a file that allows the old one allows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from drtool.model.errors import Refused
from drtool.model.evidence import Evidence, EvidenceHead, EvidenceRecord, newest_heads
from drtool.model.inventory import Listing
from drtool.model.rotation import Rotation, known_points, known_records
from drtool.model.standing import Acceptance
from drtool.planning.succession import MOST_STEPS, require_sole

AGAIN = "drtool evidence rotate"


def last_words(
    word: Rotation, listings: Mapping[str, Listing], kept: Iterable[Evidence], *, sets: AbstractSet[str]
) -> tuple[Rotation, ...]:
    """Return what the new key says for good of what the old one signed, as a first word is; all but the first need an id of their own.

    `kept` is the evidence of this machine's disk.
    """
    old, first = word.old, replace(word, final=True)
    there = (each for listing in listings.values() for each in listing.every_point)  # of another machine with the same key, too
    signed = sorted((each for each in there if (each.by, each.signer) == (word.by, old)), key=lambda each: (each.sealed, each.point))
    counted = (each for listing in listings.values() for each in listing.evidence if each.counts and each.tags_signer == old)
    evidence = (*counted, *(each for each in kept if each.signer == old))
    head = newest_heads(evidence).get(old, EvidenceHead(0, ""))
    holds = (each for listing in listings.values() for each in listing.holds if (each.by, each.signer) == (word.by, old))
    points = known_points(signed, at=first.at, sets=sets)
    records, untold = known_records(evidence, holds, at=first.at)
    first = replace(first, point=signed[-1].point if signed else "", number=head.number, head=head.digest, untold=untold)
    rest = replace(first, point="", number=0, head="")  # a word without records vouches for its head
    return tuple(
        replace(rest if number else first, known=known, records=told)
        for number, (known, told) in enumerate(itertools.zip_longest(points or ("",), records, fillvalue=""))
    )


def require_unreplaced(current: str, retired: Iterable[str]) -> None:
    """Refuse to let a key say anything that was itself replaced."""
    if current in set(retired):
        raise Refused(
            f"the key that signs here, {current}, was replaced: nothing counts that it says, of another key neither",
            hint="put the newer key back (`evidence/key` of the state directory, or what `evidence:` of the policy names)",
            safe="nothing was changed",
        )


def require_fresh(new: str, known: Acceptance, retired: Iterable[str]) -> None:
    """Refuse a key that was replaced before."""
    replaced = {each.old for each in known.rotations if {each.old, each.new} <= set(known.signers)}
    if new in replaced | set(retired):
        raise Refused(
            f"{new} was replaced by another key before: what it signs counts for nobody",
            hint=f"make another (ssh-keygen -t ed25519 -N '' -f FILE), then: {AGAIN} --to file:FILE",
            safe="the key that signs is the same as before",
        )


def require_counted(old: str, new: str, *, public_key: str, listed: Iterable[str]) -> None:
    """Refuse a key that the policy, which lists the old one, would not let count."""
    signers = set(listed)
    if old in signers and new not in signers:
        raise Refused(
            f"`signers:` of the policy lists the old key and not the new one, {new}: nobody would count what it signs",
            hint=f'add this line to `signers:`, wherever this policy is used, then the same again:  - "{public_key}"',
            safe="the old key signs as before, and nothing was told",
        )


def require_one_successor(
    current: str, new: str, *, said: AbstractSet[str], known: Acceptance, there: Iterable[Rotation], decided: bool, named: bool
) -> None:
    """Refuse a second successor: readers could not tell whether a thief said it.

    Args:
        current: the key that signs.
        new: the key that is to follow it; empty while there is none.
        said: the keys of which this machine said before that they follow it.
        known: what this machine knows.
        there: what is said of keys in the repositories.
        decided: whether the policy says which signers count.
        named: whether the policy names the key that signs.
    """
    if new and new in said:
        return
    if not said:
        if not decided:  # else a person has decided
            require_sole(current, (*known.rotations, *there), but={*known.signers, new})
        return
    before = " and ".join(sorted(said))
    again = f"finish that: put {before} into the policy, then: {AGAIN} --to its reference; another key can follow it then"
    lost = f"put `evidence/key.next` back from a backup of the state directory, then: {AGAIN}; if it is lost, move `evidence/key` away"
    raise Refused(
        f"it was said already that {before} follows {current}: of two successors neither would count anywhere",
        hint=again if named or new else f"{lost}: a new key is made, which others adopt",
        safe="the key that signs is the same as before",
    )


def following(
    allowed: Callable[[EvidenceRecord], bool], followed: Iterable[Rotation], keys: Mapping[str, str], *, now: datetime
) -> Callable[[EvidenceRecord], bool]:
    """Allow those, too, who follow a key that is allowed now: who has one that the file ended dates its succession as he likes."""
    before: dict[str, list[Rotation]] = {}
    for each in followed:
        before.setdefault(each.new, []).append(each)

    def may(record: EvidenceRecord, signer: str, steps: int) -> bool:
        if allowed(record):
            return True
        return steps > 0 and any(
            may(replace(record, public_key=keys.get(each.old, ""), ended=now), each.old, steps - 1) for each in before.get(signer, ())
        )

    return lambda record: may(record, record.signer, MOST_STEPS)
