"""Two machines with one policy name at one NAS: what one left there is touched by the other only as its plan looked at it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import Conflict, Refused
from drtool.model.plan import Destination
from drtool.ports import ReserveRequest
from drtool.sources.truenas.datasets.dataset import find_dataset, read_datasets
from drtool.sources.truenas.datasets.labels import Label
from drtool.sources.truenas.land.create import create_dataset, mark_dataset
from drtool.sources.truenas.read.clone import make_clone
from drtool.sources.truenas.read.shares import read_comment
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN, land, put_back, take, tidy

ONE: dict[str, object] = {"dataset": "tank/documents"}


def left_by_laptop(lab: Lab, copies: Path) -> None:
    """Leave a snapshot, a clone, a staging place, a sandbox and what a restore kept aside, all of machine laptop."""
    laptop = lab.source(by=BY, machine="laptop")
    (member,) = take(laptop, copies, ONE)
    put_back(laptop, member, copies, look=False)
    land(laptop, member, copies)
    until = datetime.now(UTC) + timedelta(hours=2)
    laptop.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    snapshot = laptop.snapshot(laptop.discover(ONE)[0], f"drtool-{POINT}")
    make_clone(laptop._parts, dataset="tank/documents", snapshot=snapshot.locator)
    laptop.close()


def test_what_another_machine_left_is_released_only_as_the_plan_saw_it(lab: Lab, tmp_path: Path) -> None:
    left_by_laptop(lab, tmp_path / "copies")
    nas = lab.source(by=BY, machine="nas")
    found = [each for each in nas.leftovers(()) if each.what != "mount"]
    assert {each.what for each in found} >= {"snapshot", "clone", "staging", "sandbox", "kept"}
    assert {each.machine for each in found} == {"laptop"}
    before = {each.id for each in read_datasets(nas.client)}
    for leftover in found:
        for planned in ("", "nas", "pi"):
            with pytest.raises(Refused, match="left by machine laptop") as refused:
                nas.release(replace(leftover, machine=planned))
            assert "drtool adopt --leftovers laptop" in refused.value.hint
    assert {each.id for each in read_datasets(nas.client)} == before
    tidy(nas)  # as one that was adopted
    assert [each for each in nas.leftovers(()) if each.what != "mount"] == []
    nas.close()


def test_a_clone_of_another_machine_is_never_taken_for_ours(lab: Lab, tmp_path: Path) -> None:
    left_by_laptop(lab, tmp_path / "copies")
    nas = lab.source(by=BY, machine="nas")
    snapshot = nas.snapshot(nas.discover(ONE)[0], "drtool-01J00000000000000000000ZZZ")
    (clone,) = [each.id for each in read_datasets(nas.client) if each.label is not None and each.label.what == "clone"]
    with pytest.raises(Conflict, match="machine laptop") as refused, nas.export(snapshot):
        pass
    assert "drtool adopt --leftovers laptop" in refused.value.hint
    assert find_dataset(nas.client, clone) is not None
    tidy(nas)
    nas.close()


def test_a_cutover_does_not_finish_what_another_machine_began(lab: Lab, tmp_path: Path) -> None:
    laptop = lab.source(by=BY, machine="laptop")
    (member,) = take(laptop, tmp_path / "copies", ONE)
    landed = lab.source(by=BY, machine="nas")
    half = Label("staging", BY, "nas", RUN, "", {"target": "tank/documents", "state": "moving"}, machine="laptop")
    mark_dataset(laptop.client, "tank/documents", half.properties("tank/documents"))
    with pytest.raises(Refused, match="left by machine laptop"):
        put_back(landed, member, tmp_path / "copies", look=False)
    document = find_dataset(laptop.client, "tank/documents")
    assert document is not None
    assert document.label == half
    mark_dataset(laptop.client, "tank/documents", dict.fromkeys(half.properties("tank/documents")))
    tidy(landed)
    landed.close()
    laptop.close()


@pytest.mark.parametrize("text", ["../x", "a b", "\x1b[2Jx", "x" * 65, "-x"])
def test_a_text_that_is_no_machine_is_as_if_nobody_wrote_it_down(lab: Lab, text: str) -> None:
    source = lab.source(by=BY, machine="nas")
    place = "tank/documents/kept"
    create_dataset(source.client, place, {**Label("kept", BY, "nas", RUN, machine="x").properties(place), "drtool:machine": text})
    (found,) = source.leftovers(())
    assert (found.locator, found.machine) == (place, "")
    said = read_comment(f"drtool what=clone by={BY} source=nas run={RUN} machine={text}")
    assert said is not None
    assert said.machine == text.partition(" ")[0] * (" " in text)  # there words end at a space
    tidy(source)
    source.close()
