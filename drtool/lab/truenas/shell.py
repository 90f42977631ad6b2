"""The shell of the appliance: a real SSH server that answers on no port, with the appliance's own paths behind it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import shutil
import stat
from typing import Final

from drtool.lab.truenas.devices import FOLDER
from drtool.lab.truenas.programs import real_program
from drtool.lab.truenas.zfs_daemon import LOCK
from drtool.model.command import Command
from drtool.ports import Runner

ALIAS: Final = "nas"
_NEEDED: Final = ("ssh", "sshd", "ssh-keygen", "unshare", "nsenter", "mount", "umount")
_SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin"

_SERVER: Final = """\
HostKey "@HERE@/host"
PidFile none
AuthorizedKeysFile "@HERE@/client.pub"
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
ForceCommand @SHELL@
LogLevel ERROR
"""
_CLIENT: Final = """\
Host @ALIAS@
    User @USER@
    HostKeyAlias @ALIAS@
    ProxyCommand @SSHD@ -i -f @CONFIG@
    IdentityFile "@HERE@/client"
    IdentitiesOnly yes
    UserKnownHostsFile "@HERE@/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR
"""
_SHELL: Final = r"""#!/bin/sh
# Whoever logs in finds the paths of the appliance; they end with his command.
exec 9</proc/self/ns/mnt
exec unshare --mount --propagation slave /bin/sh -c '
set -e
dev=@HERE@/dev
mount -t tmpfs -o mode=755 drtool-lab "$dev"
for each in null zero full random urandom tty; do : >"$dev/$each"; mount --bind "/dev/$each" "$dev/$each"; done
ln -s /proc/self/fd "$dev/fd"; ln -s fd/0 "$dev/stdin"; ln -s fd/1 "$dev/stdout"; ln -s fd/2 "$dev/stderr"
mkdir "$dev/zvol" "$dev/shm"; mount --bind @ZVOL@ "$dev/zvol"
mount --rbind "$dev" /dev
mount --rbind @MNT@ /mnt
PATH=@HERE@/bin:$PATH; export PATH
exec /bin/sh -c "$1"' drtool "$SSH_ORIGINAL_COMMAND"
"""
_BLOCKDEV: Final = r"""#!/bin/sh
# A volume of this appliance is a plain file: it has a size and nothing to flush.
for path; do :; done
[ -b "$path" ] && exec @REAL@ "$@"
case $1 in
--getsize64) exec stat -L -c %s -- "$path" ;;
--flushbufs) exec test -e "$path" ;;
*) exec @REAL@ "$@" ;;
esac
"""
_MOUNT: Final = r"""#!/bin/sh
# What is mounted stays when the command has ended: it is mounted outside, where the same files have other names.
count=$#
while [ "$count" -gt 0 ]; do
    word=$1 count=$((count - 1)); shift
    case $word in /mnt/*) word=@MNT@/${word#/mnt/} ;; esac
    set -- "$@" "$word"
done
exec nsenter --mount=/proc/self/fd/9 @REAL@ "$@"
"""
_ZFS: Final = r"""#!/bin/sh
# ZFS as this machine has it: what it does not know of later ones is left out, or done after.
verb=$1; shift
case $verb in
send)
    base= snapshot=
    while [ $# -gt 0 ]; do
        case $1 in
        -L | -e | -c | --) ;;
        -i) base=$2; shift ;;
        *) snapshot=$1 ;;
        esac
        shift
    done
    exec @REAL@ send ${base:+-i "$base"} "$snapshot"
    ;;
receive)
    marks= name= force=
    while [ $# -gt 0 ]; do
        case $1 in
        -o) marks="$marks $2"; shift ;;
        -F) force=-F ;;
        --) ;;
        *) name=$1 ;;
        esac
        shift
    done
    flock @LOCK@ @REAL@ receive $force "$name" || exit $?
    for mark in $marks; do @REAL@ set "$mark" "$name" || exit $?; done
    ;;
*) exec @REAL@ "$verb" "$@" ;;
esac
"""


def write_shell(directory: str, *, runner: Runner, zfs: str = "") -> str:
    """Write what lets one in, and return the client's configuration; empty where this machine cannot have such a shell.

    `zfs` is the program of real ZFS beneath, empty where there is none. Nothing runs until somebody logs in.
    """
    programs = {name: real_program(name, f"{os.environ.get('PATH', '')}:{_SBIN}") for name in _NEEDED}
    if os.geteuid() != 0 or not all(programs.values()):
        return ""
    here = os.path.join(directory, "ssh")
    for each in (here, os.path.join(here, "bin"), os.path.join(here, "dev"), os.path.join(directory, FOLDER)):
        os.makedirs(each, mode=0o755, exist_ok=True)
    with contextlib.suppress(OSError):
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # where it separates its privileges
    for key in ("host", "client"):
        if not os.path.exists(os.path.join(here, key)):
            made = (programs["ssh-keygen"], "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", os.path.join(here, key))
            if runner.run(Command(made)).exit_code != 0:
                return ""
    with open(os.path.join(here, "host.pub"), encoding="ascii") as stream:
        _write(os.path.join(here, "known_hosts"), f"{ALIAS} {stream.read()}")
    mnt, outside = os.path.join(directory, "mnt"), {name: real_program(name) or programs[name] for name in ("mount", "umount")}
    _program(here, "shell", _SHELL, {"ZVOL": os.path.join(directory, FOLDER), "MNT": mnt})
    for name, real in outside.items():
        _program(here, f"bin/{name}", _MOUNT, {"MNT": mnt, "REAL": real})
    _program(here, "bin/blockdev", _BLOCKDEV, {"REAL": shutil.which("blockdev", path=_SBIN) or "blockdev"})
    if zfs:
        _program(here, "bin/zfs", _ZFS, {"REAL": zfs, "LOCK": LOCK})
    config = os.path.join(here, "sshd_config")
    _write(config, _filled(_SERVER, {"HERE": here, "SHELL": shlex.quote(os.path.join(here, "shell"))}))
    client = {"ALIAS": ALIAS, "USER": getpass.getuser(), "SSHD": programs["sshd"], "CONFIG": shlex.quote(config).replace("%", "%%")}
    _write(os.path.join(here, "ssh_config"), _filled(_CLIENT, {"HERE": here, **client}))
    return os.path.join(here, "ssh_config")


def _program(here: str, name: str, text: str, values: dict[str, str]) -> None:
    path = os.path.join(here, name)
    _write(path, _filled(text, {key: shlex.quote(value) for key, value in {"HERE": here, **values}.items()}))
    os.chmod(path, stat.S_IRWXU)


def _filled(text: str, values: dict[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
