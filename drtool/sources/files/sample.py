from __future__ import annotations

import hashlib
import heapq
import os
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from drtool.model.command import Command
from drtool.model.errors import Refused
from drtool.model.point import SampledFile
from drtool.ports import ArtifactRequest
from drtool.sources.files.exclude import might_match
from drtool.sources.places.filesystem import ENVIRONMENT, FileSystem, ancestors

MOST_FILES: Final = 64
MOST_BYTES: Final = 64 * 1024 * 1024
CANDIDATES: Final = 1024
CACHE_TAG: Final = "CACHEDIR.TAG"

_FACTS: Final = r"%y\0%s %T@ %C@ %D %i\0%p\0"
_FIELDS: Final = 3


@dataclass(frozen=True, slots=True)
class Sampled:
    """One file of the sample and what `find` told of it before it was read; `facts` begin with its size in bytes."""

    file: SampledFile
    facts: bytes


def take_sample(file_system: FileSystem, artifact: ArtifactRequest) -> tuple[Sampled, ...]:
    """Choose and hash at most 64 regular files of at most 64 MiB in total; the same names give the same choice.

    Whatever the artifact's rules might leave out is not chosen. Memory is bounded however many files there are.
    """
    chosen = _choose(file_system, artifact)
    digests = hash_files(file_system, chosen)
    return tuple(
        Sampled(SampledFile(os.fsdecode(name), _size(chosen[name]), digests[name]), chosen[name])
        for name in sorted(chosen)
        if name in digests
    )


def unchanged(file_system: FileSystem, sample: Iterable[Sampled]) -> tuple[SampledFile, ...]:
    """Return the files of a sample that are still as they were when it was taken."""
    taken = tuple(sample)
    if not taken:
        return ()
    script = f"find \"$@\" -maxdepth 0 -printf '{_FACTS}'; true"
    names = b"".join(os.fsencode(item.file.path) + b"\0" for item in taken)
    output = file_system.require("looking at the sample again", "xargs", "-0", "-r", "sh", "-c", script, "drtool", standard_input=names)
    fields = output.split(b"\0")
    now = {name: facts for _, facts, name in zip(fields[0::3], fields[1::3], fields[2::3], strict=False)}
    return tuple(item.file for item in taken if now.get(os.fsencode(item.file.path)) == item.facts)


def hash_files(file_system: FileSystem, names: Iterable[bytes]) -> dict[bytes, str]:
    """Return the SHA-256 in hex of each file by name; what cannot be read is absent."""
    joined = b"".join(name + b"\0" for name in names)
    if not joined:
        return {}
    completed = file_system.run("xargs", "-0", "-r", "sha256sum", "-z", "--", standard_input=joined)
    return {record[66:]: record[:64].decode("ascii") for record in completed.standard_output.split(b"\0") if len(record) > 66}  # noqa: PLR2004 - digest, space, mode


class _Reservoir:
    """Keeps the candidates whose names hash lowest, and the directories that carry a tag."""

    def __init__(self, artifact: ArtifactRequest) -> None:
        self._excluded = might_match(artifact.excludes)
        tags = [rule.partition(":")[0] for rule in artifact.exclude_if_present]
        self.tags = frozenset(os.fsencode(tag) for tag in (*tags, *((CACHE_TAG,) if artifact.exclude_caches else ())))
        self.tagged: set[bytes] = set()
        self._heap: list[tuple[int, bytes, bytes]] = []
        self._fields: list[bytes] = []

    def take(self, field: bytes) -> None:
        self._fields.append(field)
        if len(self._fields) == _FIELDS:
            kind, facts, name = self._fields
            self._fields = []
            self._consider(kind, facts, name)

    def _consider(self, kind: bytes, facts: bytes, name: bytes) -> None:
        if self.tags and posixpath.basename(name) in self.tags:
            self.tagged.add(posixpath.dirname(name))
        if kind != b"f" or _size(facts) > MOST_BYTES:
            return
        rank = -int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
        full = len(self._heap) >= CANDIDATES
        if (full and rank < self._heap[0][0]) or self._excluded(os.fsdecode(name)):
            return
        (heapq.heappushpop if full else heapq.heappush)(self._heap, (rank, name, facts))

    def chosen(self) -> dict[bytes, bytes]:
        chosen: dict[bytes, bytes] = {}
        total = 0
        for _, name, facts in sorted(self._heap, reverse=True):
            if len(chosen) >= MOST_FILES:
                break
            if total + _size(facts) > MOST_BYTES or any(os.fsencode(item) in self.tagged for item in ancestors(os.fsdecode(name))):
                continue
            chosen[name] = facts
            total += _size(facts)
        return chosen


def _choose(file_system: FileSystem, artifact: ArtifactRequest) -> dict[bytes, bytes]:
    reservoir = _Reservoir(artifact)
    boundary = ("-xdev",) if artifact.one_file_system else ()
    wanted: tuple[str, ...] = ("-type", "f")
    for tag in sorted(reservoir.tags):
        wanted = (*wanted, "-o", "-name", re.sub(r"([*?\[\]\\])", r"\\\1", os.fsdecode(tag)))
    command = Command(("find", artifact.path, *boundary, "(", *wanted, ")", "-printf", _FACTS), environment=ENVIRONMENT)
    completed = file_system.stream(command, reservoir.take)
    if completed.exit_code not in (0, 1):  # 1: something could not be read or vanished, which the repository tells
        raise Refused(f"counting {artifact.path} failed: {completed.said(300)}")
    return reservoir.chosen()


def _size(facts: bytes) -> int:
    return int(facts.partition(b" ")[0])
