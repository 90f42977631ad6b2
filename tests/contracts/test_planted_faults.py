"""What the kill contract is for: faults that only a death shows, planted in three adapters, are found by it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from drtool.model.policy import Settings
from drtool.model.workload import Leftover
from drtool.ports import Source
from drtool.testing.kill_contract import Life, Platform, kill_everywhere
from tests.contracts.test_files_killed import InFiles
from tests.contracts.test_memory_killed import InMemory
from tests.contracts.test_stream_killed import InStream


class Faulty:
    """An adapter that is well but for what a fault puts in place of its own."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as it is there
        return getattr(self.source, name)


class MissedRelease(Faulty):
    """It says that it released what was poured and waits, and leaves it there."""

    def release(self, leftover: Leftover) -> None:
        if leftover.what != "staging":
            self.source.release(leftover)


class ForgottenLabel(Faulty):
    """It does not know again what it poured."""

    def leftovers(self, places: Iterable[Settings]) -> tuple[Leftover, ...]:
        return tuple(each for each in self.source.leftovers(places) if each.what != "staging")


class NotForward(Faulty):
    """A cutover that died in the middle is thrown away."""

    def release(self, leftover: Leftover) -> None:
        if leftover.what == "staging" and hasattr(self.source, "platform"):
            landing = self.source.platform.landings.get(leftover.locator)
            if landing is not None:
                landing.moving = False
        elif leftover.what == "staging":
            shutil.rmtree(leftover.locator, ignore_errors=True)
            Path(f"{leftover.locator}.json").unlink(missing_ok=True)
        self.source.release(leftover)


def planted(platform: Platform, fault: type[Faulty]) -> Platform:
    whole: Callable[[Life], Source] = platform.source

    def source(life: Life) -> Any:  # noqa: ANN401 - a Source
        return fault(whole(life))

    platform.source = source  # type: ignore[method-assign]
    return platform


@pytest.mark.parametrize(
    ("adapter", "fault", "since", "found"),
    [
        (InMemory, MissedRelease, "before source.land", "there is still"),
        (InMemory, ForgottenLabel, "before source.land", "by hand"),
        (InMemory, NotForward, "before source.cutover", "neither the old nor the new"),
        (InFiles, MissedRelease, "before source.land", "there is still"),
        (InFiles, ForgottenLabel, "before source.land", "by hand"),
        (InFiles, NotForward, "before source.cutover", "neither the old nor the new"),
        (InStream, MissedRelease, "before source.land", "there is still"),
        (InStream, ForgottenLabel, "before source.land", "by hand"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, adapter: Callable[[Path], Platform], fault: type[Faulty], since: str, found: str) -> None:
    platform = planted(adapter(tmp_path / "it"), fault)
    tried = kill_everywhere(platform, tmp_path / "state", "restore", twice=False, since=since, stop=fault is not NotForward)
    assert tried.problems
    assert any(found in problem for problem in tried.problems)
