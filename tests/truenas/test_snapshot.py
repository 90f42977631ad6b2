from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.model.workload import Leftover
from drtool.sources.truenas.datasets.snapshot import _root, read_snapshot
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, RUN, tidy

LABEL = "drtool-set"


@pytest.fixture
def source(lab: Lab) -> TruenasSource:
    source = lab.source(by=BY)
    for name in ("tank/photos", "tank/photos/raw", "tank/photos/albums", "tank/photos/albums/old", "tank/other"):
        create_dataset(source.client, name, {})
    return source


def test_entries_of_one_set_are_one_snapshot(lab: Lab, source: TruenasSource) -> None:
    found = [*source.discover({"dataset": "tank/photos/albums/old"}), *source.discover({"dataset": "tank/photos/raw"})]
    first, *others = found
    taken = [source.snapshot(first, LABEL, together=others), *(source.snapshot(other, LABEL) for other in others)]
    assert lab.calls("pool.snapshot.create") == 1
    assert len({snapshot.instant for snapshot in taken}) == 1
    names = {row["id"] for row in source.client.read("pool.snapshot.query")}
    assert names == {snapshot.locator for snapshot in taken}  # nothing of what lies between, and nothing of its neighbours
    row = read_snapshot(source.client, taken[0].locator)
    assert row is not None
    assert {"drtool:by", "drtool:expires", "drtool:run"} <= row["properties"].keys()
    tidy(source)


def test_without_its_set_each_is_a_snapshot_of_its_own(lab: Lab, source: TruenasSource) -> None:
    found = source.discover({"dataset": "tank/documents", "recursive": True})
    instants = {source.snapshot(workload, LABEL).instant for workload in found}
    assert lab.calls("pool.snapshot.create") == len(found)
    assert len(instants) == len(found)  # the control: what the test above sees is not always so
    tidy(source)


def test_another_process_finds_the_same_snapshots(lab: Lab, source: TruenasSource) -> None:
    first, *others = source.discover({"dataset": "tank/photos", "recursive": True})
    taken = source.snapshot(first, LABEL, together=others)
    again = lab.source(by=BY)
    assert again.snapshot(first, LABEL, together=others) == taken
    assert again.snapshot(others[0], LABEL).instant == taken.instant
    assert lab.calls("pool.snapshot.create") == 1
    again.close()
    tidy(source)


def test_one_that_is_gone_does_not_spoil_the_others(source: TruenasSource) -> None:
    first, *others = source.discover({"dataset": "tank/photos", "recursive": True})
    source.client.change("pool.dataset.delete", "tank/photos/raw", {}, look=lambda: False)
    assert source.snapshot(first, LABEL, together=others).locator == f"tank/photos@{LABEL}"
    with pytest.raises(Exception, match="tank/photos/raw"):
        source.snapshot(others[-1], LABEL)
    tidy(source)


@pytest.mark.parametrize("release", ["25.04", "25.10", "26"])
def test_what_somebody_else_holds_is_left_to_him(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        (workload,) = source.discover({"dataset": "tank/documents"})
        taken = source.snapshot(workload, LABEL)
        source.client.change("pool.snapshot.hold", taken.locator, look=lambda: False)
        leftover = Leftover("nas", "snapshot", taken.locator, RUN, BY)
        with pytest.raises(Refused, match="in use by somebody else") as caught:
            source.release(leftover)
        assert "drtool sweep" in caught.value.hint
        assert lab.calls("pool.snapshot.release") + lab.calls("zfs.snapshot.release") == 0
        rows = source.client.read("pool.snapshot.query", [["id", "=", taken.locator]], {"extra": {"holds": True}})
        assert rows[0]["holds"]
        source.client.change("pool.snapshot.release", taken.locator, look=lambda: False)
        source.release(leftover)
        tidy(source)


@pytest.mark.parametrize("release", ["25.04", "25.10", "26"])
def test_one_that_stays_is_passed_by_until_its_time_is_over(tmp_path: Path, release: str) -> None:
    now = datetime.now(UTC)
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        (workload,) = source.discover({"dataset": "tank/documents"})
        over = source.snapshot(workload, "drtool-before", keep_until=now - timedelta(seconds=1))
        stays = [source.snapshot(workload, f"{LABEL}-{number}", keep_until=now + timedelta(days=1)) for number in range(3)]
        (left,) = source.leftovers(())
        assert (left.what, left.locator) == ("local", over.locator)
        source.release(left)
        names = {row["name"] for row in source.client.read("pool.snapshot.query", [["dataset", "=", "tank/documents"]])}
        assert names == {each.locator for each in stays}
        for each in stays:
            source.release(replace(left, locator=each.locator))
        tidy(source)


@pytest.mark.parametrize(
    ("names", "root"),
    [
        ({"tank/a"}, "tank/a"),
        ({"tank/a", "tank/a/b"}, "tank/a"),
        ({"tank/x/a/b", "tank/x/ab"}, "tank/x"),
        ({"tank/a/b/c", "tank/a/b/d", "tank/a/x"}, "tank/a"),
        ({"tank"}, "tank"),
    ],
)
def test_the_root_is_the_nearest_one_above_all(names: set[str], root: str) -> None:
    assert _root(frozenset(names)) == root


@pytest.mark.parametrize("release", ["25.04", "25.10", "26"])
def test_nothing_of_ours_lies_on_what_the_nas_keeps_for_itself(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        create_dataset(source.client, "tank/other", {})
        found = [*source.discover({"dataset": "tank"}), *source.discover({"dataset": "tank/*", "recursive": True})]
        first, *others = found
        taken = [source.snapshot(first, LABEL, together=others), *(source.snapshot(other, LABEL) for other in others)]
        assert {snapshot.locator for snapshot in taken} == {
            f"tank{name}@{LABEL}" for name in ("", "/documents", "/documents/letters", "/other")
        }
        instants = {snapshot.locator: snapshot.instant for snapshot in taken}
        assert instants[f"tank/documents@{LABEL}"] == instants[f"tank/documents/letters@{LABEL}"]
        assert len(set(instants.values())) == 3  # the pool itself, and each of its children
        assert stored_snapshots(lab) == instants.keys()
        tidy(source)
        assert stored_snapshots(lab) == set()


def stored_snapshots(lab: Lab) -> set[str]:
    """Return the names of all snapshots there are, whatever the appliance shows."""
    return set(json.loads((Path(lab.started.directory) / "storage.json").read_text())["snapshots"])
