"""What a value from outside may be at most: names, paths, counts, instants of manifests, tags, evidence and holds.

Whoever reads a repository reads what anybody with its key may have written. Each function returns the value that fits and raises ValueError
for one that does not, in words for a person.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from drtool.model.evidence import Evidence, Reading
from drtool.model.hold import Hold
from drtool.model.point import RecoveryPoint
from drtool.model.rotation import SignedRotation

NAME_CHARACTERS: Final = 200
PATH_CHARACTERS: Final = 8192
TEXT_CHARACTERS: Final = 4096
ROTATION_CHARACTERS: Final = 120_000
SIGNATURE_CHARACTERS: Final = 1024
"""One of an Ed25519 key has about 240."""
DOCUMENT_CHARACTERS: Final = 4_000_000
LARGEST: Final = 1 << 62
"""Bytes, files, members: beyond any disk, and still a number that every program can carry."""
SLICES: Final = 1 << 16
DEPTH: Final = 40
"""How deep JSON values may lie in one another; ours lie about ten deep."""
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9990, 1, 1, tzinfo=UTC)
"""Room is left for sums: an instant and a lease must not run over the end of the calendar."""
_LONGEST_SECONDS: Final = 1e12
_SHOWN: Final = 60
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_POLICY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MACHINE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]*")


def name(text: str, what: str) -> str:
    """Return a name: of a set, a policy, a point, a run; never empty, never a way through directories."""
    if not text or len(text) > NAME_CHARACTERS or text in (".", "..") or "/" in text or _CONTROL.search(text):
        raise ValueError(f"{shown(text)} is no name of {what}")
    return text


def policy_name(text: str) -> str:
    """Return the name of a policy: letters, digits, dots, hyphens, underscores; others would read a pattern in a file of signers."""
    if len(text) > NAME_CHARACTERS or not _POLICY.fullmatch(text):
        raise ValueError(f"{shown(text)} is no name of a policy")
    return text


def optional_name(text: str, what: str) -> str:
    """Return a name, or the empty text."""
    return name(text, what) if text else text


def machine(text: str) -> str:
    """Return the id of a machine, which is typed on command lines, or the empty text."""
    if text and not MACHINE.fullmatch(text):
        raise ValueError(f"{shown(text)} is no name of a machine")
    return text


def told_machine(text: object) -> str:
    """Return the id of a machine that a marker or label names; empty, as if nobody wrote it down, for what is none."""
    return text if isinstance(text, str) and MACHINE.fullmatch(text) else ""


def words(text: str, what: str, *, characters: int = TEXT_CHARACTERS) -> str:
    """Return text of a bounded length without NUL."""
    if len(text) > characters or "\0" in text:
        raise ValueError(f"{what} is no text of at most {characters} characters")
    return text


def line(text: str, what: str, *, characters: int = TEXT_CHARACTERS) -> str:
    """Return text of a bounded length that a terminal may be shown: no control characters."""
    if _CONTROL.search(words(text, what, characters=characters)):
        raise ValueError(f"{what} holds what is no text: {shown(text)}")
    return text


def document(text: str, what: str) -> str:
    """Return a text of many lines that a terminal may be shown: no control characters but tabs and line feeds."""
    if len(text) > DOCUMENT_CHARACTERS or _CONTROL.search(text.replace("\n", "").replace("\t", "")):
        raise ValueError(f"{what} is no text of at most {DOCUMENT_CHARACTERS} characters")
    return text


def is_one_line(text: str) -> bool:
    """Tell whether a text stays one line wherever it is written, and can be written at all."""
    return not _CONTROL.search(text) and not any("\ud800" <= character <= "\udfff" for character in text)


def is_plain(path: str) -> bool:
    """Tell whether a path is absolute and normalised: no `..`, no double slash, none at the end, no NUL."""
    return (
        path.startswith("/")
        and not path.startswith("//")
        and "\0" not in path
        and len(path) <= PATH_CHARACTERS
        and posixpath.normpath(path) == path
    )


def plain_path(path: str, what: str) -> str:
    """Return a path that is absolute and normalised."""
    if not is_plain(path):
        raise ValueError(f"{shown(path)} is no plain path of {what}")
    return path


def count(number: int, what: str, *, most: int = LARGEST) -> int:
    """Return a number from 0 to `most`."""
    if not 0 <= number <= most:
        raise ValueError(f"{what} is a number from 0 to {most}, not {shown(str(number))}")
    return number


def seconds(value: float, what: str) -> float:
    """Return a finite number of seconds."""
    if not math.isfinite(value) or abs(value) > _LONGEST_SECONDS:
        raise ValueError(f"{what} is no number of seconds: {value}")
    return value


def instant(value: datetime, what: str) -> datetime:
    """Return an instant between 1970 and the end of the calendar, with room left for sums."""
    if not _EARLIEST <= value <= _LATEST:
        raise ValueError(f"{what} is at no time that a clock shows: {value:%Y-%m-%d}")
    return value


def hexadecimal(text: str, what: str, *, digits: int) -> str:
    """Return so many digits in hex, or the empty text."""
    if len(text) not in (0, digits) or not _HEXADECIMAL.fullmatch(text):
        raise ValueError(f"{what} is no digest: {shown(text)}")
    return text


def values(value: Any, what: str, *, most: int) -> None:  # noqa: ANN401 - JSON as it came
    """Refuse JSON values that are more than `most`, too deep, or no numbers."""
    pending = [(value, 0)]
    total = 0
    while pending:
        item, depth = pending.pop()
        total += 1
        if total > most or depth > DEPTH:
            raise ValueError(f"{what} holds too much: more than {most} values, or more than {DEPTH} inside one another")
        if isinstance(item, Mapping):
            pending.extend((inner, depth + 1) for pair in item.items() for inner in pair)
        elif isinstance(item, list | tuple):
            pending.extend((inner, depth + 1) for inner in item)
        elif isinstance(item, float):
            seconds(item, what)
        elif isinstance(item, int) and abs(item) > LARGEST:
            raise ValueError(f"{what} holds a number without end")


def check_point(point: RecoveryPoint) -> RecoveryPoint:
    """Return a point whose tags say what a point may say."""
    for text, what in ((point.point, "a point"), (point.set, "a set"), (point.run, "a run")):
        name(text, what)
    policy_name(point.by)
    for number, what in ((point.bytes, "bytes"), (point.files, "files"), (point.members, "members"), (point.artifacts, "artifacts")):
        count(number, what)
    count(point.natives, "artifacts that a platform keeps", most=point.artifacts)
    count(point.native_members, "members that a platform keeps", most=min(point.members, point.natives))
    instant(point.instant, "the point")
    instant(point.sealed, "its seal")
    hexadecimal(point.digest, "the digest of the manifest", digits=64)
    machine(point.machine)
    return point


def check_evidence(evidence: Evidence) -> Evidence:
    """Return evidence whose tags say what evidence may say."""
    for text, what in ((evidence.id, "evidence"), (evidence.subject, "a subject")):
        name(text, what)
    policy_name(evidence.by)
    for text, what in ((evidence.set, "a set"), (evidence.point, "a point"), (evidence.outcome, "an outcome")):
        optional_name(text, what)
    for text, what in ((evidence.repository, "a repository"), (evidence.key, "a key"), (evidence.signer, "a signer")):
        words(text, what, characters=NAME_CHARACTERS)
    for number, what in (
        (evidence.bytes, "bytes"),
        (evidence.files, "files"),
        (evidence.checks_passed, "checks"),
        (evidence.checks_planned, "checks"),
        (evidence.number, "a place in a chain"),
    ):
        count(number, what)
    for duration, what in ((evidence.rto_seconds, "RTO"), (evidence.rpo_seconds, "RPO")):
        if duration is not None:
            seconds(duration, what)
    instant(evidence.started, "the start")
    instant(evidence.ended, "the end")
    machine(evidence.machine)
    machine(evidence.tested)
    hexadecimal(evidence.digest, "the digest of the record", digits=64)
    hexadecimal(evidence.previous, "the digest of the record before", digits=64)
    values(evidence.details, "evidence", most=100_000)
    if evidence.reading is not None:
        check_reading(evidence.reading)
    return evidence


def check_reading(reading: Reading) -> Reading:
    """Return a reading of slices that exist, each named once."""
    known = range(1, reading.slices + 1)
    if not 1 <= reading.slices <= SLICES or reading.slice not in known:
        raise ValueError(f"there is no slice {shown(str(reading.slice))} of {shown(str(reading.slices))}")
    if len(set(reading.done)) != len(reading.done) or any(each not in known for each in reading.done):
        raise ValueError("a reading names slices that do not exist")
    instant(reading.cycle, "the cycle")
    return reading


def check_hold(hold: Hold) -> Hold:
    """Return a hold whose tags say what a hold may say."""
    name(hold.id, "a hold")
    policy_name(hold.by)
    for text, what in ((hold.set, "a set"), (hold.point, "a point"), (hold.releases, "a hold"), (hold.kind, "a hold"), (hold.run, "a run")):
        optional_name(text, what)
    machine(hold.machine)
    words(hold.reason, "the reason of a hold")
    instant(hold.created, "the hold")
    return hold


def check_rotation(rotation: SignedRotation) -> SignedRotation:
    """Return what its tags say of two keys, if it is no longer than a rotation may be; what it says is looked at with its signatures."""
    words(rotation.record, "a rotation", characters=ROTATION_CHARACTERS)
    words(rotation.new_signature, "a signature", characters=SIGNATURE_CHARACTERS)
    words(rotation.old_signature, "a signature", characters=SIGNATURE_CHARACTERS)
    return rotation


def shown(text: str) -> str:
    """Return text from outside in quotes, cut, with what a terminal would obey spelled out."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
