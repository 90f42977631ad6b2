"""What a person puts below something of ours is his, whatever the NAS tells of the properties that come down to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import Conflict, Refused
from drtool.model.plan import Destination
from drtool.model.workload import Leftover, Workload
from drtool.ports import ReserveRequest
from drtool.sources.truenas.datasets.dataset import find_dataset, read_datasets
from drtool.sources.truenas.datasets.labels import Label
from drtool.sources.truenas.inventory.located import located
from drtool.sources.truenas.land.create import create_dataset, mark_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, RUN, land, put_back, take, tidy

ONE: dict[str, object] = {"dataset": "tank/documents"}


def sweep(source: TruenasSource) -> list[str]:
    """Release what is left as far as it lets itself be released, and return what was refused."""
    refused = []
    for leftover in source.leftovers(()):
        try:
            source.release(leftover)
        except Refused as error:
            refused.append(error.what)
    return refused


def remove(source: TruenasSource, name: str) -> None:
    source.client.change("pool.dataset.delete", name, {"recursive": True}, look=lambda: False)


@pytest.mark.parametrize("release", ["25.10", "26"])
def test_a_stranger_below_what_was_kept_survives_a_sweep(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        (member,) = take(source, tmp_path / "copies", ONE)
        kept = put_back(source, member, tmp_path / "copies", look=False).aside
        stranger = f"{kept}/mine"
        create_dataset(source.client, stranger, {})
        assert [leftover.locator for leftover in source.leftovers(())] == [kept]
        assert [what for what in sweep(source) if stranger in what]
        found = find_dataset(source.client, stranger)
        assert found is not None
        assert (found.label, dict(found.marks)) == (None, {})
        remove(source, stranger)
        tidy(source)


def test_a_stranger_below_what_was_landed_survives_a_sweep(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="26") as lab:
        source = lab.source(by=BY)
        (member,) = take(source, tmp_path / "copies", ONE)
        landed = land(source, member, tmp_path / "copies")
        create_dataset(source.client, f"{located(landed).waits}/mine", {})
        assert [leftover.what for leftover in source.leftovers(())] == ["staging"]
        assert [what for what in sweep(source) if f"{located(landed).waits}/mine" in what]
        remove(source, f"{located(landed).waits}/mine")
        tidy(source)


def test_a_stranger_below_what_was_made_above_a_restore_is_kept_when_it_is_replaced(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="26") as lab:
        source = lab.source(by=BY)
        create_dataset(source.client, "tank/above", {})
        create_dataset(source.client, "tank/above/mine", {})
        (member,) = take(source, tmp_path / "copies", {"dataset": "tank/above/mine"})
        remove(source, "tank/above")
        put_back(source, member, tmp_path / "copies")  # for which `above` is made
        (lab.root / "tank/above/mine/note").write_text("precious")
        aside = put_back(source, member, tmp_path / "copies").aside
        assert (lab.root / aside / "note").read_text() == "precious"
        tidy(source)


def test_what_lies_in_a_sandbox_is_known_by_its_own_label(lab: Lab) -> None:
    source = lab.source(by=BY)
    until = datetime.now(UTC) + timedelta(hours=2)
    source.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    (sandbox,) = read_datasets(source.client, ["id", "^", "tank/drill/"])
    inside = f"{sandbox.id}/inside"
    label = Label("staging", BY, "nas", RUN, until.isoformat(), {"state": "landing"})
    create_dataset(source.client, inside, label.properties(inside))
    create_dataset(source.client, f"{inside}/mine", {})
    marked = {item.id: item.label and item.label.what for item in read_datasets(source.client, ["id", "^", "tank/drill/"])}
    assert marked == {sandbox.id: "sandbox", inside: "staging", f"{inside}/mine": None}
    for name, what in marked.items():  # asked for alone, it is the same
        found = find_dataset(source.client, name)
        assert found is not None
        assert (found.label and found.label.what) == what
    remove(source, f"{inside}/mine")
    tidy(source)


def test_a_mark_that_came_down_is_not_taken_for_one_of_its_own(lab: Lab) -> None:
    source = lab.source(by=BY)
    mark_dataset(source.client, "tank/documents", {"drtool:paths-run": f"{BY} nas RUN tank/documents"})
    marks = {item.id: dict(item.marks) for item in read_datasets(source.client)}
    assert [name for name, found in marks.items() if found] == ["tank/documents"]
    mark_dataset(source.client, "tank/documents", {"drtool:paths-run": None})
    tidy(source)


def test_what_is_asked_for_by_something_else_than_its_name_is_judged_alike(lab: Lab) -> None:
    source = lab.source(by=BY)
    ours = "tank/documents/kept"
    create_dataset(source.client, ours, Label("kept", BY, "nas", RUN).properties(ours))
    create_dataset(source.client, f"{ours}/mine", {})
    for name, what in ((ours, "kept"), (f"{ours}/mine", None)):
        (found,) = read_datasets(source.client, ["mountpoint", "=", f"/mnt/{name}"])
        assert (found.label and found.label.what) == what
    remove(source, f"{ours}/mine")
    tidy(source)


@pytest.mark.parametrize("release", ["25.10", "26"])
def test_a_strangers_snapshot_of_what_carries_a_label_is_his(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        ours = "tank/kept"
        create_dataset(source.client, ours, Label("kept", BY, "nas", RUN, "", {"instant": "2026-01-01T00:00:00+00:00"}).properties(ours))
        source.client.change("pool.snapshot.create", {"dataset": ours, "name": "drtool-his"}, look=lambda: False)
        assert [leftover.what for leftover in source.leftovers(())] == ["kept"]
        with pytest.raises(Refused, match="no label of ours"):
            source.release(Leftover("nas", "snapshot", f"{ours}@drtool-his", RUN, BY))
        workload = Workload(f"nas:{ours}", "nas", "truenas", {"dataset": ours})
        with pytest.raises(Conflict, match="exists and is not ours"):
            source.snapshot(workload, "drtool-his")
        source.client.change("pool.snapshot.delete", f"{ours}@drtool-his", look=lambda: False)
        tidy(source)
