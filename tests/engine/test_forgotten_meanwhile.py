"""Data that is missing because its point was forgotten while it was read is no damage, and is told as what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtool.catalog.memory import MemoryFolder
from drtool.engine.remembered import Remembered
from drtool.model.errors import Corrupt, NotFound, Unavailable
from drtool.model.inventory import Listing
from drtool.model.point import Artifact, Census, Unsealed
from drtool.ports import GetRequest
from drtool.runners.local import LocalRunner
from drtool.testing.fixed_clock import FixedClock
from tests.planning.planning_values import BY, NOW, listing, point
from tests.planning.planning_values import repository as repository_policy

ARTIFACT = Artifact("data", "tree", "t" * 64, "/home", Census(1, 1))
REQUEST = GetRequest(ARTIFACT, "P1", "here:/home", "here", "/nowhere", LocalRunner())


def unsealed(tree: str) -> Unsealed:
    return Unsealed("a" * 64, BY, "documents", "P1", "R", "here:/home", NOW, None, tree=tree)


class Torn:
    """Lacks what is asked for, and lists what it is told."""

    name = "near"

    def __init__(self, listed: Listing | None) -> None:
        self._listed = listed

    def get(self, request: GetRequest, **_more: object) -> None:
        del request
        raise Corrupt("a blob is missing", hint="use another copy", repository="near")

    def list(self, **_more: object) -> Listing:
        if self._listed is None:
            raise Unavailable("it is away", hint="wait")
        return self._listed


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (listing("near", (point("P1"),)), Corrupt),
        (listing("near", (point("P2"),)), NotFound),
        (listing("near", unsealed=(unsealed(ARTIFACT.tree),)), Corrupt),
        (listing("near", unsealed=(unsealed("o" * 64),)), NotFound),
        (None, Corrupt),
    ],
    ids=["listed", "gone", "its data is there", "other data of it is there", "nobody knows"],
)
def test_only_what_is_still_there_is_damaged(tmp_path: Path, listed: Listing | None, expected: type[Exception]) -> None:
    folder = MemoryFolder(str(tmp_path), {"near": repository_policy("near")})
    repository = Remembered(Torn(listed), folder=folder, by=BY, clock=FixedClock())  # type: ignore[arg-type]
    with pytest.raises(expected):
        repository.get(REQUEST)
    assert bool(folder.of("near").read().damage) is (expected is Corrupt)
