"""Where the folders of a first policy really lie: what is lost together, and what lies in what."""

from __future__ import annotations

import os
import posixpath
import stat
from typing import Final

from drtool.model.answers import Answers, Folders
from drtool.model.lying import lies_in

_COPIES: Final = {"near": "near copy", "offsite": "off-site copy"}


def shared_with(answers: Answers, address: str) -> str:
    """Return what lies on the same file system of this machine as an off-site copy would; empty where nothing does, or nobody can tell."""
    if not address.startswith("/"):
        return ""
    near = answers.near.restic if answers.near is not None else ""
    others = {"the near copy": near} if near.startswith("/") else {}
    others |= {path: path for path in _protected_here(answers)}
    device = _device_of(address)
    return next((words for words, path in others.items() if device is not None and _device_of(path) == device), "")


def misplaced(answers: Answers, which: str, address: str) -> str:
    """Return what is wrong with where a copy would lie on this machine; empty where nothing is, or nobody can tell.

    Inside of what is protected it may lie, and is left out of its points; one address in two spellings the policy refuses itself.
    """
    if not address.startswith("/"):
        return ""
    here = os.path.realpath(address)
    for path in _protected_here(answers):
        if path != "/" and lies_in(os.path.realpath(path), here):
            return f"{path}, which is protected, {'is this folder' if os.path.realpath(path) == here else 'lies in it'}"
    others = {name: place.restic for name, place in answers.places.items() if name != which and place.restic.startswith("/")}
    for name, other in others.items():
        there = os.path.realpath(other)
        if posixpath.normpath(other) == posixpath.normpath(address):
            continue
        if here == there:
            return f"it is the folder of the {_COPIES[name]}: two names for one repository are no copy"
        if lies_in(here, there) or lies_in(there, here):
            return f"it lies in the {_COPIES[name]}, {other}" if lies_in(here, there) else f"the {_COPIES[name]}, {other}, lies in it"
    return ""


def unprotectable(path: str) -> str:
    """Return why a folder of this machine cannot be protected as it is named; empty where it can, or nobody can look."""
    if not path.startswith("/"):
        return ""
    try:
        is_link = stat.S_ISLNK(os.lstat(path.rstrip("/") or "/").st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return f"there is no {path} on this machine: make it first, or mount what belongs there"
    except (OSError, ValueError):
        return ""
    return f"{path} is a symbolic link: name the place it points to, {os.path.realpath(path)}" if is_link else ""


def holder_of(answers: Answers, sandbox: str, *, own: str) -> str:
    """Return in what a sandbox would lie where it must not: a repository, or a protected folder; empty where it lies well.

    Args:
        answers: everything that was answered so far; of folders of another machine, the sandbox is one there.
        sandbox: the path that is offered.
        own: the one below the state directory, which points leave out wherever it lies.
    """
    if isinstance(answers.protect, Folders) and answers.protect.ssh:
        return next((path for path in answers.protect.paths if lies_in(posixpath.normpath(sandbox), posixpath.normpath(path))), "")
    here = os.path.realpath(sandbox)
    for name, place in answers.places.items():
        if place.restic.startswith("/") and lies_in(here, os.path.realpath(place.restic)):
            return f"the repository {name}"
    folders = () if sandbox == own else _protected_here(answers)
    return next((path for path in folders if path != "/" and lies_in(here, os.path.realpath(path))), "")


def _protected_here(answers: Answers) -> tuple[str, ...]:
    protect = answers.protect
    return protect.paths if isinstance(protect, Folders) and not protect.ssh else ()


def _device_of(path: str) -> int | None:
    """Return the file system of a folder, or of where it would be made; nothing where nobody can look."""
    path = os.path.abspath(path)
    while True:
        try:
            return os.stat(path).st_dev
        except FileNotFoundError:
            path = os.path.dirname(path)
        except (OSError, ValueError):
            return None
