from __future__ import annotations

import hashlib
import heapq
import os
import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from drtool.model.command import Command, understanding
from drtool.model.dates import is_kept
from drtool.model.errors import NotFound, Refused
from drtool.model.point import Attributes, SampledFile
from drtool.ports import ArtifactRequest
from drtool.trees.attributes import ENTRY, Tally, unchanged
from drtool.trees.excludes import might_match
from drtool.trees.extended import EXTENDED, read_extended
from drtool.trees.filesystem import ENVIRONMENT, FileSystem, ancestors

CACHE_TAG: Final = "CACHEDIR.TAG"


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of a tree is hashed at the source; `candidates` are kept in mind while it is listed."""

    files: int
    bytes: int
    candidates: int


SAMPLE: Final = Limit(64, 64 * 1024 * 1024, 1024)
FULL: Final = Limit(5000, 10 * 1024**3, 6000)
"""`census: full`: every file, as far as a manifest can carry it."""


@dataclass(frozen=True, slots=True)
class Look:
    """A tree as it was before it was read: the hashed files, what was told of each, sums over all of it, and tagged directories."""

    sample: Mapping[bytes, SampledFile]
    facts: Mapping[bytes, bytes]
    tally: Tally
    tagged: frozenset[bytes] = field(default=frozenset())
    files: int = 0
    """Regular files, whatever the rules."""
    marks: int = 0
    """How many of them mark the outermost folders that are left out."""


def look_before(file_system: FileSystem, artifact: ArtifactRequest, *, limit: Limit = SAMPLE) -> Look:
    """List a tree once, and choose and hash files within a limit; the same names give the same choice.

    Whatever the artifact's rules might leave out is not chosen. Memory is bounded however many files there are.
    """
    tally = Tally(artifact.path, excludes=artifact.excludes)
    reservoir = _Reservoir(artifact, limit)

    def take(facts: bytes, target: bytes) -> None:
        tally.watch(facts, target)
        reservoir.take(facts)

    _list(file_system, artifact, take)
    chosen = reservoir.chosen()
    digests = hash_files(file_system, chosen)
    extended = _extended(file_system, digests)
    with understanding(f"digests of files in {artifact.path}"):
        sample = {name: _sampled(chosen[name], name, digests[name], extended.get(name, "")) for name in sorted(digests)}
    return Look(sample, chosen, tally, frozenset(reservoir.tagged), reservoir.files, reservoir.marks())


def look_after(
    file_system: FileSystem, artifact: ArtifactRequest, before: Look, *, whole: bool
) -> tuple[tuple[SampledFile, ...], Attributes | None]:
    """List it once more, and return the files of the sample that are as they were, and the sums over what did not change.

    None instead of sums when not all of it was read (`whole` is False), or tags came or went meanwhile.
    """
    base = artifact.path.rstrip("/")
    tags = _tags(artifact)
    tagged = {_relative(base, name) for name in before.tagged}
    tally = Tally(artifact.path, excludes=artifact.excludes, tagged=tagged)
    guard = Tally(artifact.path, excludes=artifact.excludes) if tagged else tally
    seen: dict[bytes, bytes] = {}
    tagged_now: set[bytes] = set()

    def take(facts: bytes, target: bytes) -> None:
        tally.take(facts, target)
        if guard is not tally:
            guard.watch(facts, target)
        relative = _path(facts)
        name = _full(base, relative)
        if name in before.facts:
            seen[name] = facts
        if tags and posixpath.basename(relative) in tags:
            tagged_now.add(posixpath.dirname(name))

    _list(file_system, artifact, take)
    sample = tuple(file for name, file in before.sample.items() if seen.get(name) == before.facts[name])
    if not whole or tagged_now != before.tagged:
        return sample, None
    tally.guards = guard.guards
    return sample, unchanged(before.tally, tally)


def hash_files(file_system: FileSystem, names: Iterable[bytes]) -> dict[bytes, str]:
    """Return the SHA-256 in hex of each file by name; what cannot be read is absent."""
    joined = b"".join(name + b"\0" for name in names)
    if not joined:
        return {}
    completed = file_system.run("xargs", "-0", "-r", "sha256sum", "-z", "--", standard_input=joined)
    return {record[66:]: record[:64].decode("ascii") for record in completed.standard_output.split(b"\0") if len(record) > 66}  # noqa: PLR2004 - digest, space, mode


def _extended(file_system: FileSystem, names: Iterable[bytes]) -> dict[bytes, str]:
    joined = b"".join(name + b"\0" for name in names)
    if not joined:
        return {}
    try:
        output = file_system.run(*EXTENDED, standard_input=joined)
    except NotFound:
        return {}
    return read_extended(output.standard_output, joined.split(b"\0")[:-1]) if output.exit_code == 0 else {}


def _sampled(facts: bytes, name: bytes, digest: str, extended: str) -> SampledFile:
    _kind, mode, user, group, size, modified, *_rest = facts.split(b" ", 9)
    seconds = int(modified.partition(b".")[0])
    if not is_kept(seconds):
        return SampledFile(os.fsdecode(name), int(size), digest)
    file = SampledFile(os.fsdecode(name), int(size), digest, mode.decode("ascii"), extended=extended)
    return replace(file, user=int(user), group=int(group), modified=seconds)


class _Reservoir:
    """Keeps the candidates whose names hash lowest, and the directories that carry a tag."""

    def __init__(self, artifact: ArtifactRequest, limit: Limit) -> None:
        self._excluded = might_match(artifact.excludes)
        self._base = artifact.path.rstrip("/")
        self._limit = limit
        self._tags = _tags(artifact)
        self.tagged: dict[bytes, int] = {}
        self.files = 0
        self._heap: list[tuple[int, bytes, bytes]] = []

    def take(self, facts: bytes) -> None:
        relative = _path(facts)
        if self._tags and posixpath.basename(relative) in self._tags:
            folder = posixpath.dirname(_full(self._base, relative))
            self.tagged[folder] = self.tagged.get(folder, 0) + facts.startswith(b"f ")
        self.files += facts.startswith(b"f ")
        if not facts.startswith(b"f ") or _size(facts) > self._limit.bytes:
            return
        name = _full(self._base, relative)
        rank = -int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
        full = len(self._heap) >= self._limit.candidates
        if (full and rank < self._heap[0][0]) or self._excluded(os.fsdecode(name)):
            return
        (heapq.heappushpop if full else heapq.heappush)(self._heap, (rank, name, facts))

    def marks(self) -> int:
        """Return how many files mark folders that lie in no other marked one."""
        return sum(
            count
            for folder, count in self.tagged.items()
            if not any(os.fsencode(outer) in self.tagged for outer in ancestors(os.fsdecode(folder)))
        )

    def chosen(self) -> dict[bytes, bytes]:
        chosen: dict[bytes, bytes] = {}
        total = 0
        for _, name, facts in sorted(self._heap, reverse=True):
            if len(chosen) >= self._limit.files:
                break
            if total + _size(facts) > self._limit.bytes or any(os.fsencode(item) in self.tagged for item in ancestors(os.fsdecode(name))):
                continue
            chosen[name] = facts
            total += _size(facts)
        return chosen


def _list(file_system: FileSystem, artifact: ArtifactRequest, take: Callable[[bytes, bytes], None]) -> None:
    facts: bytes | None = None

    def pair(part: bytes) -> None:
        nonlocal facts
        if facts is None:
            facts = part
        else:
            taken, facts = facts, None
            take(taken, part)

    boundary = ("-xdev",) if artifact.one_file_system else ()
    command = Command(("find", artifact.path, *boundary, "-printf", ENTRY), environment=ENVIRONMENT)
    with understanding(f"what lies in {artifact.path}"):
        completed = file_system.stream(command, pair)
    if completed.exit_code not in (0, 1):  # 1: something could not be read or vanished, which the repository tells
        raise Refused(f"counting {artifact.path} failed: {completed.said(300)}")


def _tags(artifact: ArtifactRequest) -> frozenset[bytes]:
    tags = [rule.partition(":")[0] for rule in artifact.exclude_if_present]
    return frozenset(os.fsencode(tag) for tag in (*tags, *((CACHE_TAG,) if artifact.exclude_caches else ())))


def _full(base: str, relative: bytes) -> bytes:
    return os.fsencode(base) + b"/" + relative if relative else os.fsencode(base) or b"/"


def _relative(base: str, name: bytes) -> bytes:
    return name[len(os.fsencode(base)) :].lstrip(b"/")


def _path(facts: bytes) -> bytes:
    return facts.split(b" ", 9)[9]


def _size(facts: bytes) -> int:
    return int(facts.split(b" ", 5)[4])
