"""Long lines are broken between words and nowhere else."""

from __future__ import annotations

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.cli.render.folded import folded, folded_command
from drtool.cli.render.words import width
from tests.rig.terminal import run_in_terminal

WORDS = st.text(st.sampled_from("abä漢/-.:"), min_size=1, max_size=30)


@given(st.lists(WORDS, min_size=1, max_size=20), st.integers(0, 8), st.integers(20, 100))
def test_no_word_is_broken_and_none_is_lost(words: list[str], depth: int, columns: int) -> None:
    line = " " * depth + " ".join(words)
    lines = folded([line], columns=columns)
    assert " ".join(lines).split() == words
    assert all(width(each) <= columns or len(each.split()) == 1 for each in lines)
    assert lines[0].startswith(" " * depth + words[0])
    assert all(each.startswith(" " * (depth + 2)) for each in lines[1:])


def test_a_line_that_fits_stays_as_it_is() -> None:
    assert folded(["a   b  ", ""], columns=10) == ["a   b  ", ""]


def test_columns_of_a_table_stay_apart() -> None:
    assert folded(["✔  near   opens and can be written"], columns=20) == ["✔  near   opens and", "  can be written"]


@given(st.lists(st.text(st.sampled_from("ab /-'\"\\$"), max_size=30), min_size=1, max_size=12), st.integers(0, 8), st.integers(20, 100))
def test_a_folded_command_is_one_command_where_it_is_pasted(words: list[str], depth: int, columns: int) -> None:
    lines = folded_command(shlex.join(words), depth=depth, columns=columns)
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert shlex.split("".join(line.removesuffix("\\") for line in lines[:-1]) + lines[-1]) == words
    assert all(width(line) <= columns or len(shlex.split(line.removesuffix("\\"))) == 1 for line in lines)


def test_a_command_that_fits_stays_as_it_is() -> None:
    assert folded_command("drtool init near", depth=2) == ["  drtool init near"]


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "next: see it, then: drtool restore a --to directory /b --yes, or wait",
            ["next: see it, then:", "  drtool restore a --to directory /b --yes,", "  or wait"],
        ),
        ("  failed  drtool was told to stop while it was", ["  failed  drtool was told to", "    stop while it was"]),
        ("say `drtool status --check --refresh` to all", ["say", "  `drtool status --check --refresh`", "  to all"]),
    ],
)
def test_a_command_to_type_stays_whole(line: str, parts: list[str]) -> None:
    assert folded([line], columns=30) == parts


def test_no_word_is_broken_by_a_narrow_terminal() -> None:
    command = [sys.executable, "-m", "drtool.cli.main", "run", "--policy", "/nothing-lies-there"]
    whole = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    shown = run_in_terminal(command, width=40)
    assert shown.exit_code == 2
    assert shown.text.split() == whole.split()
    assert "\n        next: look at the spelling." in shown.text
