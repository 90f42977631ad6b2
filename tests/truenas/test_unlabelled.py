"""The NAS makes what it was asked for and forgets the label: then nothing of it may stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.sources.truenas.datasets.labels import Label
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, RUN, tidy

RELEASES = ("25.04", "25.10", "26")


def everything(source: TruenasSource) -> set[str]:
    """Return the names of all datasets and snapshots that the NAS shows."""
    datasets = source.client.read("pool.dataset.query", [], {"select": ["id"]})
    return {row["id"] for row in (*datasets, *source.client.read("pool.snapshot.query"))}


def make_snapshot(source: TruenasSource) -> None:
    first, *others = source.discover({"dataset": "tank/documents", "recursive": True})
    source.snapshot(first, "drtool-set", together=others)


def make_clone(source: TruenasSource) -> None:
    (workload,) = source.discover({"dataset": "tank/documents"})
    with source.export(source.snapshot(workload, "drtool-set")):
        pass


def make_dataset(source: TruenasSource) -> None:
    create_dataset(source.client, "tank/new", Label("staging", BY, "nas", RUN).properties("tank/new"))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("method", "make", "made"),
    [
        pytest.param("*.snapshot.create", make_snapshot, set(), id="snapshot"),
        pytest.param("*.snapshot.clone", make_clone, {"tank/documents@drtool-set"}, id="clone"),
        pytest.param("pool.dataset.create", make_dataset, set(), id="dataset"),
    ],
)
def test_what_has_no_label_is_taken_away_with_all_its_parts(
    tmp_path: Path, release: str, method: str, make: Callable[[TruenasSource], None], made: set[str]
) -> None:
    if (release, method) == ("26", "*.snapshot.clone"):
        pytest.skip("there a clone takes no label with it, and is known by its name")
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        before = everything(source)
        lab.faults({"method": method, "kind": "users_lost"})
        with pytest.raises(Refused, match="without the label") as caught:
            make(source)
        assert caught.value.safe == "it was removed again, and nothing else was changed"
        assert everything(source) == before | made
        tidy(source)


def test_what_cannot_be_removed_again_is_told_by_its_name(lab: Lab) -> None:
    source = lab.source(by=BY)
    lab.faults(
        {"method": "pool.dataset.create", "kind": "users_lost"},
        {"method": "pool.dataset.delete", "kind": "storage", "reason": "dataset is busy"},
    )
    with pytest.raises(Refused, match="made tank/new without the label") as caught:
        make_dataset(source)
    assert "remove tank/new by hand" in caught.value.hint
    assert caught.value.safe == "nothing but tank/new was made"
    source.client.change("pool.dataset.delete", "tank/new", {}, look=lambda: False)
    tidy(source)
