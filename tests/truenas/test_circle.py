from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import Refused, Unavailable
from drtool.model.plan import Destination
from drtool.ports import ReserveRequest
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.inventory.mounts import mounted
from drtool.sources.truenas.land.create import create_dataset, rename_dataset
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN, SELECTOR, content, land, put_back, selector_of, take, tidy

METHODS = (
    *("pool.dataset.query", "pool.snapshot.query", "pool.snapshot.create", "pool.snapshot.clone", "pool.snapshot.delete"),
    *("pool.dataset.create", "pool.dataset.update", "pool.dataset.rename", "pool.dataset.delete", "pool.dataset.attachments"),
    *("sharing.nfs.create", "sharing.nfs.query", "sharing.nfs.delete", "filesystem.stat", "filesystem.statfs", "core.ping"),
)


def test_a_recursive_set_is_taken_at_one_instant_and_comes_back(either: Lab, tmp_path: Path) -> None:
    pool, source = either.pool, either.source(by=BY)
    top = either.root / pool / "documents"
    leaf = top / "letters"
    os.setxattr(leaf, "user.colour", b"blue")
    leaf.chmod(0o2750)
    os.utime(leaf, ns=(1, 1_600_000_000_000_000_000))
    os.utime(top, ns=(1, 1_500_000_000_000_000_000))
    before = content(top)
    members = take(source, tmp_path / "copies", selector_of(pool))
    assert [member.workload for member in members] == [f"nas:{pool}/documents", f"nas:{pool}/documents/letters"]
    assert len({member.instant for member in members}) == 1
    assert either.calls("pool.snapshot.create") == 1
    assert source.leftovers(()) == ()
    (top / "read-me").write_bytes(b"damaged")
    (leaf / "read-me").unlink()
    child, parent = (put_back(source, member, tmp_path / "copies") for member in reversed(members))
    assert [child.aside, parent.aside] == [f"{pool}/documents/letters.before-{POINT}", f"{pool}/documents.before-{POINT}"]
    assert content(top) == before
    told = leaf.stat()
    assert (told.st_mode & 0o7777, told.st_mtime_ns) == (0o2750, 1_600_000_000_000_000_000)
    assert top.stat().st_mtime_ns == 1_500_000_000_000_000_000  # although others were moved into it
    assert sorted(os.listdir(top)) == ["letters", "read-me"]  # what was kept of what lay below is kept below what was kept
    assert os.getxattr(leaf, "user.colour") == b"blue"
    kept = either.root / pool / f"documents.before-{POINT}"
    assert content(kept) == {"read-me": b"damaged"}
    assert (kept / f"letters.before-{POINT}").is_dir()
    assert {leftover.what for leftover in source.leftovers(())} == {"kept", "mount", "share"}
    restored = find_dataset(source.client, f"{pool}/documents")
    assert restored is not None
    assert restored.label is None
    tidy(source)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_destroyed_datasets_come_back_in_any_order(either: Lab, tmp_path: Path, order: tuple[int, int]) -> None:
    pool, source = either.pool, either.source(by=BY)
    before = content(either.root / pool / "documents")
    members = take(source, tmp_path / "copies", selector_of(pool))
    source.client.change("pool.dataset.delete", f"{pool}/documents", {"recursive": True}, look=lambda: False)
    for number in order:
        put_back(source, members[number], tmp_path / "copies", look=number == order[-1])
    assert content(either.root / pool / "documents") == before
    kept = [leftover.locator for leftover in source.leftovers(()) if leftover.what == "kept"]
    assert kept == [f"{pool}/documents.before-{POINT}"] * order[0]  # what was made above the one that came first
    tidy(source)


def test_a_dataset_that_was_made_above_another_and_came_into_use_is_kept(lab: Lab, tmp_path: Path) -> None:
    source, top = lab.source(by=BY), lab.root / "tank" / "documents"
    before = content(top)
    parent, child = take(source, tmp_path / "copies")
    source.client.change("pool.dataset.delete", "tank/documents", {"recursive": True}, look=lambda: False)
    assert put_back(source, child, tmp_path / "copies").aside == ""
    (top / "written since").write_text("months of work")
    landed = put_back(source, parent, tmp_path / "copies")
    assert content(top) == before
    assert landed.aside == f"tank/documents.before-{POINT}"
    assert content(lab.root / landed.aside) == {"written since": b"months of work"}
    assert [leftover.locator for leftover in source.leftovers(()) if leftover.what == "kept"] == [landed.aside]
    tidy(source)


def test_two_cutovers_at_once_do_not_meet(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    before = content(lab.root / "tank" / "documents")
    members = take(source, tmp_path / "copies")
    landed = [land(source, member, tmp_path / "copies") for member in members]
    with ThreadPoolExecutor() as pool:
        list(pool.map(source.cutover, landed))
    assert content(lab.root / "tank" / "documents") == before
    tidy(source)


def test_a_sandbox_takes_whole_datasets_and_goes_with_them(either: Lab, tmp_path: Path) -> None:
    pool, source = either.pool, either.source(by=BY)
    create_dataset(source.client, f"{pool}/drill", {})
    members = take(source, tmp_path / "copies", selector_of(pool))
    until = datetime.now(UTC) + timedelta(hours=2)
    place = {"dataset": f"{pool}/drill"}
    reserved = source.reserve(ReserveRequest(place, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    for member in members:
        landed = put_back(source, member, tmp_path / "copies", form="sandbox", reserved=reserved.locator)
        assert landed.target.startswith(f"{reserved.locator}/")
        assert content(Path(landed.target)) == content(tmp_path / "copies" / member.workload.replace("/", "%"))
    source.release(reserved)
    assert source.leftovers(()) == ()
    assert mounted(source._files, source._directory) == ()
    tidy(source)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
@pytest.mark.parametrize("method", METHODS)
def test_a_connection_cut_in_any_call_changes_nothing(lab: Lab, tmp_path: Path, method: str, kind: str) -> None:
    source = lab.source(by=BY)
    before = content(lab.root / "tank" / "documents")
    lab.faults({"method": method, "kind": kind, "call": 1}, {"method": method, "kind": kind, "call": 3})
    members = take(source, tmp_path / "copies")
    (lab.root / "tank" / "documents" / "read-me").write_bytes(b"damaged")
    for member in reversed(members):  # what lies inside first, as a plan has it
        put_back(source, member, tmp_path / "copies")
    lab.faults()
    assert content(lab.root / "tank" / "documents") == before
    tidy(source)


def test_a_clone_that_is_not_mounted_is_never_read(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    (workload, _) = source.discover(SELECTOR)
    snapshot = source.snapshot(workload, "drtool-x")
    lab.faults({"method": "pool.snapshot.clone", "kind": "not_mounted", "call": 0})
    with pytest.raises(Exception, match="not mounted"), source.export(snapshot):
        pass
    lab.faults()
    tidy(source)


def test_what_others_share_is_not_destroyed(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    (member, _) = take(source, tmp_path / "copies")
    landed = put_back(source, member, tmp_path / "copies")
    request = {"path": f"/mnt/{landed.aside}", "comment": "mine"}
    row = source.client.change("sharing.nfs.create", request, look=lambda: False)
    (kept,) = [leftover for leftover in source.leftovers(()) if leftover.what == "kept"]
    with pytest.raises(Refused, match="is used on the NAS"):
        source.release(kept)
    source.client.change("sharing.nfs.delete", row["id"], look=lambda: False)
    tidy(source)


def test_a_dataset_renamed_between_plan_and_step_is_told(lab: Lab) -> None:
    source = lab.source(by=BY)
    (workload, _) = source.discover(SELECTOR)
    rename_dataset(source.client, "tank/documents", "tank/moved")
    with pytest.raises(Exception, match="tank/documents"):
        source.snapshot(workload, "drtool-x")
    tidy(source)


def test_the_key_is_written_nowhere(lab: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    key = Path(lab.started.worker_key_file).read_text().strip()
    source = lab.source(by=BY)
    take(source, tmp_path / "copies")
    lab.faults({"method": "pool.dataset.query", "kind": "revoke"})
    with pytest.raises((Refused, Unavailable)) as caught:
        source.leftovers(())
    assert key not in caplog.text
    assert key not in f"{caught.value} {caught.value.hint} {caught.value.safe} {vars(caught.value)}"
    assert json.dumps(key) not in caplog.text
    source.close()
