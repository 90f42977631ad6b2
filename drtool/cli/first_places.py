"""Where the folders of a first policy really lie: what is lost together, and what lies in what."""

from __future__ import annotations

import os
import posixpath

from drtool.model.answers import Answers, Folders
from drtool.model.lying import lies_in


def shared_with(answers: Answers, address: str) -> str:
    """Return what lies on the same file system of this machine as an off-site copy would; empty where nothing does, or nobody can tell."""
    if not address.startswith("/"):
        return ""
    near = answers.near.restic if answers.near is not None else ""
    others = {"the near copy": near} if near.startswith("/") else {}
    others |= {path: path for path in _protected_here(answers)}
    device = _device_of(address)
    return next((words for words, path in others.items() if device is not None and _device_of(path) == device), "")


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
