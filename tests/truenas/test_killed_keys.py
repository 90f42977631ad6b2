from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from drtool.lab.truenas import appliance
from drtool.model.codec import encode
from drtool.model.point import Member
from drtool.sources.truenas.create import create_dataset
from drtool.sources.truenas.encryption import exported_key
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, content, take, tidy
from tests.truenas.test_encryption import BELOW, KEY, SECRET, TREE, boot, encrypted, told

ROOT = Path(__file__).resolve().parents[2]


def restore(lab: Lab, copies: Path, members: list[Member], number: int) -> subprocess.CompletedProcess[str]:
    keys = {"url": lab.started.url, "user": "drtool", "key": f"file:{lab.started.worker_key_file}", "ca": lab.started.certificate}
    argv = [json.dumps({**keys, "mounts": str(lab.mounts)}), str(copies), json.dumps([encode(member) for member in members]), str(number)]
    script = [sys.executable, "-m", "tests.truenas.killed_keys", *argv]
    return subprocess.run(script, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60)


@pytest.mark.timeout(200)
def test_killed_in_a_cutover_no_key_is_lost(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each kill comes the sweep, then a boot: what is in service opens by itself, with the key that it had."""
    monkeypatch.setattr(appliance, "_TRIES", 10_000)
    source = lab.source(by=BY)
    encrypted(lab, source, {"key": KEY})
    create_dataset(source.client, f"{SECRET}/other", {})
    before = content(lab.root / SECRET)
    members = take(source, tmp_path / "copies", {**TREE, "exclude": [f"{SECRET}/other"]})[:1]
    whole = restore(lab, tmp_path / "copies", members, 0)
    assert whole.returncode == 0, whole.stderr
    changes = int(whole.stdout)
    assert changes > 10
    for number in range(1, changes + 1):
        killed = restore(lab, tmp_path / "copies", members, number)
        assert killed.returncode == -9, killed.stderr
        for leftover in source.leftovers(()):
            source.release(leftover)  # which may finish a cutover, and leave what it kept aside
        tidy(source)
        boot(lab, source)
        for name in (SECRET, BELOW, f"{SECRET}/other"):
            found = told(source, name)
            assert (found.locked, found.encryption_root) == (False, SECRET), f"{name} after change {number} of {changes}"
            assert "rekeyed" not in found.marks
        key = exported_key(source.client, SECRET)
        assert key is not None
        assert key.reveal() == KEY
        assert content(lab.root / SECRET) == before, f"change {number} of {changes}"
    source.close()
