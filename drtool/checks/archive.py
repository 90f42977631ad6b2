from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Final, cast

from drtool import process
from drtool.checks.bring import bring, size_of
from drtool.checks.subject import Subject, nothing, subjects
from drtool.model.errors import TimedOut
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.model.quantity import parse_duration
from drtool.ports import Question
from drtool.staging.scratch import scratch_here

_CHUNK: Final = 1 << 20
_BLOCK: Final = 512
_MAGIC: Final = 257
_COMPRESSED: Final = {b"\x1f\x8b": gzip.GzipFile, b"BZh": bz2.BZ2File, b"\xfd7zXZ\0": lzma.LZMAFile}
_TAR_ENDINGS: Final = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
_BAD: Final = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError)


@dataclass(slots=True)
class _Read:
    members: int = 0
    bytes: int = 0
    problem: str = ""


class ArchiveCheck:
    """Opens a tar, zip, gz, bz2 or xz among what was restored and reads every member to its end, against its checksums."""

    kind = "archive"
    beyond: Mapping[str, str] = {}

    def ask(self, question: Question) -> Answer:
        """Answer by reading the archive here; `compared` counts its members, `bytes` what came out of them."""
        from drtool.checks import schema  # noqa: PLC0415 - heavy, and only an asked check needs it

        keys = schema.Archive.model_validate(dict(question.check.settings))
        of = question.check.of
        expected = f"{keys.path or 'the file'} opens and every member of it can be read"
        found = subjects(question, of)
        if not found:
            return nothing(of, expected)
        if any(subject.restored.paths for subject in found):
            return Answer(passed=False, expected=expected, observed="", skipped="only some paths were restored")
        timeout = question.timeout if keys.timeout is None else parse_duration(keys.timeout)
        watch = process.stopwatch(timeout.total_seconds(), "reading the archive")
        results = [_look(subject, keys.path, watch) for subject in found]
        problems = [result.problem for result in results if result.problem]
        members, size = sum(result.members for result in results), sum(result.bytes for result in results)
        return Answer(
            passed=not problems,
            expected=expected,
            observed="; ".join([f"{members} members of {size} bytes", *problems]),
            compared=members,
            bytes=size,
        )

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Return None: what is wrong for it lies in the archive."""
        del question, fault
        return None


def _look(subject: Subject, path: str | None, watch: Callable[[], None]) -> _Read:
    found = subject.inside(path or "")
    if found.problem:
        return _Read(problem=found.problem)
    place = found.path
    if subject.runner.name == "local":
        if size_of(subject.runner, place) is None:
            return _Read(problem=f"{place} is missing or not a file")
        return _read(place, place, watch)
    with scratch_here() as directory:
        copy = os.path.join(directory, "copy")
        problem = bring(subject.runner, place, copy)
        return _Read(problem=problem) if problem else _read(copy, place, watch)


def _read(file: str, name: str, watch: Callable[[], None]) -> _Read:
    found = _Read()
    try:
        with open(file, "rb") as stream:
            head = stream.read(8)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            _read_zip(file, found, watch)
        else:
            opener = next((opener for magic, opener in _COMPRESSED.items() if head.startswith(magic)), None)
            with open(file, "rb") if opener is None else cast(IO[bytes], opener(file)) as stream:
                _read_stream(stream, found, watch, must_be_tar=opener is None or name.endswith(_TAR_ENDINGS))
    except TimedOut as error:
        found.problem = error.what
    except _BAD as error:
        found.problem = f"{name}: {str(error) or type(error).__name__}"
    if not found.problem and not found.members:
        found.problem = f"{name}: there is nothing in it"
    return found


def _read_zip(file: str, found: _Read, watch: Callable[[], None]) -> None:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            with archive.open(info) as member:
                found.bytes += _drain(member, watch)
            found.members += 1


def _read_stream(stream: IO[bytes], found: _Read, watch: Callable[[], None], *, must_be_tar: bool) -> None:
    head = stream.read(_BLOCK)
    stream.seek(0)
    if not must_be_tar and head[_MAGIC : _MAGIC + 5] != b"ustar":
        found.bytes, found.members = _drain(stream, watch), 1
        return
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                found.bytes += _drain(content, watch)
            found.members += 1
        stream.seek(archive.offset)
    if stream.read(_BLOCK) != bytes(_BLOCK):  # what was cut off between two members looks whole to a reader that is content with less
        raise tarfile.ReadError("it ends without the mark of its end")
    _drain(stream, watch)


def _drain(stream: IO[bytes], watch: Callable[[], None]) -> int:
    total = 0
    while chunk := stream.read(_CHUNK):
        watch()
        total += len(chunk)
    return total
