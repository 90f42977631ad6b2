from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from drtool.app.immutable.bucket import bucket_of, known_there, locked_repository
from drtool.app.immutable.looks import immutable_audit
from drtool.app.runtime import Runtime
from drtool.app.working import alone_with, working
from drtool.catalog.immutable_log import ChangeLog
from drtool.engine.immutable.extend import extend, plan_extension
from drtool.engine.immutable.recover import Recovery
from drtool.model.errors import Refused
from drtool.model.immutable import Extended, ExtendPlan, PointLook, Recovered, RecoverPlan
from drtool.model.point import RecoveryPoint
from drtool.ports import PackIndex


def plan_immutable_extend(runtime: Runtime, repository: str | None = None) -> ExtendPlan:
    """Look which locks `immutable_extend` would renew, and until when."""
    name = locked_repository(runtime, repository)
    with working(runtime), bucket_of(runtime, name) as bucket:
        return plan_extension(bucket.store, bucket.index, bucket.known, clock=runtime.clock, promised=bucket.require_promise())


def immutable_extend(runtime: Runtime, plan: ExtendPlan) -> Extended:
    """Renew the locks of everything that a kept point needs, and look at all of them again."""
    with working(runtime), bucket_of(runtime, plan.repository) as bucket:
        done = extend(bucket.store, bucket.index, bucket.known, plan)
    found = immutable_audit(runtime, plan.repository)
    return replace(done, missed=found.missed, next=found.next if found.missed else "")


def plan_immutable_recover(runtime: Runtime, repository: str | None = None, *, since: datetime) -> RecoverPlan:
    """Look what was hidden or overwritten since an instant, and what would bring it back; Refused for an instant that is to come."""
    name = locked_repository(runtime, repository)
    if since > runtime.clock.now():
        raise Refused(f"{since:%Y-%m-%d %H:%M} UTC is yet to come", hint="say since when what was done there was not yours")
    with working(runtime), bucket_of(runtime, name) as bucket:
        return Recovery(bucket.store, bucket.index, bucket.known, runtime.clock, since).plan()


def immutable_recover(runtime: Runtime, plan: RecoverPlan) -> Recovered:
    """Bring back what was hidden or overwritten, and ask restic which points are whole again; no run of its sets may be going on."""
    name = plan.repository
    sets = tuple(each.name for each in runtime.policy.sets.values() if name in runtime.policy.repositories_of(each))
    before = _known_points(runtime, name)
    with alone_with(runtime, sets), bucket_of(runtime, name) as bucket:
        log = ChangeLog(runtime.state_directory, name)
        recovery = Recovery(bucket.store, bucket.index, bucket.known, runtime.clock, plan.since)
        recovery.mend(log)
        again = Recovery(bucket.store, bucket.index, bucket.known, runtime.clock, plan.since)
        left = again.plan()
        words = bucket.index.unsound()
        listed = runtime.adapters.repositories[name].list().points
        points = sorted(listed, key=lambda each: each.instant, reverse=True)
        return Recovered(
            name,
            uncovered=recovery.counts["uncover"],
            brought_back=recovery.counts["bring_back"],
            set_aside=recovery.counts["set_aside"],
            lost=left.lost + left.changes,
            lost_names=left.lost_names,
            missing_packs=_missing(again),
            points=tuple(_looked_at(bucket.index, points, sound=not words)),
            words=words,
            log=log.path,
            requests=bucket.store.requests,
            unlisted=tuple(sorted(before - {each.point for each in points})),
        )


def _known_points(runtime: Runtime, name: str) -> frozenset[str]:
    """Return the points that this machine knows there: what it remembers, and what was last listed."""
    listing = runtime.index.load().get(name)
    listed = {each.point for each in listing.points} if listing is not None else set()
    return frozenset(listed | {each.point for each in known_there(runtime, name).points if not each.given_up})


def _missing(recovery: Recovery) -> int:
    for _each in recovery.needed.versions():
        continue
    return recovery.needed.gone


def _looked_at(index: PackIndex, points: list[RecoveryPoint], *, sound: bool) -> Iterator[PointLook]:
    for point in points:
        whole: bool | None = sound and point.whole
        words = "" if whole else "part of it is not listed"
        if not sound and point.whole:
            try:
                words = index.unsound(point.point)
                whole = not words
            except Refused as error:
                whole, words = None, error.what
        yield PointLook(point.point, point.set, point.instant, whole, words)
