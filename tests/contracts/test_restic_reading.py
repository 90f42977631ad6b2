"""Finding what a listing holds costs one pass over it, however many members ask."""

from __future__ import annotations

from collections.abc import Iterator

from drtool.repositories.restic.rows import Row, TranslatedListing
from tests.planning.planning_values import NOW, listing


class Passes(tuple[Row, ...]):
    """Rows that count how often somebody goes through all of them."""

    __slots__ = ()
    passes = 0

    def __iter__(self) -> Iterator[Row]:
        type(self).passes += 1
        return super().__iter__()


def _row(point: int, member: int) -> Row:
    labels = {"role": "data", "by": "home", "point": f"P{point}", "workload": f"here:/{member}"}
    return Row(f"{point:032x}{member:032x}", f"{member:064x}", (f"/{member}",), NOW, copied=False, labels=labels)


def test_a_thousand_members_find_their_snapshots_in_one_pass() -> None:
    rows = Passes(_row(point, member) for point in range(5) for member in range(1000))
    reading = TranslatedListing(listing("near"), rows)
    Passes.passes = 0
    for member in range(1000):
        (found,) = reading.of_member("P3", f"here:/{member}")
        assert found.id == f"{3:032x}{member:032x}"
    assert len(reading.of_point("P4", "data")) == 1000
    assert reading.of_point("P9", "data") == reading.of_member("P3", "elsewhere") == ()
    assert Passes.passes == 1
