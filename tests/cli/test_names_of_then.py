"""Names change and are mistyped: a point is read by its own policy, and what is wrong is said before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]


@pytest.fixture
def stored(machine: Machine) -> Machine:
    machine.done("init", "--quiet")
    machine.done("run", "--quiet")
    return machine


def point_of(machine: Machine) -> str:
    return str(machine.json("points")["points"][0]["point"]["point"])


def test_wrong_names_and_paths_are_told_before_anything_starts(stored: Machine, tmp_path: Path) -> None:
    point, runs = point_of(stored), len(stored.json("history")["history"])
    wrong: list[tuple[tuple[str, ...], int, str]] = [
        (("points", "dosc"), 2, "there are: documents"),
        (("ls", point, "/absent"), 1, "the point holds here:"),
        (("ls", point, "relative"), 6, "from / on"),
        (("ls", point, f"{stored.data}/absent"), 1, "drtool ls"),
        (("ls", point, "--workload", "here:/absent"), 1, "the point holds here:"),
        (("ls", "dosc"), 1, "drtool points"),
        (("ls", ""), 2, "it is empty"),
        (("plan", "restore", "documents", "--path", f"{stored.data}/deep/absent"), 1, f"drtool ls {point} {stored.data}/deep"),
        (("restore", "documents", "--path", f"{stored.data}/absent", "--yes"), 1, f"drtool ls {point} {stored.data}"),
        (("restore", "documents", "--to", "directory", f"{stored.data}/letter.txt/x", "--yes"), 6, "is no directory"),
        (("restore", "documents", "--point", "", "--yes"), 2, "it is empty"),
        (("plan", "restore", "dosc"), 2, "there are: documents"),
        (("evidence", "export", "--output", f"{stored.data}/letter.txt"), 6, "cannot be written"),
    ]
    for arguments, code, words in wrong:
        result = stored.call(*arguments)
        assert (result.returncode, words in result.stderr, "Traceback" in result.stderr) == (code, True, False), (arguments, result.stderr)
    assert len(stored.json("history")["history"]) == runs
    assert "letter.txt" in stored.done("ls", point, f"{stored.data}/")


def test_a_relative_directory_is_one_of_where_it_is_typed(stored: Machine) -> None:
    text = stored.done("restore", "documents", "--to", "directory", "out/", "--yes", "--path", f"{stored.data}/deep/")
    assert f"{stored.directory}/out" in text
    assert list(stored.directory.joinpath("out").rglob("numbers.bin"))


def test_what_the_operators_side_refuses_is_an_error_of_browse_and_no_bug(stored: Machine, tmp_path: Path) -> None:
    letter = f"{stored.data}/letter.txt"
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for target in ("/absent/folder/x", str(tmp_path / "file" / "x"), "x" * 300):
        result = stored.call_with(f"get {letter} {target}\n", "browse", "latest")
        assert result.returncode == 6, result.stderr
        assert "cannot be written" in result.stderr
        assert "Traceback" not in result.stderr
    assert not [name for name in os.listdir(stored.directory) if name.startswith(".drtool-")]


def test_a_name_that_is_no_text_is_restored_as_it_is_listed(machine: Machine, tmp_path: Path) -> None:
    name = os.fsencode(machine.data) + b"/deep/bad\xff\xfe\nname"
    Path(os.fsdecode(name)).write_text("x", encoding="utf-8")
    machine.done("init", "--quiet")
    machine.done("run", "--quiet")
    listed = [entry["path"] for entry in machine.json("ls", "latest")["entries"] if "bad" in entry["path"]]
    assert [os.fsencode(path) for path in listed] == [name]
    machine.done("restore", "documents", "--path", listed[0], "--to", "directory", str(tmp_path / "out"), "--yes")
    assert [path.name for path in (tmp_path / "out").rglob("bad*")] == [os.fsdecode(os.path.basename(name))]
