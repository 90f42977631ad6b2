from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import Refused, Unavailable
from drtool.model.plan import Destination
from drtool.ports import ReserveRequest
from drtool.sources.truenas.create import create_dataset, rename_dataset
from drtool.sources.truenas.datasets import find_dataset
from drtool.sources.truenas.mounts import mounted
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN, SELECTOR, content, put_back, take, tidy

METHODS = (
    *("pool.dataset.query", "pool.snapshot.query", "pool.snapshot.create", "pool.snapshot.clone", "pool.snapshot.delete"),
    *("pool.dataset.create", "pool.dataset.update", "pool.dataset.rename", "pool.dataset.delete", "pool.dataset.attachments"),
    *("sharing.nfs.create", "sharing.nfs.query", "sharing.nfs.delete", "filesystem.stat", "filesystem.statfs", "core.ping"),
)


def test_a_recursive_set_is_taken_at_one_instant_and_comes_back(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    top = lab.root / "tank" / "documents"
    leaf = top / "letters"
    os.setxattr(leaf, "user.colour", b"blue")
    leaf.chmod(0o2750)
    os.utime(leaf, ns=(1, 1_600_000_000_123_456_789))
    before = content(top)
    members = take(source, tmp_path / "copies")
    assert [member.workload for member in members] == ["nas:tank/documents", "nas:tank/documents/letters"]
    assert len({member.instant for member in members}) == 1
    assert lab.calls("pool.snapshot.create") == 1
    assert source.leftovers(()) == ()
    (lab.root / "tank" / "documents" / "read-me").write_bytes(b"damaged")
    (leaf / "read-me").unlink()
    for member in members:
        landed = put_back(source, member, tmp_path / "copies")
        assert landed.aside == f"{member.selector['dataset']}.before-{POINT}"
    assert content(lab.root / "tank" / "documents") == before
    told = leaf.stat()
    assert (told.st_mode & 0o7777, told.st_mtime_ns) == (0o2750, 1_600_000_000_123_456_789)
    assert os.getxattr(leaf, "user.colour") == b"blue"
    assert content(lab.root / "tank" / f"documents.before-{POINT}") == {"read-me": b"damaged"}
    assert {leftover.what for leftover in source.leftovers(())} == {"kept", "mount", "share"}
    restored = find_dataset(source.client, "tank/documents")
    assert restored is not None
    assert restored.label is None
    tidy(source)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_destroyed_datasets_come_back_in_any_order(lab: Lab, tmp_path: Path, order: tuple[int, int]) -> None:
    source = lab.source(by=BY)
    before = content(lab.root / "tank" / "documents")
    members = take(source, tmp_path / "copies")
    source.client.change("pool.dataset.delete", "tank/documents", {"recursive": True}, look=lambda: False)
    for number in order:
        put_back(source, members[number], tmp_path / "copies")
    assert content(lab.root / "tank" / "documents") == before
    assert not [leftover for leftover in source.leftovers(()) if leftover.what == "kept"]
    tidy(source)


def test_a_sandbox_takes_whole_datasets_and_goes_with_them(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    create_dataset(source.client, "tank/drill", {})
    members = take(source, tmp_path / "copies")
    until = datetime.now(UTC) + timedelta(hours=2)
    reserved = source.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
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
    for member in members:
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
        source.discover(SELECTOR)
    assert key not in caplog.text
    assert key not in f"{caught.value} {caught.value.hint} {caught.value.safe} {vars(caught.value)}"
    assert json.dumps(key) not in caplog.text
    source.close()
