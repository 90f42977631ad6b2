"""Locks in a repository: whose they are, and whether their owner is provably dead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drtool.model.command import Completed
from drtool.model.errors import Locked, NotFound, TimedOut
from drtool.ports import LineListener, Owner, Runner
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.output import parse_document

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
    A younger one must bear the name of a machine that was used (`runners`, each with its host name), its process must be gone from all that
    are called so, and be one that a dead run of ours started before: two machines, or containers, may share a name and number
    their processes alike.
    """
    if now - lock.since > STALE_AFTER:
        return True
    there = tuple(runner for host, runner in runners if host == lock.host)
    return bool(there) and all(runner.owner(str(lock.pid)) is Owner.GONE for runner in there) and known_dead(lock.pid, lock.since)


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


def read_locks(look: Callable[[commands.Arguments, LineListener | None], Completed]) -> tuple[Lock, ...]:
    """Return the locks that lie in a repository now, as `look` gives what a command prints; one that is released meanwhile is none."""
    names = look(commands.LOCKS, None).standard_output.decode("ascii", "replace").split()
    found = (_read_lock(name, look) for name in names)
    return tuple(lock for lock in found if lock is not None)


def _read_lock(name: str, look: Callable[[commands.Arguments, LineListener | None], Completed]) -> Lock | None:
    def gone(line: bytes) -> None:
        if b"no such file" in line or b"does not exist" in line:
            raise NotFound("the lock was released meanwhile")

    try:
        return parse_lock(name, look(commands.show_lock(name), gone).standard_output)
    except (NotFound, TimedOut):
        return None
