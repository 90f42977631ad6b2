"""What a restore exchanged on a NAS is taken back by hand: that is said by name, and `--undo` is promised nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drtool.app.kept import KeptThing
from drtool.cli.render.kept import kept_lines
from drtool.model.errors import Refused
from drtool.model.workload import Leftover
from drtool.planning.undo import plan_undo
from drtool.sources.truenas.land.create import create_dataset
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN, put_back, take, tidy
from tests.truenas.killed_paths import pour, request_for

NAME = "tank/documents"


def require_by_hand(kept: tuple[Leftover, ...], *names: str) -> None:
    """The undo of that run is refused before anything is shown, with these names and none of this host's mounts."""
    with pytest.raises(Refused, match="drtool does not take that back by itself") as caught:
        plan_undo(kept, undone=RUN, run="01Z", now=datetime.now(UTC), by=BY)
    for name in names:
        assert name in caught.value.hint
    lines = kept_lines([KeptThing(each, 1.0) for each in kept])
    told = [line for line in lines if "to put it back" in line]
    assert len(told) == len(kept)
    for text in (caught.value.what, caught.value.hint, *told):
        assert "/drtool/nas/" not in text
        assert "/live/" not in text
        assert "--undo" not in text


@pytest.mark.parametrize("recursive", [False, True])
def test_a_whole_dataset_is_renamed_back_by_hand(lab: Lab, tmp_path: Path, recursive: bool) -> None:  # noqa: FBT001 - a row
    source = lab.source(by=BY, watch=(NAME,))
    members = take(source, tmp_path / "copies", {"dataset": NAME, "recursive": recursive})
    for member in sorted(members, key=lambda each: -each.workload.count("/")):
        assert "rename" in put_back(source, member, tmp_path / "copies", look=False).way_back
    kept = tuple(each for each in source.leftovers(()) if each.what == "kept")
    aside = f"{NAME}.before-{POINT}"
    assert {each.target: each.locator for each in kept} == {
        NAME: aside,
        **({f"{NAME}/letters": f"{aside}/letters.before-{POINT}"} if recursive else {}),
    }
    require_by_hand(kept, f"rename {NAME} to", f"{aside} to {NAME}")
    tidy(source)


def test_a_single_file_is_renamed_back_where_the_nas_shows_it(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    (member,) = take(source, tmp_path / "copies", {"dataset": NAME})
    landed = source.cutover(pour(source, request_for(member, "read-me"), tmp_path / "copies"))
    assert "rename" in landed.way_back
    kept = tuple(each for each in source.leftovers(()) if each.what == "kept")
    require_by_hand(kept, f"rename /mnt/{NAME}/read-me to", f"/mnt/{NAME}/read-me.before-{POINT} to /mnt/{NAME}/read-me")
    tidy(source)


def test_a_file_in_a_dataset_below_is_told_by_its_own_place(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    create_dataset(source.client, f"{NAME}/deep", {})
    (lab.root / NAME / "deep" / "note").write_text("note")
    (member,) = take(source, tmp_path / "copies", {"dataset": f"{NAME}/deep"})
    source.cutover(pour(source, request_for(member, "note"), tmp_path / "copies"))
    kept = tuple(each for each in source.leftovers(()) if each.what == "kept")
    require_by_hand(kept, f"/mnt/{NAME}/deep/note.before-{POINT} to /mnt/{NAME}/deep/note")
    tidy(source)
