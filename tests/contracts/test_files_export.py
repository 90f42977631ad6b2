"""What a source of files discovers and samples."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from drtool.model.policy import SourcePolicy
from drtool.ports import PutResult
from drtool.runners.local import LocalRunner
from drtool.sources.files.schema import Selector, Settings
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock
from drtool.trees.excludes import might_match
from tests.rig.tree import make_tree

PUT = PutResult("id", files=7, bytes=9, stored_bytes=1)


@pytest.fixture
def source() -> FilesSource:
    return FilesSource(policy=SourcePolicy("here", "files", "home"), by="homelab", runner=LocalRunner(), clock=FixedClock())


def test_problems_are_told_in_plain_words(source: FilesSource, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"12345")
    odd = os.fsdecode(b"a \xff\n'")
    (tmp_path / odd).mkdir()
    names = ["link", "pipe", "file", "missing", "file/below", odd, f"{odd}/missing"]
    paths = [f"{tmp_path}/{name}" for name in names]
    found = {
        workload.selector["path"]: workload for workload in source.discover({"paths": [*paths, f"{tmp_path}//file/", f"{tmp_path}/./file"]})
    }
    assert sorted(found) == sorted(paths)
    problems = {name: found[path].problem.removeprefix(f"{path} ") for name, path in zip(names, paths, strict=True)}
    assert problems["link"].startswith("is a symbolic link")
    assert problems["pipe"].startswith("is a named pipe")
    assert problems["missing"] == problems[f"{odd}/missing"] == "does not exist"
    assert problems["file/below"] == "cannot be looked at: Not a directory"
    assert problems["file"] == problems[odd] == ""
    assert found[paths[2]].bytes == 5
    assert found[paths[2]].name == f"here:{paths[2]}"


def test_ten_thousand_workloads_are_found_at_once(source: FilesSource, tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / str(number)).mkdir()
    started = time.perf_counter()
    found = source.discover({"paths": [str(tmp_path / str(number)) for number in range(10_000)]})
    assert len(found) == 10_000
    assert time.perf_counter() - started < 5
    with source.export(source.snapshot(found[0], "label")) as export:
        assert export.census(export.artifacts[0], PUT).sample == ()


def test_the_sample_is_deterministic_bounded_and_true(source: FilesSource, tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", files=200)
    (workload,) = source.discover({"paths": [str(tmp_path / "tree")]})
    samples = []
    for _ in range(2):
        with source.export(source.snapshot(workload, "label")) as export:
            census = export.census(export.artifacts[0], PUT)
        assert (census.files, census.bytes) == (7, 9)
        samples.append(census.sample)
    assert samples[0] == samples[1]
    assert len(samples[0]) == 64
    for file in samples[0]:
        data = Path(file.path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)


def test_what_changed_meanwhile_leaves_the_sample(source: FilesSource, tmp_path: Path) -> None:
    for name in ("changed", "removed", "replaced", "touched back", "same"):
        (tmp_path / name).write_bytes(b"12345")
    (workload,) = source.discover({"paths": [str(tmp_path)]})
    with source.export(source.snapshot(workload, "label")) as export:
        (tmp_path / "changed").write_bytes(b"123456")
        (tmp_path / "removed").unlink()
        (tmp_path / "other").write_bytes(b"12345")
        (tmp_path / "other").rename(tmp_path / "replaced")
        before = (tmp_path / "touched back").stat()
        (tmp_path / "touched back").write_bytes(b"54321")
        os.utime(tmp_path / "touched back", ns=(before.st_atime_ns, before.st_mtime_ns))
        census = export.census(export.artifacts[0], PUT)
    assert [Path(file.path).name for file in census.sample] == ["same"]


def test_what_might_be_left_out_is_not_sampled(source: FilesSource, tmp_path: Path) -> None:
    for name in (
        "keep",
        "a.tmp",
        "x.tmp/inner",
        "cache/CACHEDIR.TAG",
        "cache/deep/inner",
        "no/.nobackup",
        "no/inner",
        "[odd]/keep",
        "logs/a/b",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    rules = {"exclude": ["*.tmp", f"{tmp_path}/logs/*"], "exclude_if_present": [".nobackup"], "exclude_caches": True}
    (workload,) = source.discover({"paths": [str(tmp_path)], **rules})
    with source.export(source.snapshot(workload, "label")) as export:
        (artifact,) = export.artifacts
        census = export.census(artifact, PUT)
    assert artifact.excludes == tuple(rules["exclude"])  # type: ignore[arg-type]  # a list of text
    assert [str(Path(file.path).relative_to(tmp_path)) for file in census.sample] == ["[odd]/keep", "keep"]


def test_another_file_system_is_not_entered(source: FilesSource, tmp_path: Path) -> None:
    (tmp_path / "keep").touch()
    (workload,) = source.discover({"paths": [str(tmp_path)], "one_file_system": True})
    with source.export(source.snapshot(workload, "label")) as export:
        assert export.artifacts[0].one_file_system
        assert len(export.census(export.artifacts[0], PUT).sample) == 1


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.tmp", "/a/b.tmp/c", True),
        ("*.tmp", "/a/b", False),
        ("/home/*/.cache", "/home/me/.cache/x", True),
        ("/home/*/.cache", "/srv/me/.cache/x", False),
        ("/var/*", "/home/x", False),
        ("/a/**/c", "/b/c", True),
        ("**", "/b/c", True),
        ("[ab]x", "/cx", True),
        (r"a\*b", "/a*b", True),
        ("$HOME/x", "/root/x", True),
        ("$HOME", "/root", True),
        ("!keep", "/keep", False),
        ("cache/", "/x/cache/y", True),
        ("n?w\nline", "/new\nline", True),
    ],
)
def test_a_pattern_errs_towards_leaving_out(pattern: str, path: str, *, expected: bool) -> None:
    assert might_match([pattern])(path) is expected


@pytest.mark.parametrize("keys", [{"paths": []}, {"paths": ["relative"]}, {"paths": ["/a/../b"]}, {"paths": ["/a"], "excludes": []}])
def test_a_wrong_selector_is_an_error(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Selector.model_validate(keys)


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "", "a b"])
def test_a_hostile_ssh_destination_is_an_error(host: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"ssh": host})
