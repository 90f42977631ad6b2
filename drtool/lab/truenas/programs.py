"""Finding a real program behind the ones that an appliance puts first on PATH."""

from __future__ import annotations

import os
import shutil
from typing import Final

OURS: Final = "#!/bin/sh\n# mount(8) for those who see this appliance"
"""How the mount program of every appliance begins."""


def real_program(name: str, path: str | None = None) -> str:
    """Return the first program of a name on a path (PATH unless given) that no appliance put there; empty where there is none."""
    for directory in (os.environ.get("PATH", os.defpath) if path is None else path).split(os.pathsep):
        found = shutil.which(name, path=directory)
        if found is not None and not _is_ours(found):
            return found
    return ""


def _is_ours(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(len(OURS)) == OURS.encode()
    except OSError:  # a program that may be carried out and not read
        return False
