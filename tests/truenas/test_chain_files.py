"""A chain that was restored as files: each stream is compared with its own digest."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from drtool.checks.census import CensusCheck
from drtool.model.plan import Answer, Destination, Restored
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import CheckPolicy
from drtool.ports import Inspection, Question
from drtool.runners.local import LocalRunner

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BODIES = {"00.zfs": b"whole", "01.zfs": b"changed"}


def ask(folder: Path) -> Answer:
    links = tuple(
        Artifact(name, "stream", "a" * 64, f"/tank/a.streams/{name}", Census(1, len(body), sha256=hashlib.sha256(body).hexdigest()))
        for name, body in BODIES.items()
    )
    member = Member("nas:tank/a", "nas", "truenas", {"dataset": "tank/a", "way": "exact"}, NOW, links)
    restored = Restored(member.workload, "nas", Destination("directory", str(folder)), str(folder), member)
    inspection = Inspection(up=True, runner=LocalRunner(), root=str(folder))
    return CensusCheck().ask(Question(CheckPolicy("census", "census"), (restored,), {member.workload: inspection}, NOW, NOW))


def test_each_stream_is_compared_with_its_own_digest(tmp_path: Path) -> None:
    for name, body in BODIES.items():
        (tmp_path / name).write_bytes(body)
    answer = ask(tmp_path)
    assert answer.passed, answer.observed
    assert answer.observed.startswith("2 files of 12 bytes, 2 of 2 sampled files the same")
    (tmp_path / "01.zfs").write_bytes(b"CHANGED")
    assert not ask(tmp_path).passed
    (tmp_path / "01.zfs").unlink()
    assert not ask(tmp_path).passed
