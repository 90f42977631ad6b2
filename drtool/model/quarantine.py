"""Why the forgetting of a set stops: everything that makes its newest point look wrong, decided from one listing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from drtool.model.looked import Looked
from drtool.model.point import RecoveryPoint
from drtool.model.policy import Quarantine
from drtool.model.tolerance import FUTURE_TOLERANCE

COMPARE = ": drtool "
"""What stands in a reason before the command that shows what changed."""

HISTORY = 7
"""How many complete points make the usual size."""
DAY = timedelta(days=1)
REASON_CHARACTERS = 200
"""So many of a reason stay in a tag."""
_NAME = 60
_EXPLAINED = 2
"""How many times the busiest earlier day is still no burst."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One reason: `future`, `gone`, `cliff`, `growth` or `burst`, in words that fit a tag.

    A future date passes by itself and needs no hold.
    """

    kind: str
    words: str


def reasons_to_stop(
    points: Iterable[RecoveryPoint],
    rules: Quarantine,
    *,
    point: str,
    now: datetime,
    looked: Looked | None = None,
) -> tuple[Stop, ...]:
    """Return why nothing of a set may be forgotten in a repository; `points` are all of the set there, `point` the newest.

    Where that is partial, the newest complete one before it is asked again: its run may have died before it was. What was `looked` at is
    taken as it should be: of it only the newest complete point still says what is usual.
    """
    known = sorted(points, key=lambda each: (each.instant, each.point))
    future = [each for each in known if each.instant > now + FUTURE_TOLERANCE]
    stops = [Stop("future", f"point {future[-1].point} is dated in the future")] if future else []
    past = [each for each in known if each.instant <= now + FUTURE_TOLERANCE]
    upto = [number for number, each in enumerate(past, 1) if each.point == point]
    fresh = next((each for each in reversed(past[: upto[0]]) if each.complete), None) if upto else None
    if fresh is not None and (looked is None or not looked.at(fresh.sealed)):
        usual = _usual([each for each in past if each.complete], fresh, looked)
        stops += [*_gone(fresh, usual, rules), *_against_usual(fresh, usual, rules)]
    stops += _burst(past, rules, now=now, looked=looked)
    return tuple(stops)


def in_one(stops: Iterable[Stop]) -> str:
    """Spell all reasons as one that fits a tag: it ends with the first command that shows what changed."""
    parts = [stop.words.partition(COMPARE) for stop in stops]
    command = next((f"{COMPARE}{shows}" for _why, _colon, shows in parts if shows), "")
    words, *others = [why for why, _colon, _shows in parts]
    for each in others:
        longer = f"{words}; {each}"
        if len(longer) + len(command) <= REASON_CHARACTERS:
            words = longer
    return f"{words}{command}"


def compare(older: str, newer: str) -> str:
    """Return what is said after a reason: the command that shows what changed from one point to another."""
    return f"{COMPARE}diff {older} {newer}"


def stops_forgetting(result: Mapping[str, Any]) -> bool:
    """Tell by a step's result whether a run found, or met, a reason for which nothing of a set is forgotten."""
    data = result.get("data")
    return isinstance(data, Mapping) and data.get("stops") is True


def clip(workload: str, most: int) -> str:
    """Return the name of a workload, its end alone where it is longer than that."""
    return workload if len(workload) <= most else f"…{workload[1 - most :]}"


def measures(points: Iterable[RecoveryPoint], *, point: str, now: datetime, looked: Looked | None = None) -> tuple[RecoveryPoint, ...]:
    """Return the points with which the members of the newest one are compared, newest first: that before it, and the oldest usual one.

    None where a person has looked at the newest. The oldest says what was there when the one before was never compared, as its run died.
    A partial point is compared and measures others by what it has; beside those stand the same two of the complete ones,
    and the newest complete one, though it was sealed while a quarantine stood: by it the others are forgotten.
    """
    past = [each for each in sorted(points, key=lambda each: (each.instant, each.point)) if each.instant <= now + FUTURE_TOLERANCE]
    fresh = next((each for each in past if each.point == point), None)
    if fresh is None or (looked is not None and looked.at(fresh.sealed)):
        return ()
    usual = _usual(past, fresh, looked)
    whole = [each for each in past if each.complete]
    usual_whole, before = _usual(whole, fresh, looked), _usual(whole, fresh, None)
    chosen = {*usual[-1:], *usual[:1], *usual_whole[-1:], *usual_whole[:1], *before[-1:]}
    return tuple(sorted(chosen, key=lambda each: (each.instant, each.point), reverse=True))


def beyond(
    here: Mapping[str, RecoveryPoint], new: str, copies: Mapping[str, Mapping[str, RecoveryPoint]]
) -> dict[str, tuple[str, RecoveryPoint]]:
    """Return with its repository what copies have from before the oldest point here: the newest of it, or all where `new` is alone here.

    A copy that keeps points for years is no reason to compare with one of years ago.
    """
    found = {name: (repository, point) for repository, points in copies.items() for name, point in points.items() if name not in here}
    before = [point.instant for name, point in here.items() if name != new]
    if not before:
        return found
    older = [name for name, (_repository, point) in found.items() if point.instant < min(before)]
    return {name: found[name] for name in sorted(older, key=lambda name: found[name][1].instant)[-1:]}


def _usual(past: list[RecoveryPoint], fresh: RecoveryPoint, looked: Looked | None) -> list[RecoveryPoint]:
    earlier = [each for each in past if (each.instant, each.point) < (fresh.instant, fresh.point)]
    if looked is not None:
        seen = [each for each in earlier if looked.at(each.sealed)]
        since = [each for each in earlier if not seen or looked.measures_by(each.sealed)]
        earlier = [*seen[-1:], *since]
    return earlier[-HISTORY:]


def _gone(fresh: RecoveryPoint, usual: list[RecoveryPoint], rules: Quarantine) -> list[Stop]:
    """Say which members one of the usual points has and this one has not, by what is listed of them: no manifest is read."""
    asked = not fresh.native_members or fresh.native.there or fresh.native.lacking
    if rules.shrinks_below is None or not fresh.stored or not asked:
        return []
    had = {workload: each.point for each in usual for workload in each.workloads}
    lost = sorted(had.keys() - set(fresh.workloads))
    if not lost:
        return []
    rest = f" and {len(lost) - 1} more are" if len(lost) > 1 else " is"
    return [Stop("gone", f"{clip(lost[0], _NAME)}{rest} not in it any more{compare(had[lost[0]], fresh.point)}")]


def _against_usual(fresh: RecoveryPoint, usual: list[RecoveryPoint], rules: Quarantine) -> list[Stop]:
    below = (
        None if any(each.artifacts > each.members for each in usual) else rules.shrinks_below
    )  # a chain of streams begins anew: ask its members
    found: dict[str, list[str]] = {}
    for noun, have, before in (
        ("files", fresh.files, median([each.files for each in usual] or [0])),
        ("bytes", fresh.bytes, median([each.bytes for each in usual] or [0])),
    ):
        if below is not None and have < below * before:
            found.setdefault("cliff", []).append(f"{have} {noun} where {before:.0f} were usual")
        elif rules.grows_above is not None and before and have > rules.grows_above * before:
            found.setdefault("growth", []).append(f"{have} {noun} where {before:.0f} were usual")
    return [Stop(kind, f"{' and '.join(words)}{compare(usual[-1].point, fresh.point)}") for kind, words in found.items()]


def _burst(past: list[RecoveryPoint], rules: Quarantine, *, now: datetime, looked: Looked | None) -> list[Stop]:
    if rules.points_per_day is None:
        return []
    recent = [each for each in past if each.instant > now - DAY and (looked is None or not looked.at(each.sealed))]
    days = Counter((now - each.instant) // DAY for each in past if each.instant <= now - DAY)
    limit = max(rules.points_per_day, _EXPLAINED * max(days.values(), default=0))
    return [Stop("burst", f"{len(recent)} points within a day, {limit} at most are explained")] if len(recent) > limit else []
