from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from drtool.catalog.known_locks import KnownLocks
from drtool.engine.immutable.needed import Needed
from drtool.engine.immutable.side_by_side import asked_in_order
from drtool.model.errors import Refused
from drtool.model.immutable import BucketLock, Extended, ExtendPlan, Lock, ObjectVersion
from drtool.planning.immutable import LARGEST_SKEW, extended_to, renewed_below
from drtool.ports import Clock, ImmutableStore, PackIndex

Found = tuple[str, ObjectVersion, Lock | None]


def plan_extension(store: ImmutableStore, index: PackIndex, known: KnownLocks, *, clock: Clock, promised: timedelta) -> ExtendPlan:
    """Look which locks would be renewed; Refused where a lock cannot be, or the clock is not to be believed."""
    now, bucket = clock.now(), store.bucket()
    require_lockable(store.name, bucket)
    needed = Needed(store, index, known)
    needed.read_index()
    below = renewed_below(now, promised)
    earliest: datetime | None = None
    due = 0
    for _name, _version, lock in needed.locks(good_until=below):
        due += lock is None or lock.until < below
        if lock is not None:
            earliest = lock.until if earliest is None else min(earliest, lock.until)
    notes = [f"{needed.hidden} of them are hidden, and are locked where they are"] if needed.hidden else []
    notes += [f"nothing is there of: {', '.join(needed.lacking)}"] if needed.lacking else []
    notes += [f"{needed.gone} packs that the index names have no version left"] if needed.gone else []
    return ExtendPlan(store.name, extended_to(now, promised), below, bucket.mode, needed.objects, due, earliest, needed.basis, tuple(notes))


def extend(store: ImmutableStore, index: PackIndex, known: KnownLocks, plan: ExtendPlan) -> Extended:
    """Renew every lock that ends before what the plan says; each is looked at before, none is shortened, and what was done is known.

    Ended anywhere, the same again goes on: what was renewed is not asked for and not renewed twice.
    """
    needed = Needed(store, index, known)
    needed.read_index()
    extended, earliest = 0, None

    def renew(found: Found) -> Callable[[], Lock] | None:
        name, version, lock = found
        if lock is not None and lock.until >= plan.renewed_below:
            return None
        return partial(_renewed, store, name, version, Lock(lock.mode if lock else plan.mode, plan.until))

    for (name, version, before), renewed in asked_in_order(needed.locks(good_until=plan.renewed_below), renew):
        lock = renewed or before
        if renewed is not None:
            extended += 1
            known.learn_lock(name, version.id, renewed)
        if lock is not None:
            earliest = lock.until if earliest is None else min(earliest, lock.until)
    return Extended(store.name, plan.until, extended, needed.objects, earliest, store.requests)


def _renewed(store: ImmutableStore, name: str, version: ObjectVersion, lock: Lock) -> Lock:
    store.extend(name, version.id, lock)
    return lock


def require_lockable(name: str, bucket: BucketLock) -> None:
    """Refuse to lock by a clock that is wrong, for that cannot be taken back; and where nothing can be locked."""
    skew = timedelta(seconds=bucket.skew_seconds)
    if abs(skew) > LARGEST_SKEW:
        raise Refused(
            f"the clock of this machine and that of {name} differ by {abs(skew)}: a lock by a wrong clock cannot be taken back",
            hint="let both machines keep time by NTP",
            safe="nothing was changed",
        )
    if not bucket.object_lock:
        raise Refused(
            f"the bucket of {name} has no Object Lock, or these credentials may not ask for it",
            hint=f"drtool immutable audit {name}; docs/immutable.md says how such a bucket is made",
            safe="nothing was changed",
        )
    if not bucket.mode:
        raise Refused(
            f"the bucket of {name} has no default retention, which says in which mode its objects are locked",
            hint="set one: docs/immutable.md",
            safe="nothing was changed",
        )
