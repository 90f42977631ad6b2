"""That one signing key follows another: what both signed, and what the new one says of the old one's last words."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from drtool.model.codec import canonical
from drtool.model.evidence import Evidence
from drtool.model.hold import Hold
from drtool.model.point import SAID_LATER, SAID_OF_A_POINT, RecoveryPoint

ROTATION_FORMAT = "drtool.rotation/1"
TOKEN_CHARACTERS = 16
KNOWN_MOST = 5000
RECORDS_MOST = 2000
"""As many points, and as much evidence and as many holds, as fit into one tag with room to spare."""
LAST_WORDS_MOST = 4
"""So many last words one rotation says, where one has no room for all that the old key signed."""
_CLOCKS_DIFFER = timedelta(days=1)
"""No clock is ahead by more: what is dated later than that after a rotation, nobody signed before it."""
_TOKEN_BYTES = 12
_NOT_SAID: Mapping[type, frozenset[str]] = {
    Evidence: frozenset({"format", "snapshot", "tags_signer", "unsigned", "counts", "retired", "untold", "copied"}),
    Hold: frozenset({"signer", "counts"}),
}
"""What a listing knows of a record beside what its tags say."""


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
    """Set by an earlier release when there were more of them: of what was sealed before, the instant alone decides."""
    records: str = ""
    """The same of its newest evidence and holds; empty in a record of an earlier release, which vouches for the head alone."""
    untold: datetime | None = None
    """Set when there was no room for all of those: how new the newest of the rest is. Of what is no newer it cannot tell."""
    format: str = ROTATION_FORMAT

    def covers_point(self, point: RecoveryPoint) -> bool:
        """Tell whether a point that the old key signed was there when it was replaced."""
        by_instant = self.since is not None and self.since <= self.at  # a later one was set by dates that nobody could have known
        return mark(point) in _tokens(self.known) or (by_instant and self.since is not None and point.sealed < self.since)

    def covers_evidence(self, evidence: Evidence) -> bool:
        """Tell whether evidence that the old key signed was there when it was replaced."""
        if record_mark(evidence) in _tokens(self.records):
            return True
        head = self.number > 0 and (evidence.number, evidence.digest) == (self.number, self.head)
        return not self.records and head and evidence.ended <= self.at

    def would_tell(self, evidence: Evidence) -> bool:
        """Tell whether evidence would be among what this knows, had it been there: only then its absence says anything."""
        if evidence.ended > self.at:
            return True
        if self.untold is not None:
            return evidence.ended > self.untold
        return evidence.number > self.number or 0 < len(self.records) < RECORDS_MOST * TOKEN_CHARACTERS

    def covers_hold(self, hold: Hold) -> bool:
        """Tell whether a hold, or the end of one, that the old key signed was there; a hold is believed by its instant: it only keeps."""
        return record_mark(hold) in _tokens(self.records) or (not hold.releases and hold.created <= self.at)


@dataclass(frozen=True, slots=True)
class Dispute:
    """That several keys are claimed to follow one: of what that one signed, only what is older than the first claim counts."""

    at: datetime

    def covers_point(self, point: RecoveryPoint) -> bool:
        """Tell whether a point is older."""
        return point.sealed < self.at

    def covers_evidence(self, evidence: Evidence) -> bool:
        """Tell whether evidence is older."""
        return evidence.ended < self.at

    def would_tell(self, evidence: Evidence) -> bool:
        """Tell whether evidence is newer."""
        return not self.covers_evidence(evidence)

    def covers_hold(self, hold: Hold) -> bool:
        """Tell whether a hold is older; the end of one counts for nothing in a dispute."""
        return not hold.releases and hold.created < self.at


@dataclass(frozen=True, slots=True)
class SignedRotation:
    """What lies in the repository: the canonical text of a rotation, and the signatures (SSHSIG in one line) of the two keys."""

    by: str
    record: str
    new_signature: str
    old_signature: str = ""
    """Empty in the last word: the old key is gone by then."""
    format: str = ROTATION_FORMAT


Retired = Mapping[str, tuple[Rotation | Dispute, ...]]
"""By the fingerprint of a key that was replaced: the last words about it. Several say together what it had signed."""


def token(digest: str) -> str:
    """Return the beginning of a digest as a rotation tells it; empty for what is none."""
    try:
        return base64.urlsafe_b64encode(bytes.fromhex(digest)[:_TOKEN_BYTES]).decode("ascii")
    except ValueError:
        return ""


def mark(point: RecoveryPoint) -> str:
    """Return what tells a point by all that its tags say, not by its manifest alone: who has the old key could sign other tags for it."""
    later = {name: said for name in SAID_LATER if (said := getattr(point, name))}
    return point.mark or _token_of({**{name: getattr(point, name) for name in SAID_OF_A_POINT}, **later})


def record_mark(record: Evidence | Hold) -> str:
    """Return what tells evidence or a hold by all that its tags say; a field of a later release counts where it says something."""
    beside = _NOT_SAID[type(record)]
    said = {each.name: getattr(record, each.name) for each in fields(record) if each.name not in beside and not _is_default(record, each)}
    return _token_of({"of": "hold" if isinstance(record, Hold) else "evidence", "said": said})


def known_points(points: Iterable[RecoveryPoint], *, at: datetime, sets: AbstractSet[str] = frozenset()) -> tuple[str, ...]:
    """Return what the last words of a rotation `at` an instant tell of the points that its old key signed, a text for each word.

    Where they are too many, the newest of each set in turn, `sets` (the policy's) first: who has the old key writes as many as he likes,
    and dates them as he likes. For the same reason no instant vouches for the rest.
    """
    found = {mark(each): each for each in points if each.sealed <= at + _CLOCKS_DIFFER}
    turns: Counter[tuple[str, bool]] = Counter()
    ranked: list[tuple[bool, bool, int, int, str]] = []
    for name in sorted(found, key=lambda each: (found[each].sealed, each), reverse=True):
        each, early = found[name], found[name].sealed > at
        turns[each.set, early] += 1
        ranked.append((early, each.set not in sets, turns[each.set, early], len(ranked), name))
    return _in_words([name for *_rank, name in sorted(ranked)], KNOWN_MOST)


def known_records(evidence: Iterable[Evidence], holds: Iterable[Hold], *, at: datetime) -> tuple[tuple[str, ...], datetime | None]:
    """Return what the last words tell of the evidence and the holds that the old key signed, and how new the newest of the rest is."""
    dated = {record_mark(each): each.ended for each in evidence} | {record_mark(each): each.created for each in holds}
    there = (each for each in dated if dated[each] <= at + _CLOCKS_DIFFER)
    newest = sorted(there, key=lambda each: (dated[each] <= at, dated[each], each), reverse=True)
    rest = [dated[each] for each in newest[RECORDS_MOST * LAST_WORDS_MOST :] if dated[each] <= at]
    return _in_words(newest, RECORDS_MOST), max(rest, default=None)


def _in_words(marks: Sequence[str], most: int) -> tuple[str, ...]:
    return tuple("".join(marks[start : start + most]) for start in range(0, min(len(marks), most * LAST_WORDS_MOST), most))


def _is_default(record: Evidence | Hold, each: Any) -> bool:  # noqa: ANN401 - a field of a dataclass
    value = getattr(record, each.name)
    if each.default_factory is not MISSING:
        return bool(value == each.default_factory())
    return each.default is not MISSING and bool(value == each.default)


def _token_of(said: Mapping[str, Any]) -> str:
    return token(hashlib.sha256(canonical(said)).hexdigest())


@lru_cache(maxsize=256)
def _tokens(known: str) -> frozenset[str]:
    return frozenset(known[start : start + TOKEN_CHARACTERS] for start in range(0, len(known), TOKEN_CHARACTERS))
