"""Locks in a repository: whose they are, and whether their owner is provably dead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drtool.model.errors import Locked
from drtool.offsite.restic.output import parse_document
from drtool.ports import Runner

STALE_AFTER = timedelta(minutes=30)
"""A live restic renews its lock every five minutes."""


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock file: the machine and process that wrote it, and when it was last renewed."""

    id: str
    host: str
    user: str
    pid: int
    since: datetime
    exclusive: bool

    def __str__(self) -> str:
        kind = "exclusively " if self.exclusive else ""
        return f"{kind}by {self.host} (process {self.pid}, user {self.user}) since {self.since:%Y-%m-%d %H:%M:%S} UTC"


def parse_lock(lock: str, output: bytes) -> Lock | None:
    """Read what `cat lock` printed, or None when it is no lock."""
    try:
        document = parse_document(output)
        return Lock(
            id=lock,
            host=str(document["hostname"]),
            user=str(document.get("username", "")),
            pid=int(document["pid"]),
            since=datetime.fromisoformat(document["time"]).astimezone(UTC),
            exclusive=bool(document.get("exclusive")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def is_dead(lock: Lock, *, runners: Iterable[tuple[str, Runner]], known_dead: Callable[[int, datetime], bool], now: datetime) -> bool:
    """Tell whether a lock's owner is provably gone.

    A lock older than restic lets any live one grow is nobody's, whoever has the number of its process now: that is restic's own rule.
    A younger one must bear the name of a machine that was used (`runners`, each with its host name), its process must live on none that
    is called so, and be one that a dead run of ours started before: two machines, or containers, may share a name and number
    their processes alike.
    """
    if now - lock.since > STALE_AFTER:
        return True
    there = tuple(runner for host, runner in runners if host == lock.host)
    return bool(there) and not any(runner.is_alive(lock.pid) for runner in there) and known_dead(lock.pid, lock.since)


def locked(locks: Iterable[Lock], *, repository: str) -> Locked:
    """Return the error that names who holds the repository."""
    owners = tuple(locks)
    names = "; ".join(str(lock) for lock in owners[:3])
    machine = owners[0].host if owners else "the owner"
    return Locked(
        f"the repository {repository} is locked {names}" if owners else f"the repository {repository} is locked",
        hint=f"wait for that run, or `drtool doctor {repository}` if {machine} is gone",
        safe="nothing was changed",
    )
