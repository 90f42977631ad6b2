"""How far a copy, a reading and a pruning are, as each restic tells it; what it does not tell is not made up."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from drtool.engine.clock import SystemClock
from drtool.model.errors import Corrupt
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from drtool.ports import Progress, VerifyRequest
from drtool.repositories.restic.phases import PhaseReader
from drtool.repositories.restic.repository import ResticRepository
from drtool.repositories.restic.watch import Watch
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.repository_contract import BY, LATER_POINT, POINT, RepositoryPair, sealed_tree

PASSWORD = "phases"


def repository(name: str, place: Path, binary: Path) -> ResticRepository:
    local = LocalRunner()
    return ResticRepository(
        policy=RepositoryPolicy(name, Address(str(place), SecretReference("env", "PHASES")), "home"),
        by=BY,
        secrets=Secrets({**os.environ, "PHASES": PASSWORD}, local),
        clock=SystemClock(),
        local=local,
        binary=str(binary),
    )


@pytest.fixture
def pair(tmp_path: Path, home: Path, every_restic: Path) -> RepositoryPair:
    near, far = (repository(name, tmp_path / name, every_restic) for name in ("near", "far"))
    near.initialise()
    far.initialise(chunker_of=near)
    (tmp_path / "tree").mkdir()
    return RepositoryPair(near, far, near, LocalRunner(), tmp_path)


def packs(place: Path) -> int:
    return sum(1 for path in (place / "data").rglob("*") if path.is_file())


def told(moments: list[Progress]) -> set[str]:
    assert all(0 <= each.done_parts <= each.total_parts for each in moments)
    assert not any(each.done_bytes or each.total_bytes for each in moments), "restic tells no bytes here"
    return {each.phase for each in moments}


def test_copy_verify_and_prune_tell_how_far_they_are(pair: RepositoryPair) -> None:
    for point in (POINT, LATER_POINT):
        sealed_tree(pair, point)
    copied: list[Progress] = []
    pair.other.copy((POINT, LATER_POINT), pair.repository, on_progress=copied.append)
    phases = told(copied)
    assert "packs copied, snapshot 1 of 4" in phases, phases
    assert all(phase.startswith("packs copied, snapshot ") and phase.endswith(" of 4") for phase in phases)
    read: list[Progress] = []
    pair.repository.verify(on_progress=read.append)
    assert {"packs", "read all data"} <= told(read)
    whole = packs(pair.directory / "near")
    assert max((each.done_parts, each.total_parts) for each in read if each.phase == "packs") == (whole, whole), "all packs there are"
    pair.repository.forget((POINT, LATER_POINT))
    freed: list[Progress] = []
    pair.repository.prune(on_progress=freed.append)
    assert {"searching used packs", "packs processed", "files deleted"} <= told(freed)


def test_what_is_damaged_is_named_while_progress_is_told(pair: RepositoryPair) -> None:
    sealed_tree(pair)
    pack = max((path for path in (pair.directory / "near" / "data").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    body = bytearray(pack.read_bytes())
    body[len(body) // 3] ^= 0xFF
    pack.chmod(0o600)
    pack.write_bytes(bytes(body))
    moments: list[Progress] = []
    with pytest.raises(Corrupt, match=rf"pack {pack.name}|blob [0-9a-f]{{64}} failed"):
        pair.repository.verify(VerifyRequest(), on_progress=moments.append)
    assert "packs" in told(moments)


@pytest.mark.parametrize(
    "line",
    [
        b"[0:01] 60.00%  6 / 10 packs\x1b[2J",
        b"[0:01] 60.00%  99999999999999999999 / 10 packs",
        b"[0:01] 60.00%  6 / 10 " + b"a" * 500,
        b"[0:01]          3 snapshots",
        b"6 / 10 packs copied",
        b"this removes:          0 blobs / 0 B",
        b"pack 0123 contains 2 errors",
        b"",
    ],
)
def test_what_is_no_progress_is_not_taken_for_it(line: bytes) -> None:
    moments: list[Progress] = []
    PhaseReader(moments.append).take(line)
    assert moments == []


def test_more_than_all_is_all_and_hours_are_understood() -> None:
    moments: list[Progress] = []
    reader = PhaseReader(moments.append, snapshots=200, of=201)
    for _more in range(3):
        reader.take(b"snapshot 8854d724 of [/tmp] at 2026-11-30 13:12:27 +0000 UTC by root@vm")
    reader.take(b"[10:02:03] 100.00%  12 / 10 packs copied")
    assert moments == [Progress(done_parts=10, total_parts=10, phase="packs copied, snapshot 201 of 201")]


def test_packs_that_are_copied_between_two_retries_are_life() -> None:
    clock = FixedClock()
    watch = Watch("near", clock, 60.0, lambda _line: None, None, None)
    retry = b"Load(<data/abc>, 0, 0) returned error, retrying after 1s: dial tcp: connection refused"
    for number in range(5):
        watch.error(retry)
        clock.advance(timedelta(seconds=50))
        watch.output(b"[1:00] 10.00%%  %d / 10 packs copied" % number)
