"""Whose a thing on the NAS is, read off what the NAS tells of its properties."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.sources.truenas.datasets import labels
from drtool.sources.truenas.datasets.labels import Label, read_marks

LABEL = Label("kept", "nightly", "nas", "RUN", "", {"target": "tank/photos"})


def read_label(properties: Mapping[str, dict[str, str]], place: str) -> Label | None:
    """Read a label off what the NAS tells of the thing at `place`."""
    return labels.read_label(read_marks(properties), place)


def told(source: str, place: str = "tank/photos.before-P", label: Label = LABEL) -> dict[str, dict[str, str]]:
    """Return a label as the NAS tells it: what was set at `place`, from a `source`."""
    return {name: {"value": text, "rawvalue": text, "source": source} for name, text in label.properties(place).items()}


@given(days=st.integers(0, 30_000), seconds=st.integers(-(10**6), 10**6))
def test_a_name_tells_until_when_it_stays(days: int, seconds: int) -> None:
    until = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=days, seconds=seconds)
    name = labels.snapshot_name("drtool-POINT", until=until)
    assert name.startswith("drtool-until-")
    assert name.endswith("-POINT")
    assert labels.stays(name, now=until - timedelta(seconds=seconds)) == (seconds > 0)


@pytest.mark.parametrize("name", ["drtool-POINT", "drtool-until-POINT", "until-99991231T000000Z-POINT", "drtool-until-9999-POINT"])
def test_any_other_name_of_ours_stays_for_nobody(name: str) -> None:
    assert not labels.stays(name, now=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_label_that_was_set_here_is_read_back() -> None:
    assert read_label(told("LOCAL"), "tank/photos.before-P") == LABEL


@pytest.mark.parametrize("source", ["INHERITED", "RECEIVED", "RECEIVED from tank/photos", "DEFAULT"])
def test_what_came_down_or_came_with_a_replica_is_not_ours(source: str) -> None:
    assert read_label(told(source), "tank/photos.before-P") is None
    assert read_marks(told(source)) == {}


def test_a_replica_in_another_pool_is_not_ours_although_the_nas_calls_it_local() -> None:
    assert read_label(told("LOCAL"), "backup/photos.before-P") is None
    snapshot = Label("snapshot", "nightly", "nas", "RUN")
    assert read_label(told("LOCAL", "tank", snapshot), "tank/photos@drtool-x") == snapshot
    assert read_label(told("LOCAL", "tank", snapshot), "backup@drtool-x") is None


def test_a_label_below_another_of_the_same_run_is_whole_although_the_nas_calls_all_local() -> None:
    """What came down from the dataset above has its id; what was set here shows a fresh one, and equal parts are its own all the same."""
    above = told("LOCAL", label=Label("sandbox", "nightly", "nas", "RUN"))
    own = Label("sandbox", "nightly", "nas", "RUN")
    assert labels.read_label(read_marks(told("LOCAL", label=own), above), "tank/sandbox/photos") == own
    assert read_marks(above, above) == {}
