from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from drtool.model.command import Command, Completed, understanding
from drtool.model.plan import Answer, Restored
from drtool.ports import Question, Runner
from drtool.trees.inside import Resolved, Tree, look_inside

ENVIRONMENT: Final = {"LC_ALL": "C"}
LONGEST_FIELD_BYTES: Final = 1 << 20
NOBODY: Final = "127.0.0.1:1"
"""An address where nothing listens: below 1024 only root could, and this port serves a protocol that nobody runs."""
NEVER_SAID: Final = "drtool-negative-control-expects-what-nobody-says"


@dataclass(frozen=True, slots=True)
class Subject:
    """One restored thing a question is about, and where it can be seen; `root` is what is looked at there."""

    restored: Restored
    runner: Runner
    root: str
    trees: tuple[Tree, ...] = ()
    """This one and what was restored beside it; links may lead into them."""
    below: str = ""
    """Where `root` lies inside of it."""
    top: str = ""
    """All of it there; empty where nothing of it is seen as files."""

    def inside(self, path: str = "", *, last: bool = True) -> Resolved:
        """Say where a path inside of `root` lies, and never out of what was restored."""
        return look_inside(self.runner, self.trees, f"{self.below}/{path}".strip("/"), last=last)


def subjects(question: Question, of: str) -> tuple[Subject, ...]:
    """Return what `of` names: a workload, a source, `source:path` inside a workload, or (empty) everything restored."""
    found = []
    for restored in question.restored:
        below = _below(restored, of)
        inspection = question.inspections.get(restored.workload)
        if below is not None and inspection is not None:
            top = inspection.root or ""
            root = f"{top.rstrip('/')}/{below}" if below else top
            found.append(Subject(restored, inspection.runner, root, _trees(question, restored), below, top))
    return tuple(found)


def _trees(question: Question, restored: Restored) -> tuple[Tree, ...]:
    """Name what was restored of the same source, this one first: what lay elsewhere is seen elsewhere."""
    beside = [each for each in question.restored if each is not restored and each.source == restored.source]
    return tuple(_tree(question, each) for each in (restored, *beside))


def _tree(question: Question, restored: Restored) -> Tree:
    artifacts, inspection = restored.member.artifacts, question.inspections.get(restored.workload)
    top = inspection.root or "" if inspection is not None else ""
    return Tree(artifacts[0].path if artifacts else top, top)


def nothing(of: str, expected: str) -> Answer:
    """Answer a question about something that was not restored."""
    return Answer(passed=False, expected=expected, observed=f"nothing named {of} was restored" if of else "nothing was restored")


def respelled(question: Question, **settings: Any) -> Question:  # noqa: ANN401 - the keys of any check
    """Return the question with some of its check's keys changed."""
    return replace(question, check=replace(question.check, settings={**question.check.settings, **settings}))


def stream_fields(runner: Runner, argv: tuple[str, ...], take: Callable[[bytes], None]) -> Completed:
    """Run a command whose NUL-terminated fields are handed over one by one."""
    rest = b""

    def consume(chunk: bytes) -> None:
        nonlocal rest
        *fields, rest = (rest + chunk).split(b"\0")
        if len(rest) > LONGEST_FIELD_BYTES:
            raise ValueError("a name without end")
        for field in fields:
            take(field)

    with understanding(f"{argv[0]} on {runner.name}"):
        return runner.pipe(Command(argv, environment=ENVIRONMENT), consume=consume).command


def _below(restored: Restored, of: str) -> str | None:
    """Return what `of` names inside of something restored, as a relative path; None when it is not inside."""
    if of in ("", restored.workload, restored.source):
        return ""
    source, _, path = of.partition(":")
    if source != restored.source:
        return None
    for artifact in restored.member.artifacts:
        base = artifact.path.rstrip("/")
        if artifact.form == "tree" and path.startswith(f"{base}/") and posixpath.normpath(path) == path:
            return path[len(base) :].strip("/")
    return None
