from __future__ import annotations

import os
from dataclasses import dataclass, field

from drtool.checks.subject import ENVIRONMENT, Subject, nothing, stream_fields, subjects
from drtool.model.command import Command
from drtool.model.control import Fault
from drtool.model.plan import Answer
from drtool.model.point import Artifact, SampledFile
from drtool.ports import Question, Runner

_NAMED = 5
_DIGEST_LENGTH = 64


@dataclass(slots=True)
class _Tally:
    files: int = 0
    bytes: int = 0
    expected_files: int = 0
    expected_bytes: int = 0
    compared: int = 0
    hashed: int = 0
    sampled: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class CensusCheck:
    """Compares what was restored with what was counted and sampled at the source when the point was made."""

    kind = "census"

    def ask(self, question: Question) -> Answer:
        """Answer from one listing and the SHA-256 of each sampled file; `compared` are files hashed, `bytes` the bytes hashed."""
        of = question.check.of
        found = subjects(question, of)
        if not found:
            return nothing(of, "the census of the point")
        tally = _Tally()
        for subject in found:
            for artifact in subject.restored.member.artifacts:
                compare = _compare_stream if artifact.form == "stream" else _compare_tree
                compare(tally, subject, artifact)
        shown = [*tally.problems[:_NAMED]]
        if len(tally.problems) > _NAMED:
            shown.append(f"and {len(tally.problems) - _NAMED} more")
        counted = f"{tally.files} files of {tally.bytes} bytes, {tally.compared} of {tally.sampled} sampled files the same"
        return Answer(
            passed=not tally.problems,
            expected=f"{tally.expected_files} files of {tally.expected_bytes} bytes, {tally.sampled} sampled files the same",
            observed="; ".join([counted, *shown, *tally.notes]),
            compared=tally.compared,
            bytes=tally.hashed,
        )

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Return None: what is wrong for a census lies in the files."""
        del question, fault
        return None


def _compare_tree(tally: _Tally, subject: Subject, artifact: Artifact) -> None:
    census = artifact.census
    only = subject.restored.paths
    root = subject.restored.path
    if only:
        tally.notes.append("only some paths were restored: counts were not compared")
    else:
        _compare_counts(tally, subject, artifact)
    sample = [file for file in census.sample if not only or any(_is_inside(file.path, path) for path in only)]
    tally.sampled += len(sample)
    if not sample:
        tally.notes.append(f"{subject.restored.workload} has no sampled file there")
    base = artifact.path.rstrip("/")
    places = {root.rstrip("/") + file.path[len(base) :] if base else _join(root, file.path): file for file in sample}
    digests = _hash(subject.runner, list(places))
    for place, file in places.items():
        _judge(tally, file, digests.get(place))


def _compare_counts(tally: _Tally, subject: Subject, artifact: Artifact) -> None:
    files = 0
    size = 0

    def take(record: bytes) -> None:
        nonlocal files, size
        files += 1
        size += int(record)

    root = subject.restored.path
    completed = stream_fields(subject.runner, ("find", root, "-type", "f", "-printf", r"%s\0"), take)
    if completed.exit_code != 0:
        tally.problems.append(f"{root} could not be listed: {completed.said(200)}")
    tally.files += files
    tally.bytes += size
    tally.expected_files += artifact.census.files
    tally.expected_bytes += artifact.census.bytes
    if (files, size) != (artifact.census.files, artifact.census.bytes):
        tally.problems.append(
            f"{subject.restored.workload} has {files} files of {size} bytes instead of {artifact.census.files} of {artifact.census.bytes}"
        )


def _judge(tally: _Tally, file: SampledFile, digest: str | None) -> None:
    if digest is None:
        tally.problems.append(f"{_shown(file.path)} is missing or cannot be read")
    elif digest != file.sha256:
        tally.problems.append(f"{_shown(file.path)} is not what it was")
    else:
        tally.compared += 1
        tally.hashed += file.bytes


def _compare_stream(tally: _Tally, subject: Subject, artifact: Artifact) -> None:
    tally.expected_files += 1
    tally.expected_bytes += artifact.census.bytes
    path = subject.restored.path
    if not path or subject.runner.run(Command(("test", "-f", path))).exit_code != 0:
        tally.notes.append(f"{subject.restored.workload} is no file now: its bytes were verified while they were fetched")
        return
    tally.sampled += 1
    tally.files += 1
    tally.bytes += artifact.census.bytes
    _judge(tally, SampledFile(path, artifact.census.bytes, artifact.census.sha256), _hash(subject.runner, [path]).get(path))


def _hash(runner: Runner, paths: list[str]) -> dict[str, str]:
    if not paths:
        return {}
    names = b"".join(os.fsencode(path) + b"\0" for path in paths)
    completed = runner.run(Command(("xargs", "-0", "-r", "sha256sum", "-z", "--"), environment=ENVIRONMENT, standard_input=names))
    records = (record for record in completed.standard_output.split(b"\0") if len(record) > _DIGEST_LENGTH)
    return {os.fsdecode(record[_DIGEST_LENGTH + 2 :]): record[:_DIGEST_LENGTH].decode("ascii") for record in records}


def _is_inside(path: str, base: str) -> bool:
    return path == base or path.startswith(base.rstrip("/") + "/")


def _join(root: str, path: str) -> str:
    return root.rstrip("/") + path


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
