from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drtool.checks.subject import Subject, nothing, respelled, stream_fields, subjects
from drtool.checks.units import parse_size
from drtool.model.command import Command
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.model.quantity import parse_duration
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.ports import Question

if TYPE_CHECKING:
    from drtool.checks import schema


@dataclass(slots=True)
class _Count:
    files: int = 0
    size: int = 0
    latest: float = math.inf
    """What is dated after this, in seconds since 1970, tells nothing of when it was written."""
    newest: float | None = None
    ahead: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, record: bytes) -> None:
        size, _, changed = record.partition(b" ")
        self.files += 1
        self.size += int(size)
        if float(changed) > self.latest:
            self.ahead += 1
        else:
            self.newest = float(changed) if self.newest is None else max(self.newest, float(changed))


class FilesCheck:
    """Asks how many regular files were restored, how large and how new they are, and whether some are among them."""

    kind = "files"
    beyond: Mapping[str, str] = {}

    def ask(self, question: Question) -> Answer:
        """Answer from one listing of each subject; `compared` is how many regular files were counted, `bytes` is 0: none was read."""
        from drtool.checks import schema  # noqa: PLC0415 - heavy, and only an asked check needs it

        keys = schema.Files.model_validate(dict(question.check.settings))
        of = question.check.of
        expected = _expected(keys)
        found = subjects(question, of)
        if not found:
            return nothing(of, expected)
        if any(subject.restored.paths for subject in found):
            return Answer(passed=False, expected=expected, observed="", skipped="only some paths were restored")
        count = _Count(latest=(question.now + FUTURE_TOLERANCE).timestamp())
        for subject in found:
            place = subject.inside()
            if place.problem:
                count.problems.append(place.problem)
                continue
            completed = stream_fields(subject.runner, ("find", place.path, "-type", "f", "-printf", r"%s %T@\0"), count.take)
            if completed.exit_code != 0:
                count.problems.append(f"{subject.root} could not be listed: {completed.said(200)}")
        count.problems += _wrong(keys, count, question.instant) + _absent(keys, found)
        if not count.files and not count.problems and keys.at_most != 0:
            count.problems.append("there is no file, so nothing was asked of any")
        observed = f"{count.files} files of {count.size} bytes"
        if count.newest is not None:
            observed += f", the newest of {datetime.fromtimestamp(count.newest, UTC).isoformat(timespec='seconds')}"
        if count.ahead:
            observed += f"; {count.ahead} dated in the future and not believed"
        return Answer(
            passed=not count.problems,
            expected=expected,
            observed="; ".join([observed, *count.problems]),
            compared=count.files,
        )

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Ask for more files than there can be."""
        return respelled(question, at_least=1 << 60) if fault is Fault.WRONG_ANSWER else None


def _expected(keys: schema.Files) -> str:
    words = [] if keys.at_least is None else [f"at least {keys.at_least} files"]
    words += [] if keys.at_most is None else [f"at most {keys.at_most} files"]
    words += [] if keys.bytes_at_least is None else [f"at least {keys.bytes_at_least}"]
    words += [] if keys.newest_within is None else [f"the newest within {keys.newest_within} before the point"]
    words += [] if not keys.contains else [f"among them {', '.join(keys.contains)}"]
    return ", ".join(words) or "at least 1 file"


def _wrong(keys: schema.Files, count: _Count, instant: datetime) -> list[str]:
    nothing_asked = keys.model_dump(exclude_defaults=True) == {}
    at_least = 1 if nothing_asked else keys.at_least
    problems = []
    if at_least is not None and count.files < at_least:
        problems.append(f"{at_least - count.files} files too few")
    if keys.at_most is not None and count.files > keys.at_most:
        problems.append(f"{count.files - keys.at_most} files too many")
    if keys.bytes_at_least is not None and count.size < parse_size(keys.bytes_at_least):
        problems.append(f"{parse_size(keys.bytes_at_least) - count.size} bytes too few")
    if keys.newest_within is not None:
        oldest = (instant - parse_duration(keys.newest_within)).timestamp()
        if count.newest is None or count.newest < oldest:
            problems.append(f"nothing was changed within {keys.newest_within} before the point")
    return problems


def _absent(keys: schema.Files, found: tuple[Subject, ...]) -> list[str]:
    problems = []
    for relative in keys.contains:
        places = [(subject, subject.inside(relative, last=False)) for subject in found]
        if not any(not place.problem and _exists(subject, place.path) for subject, place in places):
            out = [place.problem for _subject, place in places if place.problem]
            problems.append("; ".join(out) or f"{relative} is missing")
    return problems


def _exists(subject: Subject, path: str) -> bool:
    script = 'test -e "$1" || test -L "$1"'
    return subject.runner.run(Command(("sh", "-c", script, "drtool", os.fsdecode(path)))).exit_code == 0
