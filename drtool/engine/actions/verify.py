"""Reading stored data again: a whole repository, a slice of it, or one point; and the evidence of it, of a failure too."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

from drtool.engine.actions.work import Work
from drtool.engine.attest import Attested, attest
from drtool.engine.loss import note_loss, spell_loss
from drtool.engine.native_reading import NativeReading, verify_natives
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, NotFound
from drtool.model.evidence import Evidence, Reading
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.plan import Done, Verify
from drtool.model.point import RecoveryPoint
from drtool.model.reading import Packs, pack_text, packs_of, still_read
from drtool.planning.words import spell_count
from drtool.ports import Repository, VerifyRequest

_NOTED = 20


def verify(work: Work, action: Verify) -> Done:
    """Read what the action names against its digests and sign what was found, a failure too."""
    adapters, plan, events = work.adapters, work.plan, work.events
    repository = adapters.repositories[action.repository]
    evidence = Evidence(
        id=adapters.clock.fresh_id(),
        subject="verify",
        by=plan.policy,
        repository=action.repository,
        outcome=Outcome.SUCCEEDED,
        started=(started := adapters.clock.now()),
        ended=started,
        point=action.point,
        set=_set_of(repository, action.point),
    )
    if action.slices:
        evidence = _with_slice(evidence, action, repository)
    try:
        read = repository.verify(VerifyRequest(action.slice, action.slices, action.point), on_progress=work.on_progress)
    except Corrupt as error:
        with contextlib.suppress(DrtoolError):
            attest(adapters, _failed(replace(evidence, ended=adapters.clock.now()), error), plan=plan, events=events())
        raise
    points = _points_of(repository, action.point)
    broken = [point for point in points if not point.stored]
    kept = verify_natives(adapters, repository, () if action.slices or broken else points)
    for point, what in kept.wrong:
        note_loss(adapters, point, plan, action.repository, events(), what=what)
    if action.point and kept.problem is not None:  # nothing is signed of a point that was not read whole
        raise kept.problem
    details = {**evidence.details, "points": len(points), "whole": len(points) - len(broken)}
    evidence = replace(evidence, ended=adapters.clock.now(), bytes=read, details=details)
    if action.point and broken:
        evidence = replace(evidence, outcome=Outcome.DATA_WRONG, details={**details, "what": spell_loss(broken, action.repository)})
    attested = attest(adapters, evidence, plan=plan, events=events())
    if broken:
        for point in broken[-_NOTED:] if not action.point else ():
            note_loss(adapters, point, plan, action.repository, events())
        raise Corrupt(
            spell_loss(broken, action.repository),
            hint=f"drtool copy {broken[-1].set} brings it again where another repository holds it",
            safe=f"what is there agrees with its digests; {len(points) - len(broken)} of {len(points)} points are whole",
        )
    if kept.problem is not None:  # the repository was read and is good, which is signed: a platform is what is amiss
        raise kept.problem
    return _told(attested, read, points=len(points), kept=kept)


def _points_of(repository: Repository, point: str) -> tuple[RecoveryPoint, ...]:
    return tuple(each for each in repository.list().points if point in ("", each.point))


def _set_of(repository: Repository, point: str) -> str:
    if not point:
        return ""
    found = next((each.set for each in reversed(repository.list().every_point) if each.point == point), None)
    if found is None:
        raise NotFound(f"the repository {repository.name} does not hold the point {point}", hint="drtool points --refresh")
    return found


def _with_slice(evidence: Evidence, action: Verify, repository: Repository) -> Evidence:
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


def _last_of_cycle(listing: Listing, action: Verify) -> Evidence | None:
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


def _told(attested: Attested, read: int, *, points: int, kept: NativeReading) -> Done:
    evidence, reading = attested.evidence, attested.evidence.reading
    on_disk = f"; evidence lies on this disk only: {attested.on_disk_only}" if attested.on_disk_only else ""
    data = {"bytes": read, "evidence": evidence.id, "on_disk_only": attested.on_disk_only, "points": points, "whole": points}
    whole = "the point is whole" if evidence.point else f"{points} of {points} points are whole"
    if kept.places:
        whole += f"; {spell_count(kept.places, 'artifact')} that platforms keep read there: {kept.bytes} bytes"
        data = {**data, "native": kept.places, "native_bytes": kept.bytes}
    if reading is None:
        return Done(f"every byte agrees with its digest; {whole}{on_disk}", data)
    words = f"slice {reading.slice} agrees with its digests; {len(reading.done)} of {reading.slices} of this cycle are read; {whole}"
    return Done(f"{words}{on_disk}", {**data, "slice": reading.slice, "slices": reading.slices, "done": len(reading.done)})
