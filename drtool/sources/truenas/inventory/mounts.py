from __future__ import annotations

import posixpath
from typing import Final

from drtool.model.errors import NotFound, Refused, TimedOut, Unavailable
from drtool.trees.filesystem import FileSystem

_RESTORED: Final = "restored"
_LIVE: Final = "live"
_MOUNT_SECONDS: Final = 180.0
"""Longer than the two minutes for which mount.nfs itself asks a NAS that does not answer."""
_UNMOUNT_SECONDS: Final = 60.0
_SEPARATOR: Final = "%"
"""What no dataset's name has: one level per dataset, so that no mount lies inside another."""


def restored_path(directory: str, dataset: str, run: str) -> str:
    """Return where a restored dataset is shown without what is mounted below it; it tells the run by which a sweep finds it."""
    return f"{directory}/{_RESTORED}/{run}/{dataset.replace('/', _SEPARATOR)}"


def restored_dataset(directory: str, path: str) -> str:
    """Return the dataset shown at such a path, empty where it is none."""
    parts = path.removeprefix(f"{directory}/{_RESTORED}/").split("/")
    is_one = path.startswith(f"{directory}/{_RESTORED}/") and len(parts) == 2  # noqa: PLR2004 - run and name
    return parts[1].replace(_SEPARATOR, "/") if is_one else ""


def live_path(directory: str, dataset: str, run: str) -> str:
    """Return where a run writes into a dataset that is in service; its own, so that no other run takes it away."""
    return f"{directory}/{_LIVE}/{run}/{dataset.replace('/', _SEPARATOR)}"


def live_place(directory: str, path: str) -> tuple[str, str] | None:
    """Return dataset and run of a path at or below such a place, None where it is none."""
    start = f"{directory}/{_LIVE}/"
    parts = path.removeprefix(start).split("/") if path.startswith(start) else []
    return (parts[1].replace(_SEPARATOR, "/"), parts[0]) if len(parts) > 1 else None


def shown(files: FileSystem, directory: str) -> dict[str, str]:
    """Return what is shown below our directory now: path to run."""
    paths = [path for path in mounted(files, directory) if restored_dataset(directory, path) or live_place(directory, path)]
    return {path: posixpath.basename(posixpath.dirname(path)) for path in paths}


def mounted(files: FileSystem, directory: str) -> tuple[str, ...]:
    """Return the mount points below our directory."""
    return files.mounts_within(directory) if files.exists(directory) else ()


def mount(files: FileSystem, origin: str, path: str, options: tuple[str, ...]) -> None:
    """Mount at a directory that is made if missing; Refused when this machine cannot, Unavailable when it hangs."""
    files.require(f"making {path}", "mkdir", "-p", "--", path)
    hint = "this needs root, nfs-common here, and the NFS service running on the NAS: drtool doctor"
    try:
        files.require(f"mounting {origin}", "mount", *options, "--", origin, path, hint=hint, timeout_seconds=_MOUNT_SECONDS)
    except NotFound as error:
        raise Refused("this machine cannot mount", hint=hint) from error
    except TimedOut as error:
        raise Unavailable(
            f"mounting {origin} hangs: {error.what}",
            hint="does the NFS service of the NAS answer here (port 2049, no firewall between)? drtool doctor",
            safe="nothing was read or written over this mount",
        ) from error


def unmount(files: FileSystem, path: str) -> None:
    """Unmount a directory of ours and remove it while it is empty; not mounted is success."""
    directory = posixpath.dirname(path)
    for lazily in ((), ("-l",)):
        if path not in mounted(files, directory):  # looked at each time: a share and its dataset may be released side by side
            break
        try:
            said = files.run("umount", *lazily, "--", path, timeout_seconds=_UNMOUNT_SECONDS).said(300)
        except TimedOut as error:
            if lazily:
                raise Unavailable(f"unmounting {path} hangs: {error.what}", hint="does the NAS answer? then: drtool sweep") from error
    else:
        if path in mounted(files, directory):
            raise Refused(f"unmounting {path} failed: {said}", hint=f"see who uses it: fuser -vm {path}")
    files.run("rmdir", "--", path)
    files.run("rmdir", "--", directory)
