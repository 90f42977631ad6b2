"""Patterns that restic refuses, or that can never match, are mistakes of the policy and not of the night."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from drtool.app.opening import open_policy
from drtool.model.errors import PolicyError
from drtool.sources.files.patterns import pattern_problem, unmatched

ALPHABET = ["[", "]", "^", "-", "\\", "*", "?", "a", "é", "!"]
WRITTEN = [
    "foo[",
    "[]",
    "[^]",
    "[a",
    "[a-",
    "[a-]",
    "[-a]",
    "[]a]",
    "a\\",
    "[\\",
    "[\\]",
    "[a\\]",
    "[z-a]",
    "[[]",
    "[!a]",
    "a]",
    "]",
    "**[",
    "x/y[/z",
]


def refused_by(restic: Path, directory: Path, patterns: list[str]) -> set[str]:
    """What restic refuses before it begins: it tries each pattern on one name, and stops where that no longer fits."""
    home = str(directory)
    environment = {"PATH": os.defpath, "HOME": home, "RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": f"{home}/repository"}
    if not Path(home, "repository").exists():
        subprocess.run([restic, "init"], env=environment, capture_output=True, check=True)
    argv = [str(restic), "backup", *(f"--exclude={pattern}" for pattern in patterns), home]
    said = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False).stderr.splitlines()
    start = next(number for number, line in enumerate(said) if "invalid pattern" in line)
    return {line for line in said[start + 1 :] if line}


def test_restic_refuses_the_same_patterns(tmp_path: Path, every_restic: Path) -> None:
    chosen = random.Random(7)  # noqa: S311 - the same ones each time
    made = {"a" + "".join(chosen.choices(ALPHABET, k=chosen.randint(1, 6))) for _ in range(400)}
    patterns = sorted(made | set(WRITTEN))
    ours = {pattern for pattern in patterns if pattern_problem(pattern)}
    theirs = refused_by(every_restic, tmp_path, patterns)
    assert len(theirs) > 50
    assert theirs <= ours
    ends = sorted({pattern.rpartition("*")[2] for pattern in ours - theirs})
    assert len(ends) < 10
    assert refused_by(every_restic, tmp_path, ends) == set(ends), "what it takes at first fails on the name that comes so far"


@pytest.mark.parametrize("pattern", ["", "!", "~/cache", "~root/x", "../x", "a/../../b"])
def test_what_can_never_match_by_itself(pattern: str) -> None:
    assert pattern_problem(pattern)


@pytest.mark.parametrize("pattern", ["*.tmp", "cache/", "./cache", "a//b", "/home/*/x", "\\[a\\]", "!x"])
def test_what_may_match_by_itself(pattern: str) -> None:
    assert not pattern_problem(pattern)


@pytest.mark.parametrize("pattern", ["/var/cache", "/hom", "/home2/x", "!*.log"])
def test_what_can_never_match_there(pattern: str) -> None:
    assert pattern in unmatched([pattern], ["/home/me", "/etc"])


@pytest.mark.parametrize("patterns", [["/home"], ["/"], ["/home/me/x"], ["/h*/you/x"], ["/**/x"], ["/*"], ["*.log", "!a.log"], ["me"]])
def test_what_may_match_there(patterns: list[str]) -> None:
    assert unmatched(patterns, ["/home/me", "/etc"]) == ""


@pytest.mark.parametrize(("exclude", "names"), [("'*.o', 'foo['", "exclude[1]"), ("/somewhere/else", "exclude"), ("''", "exclude[0]")])
def test_it_is_told_with_its_line(tmp_path: Path, exclude: str, names: str) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"""\
drtool: 1
name: x
repositories: {{near: {{restic: {tmp_path}/near, password: "file:{tmp_path}/key"}}}}
sources: {{here: {{files: {{}}}}}}
sets:
  docs: {{protect: [{{here: {{paths: [{tmp_path}/data], exclude: [{exclude}]}}}}], to: near, keep: {{last: 1}}}}
""")
    with pytest.raises(PolicyError) as raised:
        open_policy(str(policy), state_directory=str(tmp_path / "state"))
    (problem,) = raised.value.problems
    assert names in str(problem)
    assert ":6:" in str(problem)
