"""A point as a directory, through FUSE."""

from __future__ import annotations

import os
import shutil

from drtool.model.errors import Refused
from drtool.ports import MountRequest
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient

DEVICE = "/dev/fuse"
_PROGRAMS = ("fusermount3", "fusermount")


def mount(client: ResticClient, request: MountRequest) -> None:
    """Show the data of a point below `SOURCE/SNAPSHOT`, until it is unmounted.

    Raises:
        Refused: this machine has no FUSE.
    """
    missing = "" if os.path.exists(DEVICE) else DEVICE
    if not missing and not any(shutil.which(program) for program in _PROGRAMS):
        missing = _PROGRAMS[0]
    if missing:
        raise Refused(
            f"nothing can be mounted here: there is no {missing}",
            hint=f"install fuse3; without it: drtool browse {request.point}",
            safe="nothing was mounted",
        )
    arguments = commands.mount(request.directory, point=request.point)
    client.run(Call(arguments, "mount it", timeout_seconds=request.seconds, may_rest=True))
