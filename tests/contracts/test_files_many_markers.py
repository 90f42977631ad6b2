"""Reading labels costs as many processes for hundreds of them as for one, wherever they lie beside each other."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.engine.clock import SystemClock
from drtool.model.errors import Refused
from drtool.model.label import LabelProofs
from drtool.runners.local import LocalRunner
from drtool.staging.marker import Marker, Owner, read_marker, read_markers, write_marker
from drtool.trees.filesystem import FileSystem
from tests.rig.by_commands import ByCommands

PROGRAMS = ("cat", "grep", "find", "sh", "id", "xargs")


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs that write down that they were started."""
    log, folder = tmp_path / "started", tmp_path / "programs"
    folder.mkdir()
    for name in PROGRAMS:
        (folder / name).write_text(f'#!/bin/bash\necho {name} >>{log}\nexec {shutil.which(name)} "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log


def _labelled(folder: Path, count: int) -> Owner:
    folder.mkdir()
    owner = Owner("here", "home", FileSystem(ByCommands()), SystemClock())
    for number in range(count):
        path = f"{folder}/.drtool-R{number}\nx.json" if number == 1 else f"{folder}/.drtool-R{number}.json"
        write_marker(owner, path, Marker("staging", "home", "here", f"R{number}", workload=f"name with\nline {number}", state="landed"))
    return owner


def _started(log: Path) -> list[str]:
    names = log.read_text().split()
    log.unlink()
    return names


def test_many_are_read_by_as_few_processes_as_one(tmp_path: Path, counted: Path) -> None:
    starts = []
    for count in (2, 40):
        folder = tmp_path / f"with {count}"
        owner = _labelled(folder, count)
        counted.unlink(missing_ok=True)
        found = read_markers(owner, (str(folder),))
        starts.append(sorted(_started(counted)))
        assert {each.run for each in found.values()} == {f"R{number}" for number in range(count)}
    assert starts[0] == starts[1]


def test_one_of_many_is_read_without_the_others(tmp_path: Path, counted: Path) -> None:
    owner = _labelled(tmp_path / "many", 40)
    for number in range(2, 40):
        (tmp_path / "many" / f".drtool-R{number}.json").chmod(0)  # whoever opened it would say so
    counted.unlink()
    found = read_marker(owner, f"{tmp_path}/many/.drtool-R0.json")
    assert found is not None
    assert found.run == "R0"
    assert "cat" not in _started(counted)


def test_where_another_grep_is_they_are_read_all_the_same(tmp_path: Path, counted: Path) -> None:
    (tmp_path / "programs" / "grep").write_text("#!/bin/sh\necho 'grep: unrecognized option: Z' >&2\nexit 2\n")
    owner = _labelled(tmp_path / "some", 5)
    found = read_markers(owner, (str(tmp_path / "some"),))
    assert len(found) == 5
    assert read_marker(owner, f"{tmp_path}/some/.drtool-R1\nx.json") is not None


def test_what_holds_a_nul_and_what_is_a_link_is_no_label(tmp_path: Path) -> None:
    folder = tmp_path / "forged"
    owner = _labelled(folder, 2)
    body = (folder / ".drtool-R0.json").read_bytes()
    (folder / ".drtool-R0.json").write_bytes(body + b"\0" + body.replace(b"R0", b"R9"))
    (folder / ".drtool-R5.json").symlink_to(folder / ".drtool-R1\nx.json")
    assert {each.run for each in read_markers(owner, (str(folder),)).values()} == {"R1"}
    for name in (".drtool-R0.json", ".drtool-R5.json"):
        with pytest.raises(Refused):
            read_marker(owner, str(folder / name))


def test_what_was_read_before_is_believed_as_long_as_it_holds_the_same(tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    proofs = [LabelProofs(b"k" * 32)]
    owner = Owner("here", "home", FileSystem(LocalRunner()), SystemClock(), proofs=lambda: proofs[0])
    path = tmp_path / "some" / ".drtool-R1.json"
    marker = Marker("staging", "home", "here", "R1", state="landed")

    def read() -> Marker:
        return read_markers(owner, (str(path.parent),))[str(path)]

    write_marker(owner, str(path), marker)
    assert (read().state, read().unproven) == ("landed", "")
    write_marker(owner, str(path), replace(marker, state="moving"))
    assert (read().state, read().unproven, read().spent) == ("moving", "", False)
    proofs[0] = replace(proofs[0], spent=frozenset({path.name}))
    assert read().spent
    proofs[0] = LabelProofs(b"z" * 32)
    assert read().unproven
    proofs[0] = LabelProofs(b"k" * 32)
    assert not read().unproven
    path.write_bytes(path.read_bytes().replace(b'"moving"', b'"landed"'))
    assert (read().state, bool(read().unproven)) == ("landed", True)
    path.chmod(0o622)
    assert read_markers(owner, (str(path.parent),)) == {}
