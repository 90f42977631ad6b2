from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drtool.model.command import Command, Completed
from drtool.model.plan import Answer, Restored
from drtool.ports import Question, Runner

ENVIRONMENT: Final = {"LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Subject:
    """One restored thing a question is about, and where it can be seen; `root` is what is looked at there."""

    restored: Restored
    runner: Runner
    root: str


def subjects(question: Question, of: str) -> tuple[Subject, ...]:
    """Return what `of` names: a workload, a source, `source:path` inside a workload, or (empty) everything restored."""
    found = []
    for restored in question.restored:
        root = _root(restored, of)
        inspection = question.inspections.get(restored.workload)
        if root is not None and inspection is not None:
            found.append(Subject(restored, inspection.runner, root))
    return tuple(found)


def nothing(of: str, expected: str) -> Answer:
    """Answer a question about something that was not restored."""
    return Answer(passed=False, expected=expected, observed=f"nothing named {of} was restored" if of else "nothing was restored")


def stream_fields(runner: Runner, argv: tuple[str, ...], take: Callable[[bytes], None]) -> Completed:
    """Run a command whose NUL-terminated fields are handed over one by one."""
    rest = b""

    def consume(chunk: bytes) -> None:
        nonlocal rest
        *fields, rest = (rest + chunk).split(b"\0")
        for field in fields:
            take(field)

    return runner.pipe(Command(argv, environment=ENVIRONMENT), consume=consume).command


def _root(restored: Restored, of: str) -> str | None:
    if of in ("", restored.workload, restored.source):
        return restored.path
    source, _, path = of.partition(":")
    if source != restored.source:
        return None
    for artifact in restored.member.artifacts:
        base = artifact.path.rstrip("/")
        if artifact.form == "tree" and path.startswith(f"{base}/") and posixpath.normpath(path) == path:
            return restored.path.rstrip("/") + path[len(base) :]
    return None
