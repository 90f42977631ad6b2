"""What a cutover of files survives and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.model.command import Command, Completed
from drtool.model.errors import Conflict, DrtoolError, Interrupted, NotFound, Refused
from drtool.model.plan import Destination, Landed
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import SourcePolicy
from drtool.model.workload import Leftover
from drtool.ports import LandRequest, LineListener, ReserveRequest, Runner
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.sources.sandbox_only import SandboxOnly
from drtool.staging.staged import staged
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY, LATER, NOW, POINT, RUN
from tests.rig.by_commands import ByCommands
from tests.rig.disk import full_disk


class DyingRunner(LocalRunner):
    """The process dies before a command when so many (of one program only) were carried out."""

    def __init__(self, commands: int, program: str = "") -> None:
        self.left = commands
        self.program = program

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        if self.program in ("", *command.argv[:4]):
            if self.left == 0:
                raise Interrupted
            self.left -= 1
        return super().run(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)


class Elsewhere(ByCommands, LocalRunner):
    """A machine that is worked with through commands alone."""


class DyingElsewhere(ByCommands, DyingRunner):
    """The same on a machine that is worked with through commands alone."""


def source_at(*watch: Path, runner: Runner | None = None) -> FilesSource:
    return FilesSource(
        policy=SourcePolicy("here", "files", "home"),
        by=BY,
        runner=runner or LocalRunner(),
        clock=FixedClock(),
        watch=tuple(str(path) for path in watch),
    )


def request_for(path: str, *, form: str = "original", **more: object) -> LandRequest:
    artifact = Artifact("tree", "tree", "0" * 64, path, Census(1, 1))
    member = Member(f"here:{path}", "here", "files", {"path": path}, NOW, (artifact,))
    request = LandRequest(member, POINT, RUN, BY, Destination(form, path=str(more.pop("directory", ""))), LATER)
    return replace(request, **more)  # type: ignore[arg-type]  # the keywords are its own fields


def landed_in(source: FilesSource, request: LandRequest, fill: Callable[[Path], None] | None = None) -> Landed:
    with source.land(request) as landing:
        for path in request.paths or (request.member.artifacts[0].path,):
            root = Path(landing.way_of("").directory + path)
            root.mkdir(parents=True)
            (root / "file").write_bytes(b"restored")
        if fill is not None:
            fill(Path(landing.way_of("").directory))
        return landing.landed


def everything_in(path: Path) -> dict[str, bytes]:
    return {str(item.relative_to(path)): item.read_bytes() for item in path.rglob("*") if item.is_file()}


@pytest.fixture
def live(tmp_path: Path) -> Path:
    directory = tmp_path / "live" / os.fsdecode(b"doc \xfe\numents")
    directory.mkdir(parents=True)
    (directory / "file").write_bytes(b"before")
    return directory


@pytest.mark.parametrize(("dying", "most"), [(DyingRunner, 7), (DyingElsewhere, 15)])
def test_a_cutover_killed_anywhere_is_finished_forward_by_repeating_or_sweeping(
    live: Path, dying: Callable[[int], DyingRunner], most: int
) -> None:
    for count in range(100):
        landed = landed_in(source_at(live), request_for(str(live)))
        try:
            source_at(live, runner=dying(count)).cutover(landed)
            died = False
        except Interrupted:
            died = True
        moving = Path(staged(landed).marker).exists() and json.loads(Path(staged(landed).marker).read_text())["state"] != "landed"
        if count % 2 or not moving:
            aside = source_at(live).cutover(landed).aside
        else:
            for leftover in source_at(live).leftovers(()):
                if leftover.what == "staging":
                    source_at(live).release(leftover)
            (aside,) = [leftover.locator for leftover in source_at(live).leftovers(()) if leftover.what == "kept"]
        assert (live / "file").read_bytes() == b"restored"
        assert (Path(aside) / "file").read_bytes() == b"before"
        for leftover in source_at(live).leftovers(()):
            assert leftover.what == "kept"
            source_at(live).release(leftover)
        assert os.listdir(live.parent) == [live.name]
        (live / "file").write_bytes(b"before")
        if not died:
            assert count >= most
            return
    pytest.fail("the cutover never ended")


class DyingInside(LocalRunner):
    """The process dies with its command, where that is killed in the middle."""

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        completed = super().run(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)
        if completed.exit_code == -signal.SIGKILL:
            raise Interrupted
        return completed


def killed_in(folder: Path, program: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a program kill itself before it does anything, where its words begin so."""
    folder.mkdir()
    (folder / program).write_text(f'#!/bin/sh\ncase "$*" in "{words}"*) kill -9 $$;; esac\nexec {shutil.which(program)} "$@"\n')
    (folder / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_label_that_was_written_and_whose_folder_was_not_made_is_swept(
    live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        killed_in(tmp_path / "programs", "mkdir", "-m 700", patch)
        with pytest.raises(Interrupted):
            landed_in(source_at(live, runner=DyingInside()), request_for(str(live)))
    (label,) = {*os.listdir(live.parent)} - {live.name}
    assert label.endswith(".json")
    for leftover in source_at(live).leftovers(()):
        source_at(live).release(leftover)
    assert os.listdir(live.parent) == [live.name]


def test_a_label_whose_staging_place_was_removed_is_swept(live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landed = landed_in(source_at(live), request_for(str(live)))
    with monkeypatch.context() as patch:
        killed_in(tmp_path / "programs", "rm", "-f -- ", patch)
        with pytest.raises(Interrupted):
            source_at(live, runner=DyingInside()).cutover(landed)
    assert not Path(staged(landed).staging).exists()
    assert Path(staged(landed).marker).exists()
    for leftover in source_at(live).leftovers(()):
        if leftover.what == "staging":
            source_at(live).release(leftover)
    assert not Path(staged(landed).marker).exists()
    assert (live / "file").read_bytes() == b"restored"


@pytest.mark.parametrize("dying", [DyingRunner, DyingElsewhere])
def test_a_sweep_finds_what_a_landing_killed_anywhere_left(live: Path, dying: Callable[[int], DyingRunner]) -> None:
    for count in range(30):
        try:
            landed_in(source_at(live, runner=dying(count)), request_for(str(live)))
            died = False
        except Interrupted:
            died = True
        for leftover in source_at(live).leftovers(()):
            source_at(live).release(leftover)
        assert os.listdir(live.parent) == [live.name]
        if not died:
            return
    pytest.fail("the landing never ended")


def test_what_stood_aside_before_is_never_overwritten(live: Path) -> None:
    for expected in ("", "-2", "-3"):
        landed = source_at(live).cutover(landed_in(source_at(live), request_for(str(live))))
        assert landed.aside == f"{live}.before-{POINT}{expected}"
        assert staged(landed).moves[0].aside == landed.aside


def test_something_new_in_the_way_is_a_conflict_and_stays(live: Path) -> None:
    landed = landed_in(source_at(live), request_for(str(live)))
    with pytest.raises(Interrupted):
        source_at(live, runner=DyingRunner(1, program="drtool-rename")).cutover(landed)
    assert not live.exists()
    live.mkdir()
    (live / "newcomer").touch()
    with pytest.raises(Conflict, match="something new"):
        source_at(live).cutover(landed)
    assert (live / "newcomer").exists()
    (live / "newcomer").unlink()
    live.rmdir()
    source_at(live).cutover(landed)
    assert (live / "file").read_bytes() == b"restored"


def test_what_is_missing_is_made_again_with_its_parents(tmp_path: Path) -> None:
    target = tmp_path / "gone" / "deep" / "documents"
    source = source_at(target)
    landed = landed_in(source, request_for(str(target)))
    assert not (tmp_path / "gone").exists()
    assert [leftover.what for leftover in source.leftovers(())] == ["staging"]
    assert source.cutover(landed).aside == ""
    assert (target / "file").read_bytes() == b"restored"
    (label,) = source.leftovers(())
    assert label.what == "placed"
    source.release(label)
    assert os.listdir(tmp_path) == ["gone"]


def test_single_paths_are_put_back_each_and_labelled(live: Path) -> None:
    for name in ("one", "two"):
        (live / name).mkdir()
        (live / name / "file").write_bytes(b"before")
    paths = (str(live / "one"), str(live / "two"), str(live / "one" / "inner"))
    source = source_at(live)
    landed = source.cutover(landed_in(source, request_for(str(live), paths=paths)))
    assert len(staged(landed).moves) == 2
    assert landed.target == str(live)
    assert (live / "file").read_bytes() == b"before"
    assert (live / "two" / "file").read_bytes() == b"restored"
    kept = source.leftovers(())
    assert sorted(leftover.locator for leftover in kept) == sorted(move.aside for move in staged(landed).moves)
    for leftover in kept:
        source.release(leftover)
        assert not Path(leftover.locator).exists()
    assert source.leftovers(()) == ()
    assert os.listdir(live.parent) == [live.name]


@pytest.mark.parametrize("runner", [LocalRunner, Elsewhere])
def test_a_file_with_other_names_is_told_that_they_keep_what_they_have(live: Path, runner: type[LocalRunner]) -> None:
    (live / "other").hardlink_to(live / "file")
    source = source_at(live, runner=runner())

    def restored(root: Path) -> None:
        shutil.rmtree(f"{root}{live}/file")
        Path(f"{root}{live}/file").write_bytes(b"restored")

    landed = source.cutover(landed_in(source, request_for(str(live), paths=(str(live / "file"),)), restored))
    assert landed.note == f"{live / 'file'} is one of 2 names of a file: its other names keep what is in it now"
    assert ((live / "file").read_bytes(), (live / "other").read_bytes()) == (b"restored", b"before")


def test_a_mount_point_is_refused_before_anything_is_written() -> None:
    with full_disk("4m") as mount:
        (mount / "file").touch()
        with pytest.raises(Refused, match="mount point") as caught, source_at(mount).land(request_for(str(mount))):
            pass
        assert "--to directory" in caught.value.hint
        with pytest.raises(Refused, match="mount point"), source_at(mount.parent).land(request_for(str(mount.parent))):
            pass
        assert os.listdir(mount) == ["file"]
        inner = mount / "inner"
        inner.mkdir()
        (inner / "file").write_bytes(b"before")
        source = source_at(mount)
        landed = source.cutover(landed_in(source, request_for(str(mount), paths=(str(inner),))))
        assert (inner / "file").read_bytes() == b"restored"
        assert [leftover.locator for leftover in source.leftovers(())] == [landed.aside]


def test_no_space_is_refused_before_anything_is_written() -> None:
    with full_disk("1m") as disk:
        request = request_for("/documents", form="directory", directory=disk / "to", bytes=2 * 1024 * 1024)
        with pytest.raises(Refused, match="MiB free"), source_at(disk).land(request):
            pass
        assert not (disk / "to").exists()
        reservation = ReserveRequest({"directory": str(disk)}, Destination("sandbox"), RUN, BY, 2 * 1024 * 1024, LATER)
        with pytest.raises(Refused, match="MiB free"):
            source_at(disk).reserve(reservation)


@pytest.mark.parametrize("path", ["relative", "/a/../b", "//a", "/a/", "/a//b", "/a/.", "/a\0b"])
def test_hostile_paths_are_refused(tmp_path: Path, path: str) -> None:
    request = request_for(path, form="directory", directory=tmp_path / "to")
    with pytest.raises(Refused, match="plain absolute path"), source_at(tmp_path).land(request):
        pass
    assert not (tmp_path / "to").exists() or os.listdir(tmp_path / "to") == []


def test_a_path_outside_the_member_is_refused(live: Path) -> None:
    with pytest.raises(Refused, match="does not lie inside"), source_at(live).land(request_for(str(live), paths=("/etc",))):
        pass


def test_a_link_on_the_way_in_staging_is_refused(live: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "x").mkdir(parents=True)

    def plant(staging: Path) -> None:
        top = Path(str(staging) + str(live)).parent
        Path(str(staging) + str(live)).rename(elsewhere / live.name)
        top.rmdir()
        top.symlink_to(elsewhere)

    landed = landed_in(source_at(live), request_for(str(live)), plant)
    with pytest.raises(Refused, match="not a real directory"):
        source_at(live).cutover(landed)
    assert (live / "file").read_bytes() == b"before"
    assert (elsewhere / live.name).exists()


def test_a_link_on_the_way_to_a_single_path_is_refused(live: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (live / "inner").symlink_to(elsewhere)
    request = request_for(str(live), paths=(str(live / "inner" / "passwords"),))
    with pytest.raises(Refused, match="not a real directory"), source_at(live).land(request):
        pass


def test_what_was_not_restored_is_told_and_nothing_moves(live: Path) -> None:
    source = source_at(live)
    with source.land(request_for(str(live))) as landing:
        landed = landing.landed
    with pytest.raises(NotFound, match="not in what was restored"):
        source.cutover(landed)
    assert (live / "file").read_bytes() == b"before"


def test_a_forged_marker_is_neither_believed_nor_released(live: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    source = source_at(live)
    landed = landed_in(source, request_for(str(live)))
    os.chown(staged(landed).marker, 12345, -1)
    assert source.leftovers(()) == ()
    with pytest.raises(Refused, match="not a marker"):
        source.cutover(landed)
    with pytest.raises(Refused, match="not a marker"):
        source.release(Leftover("here", "staging", staged(landed).staging, RUN, BY))
    assert Path(staged(landed).content).exists()


def test_another_policys_leftovers_are_not_ours(live: Path) -> None:
    landed = landed_in(source_at(live), request_for(str(live)))
    other = FilesSource(
        policy=SourcePolicy("here", "files", "home"), by="other", runner=LocalRunner(), clock=FixedClock(), watch=(str(live),)
    )
    assert other.leftovers(()) == ()
    with pytest.raises(Refused):
        other.release(Leftover("here", "staging", staged(landed).staging, RUN, BY))


@contextmanager
def refused_by_the_drill() -> Iterator[None]:
    with pytest.raises(Refused, match="a drill may not"):
        yield


def test_a_drill_only_touches_its_sandbox(live: Path, tmp_path: Path) -> None:
    source = source_at(live)
    drill = SandboxOnly(source)
    workload = drill.discover({"paths": [str(live)]})[0]
    with refused_by_the_drill():
        drill.snapshot(workload, "label")
    with refused_by_the_drill():
        drill.export(source.snapshot(workload, "label"))
    with refused_by_the_drill():
        drill.land(request_for(str(live)))
    landed = landed_in(source, request_for(str(live)))
    with refused_by_the_drill():
        drill.cutover(landed)
    for leftover in drill.leftovers(()):
        with refused_by_the_drill():
            drill.release(leftover)
    reserved = drill.reserve(ReserveRequest({"directory": str(tmp_path / "lab")}, Destination("sandbox", sandbox="lab"), RUN, BY, 1, LATER))
    request = request_for(str(live), form="sandbox", reserved=reserved.locator)
    with drill.land(request) as landing:
        root = Path(landing.way_of("").directory + str(live))
        root.mkdir(parents=True)
        root.chmod(0o500)
    assert drill.cutover(landing.landed).target == f"{reserved.locator}/here{live}"
    drill.release(reserved)
    assert os.listdir(tmp_path / "lab") == []
    assert everything_in(live) == {"file": b"before"}


def test_an_error_tells_what_is_safe() -> None:
    with pytest.raises(DrtoolError) as caught, source_at().land(request_for("/")):
        pass
    assert caught.value.hint
    assert caught.value.safe


def test_a_marker_that_vanishes_while_it_is_read_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"directory": str(tmp_path / "place")}
    source = source_at(tmp_path, runner=ByCommands())
    request = ReserveRequest(place, Destination("sandbox", sandbox="lab"), RUN, BY, 1, LATER)
    reserved = [source.reserve(request).locator for _number in range(3)]
    real_cat = shutil.which("cat")
    (tmp_path / "bin").mkdir()
    stand_in = tmp_path / "bin" / "cat"
    stand_in.write_text(f'#!/bin/sh\ncase "$*" in *"{reserved[1]}"*) exit 1;; esac\nexec {real_cat} "$@"\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:{os.environ['PATH']}")
    assert {reserved[0], reserved[2]} <= {leftover.locator for leftover in source.leftovers((place,))}
