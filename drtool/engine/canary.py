from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from drtool.model.point import Census
from drtool.model.workload import Snapshot
from drtool.ports import Labels


def with_canary(snapshot: Snapshot, labels: Labels, *, instant: datetime) -> Snapshot:
    """Return a snapshot with a fresh record to plant, where its workload asks for one.

    Only data read from now on can hold it: it says whose it is, its point and instant, and a nonce nobody knows yet.
    """
    if snapshot.workload.selector.get("canary") is not True:
        return snapshot
    record = {
        "by": labels.by,
        "set": labels.set,
        "point": labels.point,
        "run": labels.run,
        "instant": instant.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "nonce": secrets.token_hex(16),
    }
    return replace(snapshot, canary=record)


def without_failed_canary(census: Census, path: str, warn: Callable[[str], None]) -> Census:
    """Return a census that names only a canary that is there; warns when none could be planted."""
    if census.canary is None or not census.canary.problem:
        return census
    warn(f"no canary was planted in {path}: {census.canary.problem}")
    return replace(census, canary=None)
