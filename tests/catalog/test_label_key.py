"""The key that proves labels is made once: who began with it finds it again, whoever else makes one at the same moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drtool.catalog import label_key
from drtool.catalog.label_key import label_proofs, spent_labels
from drtool.catalog.machine import machine_id
from drtool.catalog.runs import Runs
from drtool.model.errors import Refused
from drtool.model.plan import Plan, Step, Undo
from drtool.model.workload import Leftover
from drtool.staging.proof import unproven


def test_who_comes_second_takes_the_first_ones_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, first = label_key._read, label_proofs(str(tmp_path))
    looks: list[None] = []

    def late(state_directory: str) -> object:
        """See nothing at the first look: the other one made it a moment later."""
        looks.append(None)
        return None if len(looks) == 1 else read(state_directory)

    monkeypatch.setattr(label_key, "_read", late)
    assert label_proofs(str(tmp_path)) == first
    monkeypatch.undo()
    assert label_proofs(str(tmp_path)) == first
    assert [path.name for path in tmp_path.iterdir()] == ["label-key.json"]
    assert (tmp_path / "label-key.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damaged", ["", "{}", '{"key": "00", "earlier_runs": []}', '{"key": 7}'])
def test_a_damaged_one_proves_nothing_and_is_made_anew(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "label-key.json").write_text(damaged)
    made = label_proofs(str(tmp_path))
    assert len(made.key) == 32
    assert label_proofs(str(tmp_path)) == made


@pytest.mark.parametrize("name", ["unknown", "a b", "", ".", "x" * 65])
def test_a_name_that_cannot_be_told_from_no_name_is_refused(tmp_path: Path, name: str) -> None:
    if name:
        with pytest.raises(Refused, match="is no name of a machine"):
            machine_id(str(tmp_path), {"DRTOOL_MACHINE": name})
    else:
        assert machine_id(str(tmp_path), {"DRTOOL_MACHINE": name}) == machine_id(str(tmp_path), {})


def _left(state: Path, run: str, verb: str, *, end: str, target: str = "") -> None:
    """Lay down a run as a release left it that proved no labels."""
    folder = Runs(str(state)).create(run)
    leftover = Leftover("here", "kept", f"{target}.before-P", "01J00000000000000000000ABC", "us", target=target)
    steps = (Step("undo/here", Undo(leftover), why=""),) if verb == "undo" else ()
    folder.save_plan(Plan(verb, run, "us", datetime(2026, 1, 1, tzinfo=UTC), steps))
    events: list[dict[str, Any]] = [{"kind": "run_started"}]
    if verb == "restore" and target:
        events.append({"kind": "step_ended", "step": "cutover", "data": {"result": {"moves": [{"target": target}]}}})
    if end != "killed":
        events.append({"kind": "run_ended", "data": {"swept": True} if end == "settled" else {}})
    told = ({"step": "", "data": {}, **each, "run": run, "at": "2026-01-01T00:00:00Z", "elapsed_seconds": 0.0} for each in events)
    Path(folder.journal).write_text("".join(json.dumps(each) + "\n" for each in told))
    if end == "killed":
        Path(folder.lock).touch()


@pytest.mark.parametrize("verb", ["run", "copy", "prune", "drill", "sweep", "verify", "restore", "undo"])
@pytest.mark.parametrize("end", ["ended", "killed", "settled"])
@pytest.mark.parametrize("what", ["staging", "kept", "placed"])
@pytest.mark.parametrize("place", ["its own", "another", "the whole folder"])
def test_of_an_earlier_release_only_what_its_restores_left_is_believed(tmp_path: Path, verb: str, end: str, what: str, place: str) -> None:
    """Whoever can read a repository knows the ids of its runs: a label without a proof that names one proves nothing by that."""
    run = "01J00000000000000000000RVN"
    _left(tmp_path, run, verb, end=end, target="/srv/docs")
    proofs = label_proofs(str(tmp_path))
    target = "/srv/others" if place == "another" else "/srv/docs"
    aside = "/srv/docs" if place == "the whole folder" else f"{target}.before-P"
    label = {"what": what, "run": run, "aside": aside if what != "placed" else "", "moves": [{"target": target}]}
    exchanges = verb in ("restore", "undo")
    believed = exchanges and (end != "ended" or (what != "staging" and place == "its own") or (what == "placed" and place != "another"))
    assert bool(unproven(proofs, "x.drtool.json", label)) is not believed
    assert label_proofs(str(tmp_path)) == proofs, "what is read back is what was made"
    assert unproven(proofs, "x.drtool.json", {**label, "proof": "of another key"})


def test_a_damaged_key_makes_no_run_an_earlier_one(tmp_path: Path) -> None:
    _left(tmp_path, "01J00000000000000000000RVN", "restore", end="killed")
    (tmp_path / "label-key.json").write_text("")
    assert label_proofs(str(tmp_path)).earlier_runs == frozenset()


def test_what_is_spent_is_known_to_every_later_call_and_a_torn_line_hides_none(tmp_path: Path) -> None:
    label_proofs(str(tmp_path)).spend(".drtool-a.json")
    with (tmp_path / "spent-labels").open("ab") as stream:
        stream.write(b"\n.drtool-to")
    label_proofs(str(tmp_path)).spend(".drtool-b.json")
    assert spent_labels(str(tmp_path)) >= {".drtool-a.json", ".drtool-b.json"}
    size = (tmp_path / "spent-labels").stat().st_size
    label_proofs(str(tmp_path)).spend(".drtool-b.json")
    assert (tmp_path / "spent-labels").stat().st_size == size
    assert (tmp_path / "spent-labels").stat().st_mode & 0o777 == 0o600
