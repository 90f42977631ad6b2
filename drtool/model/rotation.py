"""That one signing key follows another: what both signed, and what the new one says of the old one's last words."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from drtool.model.codec import canonical
from drtool.model.evidence import Evidence
from drtool.model.point import RecoveryPoint

ROTATION_FORMAT = "drtool.rotation/1"
TOKEN_CHARACTERS = 16
KNOWN_MOST = 5000
"""As many points as fit into one tag with room to spare."""
_TOKEN_BYTES = 12
_SAID = (
    *("point", "set", "by", "run", "instant", "sealed", "complete", "bytes", "files"),
    *("members", "artifacts", "trees", "digest", "machine"),
)
"""What the signature of a point covers: every tag that decides."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """That the key `new` follows the key `old`, each a fingerprint.

    The first word (`final` false) is signed by both keys before the change. The last one (`final` true) is signed by the new key after it,
    and says what the old one had signed by then: whatever bears its signature and is not among that does not count.
    """

    id: str
    by: str
    machine: str
    old: str
    new: str
    at: datetime
    final: bool = False
    point: str = ""
    """The newest point that the old key signed."""
    number: int = 0
    head: str = ""
    """Place and digest of the newest record of evidence that the old key signed."""
    known: str = ""
    """The beginnings of the digests of what the tags of the old key's points say, 96 bits each in base64url, one after the other."""
    since: datetime | None = None
    """Set when there were more of them: of what was sealed before, the instant alone decides."""
    format: str = ROTATION_FORMAT

    def covers_point(self, point: RecoveryPoint) -> bool:
        """Tell whether a point that the old key signed was there when it was replaced."""
        return mark(point) in _tokens(self.known) or (self.since is not None and point.sealed < min(self.since, self.at))

    def covers_evidence(self, evidence: Evidence) -> bool:
        """Tell whether evidence that the old key signed can have been there: its chain ended at the head."""
        if evidence.ended > self.at or evidence.number > self.number:
            return False
        return evidence.number < self.number or evidence.digest == self.head


@dataclass(frozen=True, slots=True)
class SignedRotation:
    """What lies in the repository: the canonical text of a rotation, and the signatures (SSHSIG in one line) of the two keys."""

    by: str
    record: str
    new_signature: str
    old_signature: str = ""
    """Empty in the last word: the old key is gone by then."""
    format: str = ROTATION_FORMAT


Retired = Mapping[str, tuple[Rotation, ...]]
"""By the fingerprint of a key that was replaced: the last words about it. Several say together what it had signed."""


def token(digest: str) -> str:
    """Return the beginning of a digest as a rotation tells it; empty for what is none."""
    try:
        return base64.urlsafe_b64encode(bytes.fromhex(digest)[:_TOKEN_BYTES]).decode("ascii")
    except ValueError:
        return ""


def mark(point: RecoveryPoint) -> str:
    """Return what tells a point by all that its tags say, not by its manifest alone: who has the old key could sign other tags for it."""
    return token(hashlib.sha256(canonical({name: getattr(point, name) for name in _SAID})).hexdigest())


def known_points(points: Iterable[RecoveryPoint]) -> tuple[str, datetime | None]:
    """Return what a rotation tells of the points that its old key signed: the newest, and since when, where they are too many."""
    newest = sorted({mark(each): each for each in points}.values(), key=lambda each: (each.sealed, each.digest), reverse=True)
    told = newest[:KNOWN_MOST]
    return "".join(mark(each) for each in told), told[-1].sealed if len(newest) > len(told) else None


@lru_cache(maxsize=256)
def _tokens(known: str) -> frozenset[str]:
    return frozenset(known[start : start + TOKEN_CHARACTERS] for start in range(0, len(known), TOKEN_CHARACTERS))
