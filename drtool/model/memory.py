"""What a machine remembers of a repository, so that one that went back in time, or was damaged, is noticed.

It is no cache: a repository cannot tell what it lost. A lost memory is learned anew from the next listing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from drtool.model.damage import Damage


def missed_hint(repository: str) -> str:
    """Say what to do about a repository that this machine has written to before, and that is not there."""
    return (
        f"this machine has written there before: is its disk mounted? Never make a new one in the place of what is missed; "
        f"only if it is gone for good: drtool rebuild --accept {repository}, and then drtool init {repository}"
    )


def same_repository(name: str, other: str) -> str:
    """Say that two names are one repository."""
    return f"{other} and {name} are the same repository: a copy there protects from nothing"


SAME_HINT = "correct the address of one of them, and then: drtool doctor"
"""What to do about that."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """Something this machine knew in a repository that is there no more, although drtool did not remove it.

    `name` is a point's id, a signer's fingerprint, another repository's id, or what was written a moment ago; `before` what was
    known of it.
    """

    kind: str
    """`point`, `evidence`, `repository` or `written`."""
    name: str
    since: datetime
    """When it was first missed."""
    set: str = ""
    instant: datetime | None = None
    """The point's."""
    before: str = ""


@dataclass(frozen=True, slots=True)
class KnownPoint:
    """A point as it was last seen in a repository."""

    point: str
    set: str
    instant: datetime
    digest: str = ""
    """Of its manifest."""
    ours: bool = False
    """This machine sealed or copied it there, so nobody else removes it."""
    given_up: bool = False
    """This machine forgets it, or has: it is not missed."""
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownHead:
    """The newest evidence of a signer that was ever listed in a repository."""

    signer: str
    number: int
    digest: str
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A person's word that a repository is right as it was then: what is no longer missed since."""

    at: datetime
    given_up: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a machine knows of one repository; bounded, whatever the repository holds."""

    repository: str
    identity: str = ""
    """The repository's own id; empty until it was asked for another reason."""
    other_identity: str = ""
    """The id that stands there now, when it is another one."""
    other_since: datetime | None = None
    points: tuple[KnownPoint, ...] = ()
    heads: tuple[KnownHead, ...] = ()
    damage: tuple[Damage, ...] = ()
    accepted: tuple[Acceptance, ...] = ()

    @property
    def stands_there(self) -> str:
        """The id of what stands at the address, as it was last asked; empty: it never was."""
        return self.other_identity or self.identity

    @property
    def vanished(self) -> tuple[Vanished, ...]:
        """What is missed, the oldest point first."""
        return tuple(self._vanished())

    def _vanished(self) -> Iterator[Vanished]:
        if self.other_identity and self.other_since is not None:
            yield Vanished("repository", self.other_identity, self.other_since, before=self.identity)
        for point in sorted(self.points, key=lambda each: (each.instant, each.point)):
            if point.missing_since is not None:
                yield Vanished("point", point.point, point.missing_since, set=point.set, instant=point.instant)
        for head in self.heads:
            if head.missing_since is not None:
                yield Vanished("evidence", head.signer, head.missing_since, before=str(head.number))
