"""Which data is gone through to find a file, and what the finds amount to: values in, values out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from drtool.model.inventory import Listing
from drtool.model.point import DataSnapshot, RecoveryPoint
from drtool.model.view import PointView
from drtool.planning.search import SearchedData, choose_data, choose_views, gather, needs_manifest
from drtool.planning.views import view_points
from drtool.ports import Entry

NOW = datetime(2026, 11, 30, tzinfo=UTC)
HOME, ETC = "here:/home", "here:/etc"
TREE = {letter: letter * 64 for letter in "abcd"}


def point(number: int, *data: tuple[str, str], set_name: str = "documents", complete: bool = True, near: str = "near") -> RecoveryPoint:
    name = f"P{number}"
    instant = NOW - timedelta(days=30 - number)
    return RecoveryPoint(
        name, set_name, "us", "run", instant, complete, 1, 1, 1, f"digest {name}", f"manifest {name}", instant,
        data=tuple(DataSnapshot(f"{near} {name} {tree}", TREE[tree], workload, name) for workload, tree in data),
        artifacts=len(data), trees=tuple(TREE[tree][:8] for _, tree in data),
    )  # fmt: skip


def listed(**points: tuple[RecoveryPoint, ...]) -> dict[str, Listing]:
    return {name: Listing(name, NOW, points=held) for name, held in points.items()}


def entry(path: str, *, modified: str = "2026-11-01T12:00:00Z", size: int = 4, kind: str = "file") -> Entry:
    return Entry(path, kind, size, 0o644, modified)


def views_of(*points: RecoveryPoint) -> tuple[PointView, ...]:
    return view_points(listed(near=points), now=NOW)


def body(tree: str, *holders: tuple[PointView, str]) -> SearchedData:
    return SearchedData(TREE[tree], (), holders)


def test_what_many_points_have_is_gone_through_once_and_where_it_lies_nearest() -> None:
    near = tuple(point(number, (HOME, "a")) for number in range(2))
    offsite = tuple(point(number, (HOME, "a"), near="offsite") for number in range(3))
    known = listed(near=near, offsite=offsite)
    (found,) = choose_data(view_points(known, now=NOW), known, trees={}, workload=None)
    assert [(view.point.point, workload) for view, workload in found.holders] == [("P2", HOME), ("P1", HOME), ("P0", HOME)]
    assert dict(found.places) == {"offsite": offsite[2].data[0], "near": near[1].data[0]}


def test_what_a_first_attempt_left_is_none_of_a_point() -> None:
    """Its manifest names one tree; the other bears its id, and is told by no tag and by no manifest."""
    sealed = point(1, (HOME, "a"))
    leftover = DataSnapshot("near P1 b", TREE["b"], HOME, "P1")
    known = listed(near=(replace(sealed, data=(*sealed.data, leftover)),))
    views = view_points(known, now=NOW)
    assert [each.tree for each in choose_data(views, known, trees={}, workload=None)] == [TREE["a"]]
    assert [each.tree for each in choose_data(views, known, trees={"P1": {TREE["b"]}}, workload=None)] == [TREE["b"]]
    assert choose_data(views, known, trees={}, workload=ETC) == ()
    assert not needs_manifest(sealed)
    assert needs_manifest(replace(sealed, artifacts=2))
    assert needs_manifest(replace(sealed, artifacts=0, trees=()))


def test_so_many_points_of_each_set_are_searched() -> None:
    every = views_of(*(point(number, (HOME, "a"), set_name=("documents", "photos")[number % 2]) for number in range(6)))
    assert [view.point.point for view in choose_views(every, set_name=None, newest=2)] == ["P5", "P4", "P3", "P2"]
    assert [view.point.point for view in choose_views(every, set_name="documents", newest=None)] == ["P4", "P2", "P0"]


def test_a_version_is_told_once_with_its_first_and_last_point() -> None:
    new, middle, old = views_of(*(point(number, (HOME, tree)) for number, tree in enumerate("abc")))
    letter, longer = entry("/home/letter"), entry("/home/letter", size=9, modified="2026-11-02T12:00:00Z")
    in_summer = replace(letter, modified="2026-11-01T13:00:00+01:00")
    found = {longer: [body("c", (new, HOME))], letter: [body("b", (middle, HOME))], in_summer: [body("a", (old, HOME))]}
    (file,) = gather(found, (new, middle, old))
    assert (file.set, file.workload, file.path, file.gone) == ("documents", HOME, "/home/letter", False)
    assert [(each.bytes, each.first, each.last, each.points) for each in file.versions] == [(9, "P2", "P2", 1), (4, "P0", "P1", 2)]


def test_what_is_gone_is_missing_in_the_newest_complete_point_that_was_searched() -> None:
    partial, new, old = views_of(point(3, (HOME, "c"), complete=False), point(2, (HOME, "b")), point(1, (HOME, "a")))
    found = {entry("/home/letter"): [body("a", (old, HOME))], entry("/home/note"): [body("c", (partial, HOME)), body("a", (old, HOME))]}
    files = {file.path: file for file in gather(found, (partial, new, old))}
    assert {path: file.gone for path, file in files.items()} == {"/home/letter": True, "/home/note": True}
    (note,) = files["/home/note"].versions
    assert (note.first, note.last, note.points, note.partial) == ("P1", "P1", 2, False), "a complete point is named before a partial one"
    for unknown in (("P2", HOME), ("P2", "")):
        assert not any(file.gone for file in gather(found, (partial, new, old), unsearched={unknown}))
    assert all(file.gone for file in gather(found, (partial, new, old), unsearched={("P2", ETC), ("P1", HOME)}))


def test_a_point_that_was_read_in_two_places_counts_once_and_a_folder_is_one_version() -> None:
    new, old = views_of(point(2, (HOME, "b")), point(1, (HOME, "a")))
    first, second = (entry("/home/letters", kind="dir", modified=f"2026-11-0{day}T00:00:00Z") for day in (1, 2))
    (folder,) = gather({first: [body("a", (old, HOME)), body("a", (old, HOME))], second: [body("b", (new, HOME))]}, (new, old))
    assert [(each.modified[:10], each.points) for each in folder.versions] == [("2026-11-02", 2)]
