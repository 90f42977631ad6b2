from __future__ import annotations

import os
from pathlib import Path

import pytest

from drtool.model.errors import Unavailable
from drtool.runners.local import LocalRunner
from drtool.sources.truenas.inventory import mounts
from drtool.trees.filesystem import FileSystem


def hang(directory: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Put a program first on PATH that never ends."""
    (directory / program).write_text("#!/bin/sh\nexec sleep 1000\n")
    (directory / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.timeout(120)
def test_a_mount_that_hangs_ends_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang(tmp_path, monkeypatch, "mount")
    monkeypatch.setattr(mounts, "_MOUNT_SECONDS", 0.3)
    with pytest.raises(Unavailable, match=r"mounting nas:/mnt/tank hangs: mount did not end within 0\.3 s") as told:
        mounts.mount(FileSystem(LocalRunner()), "nas:/mnt/tank", str(tmp_path / "place"), ("-t", "nfs"))
    assert told.value.transient
    assert "port 2049" in told.value.hint
    assert told.value.safe


@pytest.mark.timeout(120)
def test_an_unmount_that_hangs_is_tried_lazily_and_ends_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "place"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    files = FileSystem(LocalRunner())
    files.require("mounting", "mount", "-t", "tmpfs", "none", str(place))
    try:
        with monkeypatch.context() as patch:
            hang(tmp_path, patch, "umount")
            patch.setattr(mounts, "_UNMOUNT_SECONDS", 0.3)
            with pytest.raises(Unavailable, match=f"unmounting {place} hangs"):
                mounts.unmount(files, str(place))
    finally:
        files.run("umount", "--", str(place))
