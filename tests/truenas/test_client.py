from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.errors import Conflict, DrtoolError, Locked, NotFound, Refused, Unavailable
from drtool.sources.truenas.api.translate import translate
from tests.contracts.test_truenas_source import make_source
from tests.rig.small_nas import CallError, SmallNas, certificate
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, SELECTOR, take, tidy


def test_a_certificate_that_is_in_the_file_is_pinned_whatever_its_name(tmp_path: Path) -> None:
    with SmallNas(tmp_path / "nas", names=["another.example.org"]) as nas:
        nas.add("tank")
        source = make_source(nas)
        assert [workload.name for workload in source.discover({"dataset": "tank"})] == ["nas:tank"]
        source.close()


def test_another_certificate_never_sees_the_key(tmp_path: Path) -> None:
    with SmallNas(tmp_path / "nas") as nas:
        other, _ = certificate(tmp_path, ["localhost"])
        source = make_source(nas, ca=str(other))
        with pytest.raises(Refused, match="not trusted") as caught:
            source.discover({"dataset": "tank"})
        assert caught.value.safe == "the key was not sent"
        assert nas.calls == []


def test_a_pinned_certificate_serves_by_address_too(tmp_path: Path) -> None:
    with SmallNas(tmp_path / "nas") as nas:
        source = make_source(nas, url=f"wss://127.0.0.1:{nas.port}/api/current")
        nas.add("tank")
        assert source.discover({"dataset": "tank"})
        source.close()


def test_a_nas_that_is_away_is_told(tmp_path: Path) -> None:
    with SmallNas(tmp_path / "nas") as nas:
        source = make_source(nas, url="wss://localhost:1/api/current")
        with pytest.raises(Unavailable, match="cannot be reached"):
            source.discover({"dataset": "tank"})


def test_the_oldest_release_has_other_names_for_snapshots(tmp_path: Path) -> None:
    with SmallNas(tmp_path / "nas", old=True) as nas:
        nas.add("tank")
        nas.add("tank/documents")
        source = make_source(nas)
        (workload,) = source.discover({"dataset": "tank/documents"})
        source.snapshot(workload, "drtool-x")
        assert "zfs.snapshot.create" in {method for method, _ in nas.calls}
        source.close()


@pytest.mark.parametrize("release", ["25.04", "25.10", "26"])
def test_every_release_is_read(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        assert len(take(source, tmp_path / "copies")) == 2
        tidy(source)


def test_a_large_answer_is_read(lab: Lab) -> None:
    source = lab.source(by=BY)
    lab.faults({"method": "pool.dataset.query", "kind": "large", "bytes": 5_000_000})
    assert len(source.discover(SELECTOR)) == 2
    source.close()


def test_a_reboot_in_the_middle_is_outlived(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    lab.faults({"method": "pool.snapshot.clone", "kind": "reboot_after", "seconds": 1})
    assert len(take(source, tmp_path / "copies")) == 2
    tidy(source)


def test_a_rate_limit_is_waited_out(lab: Lab) -> None:
    source = lab.source(by=BY)
    lab.faults({"method": "pool.dataset.query", "kind": "rate_limit"})
    assert len(source.discover(SELECTOR)) == 2
    source.close()


def test_a_full_pool_is_refused_and_nothing_is_left(lab: Lab) -> None:
    source = lab.source(by=BY)
    lab.faults({"method": "pool.snapshot.create", "kind": "storage", "reason": "out of space", "call": 0})
    (workload, _) = source.discover(SELECTOR)
    with pytest.raises(DrtoolError, match="out of space"):
        source.snapshot(workload, "drtool-x")
    assert source.leftovers(()) == ()
    source.close()


def test_a_snapshot_that_others_destroyed_is_told(lab: Lab) -> None:
    source = lab.source(by=BY)
    (workload, _) = source.discover(SELECTOR)
    snapshot = source.snapshot(workload, "drtool-x")
    source.client.change("pool.snapshot.delete", snapshot.locator, {}, look=lambda: False)
    with pytest.raises(NotFound, match="is gone"), source.export(snapshot):
        pass
    tidy(source)


def test_a_busy_clone_is_asked_again(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    lab.faults({"method": "pool.dataset.delete", "kind": "storage", "reason": "dataset is busy", "times": 3})
    take(source, tmp_path / "copies")
    assert source.leftovers(()) == ()
    tidy(source)


@pytest.mark.parametrize(
    ("code", "number", "reason", "extra", "expected"),
    [
        (-32001, 2, "[ENOENT] gone", None, NotFound),
        (-32001, 17, "[EEXIST] there", None, Conflict),
        (-32001, 16, "[EBUSY] dataset is busy", None, Locked),
        (-32001, 16, "[EBUSY] Rate Limit Exceeded", None, Unavailable),
        (-32001, 13, "[EACCES] Not authorized", None, Refused),
        (-32001, 28, "[ENOSPC] full", None, Refused),
        (-32001, 205, "[EDATASETISLOCKED] locked", None, Refused),
        (-32001, 14, "[EFAULT] cannot rename: dataset already exists", None, Conflict),
        (-32001, 22, "MatchNotFound()", None, NotFound),
        (-32602, 22, "[ENOENT] None: x does not exist", [[None, "x does not exist", 2]], NotFound),
        (-32602, 22, "[EINVAL] options.defer: has dependent clones", [["options.defer", "has dependent clones", 22]], Locked),
        (-32601, None, "", None, NotFound),
        (-32000, None, "", None, Unavailable),
    ],
)
def test_errors_are_translated(code: int, number: int | None, reason: str, extra: object, expected: type[DrtoolError]) -> None:
    data = None if number is None else {"error": number, "reason": reason, "extra": extra}
    error = translate({"code": code, "message": "no", "data": data}, method="pool.x", source="nas")
    assert type(error) is expected


def test_a_write_that_was_refused_is_not_repeated(tmp_path: Path) -> None:
    with SmallNas(tmp_path / "nas") as nas:
        nas.add("tank")
        source = make_source(nas)
        asked = []

        def refuse(method: str, when: str) -> str | None:
            if method == "pool.dataset.delete" and when == "before":
                asked.append(method)
                raise CallError(22, "never mind")
            return None

        nas.fault = refuse
        with pytest.raises(Refused):
            source.client.change("pool.dataset.delete", "tank", {}, look=lambda: False)
        assert asked == ["pool.dataset.delete"]
        source.close()
