"""Whether this machine lets us mount through FUSE."""

import os
import shutil

from tests.rig.missing import MissingToolError


def require_fuse() -> None:
    """Raise what is missing: the device, the right to open it, or the program."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        raise MissingToolError(f"nothing can be mounted here: /dev/fuse: {error.strerror}") from None
    if not any(shutil.which(program) for program in ("fusermount3", "fusermount")):
        raise MissingToolError("nothing can be mounted here: install fuse3")
