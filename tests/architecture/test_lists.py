"""The short list, the full list and the budget of processes do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.full_list import FULL_LIST, LeftOut
from tests.rig import chosen
from tests.rig.budget import DRAWN
from tests.rig.chosen import is_drawn, left_out_by, matches, refuse_stale, shard_of
from tests.rig.starts import Starts

ROOT = Path(__file__).parents[2]
NAMES = [f"tests/room/test_{file}.py::test_{number}[a-{number}]" for file in "abcdefg" for number in range(40)]
IMPORTED = "from tests.planning.test_nearest import *  # noqa: F403\n"
WASTEFUL = "import subprocess\ndef test_many():\n    for _number in range(330):\n        subprocess.run(['true'], check=True)\n"


def carried_out(directory: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_it.py").write_text(text)
    plugins = [word for name in ("costs", "budget", "chosen") for word in ("-p", f"tests.rig.{name}")]
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, *options, "test_it.py"]
    places = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    return subprocess.run(argv, cwd=directory, env=places, capture_output=True, text=True, check=False)


def test_no_two_files_of_tests_bear_one_name() -> None:
    """They are imported by it: of two the second would not be carried out."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("count", [1, 3, 4])
def test_shards_are_all_and_nothing_twice(count: int) -> None:
    parts = [shard_of(NAMES, f"{number}/{count}") for number in range(1, count + 1)]
    assert sum(map(len, parts)) == len(NAMES)
    assert set[str]().union(*parts) == set(NAMES)
    assert all(parts)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/", "a/b"])
def test_a_shard_that_is_none_is_refused(shard: str) -> None:
    with pytest.raises(pytest.UsageError, match="takes I/N"):
        shard_of(NAMES, shard)


def test_a_commit_chooses_about_a_tenth_and_another_one_others() -> None:
    names = [f"{name}{number}" for name in NAMES for number in range(10)]
    first, second = ({name for name in names if is_drawn(name, commit)} for commit in ("1d0f", "2e1a"))
    assert len(names) / 20 < len(first) < len(names) / 5
    assert first != second


def test_only_a_star_stands_for_anything() -> None:
    assert matches("tests/x.py::test[*-after]", "tests/x.py::test[26-drill-after]")
    assert not matches("tests/x.py::test[*-after]", "tests/x.py::test[26-drill-before]")
    assert not matches("tests/x.py::test[ab]", "tests/x.py::testa")


def test_what_shows_the_kind_stays() -> None:
    assert left_out_by("tests/faults/test_sigkill.py::test_killed_anywhere[run-0]") is not None
    assert left_out_by("tests/faults/test_sigkill.py::test_killed_in_restic_calls[run]") is None
    assert left_out_by("tests/truenas/test_killed.py::test_killed_anywhere[restore]") is None


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (LeftOut("tests/gone.py::*", "", shown=(NAMES[0],)), "no test is called so"),
        (LeftOut("tests/room/*", "", shown=("tests/room/test_a.py::*",)), "is left out itself"),
        (LeftOut("tests/room/test_a.py::*", ""), "does not tell which test shows"),
    ],
)
def test_a_list_that_is_not_true_is_refused(monkeypatch: pytest.MonkeyPatch, entry: LeftOut, why: str) -> None:
    monkeypatch.setattr(chosen, "FULL_LIST", (entry,))
    with pytest.raises(pytest.UsageError, match=why):
        refuse_stale(NAMES)


def test_every_entry_says_why() -> None:
    assert all(entry.why for entry in FULL_LIST)


def test_a_test_that_is_imported_is_not_carried_out_again(tmp_path: Path) -> None:
    done = carried_out(tmp_path, IMPORTED)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "comes from tests.planning.test_nearest" in done.stderr


def test_who_starts_more_than_allowed_fails(tmp_path: Path) -> None:
    starts = Starts()
    is_told = starts.known
    starts.close()
    if not is_told:
        pytest.skip("only root is told of processes")
    done = carried_out(tmp_path, WASTEFUL, "--budget", "check")
    assert "1 passed" in done.stdout
    assert "BUDGET: test_it.py started 330 processes, 200 are allowed" in done.stdout.splitlines()[-2]
    assert done.returncode == pytest.ExitCode.TESTS_FAILED


def test_what_a_commit_drew_is_counted_to_no_budget(tmp_path: Path) -> None:
    drawn = WASTEFUL.replace("test_many():\n", f"test_many(record_property):\n    record_property({DRAWN!r}, True)\n")
    done = carried_out(tmp_path, drawn, "--budget", "check")
    assert "BUDGET" not in done.stdout
    assert done.returncode == pytest.ExitCode.OK
