"""A key is not written to a folder where the stick should be mounted and is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.secrets.medium import require_mounted

FSTAB = """\
# a comment /mnt/comment
UUID=1 / ext4 defaults 0 1
UUID=2 {root}/mnt/the\\040safe vfat noauto,umask=077 0 0
UUID=3 none swap sw 0 0
"""
MOUNTINFO = "22 1 254:1 / / rw - ext4 /dev/a rw\n23 22 254:2 / {mounted} rw,relatime - vfat /dev/b rw\n"


def refused(root: Path, path: str, *, mounted: str = "/proc") -> bool:
    (root / "fstab").write_text(FSTAB.format(root=root))
    (root / "mounts").write_text(MOUNTINFO.format(mounted=mounted))
    try:
        require_mounted(path, table=str(root / "fstab"), mounts=str(root / "mounts"), media=(str(root / "media"),))
    except Refused as error:
        return "nothing is mounted" in error.what
    return False


@pytest.mark.parametrize("path", ["mnt/the safe/key", "mnt/the safe/deep/key", "media/stick/key", "media/me/stick/key"])
def test_a_medium_that_is_not_there(tmp_path: Path, path: str) -> None:
    assert refused(tmp_path, f"{tmp_path}/{path}")


@pytest.mark.parametrize("path", ["mnt/another/key", "media/key", "etc/drtool/key"])
def test_a_folder_of_this_machine(tmp_path: Path, path: str) -> None:
    assert not refused(tmp_path, f"{tmp_path}/{path}")


@pytest.mark.parametrize(
    ("path", "mounted"), [("mnt/the safe/key", "mnt/the\\040safe"), ("media/me/stick/key", "media/me/stick"), ("media/x/key", "media")]
)
def test_a_medium_that_is_there(tmp_path: Path, path: str, mounted: str) -> None:
    assert not refused(tmp_path, f"{tmp_path}/{path}", mounted=f"{tmp_path}/{mounted}")


def test_a_link_to_a_medium_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "key").symlink_to(tmp_path / "media" / "stick" / "key")
    assert refused(tmp_path, str(tmp_path / "key"))
