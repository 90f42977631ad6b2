from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from drtool.catalog.known_locks import KnownLocks
from drtool.engine.immutable.needed import Needed
from drtool.model.immutable import NAMED, ImmutableAudit
from drtool.planning.immutable import judge_audit, missed
from drtool.ports import Clock, ImmutableStore, PackIndex

_DAYS: Final = 400


def audit(
    store: ImmutableStore,
    index: PackIndex,
    known: KnownLocks,
    *,
    clock: Clock,
    promised: timedelta | None,
    missed_points: tuple[str, ...] = (),
) -> ImmutableAudit:
    """Look until when everything that a kept point needs is locked; of packs that were asked for earlier, it is known.

    `missed_points` says what this machine knows in the repository and did not find there.
    """
    now, bucket = clock.now(), store.bucket()
    needed = Needed(store, index, known)
    needed.read_index()
    at_least = None if promised is None else now + promised
    earliest: datetime | None = None
    short = unlocked = 0
    days: Counter[str] = Counter()
    soonest: list[tuple[float, str]] = []
    for name, _version, lock in needed.locks(good_until=at_least):
        if lock is None or lock.until <= now:
            unlocked += 1
            until = 0.0
        else:
            short += at_least is not None and lock.until < at_least
            earliest = lock.until if earliest is None else min(earliest, lock.until)
            days[f"{lock.until:%Y-%m-%d}"] += 1
            until = lock.until.timestamp()
        heapq.heappush(soonest, (-until, name))
        if len(soonest) > NAMED:
            heapq.heappop(soonest)
    found = ImmutableAudit(
        repository=store.name,
        taken=now,
        promised_seconds=None if promised is None else promised.total_seconds(),
        bucket=bucket,
        needed=needed.objects + needed.gone,
        short=short,
        unlocked=unlocked,
        hidden=needed.hidden,
        gone=needed.gone,
        changed=needed.changed,
        foreign=store.foreign,
        earliest=earliest,
        by_day=dict(sorted(days.items())[:_DAYS]),
        soonest=tuple(name for _until, name in sorted(soonest, reverse=True)),
        hidden_names=tuple(needed.hidden_names),
        hidden_since=needed.hidden_since,
        lacking=needed.lacking,
        missed_points=missed_points,
        basis=needed.basis,
        requests=store.requests,
        asked=needed.asked,
    )
    attention, following = judge_audit(found, promised)
    return replace(found, missed=tuple(text for text, _next in missed(found)), attention=attention, next=following)
