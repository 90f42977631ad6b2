"""`keep_on_source`: the snapshot of a stored point stays where it was taken for a time, and no longer; that of none is gone at once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import PolicyError, Unavailable
from drtool.model.workload import LOCAL, Leftover
from drtool.testing.memory_repository import MemoryRepository
from tests.toy.house import House, build

KEPT = {"keep_on_source": "1d"}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return build(tmp_path, monkeypatch, {"keeps_snapshots": True})


def labelled(house: House) -> list[Leftover]:
    return [each for rack in house.racks.values() for each in rack.labels.values()]


def let_a_day_pass(house: House) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    for rack in house.racks.values():
        rack.labels = {locator: replace(each, expires=past) for locator, each in rack.labels.items()}


def test_it_stays_until_its_time_is_over(house: House) -> None:
    app = house.open(**KEPT)
    app.initialise()
    assert app.run().outcome == "succeeded"
    kept = labelled(house)
    assert [each.what for each in kept] == [LOCAL] * 3
    ends = {datetime.fromisoformat(each.expires) for each in kept}
    assert all(timedelta(hours=23) < end - datetime.now(UTC) < timedelta(hours=25) for end in ends)
    assert app.sweep().outcome == "succeeded"
    assert labelled(house) == kept, "its run is over, and its time is not"
    assert app.run().outcome == "succeeded"
    assert len(labelled(house)) == 6, "each point has its own"
    let_a_day_pass(house)
    assert app.sweep().outcome == "succeeded"
    assert labelled(house) == []
    assert all("@" not in number for rack in house.racks.values() for number in rack.machines)


def test_without_the_key_it_goes_with_its_run(house: House) -> None:
    app = house.open()
    app.initialise()
    assert app.run().outcome == "succeeded"
    assert labelled(house) == []


def test_what_could_not_be_stored_leaves_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    app = house.open(**KEPT)
    app.initialise()
    whole = MemoryRepository.put

    def fails(self: MemoryRepository, request: object, **more: object) -> object:
        if getattr(getattr(request, "labels", None), "workload", "") == "cluster:1":
            raise Unavailable("it is not there")
        return whole(self, request, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryRepository, "put", fails)
    assert app.run().outcome != "succeeded"
    assert sorted(each.locator.partition("@")[0] for each in labelled(house)) == ["2", "3"]


def test_killed_anywhere_nothing_stays_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in itertools.count(1, 3):
        directory = tmp_path / str(number)
        directory.mkdir()
        house = build(directory, monkeypatch, {"keeps_snapshots": True})
        app = house.open(**KEPT)
        app.initialise()
        life = house.live(app.run, ends_at=number)
        assert app.sweep().outcome == "succeeded", number
        assert {each.what for each in labelled(house)} <= {LOCAL}, number
        let_a_day_pass(house)
        assert app.sweep().outcome == "succeeded", number
        assert labelled(house) == [], number
        if not life.over:
            break


def test_where_nothing_can_stay_the_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = build(tmp_path, monkeypatch, {})
    with pytest.raises(PolicyError) as raised:
        house.open(**KEPT)
    (problem,) = raised.value.problems
    assert problem.field == "sets.all.keep_on_source"
    assert "read live" in problem.message


def test_it_is_told_what_stays(house: House) -> None:
    app = house.open(**KEPT)
    assert any("stays where it was taken for" in line for line in app.explain("all"))
    app.initialise()
    assert any("as a quick way back" in step.why for step in app.plan_run().steps)
