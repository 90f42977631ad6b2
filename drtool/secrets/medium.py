"""Whether the medium that a key is to be written to is there, and not only the folder where it is mounted."""

from __future__ import annotations

import os
from collections.abc import Sequence

from drtool.model.errors import Refused

_WHERE_MEDIA_GO = ("/media", "/run/media")
_MOUNT_POINT_OF_MOUNTINFO = 4
_MOUNT_POINT_OF_FSTAB = 1


def require_mounted(
    path: str, *, table: str = "/etc/fstab", mounts: str = "/proc/self/mountinfo", media: Sequence[str] = _WHERE_MEDIA_GO
) -> None:
    """Refuse a place below a mount point with nothing mounted: what is written there lies on this machine's own disk, and is hidden later.

    Mount points are what `table` (fstab) names, and everything below the folders in `media`.
    """
    mounted, meant = _column(mounts, _MOUNT_POINT_OF_MOUNTINFO), _column(table, _MOUNT_POINT_OF_FSTAB) - {"/", "none", "swap"}
    folder = os.path.dirname(os.path.realpath(path))
    below: list[str] = []
    while folder not in mounted and folder != "/":
        below.append(folder)
        folder = os.path.dirname(folder)
    wanted = next((each for each in below if each in meant or (folder not in media and os.path.dirname(each) in media)), "")
    if wanted:
        raise Refused(
            f"nothing is mounted at {wanted}: the key would be written to this machine's own disk",
            hint="mount the medium first (findmnt shows what is mounted), or name another file",
            safe="nothing was changed",
        )


def _column(file: str, number: int) -> set[str]:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            rows = [line.split() for line in stream if not line.startswith("#")]
    except OSError:
        return set()
    return {_unescaped(row[number]) for row in rows if len(row) > number}


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
