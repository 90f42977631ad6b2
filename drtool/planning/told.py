"""What is said of points in our name that are not ours, and what to type about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drtool.model.hold import still_kept
from drtool.model.summary import MachineSummary, OthersSummary
from drtool.planning.words import spell_count, spell_duration

DECIDE = (
    "compare the fingerprints with the recovery sheet, then in the policy: signers: [the old key, its right successor] (the old key alone,"
    " if none is right), or: drtool adopt"
)
"""What to type where it is disputed which key follows another; `signers:` ends it."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to be told, and what to type about it."""

    words: str
    next: str


def tell_of_others(others: OthersSummary, set_name: str, *, by: str, now: datetime) -> tuple[Told, ...]:
    """Say which points of a set are in our name and not ours, and whose drills nobody accepted; they count for nothing here."""
    told = [_of_machine(machine, made, set_name, by=by, now=now) for machine, made in others.machines.items()]
    if others.strangers:
        count = spell_count(others.strangers, "point")
        words = f"{count} of {set_name} in the name of {by} sealed by nobody of ours: left alone, and counted for nothing"
        told.append(Told(words, f"drtool points {set_name}"))
    if others.retired:
        count = spell_count(others.retired, "point")
        words = f"{count} of {set_name} signed with a key that had been replaced: left alone, and counted for nothing"
        told.append(Told(f"{words}; whoever still has that key can write into the repository", f"drtool points {set_name}"))
    told += [Told(f"{words}; {DECIDE}", "drtool adopt") for words in others.disputed]
    told += [Told(f"{words}; to finish it: drtool evidence rotate", "drtool evidence rotate") for words in others.unfinished]
    return (*told, *_of_drills(others, set_name), *_of_holds(others, set_name, now=now))


def _of_machine(machine: str, made: MachineSummary, set_name: str, *, by: str, now: datetime) -> Told:
    age = spell_duration(max(0.0, (now - made.newest).total_seconds()))
    command = f"drtool adopt {machine}".rstrip()
    whose = f"another machine of the name {by}, {machine or 'without an id'}"
    return Told(
        f"{spell_count(made.points, 'point')} of {set_name} made by {whose}, the newest {age} ago: they count there;"
        f" if it is gone, adopt it ({command}), else give one of the two a `name:` of its own",
        f"{command} (only if it is gone), else another `name:` in one of the two policies",
    )


def _of_drills(others: OthersSummary, set_name: str) -> tuple[Told, ...]:
    late = others.retired_drills
    words = f"{spell_count(late, 'drill')} of {set_name} signed with a key that had been replaced, and not known from before: no proof"
    return (*((Told(words, "drtool evidence verify"),) if late else ()), *_by_strangers(others.drills, set_name))


def _by_strangers(signers: Mapping[str, int], set_name: str) -> tuple[Told, ...]:
    return tuple(
        Told(
            f"{spell_count(records, 'drill')} of {set_name} signed by {signer}, whom nobody accepted here: no proof;"
            " if that is your pipeline's key, add it to `signers:` of the policy",
            "drtool evidence list",
        )
        for signer, records in signers.items()
    )


def _of_holds(others: OthersSummary, set_name: str, *, now: datetime) -> tuple[Told, ...]:
    kept = len({hold.id for hold in still_kept(others.holds, now)})
    if not kept:
        return ()
    still = "it still keeps" if kept == 1 else "they still keep"
    return (Told(f"{spell_count(kept, 'hold')} of {set_name} released by nobody of ours: {still}", "drtool hold list"),)
