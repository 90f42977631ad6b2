"""While an exchange, or its reverse, lies in pieces, nothing else touches its places; and what is mounted is never removed with a tree."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from drtool.model.errors import Interrupted, Refused
from drtool.model.plan import Destination
from drtool.model.workload import Leftover
from drtool.ports import ReserveRequest, Runner
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.source_contract import BY, LATER, RUN
from tests.contracts import test_files_carry as carry
from tests.contracts.test_files_carry import (
    EXPECTED,
    RULES,
    SERVED_TREE,
    STORED,
    StopsAtRename,
    everything_in,
    landed_in,
    request_for,
    source_at,
)
from tests.contracts.test_files_carry import live as live  # noqa: PLC0414 - a fixture
from tests.rig.by_commands import ByCommands

OTHER = f"{RUN[:-1]}9"
UNDOING = f"{RUN[:-1]}8"


def kept_by(live: Path, run: str = RUN) -> Leftover:
    return next(leftover for leftover in source_at(live).leftovers(()) if leftover.what == "kept" and leftover.run == run)


def finish(live: Path) -> None:
    for leftover in source_at(live).leftovers(()):
        if leftover.what == "staging":
            source_at(live).release(leftover)


def nothing_else_touches(live: Path) -> None:
    """Restoring its place again, what lies in it and what is around it, taking it back, and removing what it kept aside are refused."""
    source = source_at(live)
    rest = everything_in(live.parent)
    places: tuple[tuple[Path, tuple[str, ...]], ...] = ((live, ()), (live, (f"{live}/sub",)), (live.parent, ()))
    requests = [request_for(path, rules=RULES, run=OTHER, paths=paths) for path, paths in places]
    attempts: list[Callable[[], object]] = [
        partial(source.release, kept_by(live)),
        partial(source.undo, kept_by(live), OTHER),
        *(partial(landed_in, source, request, {}) for request in requests),
    ]
    for attempt in attempts:
        with pytest.raises(Refused, match="has not ended") as caught:
            attempt()
        assert "drtool sweep" in caught.value.hint
    assert everything_in(live.parent) == rest


def test_a_cutover_in_pieces_is_finished_before_anything_else(live: Path) -> None:
    for count in range(1, 50):
        landed = landed_in(source_at(live), request_for(live, rules=RULES), STORED)
        try:
            source_at(live, runner=StopsAtRename(count)).cutover(landed)
        except Interrupted:
            nothing_else_touches(live)
        else:
            assert count > 3
            return
        finish(live)
        assert everything_in(live) == EXPECTED
        source_at(live).release(kept_by(live))
        carry.again(live)
    pytest.fail("the cutover never ended")


def test_an_undo_in_pieces_is_finished_before_anything_else(live: Path) -> None:
    for count in range(1, 50):
        source = source_at(live)
        source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
        try:
            source_at(live, runner=StopsAtRename(count)).undo(kept_by(live), UNDOING)
        except Interrupted:
            nothing_else_touches(live)
        else:
            assert count > 3
            return
        finish(live)
        assert everything_in(live) == SERVED_TREE
        carry.again(live)
    pytest.fail("the undo never ended")


def test_what_was_landed_before_waits_for_what_lies_in_pieces(live: Path) -> None:
    first = landed_in(source_at(live), request_for(live, rules=RULES), STORED)
    second = landed_in(source_at(live), request_for(live, rules=RULES, run=OTHER), STORED)
    with pytest.raises(Interrupted):
        source_at(live, runner=StopsAtRename(2)).cutover(first)
    with pytest.raises(Refused, match="has not ended"):
        source_at(live).cutover(second)
    source_at(live).cutover(first)
    assert everything_in(live) == EXPECTED
    source_at(live).cutover(second)
    assert (live / "media" / "film").read_bytes() == b"only copy"


def unmount(place: Path) -> None:
    """Unmounted, and forgotten by who took a copy of all mounts meanwhile: a test beside this one that gives a process its own view."""
    subprocess.run(["umount", "--lazy", place], check=True)
    deadline = time.monotonic() + 90
    while any(str(place) in mounts_of(process) for process in Path("/proc").glob("[0-9]*")):
        assert time.monotonic() < deadline, f"{place} is still mounted for another process"
        time.sleep(0.05)


def mounts_of(process: Path) -> str:
    try:
        return (process / "mountinfo").read_text(encoding="utf-8", errors="replace").replace("\\040", " ")
    except OSError:
        return ""


@contextmanager
def bound(origin: Path, place: Path) -> Iterator[None]:
    """The same file system once more, so that no device number tells."""
    origin.mkdir(exist_ok=True)
    (origin / "film").write_text("only copy")
    place.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "--bind", origin, place], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        unmount(place)


def require_refused(source: FilesSource, leftover: Leftover, origin: Path, place: Path) -> None:
    with bound(origin, place), pytest.raises(Refused, match="mount point") as caught:
        source.release(leftover)
    assert str(place) in caught.value.what
    assert "umount" in caught.value.hint
    assert (origin / "film").read_text() == "only copy"
    source.release(leftover)
    assert not Path(leftover.locator).exists()


def test_what_is_mounted_below_what_was_kept_is_not_removed(live: Path, tmp_path: Path) -> None:
    source = source_at(live)
    source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
    kept = kept_by(live)
    require_refused(source, kept, tmp_path / "films", Path(kept.locator) / "my films")


def test_what_is_mounted_below_what_was_staged_is_not_removed(live: Path, tmp_path: Path) -> None:
    source = source_at(live)
    landed_in(source, request_for(live, rules=RULES), STORED)
    (staged,) = source.leftovers(())
    require_refused(source, staged, tmp_path / "films", Path(staged.locator) / "films")


def test_what_is_mounted_in_a_sandbox_is_not_removed(live: Path, tmp_path: Path) -> None:
    source = source_at(live)
    (tmp_path / "lab").mkdir()
    lab = {"directory": str(tmp_path / "lab")}
    left = source.reserve(ReserveRequest(lab, Destination("sandbox", sandbox="lab"), RUN, BY, 1, LATER))
    require_refused(source, left, tmp_path / "films", Path(left.locator) / "tree" / "films")


@contextmanager
def shown(origin: Path, view: Path) -> Iterator[None]:
    """What a container or a service has of a folder: a bind of it at another place."""
    view.mkdir()
    if subprocess.run(["mount", "--bind", origin, view], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        unmount(view)


@pytest.mark.parametrize("runner", [LocalRunner, ByCommands])
def test_what_is_shown_elsewhere_is_not_removed(live: Path, tmp_path: Path, runner: Callable[[], Runner]) -> None:
    source, view = source_at(live, runner=runner()), tmp_path / "my view"
    with shown(live, view):
        words = f"{view} shows {live} too, and goes on showing the old one until what uses it is restarted"
        request = request_for(live, rules=RULES)
        assert words in source.survey(request).notes
        assert words in source.cutover(landed_in(source, request, STORED)).note
        (view / "written since").write_bytes(b"by who still uses it")
        rest = everything_in(live.parent)
        with pytest.raises(Refused, match="still shows it") as caught:
            source.release(kept_by(live))
        assert str(view) in caught.value.what
        assert "umount" in caught.value.hint
        assert everything_in(live.parent) == rest
    source.release(kept_by(live))


@pytest.mark.parametrize("runner", [LocalRunner, ByCommands])
def test_what_only_another_process_sees_is_not_removed(live: Path, tmp_path: Path, runner: Callable[[], Runner]) -> None:
    source, view = source_at(live, runner=runner()), tmp_path / "inside"
    view.mkdir()
    service = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1/sub" "$2" && echo ready && exec sleep 60', "sh", str(live), str(view)]
    with subprocess.Popen(service, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                pytest.skip("this machine lets nobody have a view of his own")
            source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
            with pytest.raises(Refused, match="still shows it") as caught:
                source.release(kept_by(live))
        finally:
            process.kill()
    assert f"{view} of process {process.pid} (sleep)" in caught.value.what
    source.release(kept_by(live))


def test_elsewhere_nothing_waits(live: Path, tmp_path: Path) -> None:
    landed = landed_in(source_at(live), request_for(live, rules=RULES), STORED)
    with pytest.raises(Interrupted):
        source_at(live, runner=StopsAtRename(2)).cutover(landed)
    source = source_at(live)
    landed_in(source, request_for(live, rules=RULES, run=OTHER, destination=Destination("directory", path=str(tmp_path / "there"))), {})
