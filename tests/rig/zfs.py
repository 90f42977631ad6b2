"""Real ZFS in user space, where this machine has it and lets us mount."""

import os
import shutil
from pathlib import Path

import pytest

from tests.rig.missing import MissingToolError

ALONE = pytest.mark.xdist_group("zfs")
"""One test at a time: appliances share the daemon of a machine, and ending one as a power cut would ends the daemon it started too."""
STORAGES = ("directories", pytest.param("zfs", marks=ALONE))
"""What an appliance of a test keeps its datasets on."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drtool-rig" / "zfs-fuse"


def programs() -> str:
    """The directory with zfs, zpool and zfs-fuse; raises what is missing."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        raise MissingToolError("real ZFS needs root and /dev/fuse")
    given = os.environ.get("DRTOOL_ZFS_PROGRAMS", str(CACHE / "bin"))
    if shutil.which("zfs-fuse", path=given):
        return given
    found = shutil.which("zfs-fuse", path="/usr/sbin:/sbin")
    if found is None:
        raise MissingToolError("real ZFS is not here: run scripts/prepare")
    return os.path.dirname(found)
