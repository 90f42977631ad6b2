# ruff: noqa: S101 - a suite of tests, to be inherited
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import pytest

from drtool.ports import Platform


class PlatformContract(ABC):
    """What everything promises that `inventory` and `doctor` ask; inherit it and give the fixtures `platform` and `seen`."""

    @pytest.fixture
    @abstractmethod
    def platform(self) -> Platform:
        """Return a platform that answers, on which there is something."""

    @pytest.fixture
    @abstractmethod
    def seen(self) -> Callable[[], object]:
        """Return what tells, by another way than the platform's own, what is there now, as a value that compares."""

    def test_everything_that_exists_has_a_name_of_its_own(self, platform: Platform, seen: Callable[[], object]) -> None:
        """Whoever only looks must not change anything, either."""
        before = seen()
        names = [each.name for each in platform.existing().existing]
        assert names
        assert len(set(names)) == len(names)
        assert all(name == platform.name or name.startswith(f"{platform.name}:") for name in names)
        assert seen() == before

    def test_what_is_examined_is_told_of_this_platform_and_changes_nothing(self, platform: Platform, seen: Callable[[], object]) -> None:
        before = seen()
        findings = platform.examine()
        assert findings
        assert all(each.subject == f"source {platform.name}" or each.subject.startswith(f"source {platform.name}:") for each in findings)
        assert all(each.text and (each.good or each.remedy) for each in findings)
        assert seen() == before
