"""The folders above what is restored, where they are gone too."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from drtool.model.command import Command, Completed
from drtool.model.errors import Conflict, Interrupted, NotFound
from drtool.model.plan import Move
from drtool.runners.local import LocalRunner
from drtool.staging.above import make_above
from drtool.trees.filesystem import FileSystem
from tests.contracts.test_files_cutover import DyingElsewhere, DyingRunner, landed_in, request_for, source_at
from tests.rig.by_commands import ByCommands

HOUSE = ("a house", "of: 'mine'", "docs")
OWNERS = (1234, 4321) if os.geteuid() == 0 else (os.getuid(), os.getuid())
"""Only root gives folders away."""


class Elsewhere(ByCommands, LocalRunner):
    """A machine that is worked with through commands alone."""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "live").mkdir(mode=0o750)
    return tmp_path / "live"


def stored(root: Path, base: Path) -> None:
    """Let what lies above the data in staging be as restic leaves it."""
    for name, mode, owner in ((HOUSE[0], 0o2711, OWNERS[0]), (f"{HOUSE[0]}/{HOUSE[1]}", 0o700, OWNERS[1])):
        path = Path(f"{root}{base}") / name
        os.chown(path, owner, -1)
        path.chmod(mode)


def seen(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mode & 0o7777, status.st_uid


def left(base: Path) -> list[str]:
    """Return what lies there but the label by which the restore can be taken back."""
    return [name for name in os.listdir(base) if not name.startswith(".drtool-kept-")]


@pytest.mark.parametrize("runner", [LocalRunner, Elsewhere])
def test_they_are_made_as_they_were(base: Path, runner: type[LocalRunner]) -> None:
    source, target = source_at(base, runner=runner()), base.joinpath(*HOUSE)
    landed = landed_in(source, request_for(str(target)), lambda root: stored(root, base))
    assert source.cutover(landed).note == ""
    assert (target / "file").read_bytes() == b"restored"
    assert seen(base / HOUSE[0]) == (0o2711, OWNERS[0])
    assert seen(base / HOUSE[0] / HOUSE[1]) == (0o700, OWNERS[1])
    assert left(base) == [HOUSE[0]]


def test_those_that_are_there_stay_as_they_are(base: Path) -> None:
    target = base.joinpath(*HOUSE)
    (base / HOUSE[0]).mkdir(mode=0o755)
    source = source_at(base)
    source.cutover(landed_in(source, request_for(str(target)), lambda root: stored(root, base)))
    assert seen(base / HOUSE[0]) == (0o755, os.getuid())
    assert seen(base / HOUSE[0] / HOUSE[1]) == (0o700, OWNERS[1])


@pytest.mark.parametrize("dying", [DyingRunner, DyingElsewhere])
def test_killed_at_any_command_they_are_whole_in_the_end(base: Path, dying: type[DyingRunner]) -> None:
    target = base.joinpath(*HOUSE)
    for count in range(100):
        landed = landed_in(source_at(base), request_for(str(target)), lambda root: stored(root, base))
        try:
            source_at(base, runner=dying(count)).cutover(landed)
            died = False
        except Interrupted:
            died = True
            with contextlib.suppress(NotFound):  # killed after its end
                source_at(base).cutover(landed)
        assert (target / "file").read_bytes() == b"restored"
        assert (seen(base / HOUSE[0]), seen(target.parent)) == ((0o2711, OWNERS[0]), (0o700, OWNERS[1]))
        assert left(base) == [HOUSE[0]]
        shutil.rmtree(base / HOUSE[0])
        if not died:
            assert count > 2
            return
    pytest.fail("the cutover never ended")


def test_an_owner_who_cannot_be_given_is_told(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = base.joinpath(*HOUSE)
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "chown").write_text("#!/bin/sh\necho chown: no owners here >&2\nexit 1\n")
    (tmp_path / "programs" / "chown").chmod(0o755)
    source = source_at(base)
    landed = landed_in(source, request_for(str(target)), lambda root: stored(root, base))
    monkeypatch.setenv("PATH", f"{tmp_path}/programs:{os.environ['PATH']}")
    note = source.cutover(landed).note
    assert note.startswith(f"{base / HOUSE[0]} was gone and is made anew, but not with its owner and mode")
    assert "no owners here" in note
    assert (target / "file").read_bytes() == b"restored"
    assert left(base) == [HOUSE[0]]


def test_what_was_not_stored_below_such_folders_gets_new_ones(base: Path) -> None:
    """What goes back into service by an undo lies beside its place, and what is above it there tells nothing."""
    kept = base / HOUSE[1] / "docs.before-x"
    kept.mkdir(parents=True)
    kept.parent.chmod(0o700)
    move = Move(str(kept), str(base.joinpath(*HOUSE)))
    make_above(FileSystem(LocalRunner()), move, staging=str(base), scratch=f"{base}/scratch", told=pytest.fail)
    assert seen(base / HOUSE[0]) == seen(base / HOUSE[0] / HOUSE[1])
    assert seen(base / HOUSE[0])[0] == 0o777 & ~umask()
    assert sorted(os.listdir(base)) == sorted(HOUSE[:2])


class BesideAnother(LocalRunner):
    """Before anything is renamed, somebody else makes the same folders: a restore of a neighbour that runs at once."""

    def __init__(self, *others: Path) -> None:
        super().__init__()
        self.others = list(others)

    def run(self, command: Command, **options: Any) -> Completed:  # noqa: ANN401 - passed on
        if "drtool-rename" in command.argv and self.others:
            self.others.pop(0).mkdir(parents=True)
        return super().run(command, **options)


@pytest.mark.parametrize("others", [(HOUSE[:1],), (HOUSE[:2],), (HOUSE[:1], HOUSE[:2])])
def test_a_neighbour_that_makes_the_same_folders_is_no_conflict(base: Path, others: tuple[tuple[str, ...], ...]) -> None:
    target = base.joinpath(*HOUSE)
    Path(f"{base}/staging{target}").mkdir(parents=True)
    stored(base / "staging", base)
    move = Move(f"{base}/staging{target}", str(target))
    runner = BesideAnother(*(base.joinpath(*names) for names in others))
    make_above(FileSystem(runner), move, staging=f"{base}/staging", scratch=f"{base}/scratch", told=pytest.fail)
    assert os.listdir(target.parent) == []
    assert seen(target.parent)[1] == (os.getuid() if len(others[-1]) == 2 else OWNERS[1])
    assert sorted(os.listdir(base)) == [HOUSE[0], "staging"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_in_its_place_is_a_conflict(base: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "outside").mkdir()
    target = base.joinpath(*HOUSE)
    Path(f"{base}/staging{target}").mkdir(parents=True)
    stored(base / "staging", base)
    move = Move(f"{base}/staging{target}", str(target))

    class FileFirst(LocalRunner):
        def run(self, command: Command, **options: Any) -> Completed:  # noqa: ANN401 - passed on
            if "drtool-rename" in command.argv:
                if kind == "file":
                    (base / HOUSE[0]).write_text("somebody's")
                else:
                    (base / HOUSE[0]).symlink_to(tmp_path / "outside")
            return super().run(command, **options)

    with pytest.raises(Conflict):
        make_above(FileSystem(FileFirst()), move, staging=f"{base}/staging", scratch=f"{base}/scratch", told=pytest.fail)
    assert os.listdir(tmp_path / "outside") == []
    assert kind == "link" or (base / HOUSE[0]).read_text() == "somebody's"


def umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
