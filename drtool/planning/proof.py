from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from drtool.model.codec import canonical
from drtool.model.damage import Damage
from drtool.model.evidence import Evidence
from drtool.model.outcome import Outcome
from drtool.model.policy import BackupSet, DrillPolicy, Policy
from drtool.planning.words import spell_duration

SIZE_FACTOR = 2.0
"""A set that grew or shrank beyond this is another one than was drilled."""
SMALL_BYTES = 1 << 20
"""Differences below this are no matter, whatever the factor."""
_DIGITS = 12
_SPELLED = {
    "selectors": "its selectors changed",
    "hooks": "its hooks changed",
    "checks": "its checks changed",
    "copies": "its copies changed",
    "workloads": "its list of workloads changed",
}
_LACKING = {
    "key": "the last passed drill was not opened with a key of its own, as the policy's drills are",
    "control": "the last passed drill had no negative control, as the policy's drills have",
}
_ASKED = "asked"
_FOUND_OTHERWISE = frozenset({Outcome.PARTIAL.value, Outcome.FAILED.value, Outcome.DATA_WRONG.value})
_PROGRAMS = ("drtool", "restic")
_PASSED = frozenset({Outcome.SUCCEEDED.value, Outcome.OBJECTIVE_MISSED.value})


def passed(evidence: Evidence) -> bool:
    """Tell whether the data was good: a drill that only took too long proved its point all the same."""
    return evidence.outcome in _PASSED


def fingerprint(policy: Policy, backup_set: BackupSet, *, workloads: Iterable[str]) -> Mapping[str, str]:
    """Return the parts of a set that a drill's proof depends on, each as a short digest; no workloads: that part is not known.

    What all drills of the set in the policy ask for is a part as well: a lesser one, by hand, does not stand in for them.
    """
    names = sorted(set(workloads))
    parts: dict[str, object] = {
        "selectors": backup_set.protect,
        "hooks": backup_set.hooks,
        "checks": backup_set.checks,
        "copies": policy.repositories_of(backup_set),
    }
    if names:
        parts["workloads"] = names
    drills = [drill for drill in policy.drills.values() if backup_set.name in drill.sets]
    wanted = {"key": all(drill.key for drill in drills), "control": all(drill.negative_control for drill in drills)} if drills else {}
    return {
        **{name: hashlib.sha256(canonical(value)).hexdigest()[:_DIGITS] for name, value in parts.items()},
        **{name: _ASKED for name, asked in wanted.items() if asked},
    }


def rigour(drill: DrillPolicy) -> Mapping[str, str]:
    """Return the parts of a fingerprint that tell how strict a drill was."""
    return {"key": _ASKED if drill.key else "", "control": _ASKED if drill.negative_control else ""}


def versions(drtool: str, program: str) -> Mapping[str, str]:
    """Return the parts of a fingerprint that are programs: drtool by its first two numbers, restic by its whole version; empty: unknown."""
    found = {"drtool": ".".join(drtool.split(".")[:2]), "restic": program.removeprefix("restic ")}
    return {name: value for name, value in found.items() if value}


def decayed(
    backup_set: BackupSet,
    proof: Evidence,
    *,
    newest_bytes: int | None,
    present: Mapping[str, str],
    since: Mapping[str, datetime],
    now: datetime,
) -> tuple[str, ...]:
    """Say why a passed drill no longer proves a set: its age, its size, or a part of the fingerprint that moved; empty: it still does.

    `present` is the fingerprint now, `since` when a part was first seen as it is. Only parts that both sides know are compared: a drill
    of an earlier release, or on a host that never ran restic, is judged by the rest.
    """
    found = []
    age = (now - proof.ended).total_seconds()
    if age > backup_set.objectives.proof.total_seconds():
        found.append(f"the last passed drill is {spell_duration(age)} old, {spell_duration(backup_set.objectives.proof)} allowed")
    recorded = proof.details.get("fingerprint")
    then: Mapping[str, object] = recorded if isinstance(recorded, Mapping) else {}
    for part, value in present.items():
        if part in _LACKING:
            found += [_LACKING[part]] if then.get(part, value) != value else []
        elif part in then and then[part] != value:
            fact = f"{part} was {then[part]} and is {value}" if part in _PROGRAMS else _SPELLED[part]
            seen = since.get(part)
            when = f" {spell_duration(_elapsed(seen, now))} ago" if seen is not None and seen >= proof.ended else " since the drill"
            found.append(fact + when)
    if newest_bytes is not None and abs(newest_bytes - proof.bytes) > SMALL_BYTES:
        factor = max(newest_bytes, proof.bytes) / max(1, min(newest_bytes, proof.bytes))
        if factor > SIZE_FACTOR:
            grew = "grew" if newest_bytes > proof.bytes else "shrank"
            found.append(f"it {grew} to {newest_bytes / max(1, proof.bytes):.2g} times what was drilled")
    return tuple(found)


def _elapsed(instant: datetime, now: datetime) -> float:
    return max(0.0, (now - instant).total_seconds())


def refuted(drill: Evidence | None, proof: Evidence, damaged: Mapping[str, Damage]) -> tuple[str, ...]:
    """Say what was found since the proof; a drill that was killed or never began says nothing of the data."""
    found = []
    if drill is not None and drill.outcome in _FOUND_OTHERWISE:
        found.append(f"a later drill ended {drill.outcome.replace('_', ' ')}")
    if proof.repository in damaged and damaged[proof.repository].at > proof.ended:
        found.append(f"{proof.repository} was found damaged since")
    return tuple(found)
