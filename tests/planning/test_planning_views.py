"""The points of several repositories together, and which of them a name means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from drtool.model.errors import NotFound
from drtool.model.hold import Hold
from drtool.model.inventory import Problem
from drtool.planning.choose import choose_point
from drtool.planning.names import LATEST
from drtool.planning.views import find_hold, find_point, newest_before, set_of_point, view_points
from tests.planning.planning_values import BY, DAY, NOW, evidence, listing, point

OLD = point("01JDAAAAAAAAAAAAAAAAAAAAAA", NOW - 2 * DAY)
NEW = point("01JDBBBBBBBBBBBBBBBBBBBBBB", NOW - DAY)
PARTIAL = point("01JDCCCCCCCCCCCCCCCCCCCCCC", NOW, complete=False)
PHOTOS = point("01JDDDDDDDDDDDDDDDDDDDDDDD", NOW - 3 * DAY, set="photos")
AHEAD = point("01JDEEEEEEEEEEEEEEEEEEEEEE", NOW + 30 * DAY)
HOLD = Hold("H111", "documents", BY, "court", NOW - DAY, point=OLD.point)
OVER = Hold("H222", "documents", BY, "court", NOW - DAY, until=NOW - timedelta(hours=1))
WHOLE_SET = Hold("H112", "photos", BY, "moving", NOW - DAY)
THERE = {
    "near": listing("near", (OLD, NEW, PARTIAL), holds=(HOLD, OVER), evidence=(evidence(point=NEW.point, repository="near"),)),
    "offsite": listing("offsite", (OLD, replace(NEW, lacking=1), PHOTOS, AHEAD), holds=(HOLD, WHOLE_SET)),
}


def test_a_point_is_seen_once_newest_first_with_what_each_repository_holds_of_it() -> None:
    views = view_points(THERE, now=NOW)
    assert [view.point.point for view in views] == [each.point for each in (AHEAD, PARTIAL, NEW, OLD, PHOTOS)]
    told = {view.point.point: view for view in views}
    assert (told[NEW.point].repositories, told[NEW.point].not_whole, told[NEW.point].proven) == (("near",), ("offsite",), ("near",))
    assert told[OLD.point].repositories == ("near", "offsite")
    assert [hold.id for hold in told[OLD.point].holds] == ["H111"]
    assert [hold.id for hold in told[PHOTOS.point].holds] == ["H112"]
    assert (told[NEW.point].holds, told[OLD.point].proven) == ((), ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("documents", NEW),
        ("photos", PHOTOS),
        (LATEST, NEW),
        (OLD.point, OLD),
        (OLD.point[:8], OLD),
        (OLD.point[-5:], OLD),
        (PARTIAL.point, PARTIAL),
        (AHEAD.point, AHEAD),
    ],
)
def test_a_name_means_one_point_and_that_of_a_set_its_newest_usable(name: str, expected: object) -> None:
    assert find_point(name, THERE, now=NOW).point == expected


@pytest.mark.parametrize(
    ("name", "told", "hint"),
    [
        ("", "an empty name", "drtool points"),
        ("01JD", "5 points are called 01JD", "latest"),
        ("photo", "no point is called photo", "photos"),
    ],
)
def test_a_name_that_means_none_or_several_is_refused(name: str, told: str, hint: str) -> None:
    with pytest.raises(NotFound, match=told) as caught:
        find_point(name, THERE, now=NOW)
    assert hint in caught.value.hint


def test_a_point_that_is_not_ours_is_refused_as_whose_it_is_and_found_for_a_restore() -> None:
    theirs = point("01JE000000000000000000THEIRS", standing="another_machine", machine="nas", set="documents")
    strange = point("01JE00000000000000000STRANGE", standing="stranger", set="photos")
    there = {"near": replace(listing("near"), others=(theirs, strange))}
    with pytest.raises(NotFound, match="is not ours: another machine, nas, made it") as caught:
        find_point(theirs.point, there, now=NOW)
    assert "drtool adopt nas" in caught.value.hint
    assert f"drtool restore documents --point {theirs.point} --to directory PATH" in caught.value.hint
    with pytest.raises(NotFound, match="is not ours: its signature does not fit its tags") as caught:
        find_point("STRANGE", there, now=NOW)
    assert "adopt" not in caught.value.hint
    assert (set_of_point(theirs.point, there, now=NOW), set_of_point("STRANGE", there, now=NOW)) == ("documents", "photos")
    for name, told in (("01JE", "several points that are not ours"), ("ZZZ", "no point is called ZZZ")):
        with pytest.raises(NotFound, match=told):
            set_of_point(name, there, now=NOW)
    with pytest.raises(NotFound, match="points are called 01J"):
        set_of_point("01J", {**THERE, "far": there["near"]}, now=NOW)


def test_a_repository_that_could_not_be_read_is_named_where_a_point_is_missed() -> None:
    unread = {**THERE, "offsite": listing("offsite", problem=Problem("Unavailable", "away"))}
    with pytest.raises(NotFound) as caught:
        find_point("ZZZZZZ", unread, now=NOW)
    assert caught.value.hint == "offsite could not be read: drtool doctor"


def test_a_set_of_partial_points_alone_has_no_newest_one() -> None:
    with pytest.raises(NotFound, match="no complete point for documents"):
        find_point("documents", {"near": listing("near", (PARTIAL,))}, now=NOW)


def test_points_are_counted_back_from_the_latest_complete_one() -> None:
    meant = {"latest~0": NEW, "latest~1": OLD, "latest~2": PHOTOS, "documents~1": OLD, "photos~0": PHOTOS}
    assert {name: find_point(name, THERE, now=NOW).point.point for name in meant} == {name: each.point for name, each in meant.items()}
    for name, count in (("latest~3", "3 complete points"), ("photos~1", "1 complete point")):
        with pytest.raises(NotFound, match=f"{name} names no point: there (is|are) {count}$"):
            find_point(name, THERE, now=NOW)
    for name in ("latest~", "latest~-1", "latest~1x", "latest~99999", "~1"):
        with pytest.raises(NotFound, match="called"):
            find_point(name, THERE, now=NOW)


def test_a_restore_takes_them_by_the_same_names() -> None:
    names = ("latest", "latest~1", "documents~1")
    chosen = [choose_point(THERE, set="documents", point=name, now=NOW).point for name in names]
    assert chosen == [NEW.point, OLD.point, OLD.point]
    with pytest.raises(NotFound, match="documents has no point `latest~2`"):
        choose_point(THERE, set="documents", point="latest~2", now=NOW)
    with pytest.raises(NotFound, match="documents has no point `photos~0`"):
        choose_point(THERE, set="documents", point="photos~0", now=NOW)


def test_a_hold_is_found_by_its_id_or_a_unique_beginning() -> None:
    assert find_hold("H112", THERE, now=NOW) == WHOLE_SET
    assert find_hold("H111", THERE, now=NOW) == HOLD
    for name, told in (("H11", "2 holds are called H11"), ("H222", "no hold is called H222")):
        with pytest.raises(NotFound, match=told):
            find_hold(name, THERE, now=NOW)


def test_the_newest_before_an_instant_is_one_that_counts() -> None:
    before = newest_before(NOW - DAY, "documents", THERE, now=NOW)
    assert before is not None
    assert before.point == OLD
    assert newest_before(NOW - 3 * DAY, "photos", THERE, now=NOW) is None
    after = newest_before(NOW + DAY, "documents", THERE, now=NOW)
    assert after is not None
    assert after.point == NEW, "the partial one does not count"
