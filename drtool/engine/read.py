"""Reading stored data again: a whole repository, a slice of it, or one point; and the evidence of it, of a failure too."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from drtool.engine.attest import Attested, attest
from drtool.engine.hands import Hands
from drtool.model import plan as actions
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, NotFound
from drtool.model.event import Event
from drtool.model.evidence import Evidence, Reading
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.plan import Done, Plan
from drtool.model.point import RecoveryPoint
from drtool.model.reading import Packs, pack_text, packs_of, still_read
from drtool.ports import Progress, Repository, VerifyRequest

_NAMED = 5
_NOTED = 20


def verify(
    hands: Hands, plan: Plan, action: actions.Verify, on_progress: Callable[[Progress], None], events: Callable[[], Sequence[Event]]
) -> Done:
    """Read what the action names against its digests and sign what was found, a failure too."""
    repository = hands.repositories[action.repository]
    evidence = Evidence(
        id=hands.clock.fresh_id(),
        subject="verify",
        by=plan.policy,
        repository=action.repository,
        outcome=Outcome.SUCCEEDED,
        started=(started := hands.clock.now()),
        ended=started,
        point=action.point,
        set=_set_of(repository, action.point),
    )
    if action.slices:
        evidence = _with_slice(evidence, action, repository)
    try:
        read = repository.verify(VerifyRequest(action.slice, action.slices, action.point), on_progress=on_progress)
    except Corrupt as error:
        with contextlib.suppress(DrtoolError):
            attest(hands, _failed(replace(evidence, ended=hands.clock.now()), error), plan=plan, events=events())
        raise
    points = _points_of(repository, action.point)
    broken = [point for point in points if not point.whole]
    details = {**evidence.details, "points": len(points), "whole": len(points) - len(broken)}
    evidence = replace(evidence, ended=hands.clock.now(), bytes=read, details=details)
    if action.point and broken:
        evidence = replace(evidence, outcome=Outcome.DATA_WRONG, details={**details, "what": _lost(broken, action.repository)})
    attested = attest(hands, evidence, plan=plan, events=events())
    if broken:
        for point in broken[-_NOTED:] if not action.point else ():
            note_loss(hands, point, plan, action.repository, events())
        raise Corrupt(
            _lost(broken, action.repository),
            hint=f"drtool copy {broken[-1].set} brings it again where another repository holds it",
            safe=f"what is there agrees with its digests; {len(points) - len(broken)} of {len(points)} points are whole",
        )
    return _told(attested, read, points=len(points))


def note_loss(hands: Hands, point: RecoveryPoint, plan: Plan, repository: str, events: Sequence[Event]) -> None:
    """Sign that a repository lost data of a point: until it is read again, nothing that was read of it before stands."""
    now = hands.clock.now()
    evidence = Evidence(
        id=hands.clock.fresh_id(),
        subject="verify",
        by=plan.policy,
        repository=repository,
        outcome=Outcome.DATA_WRONG,
        started=now,
        ended=now,
        point=point.point,
        set=point.set,
        details={"what": _lost([point], repository)},
    )
    with contextlib.suppress(DrtoolError):
        attest(hands, evidence, plan=plan, events=events)


def _points_of(repository: Repository, point: str) -> tuple[RecoveryPoint, ...]:
    return tuple(each for each in repository.list().points if point in ("", each.point))


def _lost(broken: Sequence[RecoveryPoint], repository: str) -> str:
    names = ", ".join(point.point for point in broken[-_NAMED:])
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    are = "a point is" if len(broken) == 1 else f"{len(broken)} points are"
    return f"{are} not whole in {repository}, data is not listed there any more: {names}{more}"


def _set_of(repository: Repository, point: str) -> str:
    if not point:
        return ""
    found = next((each.set for each in reversed(repository.list().every_point) if each.point == point), None)
    if found is None:
        raise NotFound(f"the repository {repository.name} does not hold the point {point}", hint="drtool points --refresh")
    return found


def _with_slice(evidence: Evidence, action: actions.Verify, repository: Repository) -> Evidence:
    """Add which slices of the cycle stand; what is listed before the reading is what the reading finds, or less."""
    packs = repository.packs(action.slices)
    done: tuple[int, ...] = ()
    last = _last_of_cycle(repository.list(), action) if action.cycle is not None else None
    if last is not None and last.reading is not None:
        done = still_read(last.reading.done, before=_packs_then(repository, last), now=packs)
    reading = Reading(
        slice=action.slice,
        slices=action.slices,
        cycle=action.cycle if last is not None and action.cycle is not None else evidence.started,
        done=tuple(sorted({*done, action.slice})),
    )
    return replace(evidence, reading=reading, details={"read": len(packs[action.slice - 1]), "packs": pack_text(packs)})


def _last_of_cycle(listing: Listing, action: actions.Verify) -> Evidence | None:
    found = [
        each
        for each in listing.evidence
        if each.reading is not None and each.repository == action.repository and each.reading.cycle == action.cycle
        if each.reading.slices == action.slices
    ]
    return max(found, key=lambda each: each.ended, default=None)


def _packs_then(repository: Repository, evidence: Evidence) -> Packs:
    """Return what stored the bytes when that slice was read; nothing when the record cannot be read, so that no slice stands."""
    try:
        body = json.loads(repository.read(evidence.snapshot))
        return packs_of(json.loads(body["record"])["details"]["packs"] if "record" in body else body["details"]["packs"])
    except Interrupted:
        raise
    except (DrtoolError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def _failed(evidence: Evidence, error: Corrupt) -> Evidence:
    reading = evidence.reading
    if reading is not None:
        reading = replace(reading, done=tuple(number for number in reading.done if number != reading.slice))
    return replace(evidence, outcome=Outcome.DATA_WRONG, reading=reading, details={**evidence.details, "what": error.what})


def _told(attested: Attested, read: int, *, points: int) -> Done:
    evidence, reading = attested.evidence, attested.evidence.reading
    kept = f"; evidence lies on this disk only: {attested.on_disk_only}" if attested.on_disk_only else ""
    data = {"bytes": read, "evidence": evidence.id, "on_disk_only": attested.on_disk_only, "points": points, "whole": points}
    whole = "the point is whole" if evidence.point else f"{points} of {points} points are whole"
    if reading is None:
        return Done(f"every byte agrees with its digest; {whole}{kept}", data)
    words = f"slice {reading.slice} agrees with its digests; {len(reading.done)} of {reading.slices} of this cycle are read; {whole}"
    return Done(f"{words}{kept}", {**data, "slice": reading.slice, "slices": reading.slices, "done": len(reading.done)})
