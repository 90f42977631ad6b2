from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from drtool.model.hold import Hold
from drtool.model.plan import Verdict
from drtool.model.point import RecoveryPoint
from drtool.model.policy import Retention
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.believed import BORNE_OUT, believed, standing_holds
from drtool.planning.words import spell_duration

_Reasons = dict[str, list[str]]
_Bucket = Callable[[datetime], object]

_AMONG = " among the partial"
_WITH_NATIVE = " with what its platform kept"
_NAMED = 3

_day = datetime.toordinal
_BUCKETS: tuple[tuple[str, _Bucket, str], ...] = (
    ("hourly", lambda instant: (instant.toordinal(), instant.hour), "%Y-%m-%d %H:00"),
    ("daily", _day, "%Y-%m-%d"),
    ("weekly", lambda instant: instant.isocalendar()[:2], "%G-W%V"),
    ("monthly", lambda instant: (instant.year, instant.month), "%Y-%m"),
    ("yearly", lambda instant: instant.year, "%Y"),
)


def verdicts(
    points: Iterable[RecoveryPoint],
    keep: Retention,
    *,
    repository: str,
    set: str,  # noqa: A002 - the vocabulary's word
    now: datetime,
    verified: frozenset[str] = frozenset(),
    holds: tuple[Hold, ...] = (),
    damaged: bool = False,
    stopped: str = "",
) -> tuple[Verdict, ...]:
    """Give every point of a set in one repository its reasons to be kept, newest first; no reason: it is forgotten.

    Only complete, whole points not dated in the future count for `keep`, in UTC calendar buckets (ISO weeks), the newest of each
    bucket. The others follow the same rules among themselves, and the newest of them that holds a member stays until a newer point
    that stays holds it. One that lacks nothing but what a platform kept stays as long as it would have with that: it is what a forgetting
    that was killed leaves. While nobody can tell what a platform keeps of a point, that stays. Rules that name nothing to keep keep
    everything. `within` is measured from the newest of them that is a day old (or as old as it says, where that is less), and a hold ends
    by its date once a point of later than that is a day old. `verified` are point ids proven or re-read in this repository; `holds` may
    hold ended ones. Of a repository that was found `damaged` nothing is forgotten: nobody knows what can still be read; nor when `stopped`
    says why.
    """
    unique = {point.point: point for point in points if point.set == set}
    newest_first = sorted(unique.values(), key=_age, reverse=True)
    horizon = now + FUTURE_TOLERANCE
    reasons: _Reasons = {point.point: [] for point in newest_first}
    future = [point for point in newest_first if point.instant > horizon]
    past = [point for point in newest_first if point.instant <= horizon]
    counted = [point for point in past if point.counts]
    lesser = [point for point in past if not point.counts] if len(counted) < len(past) else []
    _apply_rules(counted, keep, reasons, oldest=_oldest(counted, keep, now=now))
    partial = [point for point in lesser if not _lacks_only_native(point)]
    _apply_rules(partial, keep, reasons, oldest=_oldest(past, keep, now=now), among=_AMONG)
    _apply_with_native(counted, lesser, keep, reasons, now=now)
    _apply_verified_floor(counted, keep.verified, reasons, verified=verified)
    if counted:
        reasons[counted[0].point].append("newest complete")
    for point in lesser:
        if point.unasked:
            reasons[point.point].append("what a platform keeps of it could not be asked for")
    _keep_held(standing_holds(holds, past, now=now), reasons, set_name=set)
    _keep_last_of_members(past, lesser, reasons)
    _stop_for_the_future(future, reasons)
    if damaged:
        for kept in reasons.values():
            kept.append(f"{repository} was found damaged")
    if stopped:
        for kept in reasons.values():
            kept.append(stopped)
    return tuple(
        Verdict(
            point=point.point,
            set=set,
            repository=repository,
            instant=point.instant,
            reasons=tuple(reasons[point.point]),
        )
        for point in newest_first
    )


def _age(point: RecoveryPoint) -> tuple[datetime, str]:
    return (point.instant, point.point)


def _lacks_only_native(point: RecoveryPoint) -> bool:
    return point.complete and point.stored and bool(point.native.gone)


def _apply_with_native(
    counted: list[RecoveryPoint], lesser: list[RecoveryPoint], keep: Retention, reasons: _Reasons, *, now: datetime
) -> None:
    """Give what lost its platform's part the reasons that it would have with that: what is whole takes part in the counting."""
    left = [point for point in lesser if _lacks_only_native(point)]
    if left:
        names = {point.point for point in left}
        told: _Reasons = {name: given if name in names else [] for name, given in reasons.items()}
        whole = sorted([*counted, *left], key=_age, reverse=True)
        _apply_rules(whole, keep, told, oldest=_oldest(whole, keep, now=now), among=_WITH_NATIVE)


def _oldest(points: list[RecoveryPoint], keep: Retention, *, now: datetime) -> datetime | None:
    return None if keep.within is None else believed(points, now=now, lag=min(BORNE_OUT, keep.within)) - keep.within


def _apply_rules(counted: list[RecoveryPoint], keep: Retention, reasons: _Reasons, *, oldest: datetime | None, among: str = "") -> None:
    for position, point in enumerate(counted[: max(keep.last, 0)], start=1):
        reasons[point.point].append(f"last {position} of {keep.last}{among}")
    days = _newest_of_each(counted, _day, len(counted))  # the newest of a week, month or year is the newest of one of its days
    for name, bucket, pattern in _BUCKETS:
        for point in _newest_of_each(counted if name == "hourly" else days, bucket, getattr(keep, name)):
            reasons[point.point].append(f"{name} {point.instant.astimezone(UTC).strftime(pattern)}{among}")
    if keep.within is not None and oldest is not None:
        reason = f"within {spell_duration(keep.within)}{among}"
        for point in counted:
            if point.instant < oldest:
                break
            reasons[point.point].append(reason)
    if keep.within is None and not any((keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly)):
        # An empty rule set is far more often a mistake than a wish to lose everything but the newest point.
        for point in counted:
            reasons[point.point].append("no rule to forget by")


def _newest_of_each(counted: list[RecoveryPoint], bucket: _Bucket, wanted: int) -> list[RecoveryPoint]:
    found: list[RecoveryPoint] = []
    previous: object = None
    for point in counted:
        if len(found) >= wanted:
            break
        current = bucket(point.instant.astimezone(UTC))
        if current != previous:
            previous = current
            found.append(point)
    return found


def _apply_verified_floor(counted: list[RecoveryPoint], floor: int, reasons: _Reasons, *, verified: frozenset[str]) -> None:
    newer = 0
    for point in counted if verified else ():
        if newer >= floor:
            return
        if point.point in verified:
            newer += 1
            reasons[point.point].append(f"verified floor {newer} of {floor}")


def _keep_last_of_members(newest_first: list[RecoveryPoint], lesser: list[RecoveryPoint], reasons: _Reasons) -> None:
    """Keep what is partial while it holds a member that nothing newer which stays holds; what counts needs no such reason."""
    held: set[str] = set()
    for point in newest_first[: newest_first.index(lesser[-1]) + 1] if lesser else ():
        members = {*(each.workload for each in point.data), *point.native.there}
        if not point.counts and (newest := sorted(members - held)):
            more = f" and {len(newest) - _NAMED} more" if len(newest) > _NAMED else ""
            reasons[point.point].append(f"newest with {', '.join(newest[:_NAMED])}{more}")
        held |= members if reasons[point.point] else set()


def _keep_held(holds: tuple[Hold, ...], reasons: _Reasons, *, set_name: str) -> None:
    for hold in holds:
        reason = f"hold {hold.id}: {hold.reason}"
        if hold.point:
            if hold.point in reasons:
                reasons[hold.point].append(reason)
        elif hold.set == set_name:
            for kept in reasons.values():
                kept.append(reason)


def _stop_for_the_future(future: list[RecoveryPoint], reasons: _Reasons) -> None:
    if not future:
        return
    ahead = {point.point for point in future}
    reason = f"forget is on hold: {future[0].point} is dated in the future"
    for name, kept in reasons.items():
        kept.append("dated in the future" if name in ahead else reason)
