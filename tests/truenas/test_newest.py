"""A set may read the newest snapshot that is there instead of making one: never an old one as if it was news, and never destroyed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from drtool.model.errors import Conflict, NotFound, Refused
from drtool.model.workload import Leftover, Snapshot
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.read.newest import Existing, _in_common, _snapshots_of_pool, age_of
from drtool.sources.truenas.schema import Selector
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, RUN, tidy

TREE: dict[str, object] = {"dataset": "tank/documents", "recursive": True, "snapshot": "newest", "at_most": "26h"}
LABEL = f"{RUN}/1"


def periodic(source: TruenasSource, name: str, dataset: str = "tank/documents", *, recursive: bool = True) -> None:
    request = {"dataset": dataset, "name": name, "recursive": recursive}
    source.client.change("pool.snapshot.create", request, look=lambda: False)


def chosen(source: TruenasSource, selector: dict[str, object], label: str = LABEL) -> list[Snapshot]:
    first, *others = source.discover(selector)
    return [source.snapshot(first, label, together=others), *(source.snapshot(other, label) for other in others)]


def names(source: TruenasSource) -> set[str]:
    return {row["name"] for row in source.client.read("pool.snapshot.query", [["pool", "=", "tank"]], {"select": ["name"]})}


@pytest.mark.parametrize("release", ["25.04", "25.10"])
def test_the_newest_that_all_have_is_read_and_stays(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        periodic(source, "auto-1")
        (lab.root / "tank/documents/read-me").write_text("changed before the second\n")
        periodic(source, "auto-2")
        (lab.root / "tank/documents/read-me").write_text("changed after it\n")
        periodic(source, "by-hand", recursive=False)
        before = names(source)
        taken = chosen(source, TREE)
        assert {snapshot.locator for snapshot in taken} == {"tank/documents@auto-2", "tank/documents/letters@auto-2"}
        for snapshot in taken:
            assert snapshot.instant is not None
            assert abs(snapshot.instant - datetime.now(UTC)) < timedelta(minutes=5)
            assert not snapshot.live
            with source.export(snapshot) as export:
                (artifact,) = export.artifacts
                if snapshot.workload.name == "nas:tank/documents":
                    assert (Path(artifact.path) / "read-me").read_text() == "changed before the second\n"
            source.release(Leftover("nas", "snapshot", snapshot.locator, RUN, BY))
        assert names(source) == before
        calls = "zfs.snapshot" if release == "25.04" else "pool.snapshot"
        assert lab.calls(f"{calls}.create") == 3, "drtool made none"
        assert lab.calls(f"{calls}.delete") == 0
        tidy(source)
        assert names(source) == before
        source.close()


def test_where_they_have_none_in_common_each_gives_its_own(lab: Lab) -> None:
    source = lab.source(by=BY)
    periodic(source, "one", recursive=False)
    periodic(source, "two", "tank/documents/letters", recursive=False)
    assert {snapshot.locator for snapshot in chosen(source, TREE)} == {"tank/documents@one", "tank/documents/letters@two"}
    tidy(source)


def test_what_others_have_of_a_name_does_not_make_it_newer(lab: Lab) -> None:
    """A dataset that is not of the set got a snapshot of an old name last: the set's newest stays the newest."""
    source = lab.source(by=BY)
    create_dataset(source.client, "tank/other", {})
    periodic(source, "auto-1")
    periodic(source, "auto-2")
    periodic(source, "auto-1", "tank/other", recursive=False)
    known = {each.name: each for each in _snapshots_of_pool(source._parts, "tank") if each.dataset == "tank/other"}
    assert known["auto-1"].order > 0
    assert {snapshot.locator for snapshot in chosen(source, TREE)} == {"tank/documents@auto-2", "tank/documents/letters@auto-2"}
    tidy(source)


def at(dataset: str, name: str, minute: int, order: int = 0) -> Existing:
    return Existing(dataset, name, datetime(2026, 11, 29, 10, minute, tzinfo=UTC), order)


@pytest.mark.parametrize(
    ("known", "newest"),
    [
        ([at("a/x", "old", 0), at("b/x", "old", 0), at("a/x", "new", 5), at("b/x", "new", 5), at("a/z", "old", 9)], "new"),
        ([at("a/x", "old", 0), at("b/x", "old", 0), at("a/x", "new", 5), at("b/x", "new", 5), at("b/z", "old", 9)], "new"),
        ([at("a/x", "half", 9), at("b/x", "half", 0), at("a/x", "whole", 5), at("b/x", "whole", 5)], "whole"),
        ([at("a/x", "first", 5, 7), at("b/x", "first", 5, 900), at("a/x", "second", 5, 8), at("b/x", "second", 5, 901)], "second"),
        ([at("a/x", "one", 5), at("b/x", "two", 5)], ""),
        ([at("a/x", "one", 5)], ""),
        ([], ""),
    ],
)
def test_the_newest_of_a_set_is_as_old_as_its_oldest_part(known: list[Existing], newest: str) -> None:
    assert _in_common(known, ["a/x", "b/x"]) == newest
    assert _in_common(list(reversed(known)), ["a/x", "b/x"]) == newest


def test_of_a_set_in_two_pools_the_newest_that_both_have_is_taken(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lab.source(by=BY)
    first, second = (
        replace(each, selector={**each.selector, "dataset": name})
        for each, name in zip(source.discover(TREE), ("one/x", "two/x"), strict=True)
    )
    source._parts.existing.update(
        one=(at("one/x", "auto-1", 0), at("one/x", "auto-2", 5), at("one/x", "by-hand", 9)),
        two=(at("two/x", "auto-1", 0), at("two/x", "auto-2", 5)),
    )
    monkeypatch.setattr(type(source._parts.clock), "now", lambda _self: datetime(2026, 11, 29, 10, 10, tzinfo=UTC))
    taken = [source.snapshot(first, LABEL, together=[second]), source.snapshot(second, LABEL)]
    monkeypatch.undo()
    assert [each.locator for each in taken] == ["one/x@auto-2", "two/x@auto-2"]
    source.close()


def test_ours_are_no_news_and_where_there_is_none_that_is_told(lab: Lab) -> None:
    source = lab.source(by=BY)
    (plain,) = source.discover({"dataset": "tank/documents"})
    source.snapshot(plain, "drtool-ours")
    with pytest.raises(NotFound, match="tank/documents has no snapshot but drtool's own"):
        chosen(source, {**TREE, "recursive": False})
    tidy(source)


@pytest.mark.parametrize(
    ("hours", "error", "said"), [(30, Refused, "is 30 hours old: more than `at_most`"), (-3, Conflict, "in the future")]
)
def test_an_old_one_is_not_stored_as_if_it_was_news(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, hours: int, error: type[Exception], said: str
) -> None:
    source = lab.source(by=BY)
    periodic(source, "auto-1")
    now = source._parts.clock.now() + timedelta(hours=hours)
    monkeypatch.setattr(type(source._parts.clock), "now", lambda _self: now)
    with pytest.raises(error, match=said):
        chosen(source, TREE)
    monkeypatch.undo()
    tidy(source)


@pytest.mark.parametrize(("hours", "said"), [(0, ""), (30, "is 30 hours old: more than `at_most`"), (-3, "in the future")])
def test_whoever_looks_is_told_today_of_what_a_run_would_refuse(lab: Lab, monkeypatch: pytest.MonkeyPatch, hours: int, said: str) -> None:
    """The plan, the inventory and doctor ask whether there is one; a hook may still make it, so nothing is barred by that."""
    source = lab.source(by=BY)
    periodic(source, "auto-1", recursive=False)
    now = source._parts.clock.now() + timedelta(hours=hours)
    monkeypatch.setattr(type(source._parts.clock), "now", lambda _self: now)
    top, below = source.discover(TREE)
    assert (top.existing_snapshot, below.existing_snapshot, top.problem, below.problem) == (True, True, "", "")
    assert below.doubt.startswith("tank/documents/letters has no snapshot but drtool's own")
    assert said in top.doubt
    assert bool(top.doubt) == bool(said)
    periodic(source, "auto-2", "tank/documents/letters")
    if not hours:
        assert source.snapshot(below, LABEL).locator == "tank/documents/letters@auto-2", "what was looked at is asked again"
    monkeypatch.undo()
    (plain,) = source.discover({"dataset": "tank/documents"})
    assert (plain.existing_snapshot, plain.doubt) == (False, "")
    tidy(source)


def test_many_datasets_are_asked_about_at_once(lab: Lab) -> None:
    source = lab.source(by=BY)
    for number in range(12):
        create_dataset(source.client, f"tank/documents/set{number}", {})
    periodic(source, "auto-1")
    before = lab.calls("pool.snapshot.query")
    assert len(chosen(source, TREE)) == 14
    assert lab.calls("pool.snapshot.query") == before + 2, "once by who looks, once by who chooses"
    tidy(source)


def test_where_its_clone_would_have_no_label_it_is_refused(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="26") as lab:
        source = lab.source(by=BY)
        periodic(source, "auto-1")
        with pytest.raises(Refused, match="not supported there yet"):
            chosen(source, TREE)
        tidy(source)


def test_a_killed_run_leaves_a_clone_that_is_swept_and_the_snapshot(lab: Lab) -> None:
    source = lab.source(by=BY)
    periodic(source, "auto-1")
    first, *_ = chosen(source, TREE)
    with source.export(first):
        other = lab.source(by=BY)
        assert [leftover.what for leftover in other.leftovers(()) if leftover.what in ("clone", "snapshot")] == ["clone"]
        other.close()
    assert "tank/documents@auto-1" in names(source)
    tidy(source)


@pytest.mark.parametrize(
    ("selector", "good"),
    [
        ({"snapshot": "newest", "at_most": "26h"}, True),
        ({"snapshot": "newest", "at_most": "1d12h"}, True),
        ({"snapshot": "newest"}, False),
        ({"at_most": "26h"}, False),
        ({"snapshot": "newest", "at_most": "soon"}, False),
        ({"snapshot": "newest", "at_most": "0h"}, False),
        ({"snapshot": "oldest", "at_most": "26h"}, False),
    ],
)
def test_its_keys_belong_together(selector: dict[str, str], good: bool) -> None:  # noqa: FBT001 - a row
    body = json.dumps({"dataset": "tank/a", **selector})
    if good:
        Selector.model_validate_json(body)
    else:
        with pytest.raises(ValidationError):
            Selector.model_validate_json(body)


@pytest.mark.parametrize(("text", "hours"), [("26h", 26), ("1d12h", 36), ("90m", 1.5), ("soon", 0), ("5", 0)])
def test_ages_are_read(text: str, hours: float) -> None:
    assert age_of(text) == timedelta(hours=hours)
