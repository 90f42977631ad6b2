from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from drtool.checks.subject import Subject, nothing, subjects
from drtool.model.codec import encode
from drtool.model.command import Command
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.model.point import CANARY_FORMAT, CANARY_NAME, Canary
from drtool.ports import Question
from drtool.trees.inside import regular_files

_MOST_BYTES = 64 * 1024
_FIELDS = ("by", "set", "point", "run", "instant")


class CanaryCheck:
    """Requires exactly the record that was planted before this point was read: this point and no other, and how old its data is."""

    kind = "canary"
    beyond: Mapping[str, str] = {}

    def ask(self, question: Question) -> Answer:
        """Answer from one small file of each subject; `compared` counts the records that are right, `bytes` what was read."""
        of = question.check.of
        expected = f"the record that was planted before the point was read, in {CANARY_NAME}"
        found = [
            (subject, artifact.census.canary)
            for subject in subjects(question, of)
            for artifact in subject.restored.member.artifacts
            if artifact.census.canary is not None
        ]
        if not found:
            if not subjects(question, of):
                return nothing(of, expected)
            return Answer(passed=False, expected=expected, observed="the point has none: `canary: true` was not asked for, or it failed")
        if any(subject.restored.paths for subject, _canary in found):
            return Answer(passed=False, expected=expected, observed="", skipped="only some paths were restored")
        problems: list[str] = []
        read = 0
        for subject, canary in found:
            body = _read(subject)
            read += len(body or b"")
            problem = _problem(body, canary)
            if problem:
                problems.append(f"{subject.restored.workload}: {problem}")
        oldest = min(canary.instant for _subject, canary in found)
        right = f"planted {oldest.isoformat(timespec='seconds')}"
        return Answer(
            passed=not problems,
            expected=expected,
            observed="; ".join(problems) or right,
            compared=len(found) - len(problems),
            bytes=read,
        )

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Return None: what is wrong for it is the record of another point."""
        del question, fault
        return None


def _read(subject: Subject) -> bytes | None:
    root = subject.top
    path = f"{root.rstrip('/')}/{CANARY_NAME}"
    if path not in regular_files(subject.runner, root, [path]):
        return None
    completed = subject.runner.run(Command(("head", "-c", str(_MOST_BYTES), "--", path)))
    return completed.standard_output if completed.exit_code == 0 else None


def _problem(body: bytes | None, canary: Canary) -> str:
    if body is None:
        return f"{CANARY_NAME} is missing or cannot be read"
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return f"{CANARY_NAME} is not what was planted"
    if not isinstance(record, dict) or record.get("format") != CANARY_FORMAT:
        return f"{CANARY_NAME} is not what was planted"
    planted = encode(canary)
    wrong = [name for name in _FIELDS if record.get(name) != planted[name]]
    if wrong:
        return f"the record is of {', '.join(f'{name} {record.get(name)}' for name in wrong)}"
    if hashlib.sha256(str(record.get("nonce")).encode("utf-8", "replace")).hexdigest() != canary.nonce_sha256:
        return "the record is not the one that was planted"
    return ""
