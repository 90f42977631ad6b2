"""Single files and folders put back into a dataset in service, over a share that is there for as long as it takes."""

from __future__ import annotations

import itertools
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.model.codec import encode
from drtool.model.errors import DrtoolError, Interrupted, Refused
from drtool.model.plan import Destination, Restored
from drtool.model.point import Member
from drtool.sources.truenas.datasets.dataset import require_dataset
from drtool.sources.truenas.datasets.labels import Label
from drtool.sources.truenas.inventory.mounts import mounted
from drtool.sources.truenas.land.create import create_dataset, mark_dataset, rename_dataset
from drtool.sources.truenas.source import TruenasSource
from drtool.testing.source_contract import inspected
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, content, take, tidy
from tests.truenas.forked import forking
from tests.truenas.killed_paths import pour, request_for

NAME = "tank/documents"


@pytest.fixture
def source(lab: Lab) -> Iterator[TruenasSource]:
    made = lab.source(by=BY)
    top = lab.root / NAME
    (top / "folder").mkdir()
    (top / "folder" / "deep").write_text("deep")
    (top / "folder" / "other").write_text("other")
    yield made
    made.close()


def member_of(source: TruenasSource, copies: Path) -> Member:
    (member,) = take(source, copies, {"dataset": NAME})
    return member


def nothing_open(lab: Lab, source: TruenasSource) -> None:
    assert source.client.read("sharing.nfs.query") == []
    assert mounted(source._files, source._directory) == ()
    assert lab.mounts.is_dir()


def marks(source: TruenasSource, name: str = NAME) -> dict[str, str]:
    return dict(require_dataset(source.client, name).marks)


def test_the_plan_says_that_what_is_newer_there_is_not_noticed(source: TruenasSource, tmp_path: Path) -> None:
    member = member_of(source, tmp_path / "copies")
    (note,) = source.survey(request_for(member, "read-me")).notes
    assert note == "not compared on a NAS: what is newer there than the point is kept aside with the rest"
    elsewhere = replace(request_for(member, "read-me"), destination=Destination("directory", path=str(tmp_path)))
    assert source.survey(elsewhere).notes == ()


def test_a_file_and_a_folder_come_back_in_place_and_the_share_goes(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    top = lab.root / NAME
    before = content(top)
    member = member_of(source, tmp_path / "copies")
    (top / "read-me").write_text("damaged")
    shutil.rmtree(top / "folder")
    landed = pour(source, request_for(member, "read-me", "folder"), tmp_path / "copies")
    nothing_open(lab, source)
    result = source.cutover(landed)
    nothing_open(lab, source)
    assert content(top) == before
    assert result.aside == f"/mnt/{NAME}/read-me.before-{POINT}"
    assert (top / f"read-me.before-{POINT}").read_text() == "damaged"
    assert [leftover.what for leftover in source.leftovers(())] == ["kept"]
    nothing_open(lab, source)
    assert source.cutover(landed) == result
    restored = Restored(
        member.workload,
        "nas",
        result.destination,
        result.target,
        member,
        locator=result.locator,
        paths=request_for(member, "read-me").paths,
    )
    inspection = inspected(source, restored)
    assert inspection.up
    assert (Path(result.target) / "read-me").read_text() != "damaged"
    tidy(source)
    nothing_open(lab, source)
    assert marks(source) == {}
    assert not list(top.glob(".drtool*"))
    assert not (top / f"read-me.before-{POINT}").exists()


def test_what_was_kept_inside_something_kept_goes_with_it(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    member = member_of(source, tmp_path / "copies")
    source.cutover(pour(source, request_for(member, "read-me"), tmp_path / "copies"))
    aside = f"{NAME}.before-X"
    rename_dataset(source.client, NAME, aside)
    mark_dataset(source.client, aside, Label("kept", BY, "nas", "RUN").properties(aside))
    assert [(leftover.what, leftover.locator) for leftover in source.leftovers(())] == [("kept", aside)]


def test_the_share_is_for_this_host_alone_and_the_rest_is_not_touched(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    top = lab.root / NAME
    member = member_of(source, tmp_path / "copies")
    inode = (top / "folder" / "other").stat().st_ino
    (top / "folder" / "deep").unlink()
    request = request_for(member, "folder/deep")
    with source.land(request) as landing:
        (share,) = source.client.read("sharing.nfs.query")
        assert (share["path"], share["hosts"], share["ro"], share["networks"]) == (f"/mnt/{NAME}", ["127.0.0.1"], False, [])
        target = Path(landing.way_of("").directory + request.paths[0])
        target.parent.mkdir(parents=True)
        target.write_text("deep")
        landed = landing.landed
    assert source.cutover(landed).aside == ""
    assert (top / "folder" / "deep").read_text() == "deep"
    assert (top / "folder" / "other").stat().st_ino == inode
    assert marks(source) == {}
    assert source.leftovers(()) == ()
    nothing_open(lab, source)


@pytest.mark.parametrize("error", [Refused("the repository is locked"), Interrupted("told to stop", signal_number=signal.SIGTERM)])
def test_whatever_happens_the_share_goes(lab: Lab, source: TruenasSource, tmp_path: Path, error: DrtoolError) -> None:
    before = content(lab.root / NAME)
    member = member_of(source, tmp_path / "copies")
    with pytest.raises(type(error)), source.land(request_for(member, "read-me")):
        raise error
    nothing_open(lab, source)
    assert bool(marks(source)) == isinstance(error, Interrupted)  # told to stop: the mark hands it to the sweep
    assert [leftover.what for leftover in source.leftovers(())] == (["staging"] if isinstance(error, Interrupted) else [])
    tidy(source)
    assert marks(source) == {}
    assert content(lab.root / NAME) == before


def test_another_dataset_in_the_way_is_refused(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    member = member_of(source, tmp_path / "copies")
    for inside in ("letters/x", "letters"):
        with pytest.raises(Refused, match="is a dataset of its own now"), source.land(request_for(member, inside)):
            pass
    assert marks(source) == {}
    nothing_open(lab, source)
    tidy(source)


def test_a_share_of_the_operator_in_the_way_is_told(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    member = member_of(source, tmp_path / "copies")
    row = source.client.change("sharing.nfs.create", {"path": f"/mnt/{NAME}", "comment": "mine"}, look=lambda: False)
    with pytest.raises(Refused, match="with this host already") as caught, source.land(request_for(member, "read-me")):
        pass
    assert "--to directory" in caught.value.hint
    assert marks(source) == {}
    assert [share["id"] for share in source.client.read("sharing.nfs.query")] == [row["id"]]
    source.client.change("sharing.nfs.delete", row["id"], look=lambda: False)
    tidy(source)


def test_a_link_on_the_nas_leads_nowhere(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    top = lab.root / NAME
    member = member_of(source, tmp_path / "copies")
    shutil.rmtree(top / "folder")
    outside = tmp_path / "outside"
    outside.mkdir()
    (top / "folder").symlink_to(outside)
    with pytest.raises(Refused, match="not a real directory"), source.land(request_for(member, "folder/deep")):
        pass
    assert list(outside.iterdir()) == []
    assert marks(source) == {}
    tidy(source)


def test_a_dataset_renamed_meanwhile_is_still_tidied(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    member = member_of(source, tmp_path / "copies")
    pour(source, request_for(member, "read-me"), tmp_path / "copies")
    rename_dataset(source.client, NAME, "tank/moved")
    assert [leftover.what for leftover in source.leftovers(())] == ["staging"]
    tidy(source)
    assert marks(source, "tank/moved") == {}
    assert not list((lab.root / "tank" / "moved").glob(".drtool*"))
    create_dataset(source.client, NAME, {})


def test_what_is_swept_at_once_does_not_get_in_each_others_way(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    top = lab.root / NAME
    member = member_of(source, tmp_path / "copies")
    request = request_for(member, "read-me", "folder/deep", "folder/other")
    result = source.cutover(pour(source, request, tmp_path / "copies"))
    restored = Restored(member.workload, "nas", result.destination, result.target, member, locator=result.locator, paths=request.paths)
    assert inspected(source, restored).up
    left = source.leftovers(())
    assert sorted(leftover.what for leftover in left) == ["kept", "kept", "kept", "mount", "share"]
    with ThreadPoolExecutor(5) as all_at_once:
        list(all_at_once.map(source.release, reversed(left)))
    tidy(source)
    nothing_open(lab, source)
    assert marks(source) == {}
    assert not [path for path in top.rglob("*") if ".before-" in path.name or path.name.startswith(".drtool")]


@pytest.mark.timeout(600)
def test_killed_at_any_change_it_is_swept(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    """Killed before and after everything that is asked of the NAS or done here: the next sweep leaves the old file or the new one."""
    top = lab.root / NAME
    member = member_of(source, tmp_path / "copies")
    old, new = b"damaged", (top / "read-me").read_bytes()
    swept: set[str] = set()
    work = {"settings": lab.settings(), "member": encode(member), "copies": str(tmp_path / "copies"), "inside": "read-me"}
    with forking("tests.truenas.killed_paths", work) as ends:
        for number in itertools.count(1):
            (top / "read-me").write_bytes(old)
            ended = ends(number)
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            left = source.leftovers(())
            swept |= {leftover.what for leftover in left}
            for leftover in sorted(left, key=lambda leftover: leftover.what == "kept"):  # as a sweep does
                source.release(leftover)
            tidy(source)
            nothing_open(lab, source)
            assert marks(source) == {}
            assert (top / "read-me").read_bytes() in (old, new)
            assert {path.name for path in top.iterdir()} == {"folder", "letters", "read-me"}, f"killed at {number}"
    assert number > 20
    assert swept == {"kept", "mount", "share", "staging"}
