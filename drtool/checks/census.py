from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from drtool.checks.carried import carried_paths
from drtool.checks.subject import ENVIRONMENT, Subject, nothing, stream_fields, subjects
from drtool.checks.tags import tagged_directories
from drtool.model.command import Command, understanding
from drtool.model.errors import NotFound
from drtool.model.lying import lies_in
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.model.point import Artifact, SampledFile
from drtool.ports import NearRunner, Question, Runner
from drtool.trees.attributes import ENTRY, Tally, changed_groups, differences
from drtool.trees.extended import EXTENDED, read_extended
from drtool.trees.inside import regular_files

_NAMED = 5
_DIGEST_LENGTH = 64
_STAT = r"%m %U %G %T@ %p\0"


@dataclass(slots=True)
class _Count:
    files: int = 0
    bytes: int = 0
    expected_files: int = 0
    expected_bytes: int = 0
    compared: int = 0
    hashed: int = 0
    sampled: int = 0
    entries: int = 0
    left_out: int = 0
    proven: int = 0
    """Streams whose bytes were compared with their digest while they were fetched, and entries of trees of which some file was those."""
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of one restored file: SHA-256, mode, owner, group, whole seconds of its change, digest of extended attributes."""

    sha256: str
    mode: str = ""
    user: int = -1
    group: int = -1
    modified: int = 0
    extended: str = ""


class CensusCheck:
    """Compares what was restored with what was counted and sampled at the source when the point was made."""

    kind = "census"
    beyond: Mapping[str, str] = {}

    def ask(self, question: Question) -> Answer:
        """Answer from one listing and the SHA-256 of each sampled file.

        `compared` are regular files whose content is what it was at the source, `bytes` their bytes.
        """
        of = question.check.of
        found = subjects(question, of)
        if not found:
            return nothing(of, "the census of the point")
        count = _Count()
        for subject in found:
            for artifact in subject.restored.member.artifacts:
                compare = _compare_tree if artifact.form == "tree" else _compare_stream
                compare(count, subject, artifact)
        shown = [*count.problems[:_NAMED]]
        if len(count.problems) > _NAMED:
            shown.append(f"and {len(count.problems) - _NAMED} more")
        counted = f"{count.files} files of {count.bytes} bytes, {count.compared} of {count.sampled} sampled files the same"
        if count.entries or count.left_out:
            counted += f", attributes of {count.entries} entries compared"
        if count.left_out:
            count.note(f"attributes of {count.left_out} entries were not: something beside them changed while they were read")
        proof = count.compared + count.proven
        if not count.problems and not proof:
            count.note("nothing of it stood still while it was counted, or rules concern all of it")
        return Answer(
            passed=not count.problems and proof > 0,
            skipped="" if count.problems or proof else "nothing could be compared with the source",
            expected=f"{count.expected_files} files of {count.expected_bytes} bytes, {count.sampled} sampled files the same",
            observed="; ".join([counted, *shown, *count.notes]),
            compared=count.compared,
            bytes=count.hashed,
        )

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Return None: what is wrong for a census lies in the files."""
        del question, fault
        return None


def _compare_tree(count: _Count, subject: Subject, artifact: Artifact) -> None:
    census = artifact.census
    only = subject.restored.paths
    root = subject.top
    owners = _is_root(subject.runner)
    if not owners and (census.attributes is not None or any(file.mode for file in census.sample)):
        count.note("owners not compared: not root")
    if only:
        count.note("only some paths were restored: counts were not compared")
    else:
        _compare_counts(count, subject, artifact, owners=owners)
    sample = [file for file in census.sample if not only or any(lies_in(file.path, path) for path in only)]
    count.sampled += len(sample)
    if not sample:
        count.note(f"{subject.restored.workload} has no sampled file there")
    base = artifact.path.rstrip("/")
    places = {root.rstrip("/") + file.path[len(base) :] if base else _join(root, file.path): file for file in sample}
    there = regular_files(subject.runner, root, list(places))
    same_size = [place for place, size in there.items() if size == places[place].bytes]
    told = {place: _Told("") for place in there} | _told(subject.runner, same_size)
    if any(file.mode and not file.extended for file in sample) or any(each.sha256 and not each.extended for each in told.values()):
        count.note("extended attributes not compared: getfattr is not installed at both ends")
    for place, file in places.items():
        _judge(count, file, told.get(place), owners=owners)


def _is_root(runner: Runner) -> bool:
    if isinstance(runner, NearRunner):
        return os.geteuid() == 0
    return runner.run(Command(("id", "-u"))).standard_output.strip() == b"0"


def _compare_counts(count: _Count, subject: Subject, artifact: Artifact, *, owners: bool) -> None:
    recorded = artifact.census.attributes
    rules = subject.restored.member.selector
    tagged = tagged_directories(subject, rules) if recorded is not None else ()
    tally = Tally(
        artifact.path,
        excludes=tuple(rules.get("exclude", ())),
        tagged=tagged,
        changed=changed_groups(recorded) if recorded is not None else (),
    )
    parts: list[bytes] = []

    carried = carried_paths(subject)

    def take(part: bytes) -> None:
        parts.append(part)
        if len(parts) > 1:
            if carried is None or parts[0].split(b" ", 9)[9] not in carried:
                tally.take(*parts)
            parts.clear()

    root = subject.top
    completed = stream_fields(subject.runner, ("find", root, "-printf", ENTRY), take)
    if completed.exit_code != 0:
        count.problems.append(f"{root} could not be listed: {completed.said(200)}")
    files, size = tally.files, tally.bytes
    count.files += files
    count.bytes += size
    count.expected_files += artifact.census.files
    count.expected_bytes += artifact.census.bytes
    if (files, size) != (artifact.census.files, artifact.census.bytes):
        count.problems.append(
            f"{subject.restored.workload} has {files} files of {size} bytes instead of {artifact.census.files} of {artifact.census.bytes}"
        )
    if recorded is None:
        count.note("attributes not compared: none were recorded when the point was made")
        return
    problems, compared, left_out = differences(recorded, tally, owners=owners)
    count.problems += [f"{subject.restored.workload} {problem}" for problem in problems]
    count.entries += compared
    if recorded.files or not artifact.census.files:  # folders alone say nothing of files
        count.proven += compared
    count.left_out += left_out


def _judge(count: _Count, file: SampledFile, told: _Told | None, *, owners: bool) -> None:
    if told is None:
        count.problems.append(f"{_shown(file.path)} is missing or cannot be read")
        return
    if told.sha256 != file.sha256:
        count.problems.append(f"{_shown(file.path)} is not what it was")
        return
    count.compared += 1
    count.hashed += file.bytes
    if not file.mode:
        return
    wrong = [f"mode {told.mode} instead of {file.mode}"] if told.mode != file.mode else []
    wrong += [f"changed at {told.modified} instead of {file.modified}"] if told.modified != file.modified else []
    if owners and (told.user, told.group) != (file.user, file.group):
        wrong.append(f"owner {told.user}:{told.group} instead of {file.user}:{file.group}")
    if file.extended and told.extended and told.extended != file.extended:
        wrong.append("other extended attributes or access lists")
    if wrong:
        count.problems.append(f"{_shown(file.path)} has {', '.join(wrong)}")


def _compare_stream(count: _Count, subject: Subject, artifact: Artifact) -> None:
    count.expected_files += 1
    count.expected_bytes += artifact.census.bytes
    path = subject.top
    if path and len(subject.restored.member.artifacts) > 1 and not subject.restored.opened:  # side by side in a folder
        path = f"{path.rstrip('/')}/{posixpath.basename(artifact.path)}"
    if not path:
        count.note(f"{subject.restored.workload} is no file now: its bytes were verified while they were fetched")
        count.proven += 1
        return
    count.sampled += 1
    there = regular_files(subject.runner, path, [path]) or _is_device(subject, path)
    digest = _hash(subject.runner, _names([path])).get(os.fsencode(path)) if there else None
    if digest is None and subject.restored.opened and subject.runner.run(Command(("test", "-d", path))).exit_code == 0:
        count.note(f"{subject.restored.workload} is a directory now: its bytes were verified while they were fetched")
        count.proven += 1
        count.sampled -= 1
        count.expected_files, count.expected_bytes = count.expected_files - 1, count.expected_bytes - artifact.census.bytes
        return
    told = None if digest is None else _Told(digest)
    count.files += told is not None
    count.bytes += artifact.census.bytes if told is not None else 0
    _judge(count, SampledFile(path, artifact.census.bytes, artifact.census.sha256), told, owners=False)


def _is_device(subject: Subject, path: str) -> bool:
    """Tell whether its source put a stream on a device, as a disk: reached by a link that no repository made."""
    own = subject.restored.member.selector.get("way")
    return bool(own) and subject.runner.run(Command(("test", "-b", path, "-o", "-f", path))).exit_code == 0


def _told(runner: Runner, paths: list[str]) -> dict[str, _Told]:
    if not paths:
        return {}
    names = _names(paths)
    digests = _hash(runner, names)
    script = f"find \"$@\" -maxdepth 0 -printf '{_STAT}'; true"
    listed = runner.run(Command(("xargs", "-0", "-r", "sh", "-c", script, "drtool"), environment=ENVIRONMENT, standard_input=names))
    extended: dict[bytes, str] = {}
    try:
        printed = runner.run(Command(EXTENDED, environment=ENVIRONMENT, standard_input=names))
    except NotFound:
        printed = None
    if printed is not None and printed.exit_code == 0:
        extended = read_extended(printed.standard_output, digests)
    told = {}
    with understanding(f"find on {runner.name}"):
        for record in listed.standard_output.split(b"\0")[:-1]:
            mode, user, group, modified, name = record.split(b" ", 4)
            if name in digests:
                seconds = int(modified.partition(b".")[0])
                facts = (mode.decode("ascii"), int(user), int(group), seconds)
                told[os.fsdecode(name)] = _Told(digests[name], *facts, extended.get(name, ""))
    return told


def _hash(runner: Runner, names: bytes) -> dict[bytes, str]:
    completed = runner.run(Command(("xargs", "-0", "-r", "sha256sum", "-z", "--"), environment=ENVIRONMENT, standard_input=names))
    records = (record for record in completed.standard_output.split(b"\0") if len(record) > _DIGEST_LENGTH)
    return {record[_DIGEST_LENGTH + 2 :]: record[:_DIGEST_LENGTH].decode("ascii") for record in records}


def _names(paths: list[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _join(root: str, path: str) -> str:
    return root.rstrip("/") + path


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
