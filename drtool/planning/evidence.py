from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from drtool.model.damage import Damage
from drtool.model.evidence import Evidence
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.proof import passed


def believable(listing: Listing) -> tuple[Evidence, ...]:
    """Return the evidence that counts here, is about this repository and was there when it was listed.

    Where it has another name there than here, it is told by ours.
    What is dated later was written by a clock that ran ahead: it would outlive every failure after it, and never grow old.
    What was copied here found nothing good here: a repository made anew bears the name of the one that was read. Its warnings stand.
    """
    horizon = listing.taken + FUTURE_TOLERANCE
    names = (listing.repository, listing.called or listing.repository)
    return tuple(
        each if each.repository == listing.repository else replace(each, repository=listing.repository)
        for each in listing.evidence
        if each.counts and each.repository in names and each.ended <= horizon and not (each.copied and passed(each))
    )


def damage(listing: Listing) -> Damage | None:
    """Return where data of the repository was last found wrong: by a reading, or by any step of this machine; None once that is healed."""
    return max(_standing(listing), key=lambda each: each.at, default=None)


def stands(found: Damage, listing: Listing) -> bool:
    """Tell whether nothing was read and found good since: the whole repository, or the point alone that it was found in."""
    good = [each for each in believable(listing) if passed(each) and each.ended > found.at]
    if found.point and any(each.point == found.point and each.subject in ("drill", "verify") for each in good):
        return False
    return not any(_heals(each, found) for each in good if each.subject == "verify" and not each.point)


def _standing(listing: Listing) -> list[Damage]:
    wrong = [each for each in believable(listing) if each.subject == "verify" and each.outcome == Outcome.DATA_WRONG.value]
    read = [Damage(each.ended, "a reading", each.set, each.point, sliced=each.reading is not None) for each in wrong]
    return [each for each in (*read, *listing.damage) if stands(each, listing)]


def _heals(reading: Evidence, found: Damage) -> bool:
    """Tell whether a reading says that everything is good again; a cycle begun before the damage read its first slices too early.

    A slice that was found wrong is read again before its own cycle is complete.
    """
    return reading.reading is None or (reading.reading.complete and (found.sliced or reading.reading.cycle > found.at))


def verified_points(listing: Listing, *, by: tuple[str, ...] = ("drill", "verify")) -> frozenset[str]:
    """Return the ids of the points whose data in this repository is known to be good, `by` readings, by drills or by either.

    Those with a passed drill or a successful reading of their own here, and those sealed before the start of a reading of the
    whole repository that succeeded: at once, or slice by slice in a cycle that was completed. A reading of the repository says nothing of
    what a platform keeps: a point with such an artifact needs one of its own. What was found wrong later, in the
    whole repository or in the point alone, takes that back.
    """
    standing = _standing(listing)
    found = max((each.at for each in standing if not each.point), default=None)
    here = [each for each in believable(listing) if found is None or each.ended > found]
    wrong = {each.point: each.at for each in sorted(standing, key=lambda each: each.at) if each.point}
    for each in here:
        if each.point and each.subject in ("drill", "verify") and each.outcome == Outcome.DATA_WRONG.value:
            wrong[each.point] = max(each.ended, wrong.get(each.point, each.ended))

    def stands(evidence: Evidence, point: str) -> bool:
        return point not in wrong or evidence.ended > wrong[point]

    read = [each for each in here if each.subject == "verify" and each.outcome == Outcome.SUCCEEDED.value]
    read = read if "verify" in by else []
    own = [*read, *(each for each in here if "drill" in by and each.subject == "drill" and passed(each))]
    # Listed once: what a reading found good and is not whole any more is good no longer.
    broken = {each.point for each in listing.points if not each.whole}
    good = {each.point for each in own if each.point and each.point not in broken and stands(each, each.point)}
    everything = [(since, each) for each in read if (since := _everything_since(each)) is not None]
    newest = max((since for since, _each in everything), default=None)
    if newest is None:
        return frozenset(good)
    here_alone = [each for each in listing.points if each.whole and not each.natives]
    good |= {each.point for each in here_alone if each.sealed < newest and each.point not in wrong}
    doubted = [each for each in here_alone if each.point in wrong]
    return frozenset(
        good | {each.point for each in doubted if any(each.sealed < since and stands(by, each.point) for since, by in everything)}
    )


def _everything_since(reading: Evidence) -> datetime | None:
    """Return since when everything stored before has been read; None when it was not everything."""
    if reading.point:
        return None
    if reading.reading is None:
        return reading.started
    return reading.reading.cycle if reading.reading.complete else None


def last_proof(listing: Listing, set: str) -> Evidence | None:  # noqa: A002 - the vocabulary's word
    """Return the newest passed drill of a set in this listing, or None."""
    drills = [evidence for evidence in believable(listing) if evidence.subject == "drill" and evidence.set == set]
    return max(filter(passed, drills), key=lambda evidence: evidence.ended, default=None)
