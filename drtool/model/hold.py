from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

PIN = "restore"
QUARANTINE = "quarantine"
_CLOCKS_DIFFER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Hold:
    """A record that keeps a point, or a whole set, from being forgotten: until when, by whom, why.

    `point` empty: the set's forget stops. A record with `releases` ends the hold of that id. `kind` is empty for a person's,
    `restore` for a pin (`run` needs the point: pruning waits too) and `quarantine` for one that a run wrote when a set looked wrong.
    """

    id: str
    set: str
    by: str
    reason: str
    created: datetime
    until: datetime | None = None
    point: str = ""
    releases: str = ""
    kind: str = ""
    run: str = ""
    machine: str = ""
    """Which machine wrote it; empty: a release that did not tell machines apart."""
    signer: str = ""
    """Fingerprint of the key whose signature of the tags fits; empty: none fits, there is none, or it comes from no listing."""
    counts: bool = True
    """Whether its signer is accepted here: only such a record ends what another has signed."""

    def ends(self, hold: Hold) -> bool:
        """Tell whether this ends a hold: named by it, it is by one of ours, or by whom signed the hold itself."""
        return self.releases == hold.id and (self.counts or (not hold.counts and self.signer == hold.signer))


def active_holds(records: tuple[Hold, ...], now: datetime) -> tuple[Hold, ...]:
    """Return the holds still in force at `now`."""
    releases: dict[str, list[Hold]] = {}
    for record in records:
        if record.releases:
            releases.setdefault(record.releases, []).append(record)
    return tuple(
        record
        for record in records
        if not record.releases
        and (record.until is None or record.until > now)
        and not any(each.ends(record) for each in releases.get(record.id, ()))
    )


def spent_pins(records: tuple[Hold, ...], now: datetime, *, by: str, machine: str) -> tuple[str, ...]:
    """Return the ids of the pins of this machine that are over, with those of the records that ended them: nobody asks for them again.

    One that ran out by its own date is left a day longer: clocks differ.
    """
    active = active_holds(records, now - _CLOCKS_DIFFER)
    ended = {record.releases for record in records if record.releases and record.counts}
    own = [record for record in records if record.kind == PIN and record.by == by and record.machine == machine]
    over = {record.id for record in own if not record.releases and (record.id in ended or record not in active)}
    return tuple(record.id for record in own if record.id in over or record.releases in over)


def still_kept(records: tuple[Hold, ...], now: datetime) -> tuple[Hold, ...]:
    """Return the holds in force although somebody who may not end them wrote that they are over."""
    released = {record.releases for record in records if record.releases}
    return tuple(hold for hold in active_holds(records, now) if hold.id in released)


def ending(hold: Hold, *, id: str, created: datetime, machine: str) -> Hold:  # noqa: A002 - the vocabulary's word
    """Return the record that ends a hold; whoever signed the hold did not sign this."""
    return replace(hold, id=id, created=created, releases=hold.id, machine=machine, signer="", counts=True)


def pinned_by(records: tuple[Hold, ...], now: datetime) -> tuple[Hold, ...]:
    """Return the pins in force at `now`: while one is, nothing may be taken away below a restore."""
    return tuple(hold for hold in active_holds(records, now) if hold.kind == PIN)


def quarantines(records: tuple[Hold, ...], set: str, now: datetime) -> tuple[Hold, ...]:  # noqa: A002 - the vocabulary's word
    """Return the quarantines of a set in force at `now`."""
    return tuple(hold for hold in active_holds(records, now) if hold.kind == QUARANTINE and hold.set == set)
