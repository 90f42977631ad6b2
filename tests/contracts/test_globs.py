r"""What a person types to find a file is read as restic reads it: the same names are found by both."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Protocol

import pytest

from drtool.model.errors import Refused
from drtool.repositories.restic.command import find
from drtool.trees.globs import fits_any, glob

NAMES = (
    "letter",
    "Letter",
    "letter.txt",
    "a-b",
    "ab",
    "br[a]*?",
    "back\\slash",
    "nl\nname",
    "100%",
    "!not",
    "-x",
    ".hidden",
    "\udcff\udcfe",
    "é",
    "^a",
    "ΟΔΟΣ",
    "İstanbul",
    "äb",
    "\N{KELVIN SIGN}elvin",
    "ǅ",
    "\udcffAbc",
)
PATTERNS = (
    "letter",
    "l*",
    "*.txt",
    "a[^b]b",
    "[a-c]*",
    "br\\[a\\]\\*\\?",
    "back\\\\*",
    "*name",
    "[!l]*",
    "-*",
    ".h*",
    "?",
    "??",
    "[^aq]*",
    "\\^a",
    "é",
    "*\udcfe",
    "a[\\-]b",
    "!not",
    "!*",
    "\\!n*",
    "***",
)
FOLDED = ("ΟΔΟΣ", "οδοσ", "İstanbul", "istanbul", "ÄB*", "kelvin", "[Λ-Ω]*", "ǆ", "\udcffABC")
BROKEN = ("[a", "a\\", "[]", "[]a]", "[^]", "[^]a]", "[a-]", "[a-")


class Stored(Protocol):
    """Looks for a name in what was stored."""

    def __call__(self, name: str, *, ignore_case: bool = False) -> subprocess.CompletedProcess[bytes]: ...


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> Stored:
    """One snapshot of all names; returns what looks for a pattern in it."""
    directory = tmp_path_factory.mktemp("globs")
    (directory / "qqq").mkdir()
    for name in NAMES:
        (directory / "qqq" / name).touch()
    environment = {"RESTIC_REPOSITORY": str(directory / "repository"), "RESTIC_PASSWORD": "for this test only"}

    def call(*words: str) -> subprocess.CompletedProcess[bytes]:  # from there: what lies in a folder that fits is found by restic, too
        argv = [str(restic_newest), "--no-cache", *words]
        return subprocess.run(argv, check=False, capture_output=True, cwd=directory, env={**os.environ, **environment})

    assert call("init").returncode == call("backup", "qqq").returncode == 0
    return lambda name, *, ignore_case=False: call(*find(["latest"], [name], ignore_case=ignore_case))


def test_the_same_names_are_found(stored: Stored) -> None:
    for pattern, ignore_case in (*((each, False) for each in PATTERNS), *((each, True) for each in FOLDED)):
        read = glob(pattern, ignore_case=ignore_case)
        told = json.loads(stored(read.name, ignore_case=ignore_case).stdout)
        found = {match["path"] for each in told for match in each["matches"]} - {"/qqq"}
        fits = fits_any([read], ignore_case=ignore_case)
        ours = {name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in NAMES if fits(f"/qqq/{name}")}
        assert ours == {path.rpartition("/")[2] for path in found}, pattern
        assert ours or not ignore_case, pattern


def test_what_restic_cannot_read_is_refused_before_it_is_asked(stored: Stored) -> None:
    for pattern in BROKEN:
        assert stored(pattern).returncode != 0, pattern
        with pytest.raises(Refused, match="does not end"):
            glob(pattern)
    for pattern in ("", "/", "..", "a/../b", "a\0b"):
        with pytest.raises(Refused, match="no pattern"):
            glob(pattern)


@pytest.mark.parametrize(
    ("pattern", "found", "passed_over"),
    [
        ("letter", ("/letter", "/a/letter"), ("/letter/a", "/a/letters", "/a/Letter")),
        ("/a/*.txt", ("/a/b.txt",), ("/b/a/b.txt", "/a/c/b.txt")),
        ("a/*.txt", ("/a/b.txt", "/b/a/b.txt"), ("/a/c/b.txt",)),
        ("/a/**", ("/a", "/a/b", "/a/b/c"), ("/b/a", "/ab")),
        ("/a/**/c", ("/a/c", "/a/b/c", "/a/b/b/c"), ("/a/c/b", "/c")),
        ("**", ("/a", "/a/b"), ()),
        ("a//b/", ("/a/b", "/c/a/b"), ("/a",)),
    ],
)
def test_a_slash_makes_it_a_path(pattern: str, found: tuple[str, ...], passed_over: tuple[str, ...]) -> None:
    fits = fits_any([glob(pattern)])
    assert [path for path in (*found, *passed_over) if fits(path)] == list(found)


def test_any_of_several_and_capital_or_small() -> None:
    fits = fits_any([glob(each, ignore_case=True) for each in ("LETTER", "/A/[B-C]?")], ignore_case=True)
    assert [path for path in ("/x/Letter", "/a/bZ", "/A/cc", "/a/dd", "/lette") if fits(path)] == ["/x/Letter", "/a/bZ", "/A/cc"]
    many = fits_any([glob("/".join(["**", "a"] * 40))])
    assert not many("/" + "/".join(["a"] * 30 + ["b"])), "it ends at once"
    for pattern in ("*a" * 20 + "*b", "*" * 20 + "b", "*[a-b]?" * 20 + "b"):
        assert not fits_any([glob(pattern)])("/" + "a" * 255), "so does this"
        assert fits_any([glob(pattern)])("/" + "a" * 254 + "b")
