"""What the point left out is in service after a restore in place: killed anywhere, refused early, and nothing is copied."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drtool.model.command import Command, Completed
from drtool.model.errors import Conflict, Interrupted, Refused
from drtool.model.plan import Destination, Landed
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import SourcePolicy
from drtool.ports import Entry, LandRequest, LineListener, Runner
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.sources.files.source import FilesSource
from drtool.staging.rename import rename_all
from drtool.staging.staged import staged
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY, LATER, NOW, POINT, RUN
from drtool.trees.filesystem import FileSystem
from tests.rig.sockets import leave_socket
from tests.rig.sshd import SshServer

RENAME = "drtool-rename"


class StopsAtRename(LocalRunner):
    """The process dies after so many renames, be they in the middle of one command."""

    def __init__(self, renames: int) -> None:
        self.left = renames

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        if RENAME not in command.argv:
            return super().run(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)
        assert command.standard_input is not None
        fields = command.standard_input.split(b"\0")[:-1]
        pairs = len(fields) // 2
        if pairs <= self.left:
            self.left -= pairs
            return super().run(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)
        first = b"".join(field + b"\0" for field in fields[: self.left * 2])
        super().run(replace(command, standard_input=first))
        raise Interrupted


class StopsAtCommand(LocalRunner):
    """The process dies before a command, when so many were carried out."""

    def __init__(self, commands: int) -> None:
        self.left = commands

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        if self.left == 0:
            raise Interrupted
        self.left -= 1
        return super().run(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)


def source_at(*watch: Path, runner: Runner | None = None) -> FilesSource:
    return FilesSource(
        policy=SourcePolicy("here", "files", "home"),
        by=BY,
        runner=runner or LocalRunner(),
        clock=FixedClock(),
        watch=tuple(str(path) for path in watch),
    )


def request_for(path: Path, **more: Any) -> LandRequest:  # noqa: ANN401 - fields of the member and of the request
    rules = more.pop("rules", {})
    facts = {name: more.pop(name) for name in ("complete", "warnings", "instant") if name in more}
    artifact = Artifact("tree", "tree", "0" * 64, str(path), Census(1, 1))
    member = Member(f"here:{path}", "here", "files", {"path": str(path), **rules}, facts.pop("instant", NOW), (artifact,), **facts)
    return replace(LandRequest(member, POINT, RUN, BY, Destination("original"), LATER), **more)


def landed_in(source: FilesSource, request: LandRequest, content: dict[str, bytes]) -> Landed:
    """Land what the point holds: paths relative to the workload; one that ends with a slash is a directory."""
    with source.land(request) as landing:
        root = Path(landing.way_of("").directory + request.member.artifacts[0].path)
        root.mkdir(parents=True)
        fill(root, content)
        return landing.landed


def fill(root: Path, content: dict[str, bytes]) -> None:
    for name, body in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_bytes(body)


def everything_in(path: Path) -> dict[str, bytes | None]:
    return {str(each.relative_to(path)): None if each.is_dir() else each.read_bytes() for each in path.rglob("*")}


ODD = os.fsdecode(b"odd \xff\nname")
STORED = {"doc": b"restored", "sub/kept": b"restored", "cache/CACHEDIR.TAG": b"", "media/": b""}
SERVED = {
    "doc": b"broken",
    "new": b"newer than the point",
    "sub/kept": b"broken",
    "sub/x.tmp": b"temporary",
    "sub/new/y.tmp": b"in a folder that the point does not hold",
    "media/film": b"only copy",
    f"media/{ODD}/film": b"only copy",
    "cache/CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55",
    "cache/deep/entry": b"cached",
}
RULES = {"exclude": ["*.tmp", "media/*"], "exclude_caches": True}
EXPECTED = {
    **dict.fromkeys(("sub", "sub/new", "media", f"media/{ODD}", "cache", "cache/deep")),
    **{name: body for name, body in SERVED.items() if name not in ("doc", "new", "sub/kept", "cache/CACHEDIR.TAG")},
    **{name: body for name, body in STORED.items() if not name.endswith("/")},
}
ASIDE = {
    **dict.fromkeys(("sub", "sub/new", "media", "cache")),
    **{name: SERVED[name] for name in ("doc", "new", "sub/kept", "cache/CACHEDIR.TAG")},
}


SERVED_TREE = {**dict.fromkeys(("sub", "sub/new", "media", f"media/{ODD}", "cache", "cache/deep")), **SERVED}


@pytest.fixture
def live(tmp_path: Path) -> Path:
    root = tmp_path / "live" / "documents"
    fill(root, SERVED)
    return root


def again(live: Path) -> None:
    """Bring what is in service back to where it was before the restore."""
    for entry in live.parent.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    fill(live, SERVED)


def kept_of(live: Path) -> Path:
    (kept,) = [leftover.locator for leftover in source_at(live).leftovers(()) if leftover.what == "kept"]
    return Path(kept)


def test_what_the_point_left_out_is_in_service_afterwards(live: Path) -> None:
    source = source_at(live)
    inode = (live / "media" / "film").stat().st_ino
    result = source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
    assert everything_in(live) == EXPECTED
    assert everything_in(kept_of(live)) == ASIDE
    assert (live / "media" / "film").stat().st_ino == inode, "it was copied"
    assert "were carried back into service" in result.note
    (move,) = staged(result).moves
    assert move.carried is not None
    assert (move.carried.files, move.carried.bytes) == (
        5,
        sum(len(EXPECTED[name] or b"") for name in SERVED if name in EXPECTED and name not in STORED),
    )
    for leftover in source.leftovers(()):
        source.release(leftover)
    assert os.listdir(live.parent) == ["documents"]


def test_folders_keep_their_times_and_rights(live: Path) -> None:
    for folder, seconds in (("sub", 1_000_000), ("media", 2_000_000), ("sub/new", 3_000_000)):
        os.utime(live / folder, (seconds, seconds))
    (live / "sub" / "new").chmod(0o2750)
    source = source_at(live)
    landed = landed_in(source, request_for(live, rules=RULES), STORED)
    for folder, seconds in (("sub", 11_000_000), ("media", 12_000_000), ("", 13_000_000)):
        os.utime(Path(staged(landed).content) / folder, (seconds, seconds))
    source.cutover(landed)
    assert [(live / each).stat().st_mtime for each in ("sub", "media", "", "sub/new")] == [11_000_000, 12_000_000, 13_000_000, 3_000_000]
    assert (live / "sub" / "new").stat().st_mode & 0o7777 == 0o2750
    assert [(kept_of(live) / each).stat().st_mtime for each in ("sub", "media", "sub/new")] == [1_000_000, 2_000_000, 3_000_000]


@pytest.mark.parametrize("stops", [StopsAtRename, StopsAtCommand])
def test_killed_anywhere_nothing_is_lost_and_it_finishes_forward(live: Path, stops: Callable[[int], LocalRunner]) -> None:
    for count in range(200):
        landed = landed_in(source_at(live), request_for(live, rules=RULES), STORED)
        try:
            source_at(live, runner=stops(count)).cutover(landed)
            died = False
        except Interrupted:
            died = True
        marker = Path(staged(landed).marker)
        begun = not marker.exists() or json.loads(marker.read_text())["state"] != "landed"
        if count % 2 or not begun:
            source_at(live).cutover(landed)
        else:
            for leftover in source_at(live).leftovers(()):
                if leftover.what == "staging":
                    source_at(live).release(leftover)
        assert everything_in(live) == EXPECTED
        assert everything_in(kept_of(live)) == ASIDE
        if begun:  # the record is still what says how it is taken back
            undone(live)
            assert everything_in(live) == SERVED_TREE
        again(live)
        if not died:
            assert count > 5
            return
    pytest.fail("the cutover never ended")


def test_a_name_that_the_point_restored_stays_as_restored(live: Path) -> None:
    stored = {**STORED, "media/film": b"restored", "sub/x.tmp/": b"", "sub/new": b"a file now"}
    source = source_at(live)
    result = source.cutover(landed_in(source, request_for(live, rules=RULES), stored))
    assert (live / "media" / "film").read_bytes() == b"restored"
    assert (live / "sub" / "x.tmp").is_dir()
    assert (live / "sub" / "new").read_bytes() == b"a file now"
    aside = kept_of(live)
    assert (aside / "media" / "film").read_bytes() == b"only copy"
    assert (aside / "sub" / "new" / "y.tmp").exists()
    assert "stays aside: the point has something else there" in result.note
    assert (live / "media" / ODD / "film").exists()


def test_nothing_goes_back_when_that_was_asked_for(live: Path) -> None:
    source = source_at(live)
    landed = source.cutover(landed_in(source, request_for(live, rules=RULES, leave_excluded=True), STORED))
    assert not (live / "media" / "film").exists()
    assert everything_in(kept_of(live)).items() >= SERVED.items()
    assert staged(landed).moves[0].carried is None


def test_a_socket_and_what_earlier_restores_kept_stay_in_service(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_at(live)
    inner = request_for(live, paths=(str(live / "sub"),))
    with source.land(inner) as landing:
        fill(Path(f"{landing.way_of('').directory}{live}/sub"), {"kept": b"restored"})
    source.cutover(landing.landed)
    kept = f"sub.before-{POINT}"
    leave_socket(live / "service.socket")
    source.cutover(landed_in(source, request_for(live), {"doc": b"restored"}))
    assert (live / "service.socket").is_socket()
    assert (live / kept / "kept").read_bytes() == b"broken"
    assert str(live / kept) in [leftover.locator for leftover in source.leftovers(())]


def test_what_could_not_be_read_is_carried_and_what_is_in_doubt_is_told(live: Path) -> None:
    (live / "secret").write_bytes(b"nobody may read this")
    os.utime(live / "secret")
    request = request_for(
        live,
        complete=False,
        warnings=(f"open {live}/secret: permission denied could not be read",),
        instant=NOW,  # long ago: by its age everything is newer
    )
    source = source_at(live)
    result = source.cutover(landed_in(source, request, {"doc": b"restored", "sub/kept": b"restored"}))
    assert (live / "secret").exists()
    assert not (live / "new").exists()
    assert "not sure" not in result.note
    again(live)
    result = source_at(live).cutover(
        landed_in(source, request_for(live, complete=False, instant=LATER.replace(year=9000)), {"doc": b"restored"})
    )
    assert (live / "new").exists(), "it was there before the point was made"
    assert (live / "sub" / "kept").read_bytes() == b"broken"
    assert "not sure that the point left it out" in result.note


def test_a_member_that_the_point_misses_stays_in_service(live: Path) -> None:
    request = request_for(live, missing=(f"here:{live}/media", "billing", "here:/elsewhere"))
    source = source_at(live)
    source.cutover(landed_in(source, request, {"doc": b"restored", "sub/kept": b"restored"}))
    assert (live / "media" / "film").read_bytes() == b"only copy"
    assert not (live / "cache").exists()


def test_what_cannot_be_renamed_puts_everything_back(live: Path) -> None:
    before = everything_in(live)
    with unchangeable(live / "media"):
        source = source_at(live)
        landed = landed_in(source, request_for(live, rules=RULES), STORED)
        with pytest.raises(Refused, match="media") as caught:
            source.cutover(landed)
        assert everything_in(live) == before
        assert "--leave-excluded" in caught.value.hint
        assert "as it was before" in caught.value.safe
        for leftover in source.leftovers(()):
            assert leftover.what == "staging"
            source.release(leftover)
        assert os.listdir(live.parent) == ["documents"]


def test_taking_back_killed_anywhere_is_finished(live: Path) -> None:
    before = everything_in(live)
    for count in range(1, 200):
        landed = landed_in(source_at(live), request_for(live, rules=RULES), STORED)
        with unchangeable(live / "media"):
            with pytest.raises((Refused, Interrupted)) as caught:
                source_at(live, runner=StopsAtCommand(count)).cutover(landed)
            for leftover in source_at(live).leftovers(()):
                refused_or_done(lambda leftover=leftover: source_at(live).release(leftover))  # type: ignore[misc]
        for leftover in source_at(live).leftovers(()):
            if leftover.what == "staging":
                source_at(live).release(leftover)
        if everything_in(live) != before:
            assert everything_in(live) == EXPECTED
        again(live)
        if isinstance(caught.value, Refused):
            return
    pytest.fail("it never ended")


def refused_or_done(call: Callable[[], None]) -> None:
    with contextlib.suppress(Refused):
        call()


@contextmanager
def unchangeable(folder: Path) -> Iterator[None]:
    """Nothing can be renamed out of it, whoever tries."""
    if subprocess.run(["chattr", "+i", folder], capture_output=True, check=False).returncode != 0:
        pytest.skip("this file system knows no immutable folders")
    try:
        yield
    finally:
        for place in folder.parent.parent.rglob(folder.name):
            subprocess.run(["chattr", "-i", place], capture_output=True, check=False)


def test_another_file_system_is_refused_by_name_before_anything_moves(live: Path) -> None:
    mount = live / "mounted"
    mount.mkdir()
    (live / "plain folder").mkdir()
    before = everything_in(live)
    with mounted(mount):
        source = source_at(live)
        request = request_for(live, rules={"exclude": [str(mount)], "one_file_system": True})
        with pytest.raises(Refused, match="mounted is a mount point") as caught:
            source.survey(request)
        assert f"drtool restore SET --path {live}/cache" in caught.value.hint
        with pytest.raises(Refused, match="mounted is a mount point"), source.land(request):
            pass
    assert everything_in(live) == before
    assert os.listdir(live.parent) == ["documents"]


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small file system of its own in a folder."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "drtool-rig", folder], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_what_a_rename_refuses_after_all_is_never_copied(live: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (live / "bound").mkdir()
    with mounted(other):
        (other / "file").write_bytes(b"elsewhere")
        with pytest.raises(Refused, match="renaming"):
            rename_all(FileSystem(LocalRunner()), [(str(other / "file"), str(live / "file"))])
        assert (other / "file").exists()
        assert not (live / "file").exists()


@pytest.mark.parametrize("without", ["", "perl"])
def test_a_rename_never_overwrites_and_may_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    if without:
        programs = tmp_path / "bin"
        programs.mkdir()
        (programs / "sh").symlink_to("/bin/sh")
        monkeypatch.setenv("PATH", str(programs))  # the interpreter that drtool runs in is left
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    place, files = FileSystem(LocalRunner()), {name: str(tmp_path / name) for name in "abcdefz"}
    assert rename_all(place, [(files["a"], files["d"]), (files["z"], files["f"])]) == (files["z"],)
    with pytest.raises(Conflict):
        rename_all(place, [(files["a"], files["d"]), (files["b"], files["e"]), (files["c"], files["d"])])
    assert [Path(files[name]).exists() for name in "abcdef"] == [False, False, True, True, True, False]
    assert (tmp_path / "d").read_text() == "a"


def test_the_survey_counts_what_is_carried_and_what_is_newer(live: Path) -> None:
    survey = source_at(live).survey(request_for(live, rules=RULES, instant=LATER.replace(year=9000)))
    assert (survey.carried_files, survey.newer_files) == (5, 0)
    survey = source_at(live).survey(request_for(live, rules=RULES))
    assert (survey.carried_files, survey.newer_files, survey.newer_bytes) == (
        5,
        4,
        sum(len(SERVED[n]) for n in ("doc", "new", "sub/kept", "cache/CACHEDIR.TAG")),
    )
    survey = source_at(live).survey(request_for(live, rules=RULES, leave_excluded=True))
    assert (survey.carried_files, survey.newer_files) == (0, 9)


def _told(live: Path, **changes: Entry) -> Callable[[], Iterable[Entry]]:
    """Return a list of what lies there now, as a point tells it, with changes by name."""

    def held() -> Iterable[Entry]:
        kinds = {stat.S_IFREG: "file", stat.S_IFLNK: "symlink", stat.S_IFDIR: "dir"}
        for path in sorted(live.rglob("*")):
            facts = path.lstat()
            second, fraction = divmod(facts.st_mtime_ns, 1_000_000_000)
            modified = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"
            kind = kinds[stat.S_IFMT(facts.st_mode)]
            entry = Entry(str(path), kind, facts.st_size if kind == "file" else 0, facts.st_mode & 0o7777, modified)
            yield changes.get(path.name, entry)

    return held


def test_what_was_put_there_since_and_is_as_in_the_point_is_not_newer(live: Path) -> None:
    (live / "link").symlink_to("where it leads")
    source = source_at(live)
    unknown = source.survey(request_for(live, rules=RULES))
    assert unknown.newer_files == 5
    assert source.survey(request_for(live, rules=RULES, held=_told(live))).newer_files == 0
    left = source.survey(request_for(live, rules=RULES, held=_told(live), leave_excluded=True))
    assert (left.carried_files, left.newer_files) == (0, 5)
    now = next(entry for entry in _told(live)() if entry.path.endswith("/doc"))
    for change in (
        {"bytes": now.bytes + 1},
        {"type": "symlink"},
        {"modified": now.modified.replace(now.modified[:4], "1999")},
        {"modified": now.modified[:-4] + ("111Z" if now.modified[-4:-1] != "111" else "222Z")},
        {"modified": "+12026-01-01T00:00:00Z"},
    ):
        changed = source.survey(request_for(live, rules=RULES, held=_told(live, doc=replace(now, **change))))
        assert (changed.newer_files, changed.newer_bytes) == (1, now.bytes), change
    whole = re.sub(r"\.\d+", "", now.modified)
    assert source.survey(request_for(live, rules=RULES, held=_told(live, doc=replace(now, modified=whole)))).newer_files == 0


def test_what_the_point_holds_is_not_asked_where_nothing_is_newer(live: Path) -> None:
    def held() -> Iterable[Entry]:
        raise AssertionError("it was asked")

    request = request_for(live, rules=RULES, instant=LATER.replace(year=9000), held=held)
    assert source_at(live).survey(request).newer_files == 0


def test_a_record_that_was_changed_is_not_believed(live: Path) -> None:
    landed = landed_in(source_at(live), request_for(live, rules=RULES), STORED)
    with pytest.raises(Interrupted):
        source_at(live, runner=StopsAtRename(2)).cutover(landed)
    record = Path(f"{staged(landed).staging}.carried-0")
    written = record.read_bytes()
    record.write_bytes(written.replace(b"film", b"/../"))
    with pytest.raises(Conflict, match="not what was written"):
        source_at(live).cutover(landed)
    record.write_bytes(written)
    source_at(live).cutover(landed)
    assert everything_in(live) == EXPECTED


def test_over_ssh_it_takes_few_round_trips(live: Path, ssh_server: SshServer) -> None:
    fill(live, {f"media/many/{number}": b"x" for number in range(300)} | {f"sub/{number}.tmp": b"x" for number in range(300)})
    commands: list[str] = []

    class Counting(SshRunner):
        def run(self, command: Command, **more: Any) -> Completed:  # noqa: ANN401 - passed on
            commands.append(command.argv[0])
            return super().run(command, **more)

    runner = Counting(name="pi", host=ssh_server.alias, ssh_config=str(ssh_server.config))
    source = source_at(live, runner=runner)
    landed = landed_in(source, request_for(live, rules=RULES), STORED)
    commands.clear()
    source.cutover(landed)
    assert len(commands) < 45
    assert len(everything_in(live)) == len(EXPECTED) + 601


UNDOING = "01J0000000000000000000ND00"


def undone(live: Path, runner: Runner | None = None) -> str:
    source = source_at(live, runner=runner)
    (kept,) = [leftover for leftover in source_at(live).leftovers(()) if leftover.run == RUN]
    return source.undo(kept, UNDOING)


def test_a_restore_is_taken_back_with_all_that_was_carried(live: Path) -> None:
    before, times = everything_in(live), {name: (live / name).stat().st_mtime_ns for name in ("sub", "media", "sub/new")}
    source = source_at(live)
    source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
    (live / "doc").write_bytes(b"written since")
    (live / "media" / "film").write_bytes(b"changed since")
    said = undone(live)
    assert everything_in(live) == {**before, "media/film": b"changed since"}
    assert {name: (live / name).stat().st_mtime_ns for name in times} == times
    assert f"{live} is what it was before the restore" in said
    (kept,) = source.leftovers(())
    assert (kept.what, kept.run, kept.took_back) == ("kept", UNDOING, RUN)
    assert (Path(kept.locator) / "doc").read_bytes() == b"written since"
    assert not (Path(kept.locator) / "media" / "film").exists()
    assert str(kept.locator) in said
    source.undo(kept, f"{UNDOING[:-1]}1")
    assert (live / "doc").read_bytes() == b"written since"
    assert (live / "media" / "film").read_bytes() == b"changed since"
    assert [leftover.took_back for leftover in source.leftovers(())] == [""], "it has taken back another: what RUN did counts again"
    for leftover in source.leftovers(()):
        source.release(leftover)
    assert os.listdir(live.parent) == ["documents"]


@pytest.mark.parametrize("stops", [StopsAtRename, StopsAtCommand])
def test_an_undo_killed_anywhere_finishes_forward(live: Path, stops: Callable[[int], LocalRunner]) -> None:
    before = everything_in(live)
    for count in range(200):
        source = source_at(live)
        source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
        try:
            undone(live, runner=stops(count))
            died = False
        except Interrupted:
            died = True
        for leftover in source_at(live).leftovers(()):
            if leftover.what == "staging":
                source_at(live).release(leftover)
        if any(leftover.run == RUN for leftover in source_at(live).leftovers(())):
            assert died
            assert everything_in(live) == EXPECTED, "it had not begun"
            undone(live)
        assert everything_in(live) == before
        for leftover in source_at(live).leftovers(()):
            assert (leftover.what, leftover.run) == ("kept", UNDOING)
            source_at(live).release(leftover)
        assert os.listdir(live.parent) == ["documents"]
        if not died:
            assert count > 5
            return
        again(live)
    pytest.fail("the undo never ended")


def test_what_was_put_where_nothing_was_is_taken_back_too(live: Path) -> None:
    shutil.rmtree(live)
    source = source_at(live)
    source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
    (label,) = source.leftovers(())
    assert (label.what, label.target, bool(label.expires)) == ("placed", str(live), True)
    assert "nothing is at" in source.undo(label, UNDOING)
    assert not live.exists()
    (kept,) = source.leftovers(())
    assert (Path(kept.locator) / "doc").read_bytes() == b"restored"
    source.undo(kept, f"{UNDOING[:-1]}1")
    assert (live / "doc").read_bytes() == b"restored"
    (label,) = source.leftovers(())
    source.release(label)
    assert os.listdir(live.parent) == ["documents"]


def test_an_undo_that_cannot_be_carried_out_leaves_everything(live: Path) -> None:
    source = source_at(live)
    source.cutover(landed_in(source, request_for(live, rules=RULES), STORED))
    with unchangeable(live / "media"), pytest.raises(Refused, match="media"):
        undone(live)
    assert everything_in(live) == EXPECTED
    assert [leftover.run for leftover in source.leftovers(())] == [RUN]
    undone(live)
    assert (live / "media" / "film").exists()
