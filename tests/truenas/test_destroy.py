"""What is kept aside goes whole or not at all, and what a person is told of it is true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drtool.model.errors import Locked, Refused
from drtool.model.workload import Leftover
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.datasets.labels import Label
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, RUN

KEPT, BELOW = "tank/documents.before-x", "tank/documents.before-x/letters"
HISTORY = {f"{name}@{label}" for name in (KEPT, BELOW) for label in ("auto-1", "auto-2")}
LEFTOVER = Leftover("nas", "kept", KEPT, RUN, BY)


@pytest.fixture
def source(lab: Lab) -> Iterator[TruenasSource]:
    made = lab.source(by=BY)
    for name in (KEPT, BELOW):
        create_dataset(made.client, name, Label("kept", BY, "nas", RUN).properties(name))
    for name in sorted(HISTORY):
        dataset, _, label = name.partition("@")
        change(made, "pool.snapshot.create", {"dataset": dataset, "name": label})
    yield made
    made.close()


def change(source: TruenasSource, method: str, *params: Any) -> Any:  # noqa: ANN401
    return source.client.change(method, *params, look=lambda: False)


def gone(number: int, last: str) -> str:
    return f"{number} of its snapshots and datasets are gone, {last} last; the rest is as it was"


def history(source: TruenasSource) -> set[str]:
    return {str(row["id"]) for row in source.client.read("pool.snapshot.query")}


@pytest.mark.parametrize(
    ("method", "params", "says"),
    [
        ("sharing.nfs.create", {"path": f"/mnt/{KEPT}", "comment": "mine"}, "is used on the NAS"),
        ("pool.snapshot.hold", f"{KEPT}@auto-2", f"{KEPT}@auto-2 is held by somebody"),
        ("pool.snapshot.clone", {"snapshot": f"{KEPT}@auto-1", "dataset_dst": "tank/theirs"}, f"{KEPT}@auto-1 was cloned as tank/theirs"),
        ("pool.dataset.create", {"name": f"{KEPT}/theirs"}, f"{KEPT}/theirs, which carries no label of ours"),
    ],
)
def test_what_stands_in_the_way_is_seen_before_anything_goes(source: TruenasSource, method: str, params: object, says: str) -> None:
    change(source, method, params)
    with pytest.raises(Refused, match=says) as caught:
        source.release(LEFTOVER)
    assert caught.value.safe == "nothing was destroyed"
    assert "sweep" in caught.value.hint
    assert history(source) == HISTORY
    assert find_dataset(source.client, BELOW) is not None


@pytest.mark.parametrize(("call", "safe"), [(1, "nothing was destroyed"), (3, gone(3, BELOW)), (4, gone(4, f"{KEPT}@auto-1"))])
def test_what_refuses_half_way_is_told_as_it_is(lab: Lab, source: TruenasSource, call: int, safe: str) -> None:
    lab.faults({"method": "pool.snapshot.delete", "kind": "storage", "reason": "dataset is busy", "call": call})
    with pytest.raises(Locked, match="is busy") as caught:
        source.release(LEFTOVER)
    assert caught.value.safe == safe
    assert len(history(source)) == len(HISTORY) - call + 1
    lab.faults()
    source.release(LEFTOVER)
    assert history(source) == set()
    assert find_dataset(source.client, KEPT) is None


def test_a_dataset_that_stays_without_its_snapshots_is_told_as_it_is(lab: Lab, source: TruenasSource) -> None:
    lab.faults({"method": "pool.dataset.delete", "kind": "error", "errno": "EPERM", "reason": "no"})
    with pytest.raises(Refused) as caught:
        source.release(LEFTOVER)
    assert caught.value.safe == gone(2, f"{BELOW}@auto-2")
    assert find_dataset(source.client, BELOW) is not None
