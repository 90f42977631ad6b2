"""What we say that a point left out, held against what restic leaves out: the oldest and the newest, on generated trees and patterns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from drtool.model.carried import LeftOut
from drtool.runners.local import LocalRunner
from drtool.staging.left_out import CACHE_HEADER, CACHE_TAG, walk
from drtool.trees.filesystem import FileSystem
from drtool.trees.patterns import excluded_by
from tests.rig.restic import NEWEST, OLDEST, Version, binary
from tests.rig.sockets import leave_socket

NAMES = ["a", "b", "ab", "a.tmp", "b.tmp", "cache", "äö", "€", "[x]", "a*", "-a", " a", "A", "x\\y", "a]", "!a", "$HOME", "a^b", "é"]
PIECES = [
    "a",
    "b",
    "*",
    "?",
    "**",
    ".tmp",
    "[ab]",
    "[^a]",
    "[a-c]",
    "[!a]",
    "\\*",
    "\\[",
    "ä",
    "€",
    "é",
    "[ä-ö]",
    "[^€]",
    "cache",
    "A",
    " ",
]
TAGS = [".nobackup", CACHE_TAG, "skip"]
HEADERS = ["", "ye", CACHE_HEADER]


@dataclass(frozen=True)
class Asked:
    """One restic and its repository."""

    program: Path
    repository: Path

    def stored(self, tree: Path, rules: LeftOut) -> set[str] | None:
        """Return the paths below a tree that it would store, None when it refuses the rules."""
        argv = [str(self.program), "-r", str(self.repository)]
        argv += ["backup", "--dry-run", "--json", "-vv"]
        argv += [f"--exclude={pattern}" for pattern in rules.exclude]
        argv += [f"--exclude-if-present={tag}" for tag in rules.exclude_if_present]
        argv += ["--exclude-caches"] if rules.exclude_caches else []
        done = subprocess.run([*argv, str(tree)], capture_output=True, env=environment(), check=False, timeout=120)
        if done.returncode != 0:
            assert b"invalid pattern" in done.stderr + done.stdout, done.stderr
            return None
        base = f"{tree}/"
        found = set()
        for line in done.stdout.decode("utf-8").splitlines():
            message = json.loads(line)
            if message.get("message_type") == "verbose_status" and message.get("item", "").startswith(base):
                found.add(message["item"].rstrip("/")[len(base) :])
        return found - {""}


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "RESTIC_PASSWORD": "x", "RESTIC_CACHE_DIR": os.environ["RIG_CACHE"]}


@pytest.fixture(scope="module", params=[OLDEST, NEWEST])
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    version: Version = request.param
    root = tmp_path_factory.mktemp(f"restic-{version}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIG_CACHE", str(root / "cache"))
        program = binary(version)
        subprocess.run(
            [program, "init"], env={**environment(), "RESTIC_REPOSITORY": str(root / "repository")}, check=True, capture_output=True
        )
        yield Asked(program, root / "repository")


names = st.sampled_from(NAMES)
trees = st.sets(st.lists(names, min_size=1, max_size=4).map("/".join), min_size=1, max_size=14)
components = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join) | names
plain = st.lists(components, min_size=1, max_size=3).map("/".join)
patterns = st.tuples(
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "ROOT/", "ROOT/", "/", "./", "../"]),
    plain,
    st.sampled_from(["", "/", "//"]),
).map("".join)
tags = st.tuples(st.sampled_from(TAGS), st.sampled_from(HEADERS)).map(lambda pair: ":".join(filter(None, pair)))
placed = st.dictionaries(st.tuples(st.integers(0, 9), st.sampled_from(TAGS)), st.sampled_from(["", "yes", "no", CACHE_HEADER]), max_size=4)


def plant(root: Path, paths: set[str], placed: dict[tuple[int, str], str]) -> None:
    """Make every path that is no folder of another one a file; tags go into some of the folders."""
    for path in sorted(paths, key=len, reverse=True):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.write_bytes(b"x")
    folders = [root, *sorted(path for path in root.rglob("*") if path.is_dir())]
    for (number, tag), content in placed.items():
        folder = folders[number % len(folders)]
        if not (folder / tag).is_dir():
            (folder / tag).write_text(content)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(paths=trees, rules=st.lists(patterns, max_size=4), present=st.lists(tags, max_size=2), placed=placed, caches=st.booleans())
@example({"a/b/c", "a/d"}, ["ROOT/a", "!ROOT/a/d"], [], {}, False)
@example({"a/b/x.tmp", "x.tmp"}, ["*.tmp", "!x.tmp"], [], {}, False)
@example({"€"}, ["*??"], [], {}, False)
@example({"a/b", "b"}, ["/"], [], {}, False)
@example({"a/b", "b"}, ["**"], [], {}, False)
@example({"a/b/a/b", "a/b/b", "b/a/ab/b", "a/ab/b/b"}, ["a/**/b/**/b", "ROOT/a/**/b/**"], [], {}, False)
@example({"a/b/a.tmp", "b"}, ["ROOT/**/*.tmp"], [], {}, False)
def test_we_leave_out_what_restic_leaves_out(
    asked: Asked,
    tmp_path: Path,
    paths: set[str],
    rules: list[str],
    present: list[str],
    placed: dict[tuple[int, str], str],
    caches: bool,  # noqa: FBT001 - hypothesis names it
) -> None:
    root = tmp_path / "tree"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    plant(root, paths, placed)
    left_out = LeftOut(tuple(rule.replace("ROOT", str(root)) for rule in rules), tuple(present), caches)
    stored = asked.stored(root, left_out)
    assume(stored is not None)
    assume(not excluded_by(left_out.exclude)(os.fsencode(root)))  # then there is no point at all
    assert stored is not None
    everything = {str(path.relative_to(root)) for path in root.rglob("*")}
    found = walk(FileSystem(LocalRunner()), tree=str(root), stored=str(root), rules=left_out)
    ours = {path for path in everything if any(path == each.path or path.startswith(f"{each.path}/") for each in found.candidates)}
    assert ours == everything - stored


def test_a_socket_is_left_out(asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "file").write_bytes(b"x")
    leave_socket(root / "service.socket")
    rules = LeftOut()
    assert asked.stored(root, rules) == {"file"}
    assert [each.path for each in walk(FileSystem(LocalRunner()), tree=str(root), stored=str(root), rules=rules).candidates] == [
        "service.socket"
    ]
