"""Killed at every moment where files are poured and exchanged: each command that changes something is two moments."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from drtool.model.policy import SourcePolicy
from drtool.ports import Source
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.kill_contract import BY, KillContract, Life, MortalRunner, Platform


class InFiles(Platform):
    name = "here"
    kind = "files"

    def __init__(self, root: Path) -> None:
        self._root = root
        self._clock = FixedClock()
        self.data, self.lab = root / "data", root / "lab"
        self.documents = self.data / "documents"
        (self.documents / "deep").mkdir(parents=True)
        self.lab.mkdir()
        (self.documents / "letter").write_bytes(b"dear")
        (self.documents / "deep" / "photo").write_bytes(b"smile")
        self.selector = {"paths": [str(self.documents)]}
        self.place = {"directory": str(self.lab)}

    def source(self, life: Life) -> Source:
        runner = MortalRunner(LocalRunner(), life)
        watched = (str(self.documents),)
        return FilesSource(policy=SourcePolicy("here", "files", "home"), by=BY, runner=runner, clock=self._clock, watch=watched)

    def in_service(self) -> object:
        return below(self.documents)

    def spoil(self) -> None:
        (self.documents / "letter").write_bytes(b"damaged")
        (self.documents / "new").write_bytes(b"since then")

    def kept(self, locator: str) -> object:
        return below(Path(locator))

    def traces(self) -> frozenset[str]:
        left = [path for path in self.data.rglob(".drtool-*") if path.is_dir()]
        return frozenset(map(str, [*left, *self.lab.iterdir()]))

    def shape(self) -> object:
        known: dict[str, int] = {}
        names = sorted("/".join(numbered(part, known) for part in path.relative_to(self._root).parts) for path in self._root.rglob("*"))
        return names, sorted(json.loads(path.read_text()).get("state", "") for path in self.data.rglob(".drtool-*.json") if path.is_file())

    def save(self) -> object:
        saved = self._root.with_name(f"{self._root.name}-{self._clock.fresh_id()}")
        shutil.copytree(self._root, saved, symlinks=True)
        return saved

    def load(self, saved: Any) -> None:  # noqa: ANN401 - what `save` returned
        shutil.rmtree(self._root)
        shutil.copytree(saved, self._root, symlinks=True)


def below(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder by their names."""
    paths = folder.rglob("*") if folder.is_dir() else ()
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file() and ".drtool-" not in str(path)}


def numbered(part: str, known: dict[str, int]) -> str:
    """Return a name with the place among those met instead of the run or id in it."""
    if part.startswith((".drtool-", "drtool-")) or ".before-" in part:
        return f"{part[:8]}{known.setdefault(part.removesuffix('.json'), len(known))}{part[-5:] if part.endswith('.json') else ''}"
    return part


class TestKilledInFiles(KillContract):
    twice = False

    @pytest.fixture
    def platform(self, tmp_path: Path) -> Platform:
        return InFiles(tmp_path / "files")


class TestKilledTwiceInFiles(TestKilledInFiles):
    twice = True
