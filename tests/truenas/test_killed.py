from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drtool.lab.truenas import appliance
from drtool.sources.truenas.datasets import read_datasets
from drtool.sources.truenas.mounts import mounted
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, content, tidy

ROOT = Path(__file__).resolve().parents[2]


def circle(lab: Lab, copies: Path, number: int, when: str) -> subprocess.CompletedProcess[str]:
    shutil.rmtree(copies, ignore_errors=True)
    keys = {"url": lab.started.url, "user": "drtool", "key": f"file:{lab.started.worker_key_file}", "ca": lab.started.certificate}
    settings = json.dumps({**keys, "mounts": str(lab.mounts)})
    argv = [sys.executable, "-m", "tests.truenas.killed", settings, str(copies), str(number), when]
    return subprocess.run(argv, check=False, capture_output=True, text=True, cwd=ROOT, env={**os.environ}, timeout=60)


@pytest.mark.timeout(280)
def test_killed_at_any_change_nothing_of_ours_survives_the_sweep(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appliance, "_TRIES", 10_000)  # every process that dies here logs in
    copies = tmp_path / "copies"
    before = content(lab.root / "tank" / "documents")
    whole = circle(lab, copies, 0, "never")
    assert whole.returncode == 0, whole.stderr
    changes = int(whole.stdout)
    assert changes > 25
    swept: dict[str, int] = {}
    _sweep(lab, swept)
    for number in range(1, changes + 1):
        for when in ("before", "after"):
            killed = circle(lab, copies, number, when)
            assert killed.returncode == -9, killed.stderr
            _sweep(lab, swept)
            assert content(lab.root / "tank" / "documents") == before, f"killed {when} change {number} of {changes}"
    assert swept.keys() >= {"snapshot", "clone", "share", "staging", "kept", "mount"}


def _sweep(lab: Lab, swept: dict[str, int]) -> None:
    source = lab.source(by=BY)
    for leftover in source.leftovers(()):
        swept[leftover.what] = swept.get(leftover.what, 0) + 1
        source.release(leftover)
    tidy(source)
    names = [dataset.id for dataset in read_datasets(source.client)]
    assert names == ["tank", "tank/documents", "tank/documents/letters"]
    assert source.client.read("sharing.nfs.query") == []
    assert source.client.read("pool.snapshot.query") == []
    assert mounted(source._files, source._directory) == ()
    source.close()
