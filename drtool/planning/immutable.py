"""What of a bucket is promised, when a lock is renewed, and which version of an object is the right one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from drtool.model.immutable import BucketLock, History, ImmutableAudit, ObjectVersion
from drtool.planning.words import spell_count, spell_duration
from drtool.ports import Finding

_RENEWED_BELOW: Final = 1.25
_EXTENDED_TO: Final = 1.5
"""So many times the promise: an object is renewed once in a quarter of it, and not at each call."""
LARGEST_SKEW: Final = timedelta(minutes=10)
MOST_MARKERS: Final = 20
"""More delete markers than these over one object are not lifted one by one: the right version is copied over them."""


def renewed_below(now: datetime, promised: timedelta) -> datetime:
    """Return until when a lock must hold at least not to be renewed now."""
    return now + promised * _RENEWED_BELOW


def extended_to(now: datetime, promised: timedelta) -> datetime:
    """Return until when a renewed lock holds, in whole seconds, as S3 tells dates."""
    return (now + promised * _EXTENDED_TO).replace(microsecond=0)


def judge_bucket(name: str, bucket: BucketLock, promised: timedelta | None) -> tuple[Finding, ...]:
    """Say what a bucket lacks of what is promised; one finding that is good where it lacks nothing."""
    subject = f"{name}: immutable"
    findings = [Finding(subject, good=False, text=text, remedy=remedy) for text, remedy in _lacks(bucket, promised)]
    if not findings:
        findings.append(Finding(subject, good=True, text=f"Object Lock in {bucket.mode} mode, {bucket.default_days} d by default"))
    if bucket.mode == "GOVERNANCE":
        text = "GOVERNANCE mode: whoever has the right to bypass it can delete what is locked"
        findings.append(Finding(subject, good=None, text=text, remedy="keep that right from everybody, or take COMPLIANCE"))
    return tuple(findings)


def _lacks(bucket: BucketLock, promised: timedelta | None) -> list[tuple[str, str]]:
    words = "" if promised is None else f", and immutable: {spell_duration(promised)} is promised"
    lacks: list[tuple[str, str]] = []
    if bucket.unasked:
        lacks.append((f"these credentials may not ask {', '.join(bucket.unasked)}", "give the auditor the rights of docs/immutable.md"))
    if "get_object_lock_configuration" not in bucket.unasked:
        lacks += _default(bucket, promised, words)
    if bucket.versioning != "Enabled" and "get_bucket_versioning" not in bucket.unasked:
        lacks.append(("the bucket keeps no versions: what is overwritten is gone", "switch versioning on: docs/immutable.md"))
    lacks += [(rule, "let it expire noncurrent versions only") for rule in bucket.expiring]
    skew = timedelta(seconds=bucket.skew_seconds)
    if abs(skew) > LARGEST_SKEW:
        lacks.append((f"the server's clock and ours differ by {spell_duration(abs(skew))}", "let both machines keep time by NTP"))
    return lacks


def _default(bucket: BucketLock, promised: timedelta | None, words: str) -> list[tuple[str, str]]:
    if not bucket.object_lock:
        return [(f"the bucket has no Object Lock{words}", "make a bucket with Object Lock: docs/immutable.md")]
    if not bucket.default_days:
        return [("the bucket locks nothing by default: what is stored can be deleted until it is extended", "set a default retention")]
    if promised is None or timedelta(days=bucket.default_days) >= promised:
        return []
    days = -(-promised * _EXTENDED_TO // timedelta(days=1))
    return [(f"what is stored is locked for {bucket.default_days} d{words}", f"set a default retention of {days:.0f} days")]


def judge_audit(audit: ImmutableAudit, promised: timedelta | None) -> tuple[tuple[str, ...], str]:
    """Say what of an audit needs attention, and what to type about the first of it."""
    name = audit.repository
    told = missed(audit)
    told += [(each.text, "") for each in judge_bucket(name, audit.bucket, promised) if each.good is False]
    extend = f"drtool immutable extend {name}" if promised is not None else f"write immutable: 30d into the repository {name}"
    if audit.unlocked:
        told.append((f"{spell_count(audit.unlocked, 'object')} of {audit.needed} can be deleted now", extend))
    if audit.short and promised is not None:
        first = f", the first on {audit.earliest:%Y-%m-%d %H:%M} UTC" if audit.earliest else ""
        told.append((f"the locks of {audit.short} of {audit.needed} run out before {spell_duration(promised)} are over{first}", extend))
    return tuple(text for text, _next in told), next((each for _text, each in told if each), "")


def missed(audit: ImmutableAudit) -> list[tuple[str, str]]:
    """Say what an audit did not find that should be there, each with what to type about it."""
    name, told = audit.repository, list[tuple[str, str]]()
    since = f"{audit.hidden_since:%Y-%m-%dT%H:%M:%S}" if audit.hidden_since is not None else "INSTANT"
    recover = f"drtool immutable recover {name} --since {since}"
    if audit.hidden or audit.gone:
        gone = f", {audit.gone} of them with no version left" if audit.gone else ""
        text = f"{spell_count(audit.hidden + audit.gone, 'object')} that may be needed cannot be read{gone}: deleted by name, or taken away"
        text += f"; if another machine of yours forgot them: drtool rebuild --accept {name}" if audit.hidden else ""
        told.append((text, recover))
    if audit.lacking:
        text = (
            f"nothing is there of: {', '.join(audit.lacking)}: no repository was made there, nothing was stored yet, or it was taken away"
        )
        told.append((text, recover if audit.hidden or audit.gone else f"drtool doctor {name}"))
    elif not audit.needed:
        told.append(("nothing at all is there", f"drtool doctor {name}"))
    return told + [(each, recover if audit.hidden or audit.gone else f"drtool doctor {name}") for each in audit.missed_points]


@dataclass(frozen=True, slots=True)
class Mending:
    """What has to be done to one object: `how` is fine, left, uncover, bring_back, set_aside or lost."""

    how: str
    version: ObjectVersion | None = None
    markers: tuple[str, ...] = ()
    """Those that lie over it, the newest first."""


def decide(
    part: str,
    history: History,
    *,
    since: datetime,
    needed: bool,
    is_right: Callable[[ObjectVersion], bool],
    is_locked: Callable[[ObjectVersion], bool],
) -> Mending:
    """Return what brings an object back: the right version by its content, never by being the newest; of `config` the oldest locked one.

    `is_right` may read the version. What was hidden before `since` and is not needed stays so: whoever forgot and pruned it meant that;
    so does what came since and is no content of its name. Nothing is chosen that is not known to be right, but of a pack that nobody
    overwrote.
    """
    data, current = history.data, history.current
    if part == "locks":
        return Mending("set_aside") if current is not None and not is_right(current) else Mending("fine")
    if not data or (current is None and history.versions[0].written < since and not needed):
        return Mending("lost" if needed and not data else "left")
    right = _right(part, data, is_right, is_locked)
    if right is None:
        if part in _SMALL and current is not None:
            return Mending("set_aside")
        return Mending("left" if current is None and data[0].written >= since else "lost")
    if current is not None:
        same = current is right or _same(current, right)
        return Mending("fine") if same or (part != "config" and is_right(current)) else Mending("bring_back", right)
    below = next(each for each in history.versions if not each.marker)
    markers = tuple(each.id for each in history.versions[: history.versions.index(below)])
    lifts = _same(below, right) and len(markers) <= MOST_MARKERS
    return Mending("uncover" if lifts else "bring_back", right, markers if lifts else ())


_SMALL: Final = frozenset({"keys", "index", "snapshots"})
"""Always read: they are few and small, and one that is not what its name says stops restic."""


def _right(
    part: str, data: tuple[ObjectVersion, ...], is_right: Callable[[ObjectVersion], bool], is_locked: Callable[[ObjectVersion], bool]
) -> ObjectVersion | None:
    if part == "config":
        return next((each for each in data if is_locked(each)), data[0])
    if part == "data" and all(_same(each, data[0]) for each in data):
        return data[0]
    return next((each for each in data if is_right(each)), None)


def _same(one: ObjectVersion, other: ObjectVersion) -> bool:
    return one.id == other.id or (bool(one.digest) and (one.size, one.digest) == (other.size, other.digest))
