"""A restore of members that lie in one another is taken back, that is taken back again, and so on: each time what was there before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]
pytestmark = pytest.mark.usefixtures("home")

PLACES = (
    "    protect: [{{here: {{paths: [{data}], exclude: ['*.iso', '*.own', '{data}/media'{apart}]}}}}, "
    "{{here: {{paths: [{data}/deep], exclude: ['*.iso']}}}}]\n"
)


def in_service(folder: Path) -> dict[str, str]:
    """Return what is there but what restores keep aside in it."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".drtool-"))
    return {
        name: path.read_text(encoding="utf-8", errors="replace")
        for path in paths
        if ".before-" not in (name := str(path.relative_to(folder)))
    }


def undone(machine: Machine, run: str) -> str:
    machine.done("restore", "--undo", run, "--yes")
    return str(json.loads(machine.done("report", "last", "--json"))["run"])


@pytest.mark.parametrize("layout", ["apart", "around", "gone"])
def test_members_in_one_another_are_taken_back_and_brought_back(machine: Machine, layout: str) -> None:
    data, policy = machine.data, machine.directory / "policy.yaml"
    places = PLACES.format(data=data, apart=f", '{data}/deep'" if layout == "apart" else "")
    text = policy.read_text().replace(f"    protect: [{{here: {{paths: [{data}]}}}}]\n", places)
    assert places in text
    policy.write_text(text.replace("    copies: [offsite]\n", "").replace("from: offsite", "from: near"))
    for name in ("media/film", "letters.iso", "deep/big.iso", "deep/kept", "deep/below/inner.own"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    machine.done("init")
    machine.done("run")
    whole = in_service(data)
    if layout == "gone":
        shutil.rmtree(data)
    else:
        for name in ("letter.txt", "deep/kept", "deep/below/inner.own", "since", "deep/since", "deep/since.iso"):
            (data / name).write_text("changed")
    before = in_service(data)
    machine.done("restore", "documents", "--yes")
    run = str(json.loads(machine.done("report", "last", "--json"))["run"])
    restored = in_service(data)
    left_out = {} if layout == "gone" else {"deep/since.iso": "changed"}
    assert restored == {
        name: body for name, body in {**whole, **left_out}.items() if layout != "gone" or not name.endswith((".iso", "film"))
    }
    for expected in (before, restored, before, restored):
        run = undone(machine, run)
        assert in_service(data) == expected
    machine.done("sweep", "--kept", "--yes")
    assert in_service(data) == restored
    assert [path.name for path in data.parent.glob("data.before-*")] == []
    again = machine.call("restore", "--undo", run, "--yes")
    assert (again.returncode, "nothing that run" in again.stderr) == (1, True)
