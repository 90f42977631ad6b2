from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest

from drtool.lab.truenas import appliance
from drtool.model.codec import encode
from drtool.sources.truenas.keys.encryption import exported_key
from drtool.sources.truenas.land.create import create_dataset
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, content, take, tidy
from tests.truenas.forked import forking
from tests.truenas.test_encryption import BELOW, KEY, SECRET, TREE, boot, encrypted, told


@pytest.mark.timeout(600)
def test_killed_in_a_cutover_no_key_is_lost(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each kill comes the sweep, then a boot: what is in service opens by itself, with the key that it had."""
    monkeypatch.setattr(appliance, "_TRIES", 10_000)
    source = lab.source(by=BY)
    encrypted(lab, source, {"key": KEY})
    create_dataset(source.client, f"{SECRET}/other", {})
    before = content(lab.root / SECRET)
    member = take(source, tmp_path / "copies", {**TREE, "exclude": [f"{SECRET}/other"]})[0]
    work = {"settings": lab.settings(), "member": encode(member), "copies": str(tmp_path / "copies")}
    with forking("tests.truenas.killed_keys", work) as ends:
        for number in itertools.count(1):
            ended = ends(number)
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            for leftover in source.leftovers(()):
                source.release(leftover)  # which may finish a cutover, and leave what it kept aside
            tidy(source)
            boot(lab, source)
            for name in (SECRET, BELOW, f"{SECRET}/other"):
                found = told(source, name)
                assert (found.locked, found.encryption_root) == (False, SECRET), f"{name} after change {number}"
                assert "rekeyed" not in found.marks
            key = exported_key(source.client, SECRET)
            assert key is not None
            assert key.reveal() == KEY
            assert content(lab.root / SECRET) == before, f"after change {number}"
    assert number > 10
    source.close()
