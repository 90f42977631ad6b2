# ruff: noqa: S101 - a suite of tests, to be inherited
from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drtool.model.ladder import Level
from drtool.model.negative_control import Fault
from drtool.ports import Check, Question


@dataclass(frozen=True, slots=True)
class CheckSubject:
    """A check to be tried on something real.

    `right` is answered with yes; each of `wrong` spoils what it is about in its own way (the negative control) and returns the question
    to ask then; `missing` asks about something that is not there. Nothing in `looked_at` may be changed by asking.
    """

    check: Check
    right: Question
    wrong: Mapping[str, Callable[[], Question]]
    missing: Question
    level: Level
    compared: int
    bytes: int
    looked_at: tuple[Path, ...] = ()


class CheckContract(ABC):
    """What every check promises; inherit it, name the `controls`, and give a `subject` fixture whose `wrong` has exactly these."""

    controls: tuple[str, ...]

    @pytest.fixture
    @abstractmethod
    def subject(self, tmp_path: Path) -> CheckSubject:
        """Return a fresh check and what it is asked of."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Ask once for each negative control."""
        if "control" in metafunc.fixturenames:
            metafunc.parametrize("control", self.controls)

    def test_what_is_right_passes_and_is_counted_honestly(self, subject: CheckSubject) -> None:
        answer = subject.check.ask(subject.right)
        assert answer.passed, answer
        assert not answer.skipped
        assert answer.expected
        assert answer.observed
        assert (answer.compared, answer.bytes) == (subject.compared, subject.bytes)
        assert subject.check.ask(subject.right) == answer

    def test_its_level_is_stated(self, subject: CheckSubject) -> None:
        assert subject.right.check.kind == subject.check.kind
        assert subject.right.check.level is subject.level

    def test_every_negative_control_is_named(self, subject: CheckSubject) -> None:
        assert self.controls
        assert set(subject.wrong) == set(self.controls)

    def test_what_is_wrong_is_red(self, subject: CheckSubject, control: str) -> None:
        answer = subject.check.ask(subject.wrong[control]())
        assert not answer.passed, answer
        assert not answer.skipped
        assert answer.observed

    def test_what_is_missing_is_red_and_never_an_exception(self, subject: CheckSubject) -> None:
        answer = subject.check.ask(subject.missing)
        assert not answer.passed, answer
        assert answer.observed

    def test_nothing_restored_is_red(self, subject: CheckSubject) -> None:
        if not subject.looked_at:
            pytest.skip("it asks an address, not what was restored")
        answer = subject.check.ask(replace(subject.right, restored=(), inspections={}))
        assert not answer.passed
        assert answer.compared == 0

    @pytest.mark.parametrize("fault", list(Fault))
    def test_a_spoilt_question_is_red(self, subject: CheckSubject, fault: Fault) -> None:
        spoilt = subject.check.spoil(subject.right, fault)
        if spoilt is None:
            return  # it does not concern this kind
        answer = subject.check.ask(spoilt)
        assert not answer.passed, answer
        assert not answer.skipped

    def test_asking_changes_nothing(self, subject: CheckSubject) -> None:
        before = [listing(path) for path in subject.looked_at]
        subject.check.ask(subject.right)
        subject.check.ask(subject.missing)
        assert [listing(path) for path in subject.looked_at] == before


def listing(root: Path) -> dict[str, tuple[object, ...]]:
    """Return what is told of everything at and below a path, and the content of regular files; the time of reading alone is left out."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (root, *sorted(root.rglob("*"))):
        facts = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        target = os.readlink(path) if path.is_symlink() else ""
        told = (facts.st_ino, facts.st_mode, facts.st_uid, facts.st_gid, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        found[str(path.relative_to(root))] = (*told, content, target)
    return found
