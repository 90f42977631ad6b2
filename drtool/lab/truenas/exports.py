"""What is shared by NFS, and the mount program that finds it where the kernel serves none."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from drtool.lab.truenas.programs import OURS, real_program
from drtool.lab.truenas.storage import Storage

if TYPE_CHECKING:
    from drtool.lab.truenas.appliance import Appliance

_MOUNT: Final = (
    OURS
    + r""": an NFS share of it becomes a bind mount, everything else goes to the real one.
type= options= source= target= next=
for word; do
    if [ -n "$next" ]; then eval "$next=\$word"; next=; continue; fi
    case $word in
        -t) next=type ;;
        -o) next=options ;;
        -t*) type=${word#-t} ;;
        -o*) options=${word#-o} ;;
        -*) ;;
        *) if [ -z "$source" ]; then source=$word; else target=$word; fi ;;
    esac
done
case $type in nfs | nfs4) ;; *) exec @MOUNT@ "$@" ;; esac
path=${source#*:}
real= mode=
while IFS='	' read -r shared where how; do
    [ "$shared" = "$path" ] && real=$where mode=$how
done <@EXPORTS@
if [ -z "$real" ]; then
    echo "mount.nfs: mounting $source failed, reason given by server: No such file or directory" >&2
    exit 32
fi
case ,$options, in *,ro,*) mode=ro ;; esac
@MOUNT@ --bind --make-private -- "$real" "$target" || exit 32
# who mounts a share sees the directories that other datasets cover, and not those
[ ! -e @COVERS@ ] || while IFS='	' read -r above name covered; do
    [ "$above" != "$real" ] || @MOUNT@ --bind -- "$covered" "$target/$name" || { umount -l -- "$target"; exit 32; }
done <@COVERS@
[ "$mode" = rw ] || @MOUNT@ -o remount,bind,ro -- "$target" || { umount -- "$target"; exit 32; }
"""
)
_MOUNT_NFS: Final = """#!/bin/sh
# what whoever is about to mount a share looks for
exec @MOUNT@ -t nfs "$@"
"""


def real_path(storage: Storage, path: str) -> str | None:
    """Return where a path below `/mnt` really lies; None when no mounted dataset has it."""
    name = path.removeprefix("/mnt/").rstrip("/")
    inside: list[str] = []
    while name:
        found = storage.datasets([name], children=False)
        if found:
            return os.path.join(found[0].path, *reversed(inside)) if found[0].path else None
        name, _, last = name.rpartition("/")
        inside.append(last)
    return None


def write_exports(appliance: Appliance) -> None:
    """Write down what is shared now, for the mount program: path, where it lies, `ro` or `rw`."""
    lines = []
    for share in appliance.state.shares:
        real = real_path(appliance.storage, share["path"]) if share["kind"] == "nfs" and share["enabled"] else None
        if real is not None:
            lines.append(f"{share['path']}\t{real}\t{'ro' if share['ro'] else 'rw'}\n")
    path = os.path.join(appliance.directory, "exports")
    with open(f"{path}.new", "w", encoding="utf-8") as stream:
        stream.writelines(lines)
    os.replace(f"{path}.new", path)


def write_programs(directory: str) -> str:
    """Write the mount programs and return the directory to be put first on PATH."""
    programs = os.path.join(directory, "bin")
    os.makedirs(programs, exist_ok=True)
    mount = os.path.join(programs, "mount")
    text = _MOUNT.replace("@MOUNT@", _quoted(real_program("mount") or "/bin/mount"))
    _write(mount, text.replace("@EXPORTS@", _quoted(f"{directory}/exports")).replace("@COVERS@", _quoted(f"{directory}/covers")))
    _write(f"{mount}.nfs", _MOUNT_NFS.replace("@MOUNT@", _quoted(mount)))
    return programs


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(path, stat.S_IRWXU)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
