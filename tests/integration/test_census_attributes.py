"""The census of attributes on live trees: what changed while it was read is told apart, everything else is compared."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drtool.checks.census import CensusCheck
from drtool.model.command import Command, Completed
from drtool.model.ladder import Level
from drtool.model.plan import Answer, Destination, Restored
from drtool.model.point import Artifact, Attributes, Member
from drtool.model.policy import CheckPolicy, SourcePolicy
from drtool.ports import Inspection, LineListener, PutResult, Question, Runner
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock
from tests.rig.tree import make_tree

INSTANT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def nothing() -> None:
    """Nobody touches the tree meanwhile."""


def backed_up(
    root: Path, copy: Path, *, before: Callable[[], object] = nothing, after: Callable[[], object] = nothing, **rules: object
) -> Restored:
    """Count a tree and copy it as a repository would; `before` and `after` change it before and after the copy reads it."""
    source = FilesSource(policy=SourcePolicy("here", "files", "home"), by="home", runner=LocalRunner(), clock=FixedClock())
    (workload,) = source.discover({"paths": [str(root)], **rules})
    with source.export(source.snapshot(workload, "R")) as export:
        before()
        subprocess.run(["cp", "-a", "--", root, copy], check=True)
        after()
        files = [path for path in (copy, *copy.rglob("*")) if path.is_file() and not path.is_symlink()]
        put = PutResult("id", len(files), sum(path.lstat().st_size for path in files), 1)
        census = export.census(export.artifacts[0], put)
    artifact = Artifact("here:/t", "tree", "0" * 64, str(root), census)
    member = Member("here:/t", "here", "files", workload.selector, INSTANT, (artifact,))
    return Restored("here:/t", "here", Destination("sandbox", sandbox="lab"), str(copy), member)


def recorded(restored: Restored) -> Attributes:
    found = restored.member.artifacts[0].census.attributes
    assert found is not None
    return found


def ask(restored: Restored, runner: Runner | None = None) -> Answer:
    check = CheckPolicy("census", "census", level=Level.COMPLETE)
    inspections = {restored.workload: Inspection(up=True, runner=runner or LocalRunner(), root=restored.path)}
    return CensusCheck().ask(Question(check, (restored,), inspections, INSTANT, INSTANT))


def times_kept(path: Path, change: Callable[[], object]) -> None:
    """Change something in a directory without a trace in its own time."""
    facts = path.stat()
    change()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """More files than are sampled, in many directories."""
    make_tree(tmp_path / "tree", files=300)
    return tmp_path / "tree"


def test_an_exact_copy_is_green_and_everything_was_compared(tree: Path, tmp_path: Path) -> None:
    restored = backed_up(tree, tmp_path / "copy")
    answer = ask(restored)
    assert answer.passed, answer
    entries = [tree, *tree.rglob("*")]
    assert f"attributes of {len(entries)} entries compared" in answer.observed
    counted = recorded(restored)
    links = [path for path in entries if path.is_symlink()]
    directories = [path for path in entries if path.is_dir() and not path.is_symlink()]
    assert (counted.symlinks, counted.directories, counted.others, counted.left_out) == (len(links), len(directories), 1, 0)
    assert counted.files == restored.member.artifacts[0].census.files


CHANGES: dict[str, Callable[[Path], object]] = {
    "a mode": lambda root: (root / "special" / "empty folder").chmod(0o755),
    "a time": lambda root: os.utime(root / "special" / "sparse", (1, 1)),
    "the time of a link": lambda root: os.utime(root / "special" / "loop", (1, 1), follow_symlinks=False),
    "an owner": lambda root: os.chown(root / "special" / "fifo", 77, 78),
    "the root's mode": lambda root: root.chmod(0o711),
}
HIDDEN: dict[str, Callable[[Path], object]] = {
    "no link": (lambda root: (root / "special" / "dangling").unlink()),
    "no pipe": (lambda root: (root / "special" / "fifo").unlink()),
    "no directory": (lambda root: (root / "special" / "empty folder").rmdir()),
    "one directory more": (lambda root: (root / "special" / "new").mkdir()),
    "another name": (lambda root: (root / "special" / "empty").rename(root / "special" / "void")),
}


@pytest.mark.parametrize("change", [*CHANGES, *HIDDEN])
def test_every_difference_of_an_unsampled_entry_is_red(tree: Path, tmp_path: Path, change: str) -> None:
    restored = backed_up(tree, tmp_path / "copy")
    copy = tmp_path / "copy"
    if change in CHANGES:
        CHANGES[change](copy)
    else:
        times_kept(copy / "special", lambda: HIDDEN[change](copy))
    answer = ask(restored)
    assert not answer.passed
    assert any(words in answer.observed for words in ("in ./special", "in a directory that is missing", "in ."))


def test_lost_access_lists_and_attributes_of_sampled_files_are_red(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", files=1)
    restored = backed_up(tmp_path / "tree" / "extended", tmp_path / "copy")
    assert ask(restored).passed
    subprocess.run(["setfacl", "-b", tmp_path / "copy" / "access list"], check=True)
    os.removexattr(tmp_path / "copy" / "attributes", "user.drtool.text")
    answer = ask(restored)
    assert answer.observed.count("other extended attributes or access lists") == 2


def test_a_live_tree_is_no_false_red(tree: Path, tmp_path: Path) -> None:
    quiet = tree / "plain" / "folder 1"

    def before() -> None:
        (tree / "plain" / "folder 2" / "new").write_text("new")
        (tree / "plain" / "folder 3" / "file 3").write_text("other")
        (tree / "came" / "deep" / "er").mkdir(parents=True)
        (tree / "came" / "deep" / "er" / "file").write_text("short life")
        (tree / "special" / "empty folder").rename(tree / "plain" / "moved")

    def after() -> None:
        shutil.rmtree(tree / "came")
        (tree / "plain" / "folder 4" / "file 4").unlink()
        (tree / "plain" / "moved").rename(tree / "special" / "empty folder")

    restored = backed_up(tree, tmp_path / "copy", before=before, after=after)
    answer = ask(restored)
    assert answer.passed, answer.observed
    assert "something beside them changed" in answer.observed
    assert recorded(restored).left_out > 0
    # …and what was quiet all the time is still compared
    (tmp_path / "copy" / quiet.relative_to(tree)).chmod(0o711)
    assert not ask(restored).passed


def test_what_changed_and_was_put_back_is_told_apart(tree: Path, tmp_path: Path) -> None:
    folder = tree / "plain" / "folder 1"

    def touch() -> None:
        facts = folder.stat()
        folder.chmod(0o700)
        folder.chmod(facts.st_mode & 0o7777)

    restored = backed_up(tree, tmp_path / "copy", before=touch)
    assert recorded(restored).left_out > 0
    assert ask(restored).passed


def test_what_rules_leave_out_is_not_missed(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (tree / "cache").mkdir()
    (tree / "cache" / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55")
    (tree / "cache" / "inner").mkdir()
    (tree / "no").mkdir()
    (tree / "no" / ".nobackup").touch()
    (tree / "a.tmp").mkdir()
    (tree / "a.tmp" / "x").write_text("x")
    rules: dict[str, Any] = {"exclude": ["*.tmp"], "exclude_if_present": [".nobackup"], "exclude_caches": True}

    def leave_out() -> None:
        times_kept(copy, lambda: shutil.rmtree(copy / "a.tmp"))
        times_kept(copy / "cache", (copy / "cache" / "inner").rmdir)

    restored = backed_up(tree, copy, after=leave_out, **rules)
    census = restored.member.artifacts[0].census
    assert census.attributes is not None
    answer = ask(restored)
    assert answer.passed, answer
    (copy / "cache").chmod(0o700)
    assert not ask(restored).passed


class AsNobody(LocalRunner):
    """Runs commands without root's rights."""

    look = None  # type: ignore[assignment]  # what this process sees is not what its commands do

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        argv = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *command.argv)
        return super().run(replace(command, argv=argv), on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_as_anybody_but_root_owners_are_not_compared(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_text("x")
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_mode & 0o5 != 0o5:
            path.chmod(path.stat().st_mode | 0o5)
    restored = backed_up(tmp_path / "tree", tmp_path / "copy")
    os.chown(tmp_path / "copy" / "file", 77, 77)
    assert not ask(restored).passed
    answer = ask(restored, AsNobody())
    assert answer.passed, answer
    assert "owners not compared: not root" in answer.observed


def test_what_could_not_be_read_leaves_nothing_to_compare(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    source = FilesSource(policy=SourcePolicy("here", "files", "home"), by="home", runner=LocalRunner(), clock=FixedClock())
    (workload,) = source.discover({"paths": [str(tmp_path)]})
    with source.export(source.snapshot(workload, "R")) as export:
        census = export.census(export.artifacts[0], PutResult("id", 1, 1, 1, unreadable=("/x",)))
    assert census.attributes is None


def test_census_full_hashes_every_file(tree: Path, tmp_path: Path) -> None:
    sampled = backed_up(tree, tmp_path / "one")
    full = backed_up(tree, tmp_path / "two", census="full")
    files = full.member.artifacts[0].census.files
    assert len(sampled.member.artifacts[0].census.sample) == 64
    assert len(full.member.artifacts[0].census.sample) == files
    answer = ask(full)
    assert (answer.passed, answer.compared) == (True, files)
    victim = tmp_path / "two" / "special" / "sparse"
    facts = victim.stat()
    with victim.open("r+b") as stream:
        stream.seek(5_000_000)
        stream.write(b"x")
    os.utime(victim, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert "sparse is not what it was" in ask(full).observed


def test_a_census_that_compared_nothing_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "one.log").write_text("one", encoding="utf-8")
    (tmp_path / "tree" / ".nobackup").touch()
    restored = backed_up(tmp_path / "tree", tmp_path / "copy", exclude_if_present=[".nobackup"])
    (tmp_path / "copy" / "one.log").write_text("two", encoding="utf-8")
    answer = ask(restored)
    assert (answer.passed, answer.compared) == (False, 0)
    assert "nothing could be compared" in answer.skipped


def test_what_was_there_is_counted_whatever_the_rules_leave_out(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for name in ("a", "a/below", "b"):
        (root / name).mkdir(parents=True)
        (root / name / "CACHEDIR.TAG").touch()
        (root / name / "file").touch()
    census = backed_up(root, tmp_path / "copy", exclude=["file"], exclude_caches=True).member.artifacts[0].census
    assert (census.seen_files, census.marks) == (6, 2), "a mark inside what is left out is left out"
