"""What the machine lacks, said so that a person can cure it."""

import os
import shutil


class MissingToolError(Exception):
    """A program or a right that a real part needs is not on this machine."""


def tool(name: str, *, package: str) -> str:
    """The full path of a program, also where only root's PATH would find it."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=search)
    if found is None:
        raise MissingToolError(f"{name} is not installed: apt-get install {package}")
    return found
