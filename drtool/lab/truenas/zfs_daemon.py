from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from drtool.model.command import Command, Completed
from drtool.model.errors import Refused
from drtool.ports import Clock, Runner, RunningCommand

Start = Callable[[tuple[str, ...], Callable[[], bool], float], int]
"""Starts a program that outlives the call: arguments, whether it is ready, how long at most; returns its process id."""

LOCK: Final = "/run/lock/drtool-lab-zfs"
_SECONDS: Final = 60.0
_TICK_SECONDS: Final = 0.02
_SECONDS_TO_LET_GO: Final = 0.03
_REMEMBERED: Final = ("--fuse-attr-timeout", "60", "--fuse-entry-timeout", "60")
"""For so many seconds the kernel need not ask the daemon again for each part of each path in each call."""
_OPTIONS: Final = ("--no-daemon", "--no-kstat-mount", "--enable-xattr", *_REMEMBERED)
_BROKEN_PIPE: Final = 1 << 12
"""SIGPIPE among the signals of /proc/PID/status."""
_DIRECTORIES: Final = ("/run/zfs", "/run/lock/zfs", "/var/lib/zfs")
_HINT: Final = "run scripts/prepare as root, or install the package zfs-fuse; without --zfs the appliance keeps plain directories"


@dataclass(slots=True)
class ZfsDaemon:
    """ZFS in user space: one daemon on the machine, shared by the appliances on it, each with a pool of its own.

    `programs` is a directory with zfs, zpool and zfs-fuse in it; empty: wherever they are found.
    """

    runner: Runner
    start_apart: Start
    clock: Clock
    programs: str = ""

    def start(self) -> None:
        """Start the daemon unless it runs; Refused where this machine cannot."""
        if os.geteuid() != 0:
            raise Refused("real ZFS needs root", hint="use sudo; without --zfs the appliance keeps plain directories")
        if not os.path.exists("/dev/fuse"):
            raise Refused("real ZFS needs /dev/fuse, and there is none", hint="load the module fuse, or leave --zfs away")
        with self.one_at_a_time():
            if self._answers():
                return
            for directory in _DIRECTORIES:
                os.makedirs(directory, exist_ok=True)
            pid = self.start_apart((self.program("zfs-fuse"), *_OPTIONS), self._answers, _SECONDS)
            until = self.clock.monotonic() + _SECONDS
            while not _serves(pid) and self.clock.monotonic() < until:
                self.clock.sleep(_TICK_SECONDS)
            with open(LOCK, "w", encoding="ascii") as stream:
                stream.write(f"{pid}\n")

    def leave_dead_mounts(self, directory: str) -> None:
        """Unmount what a daemon that was killed left below a directory: nothing answers there."""
        with open("/proc/self/mounts", encoding="utf-8") as stream:
            paths = [line.split(" ")[1].encode().decode("unicode_escape") for line in stream]
        for path in sorted((path for path in paths if f"{path}/".startswith(f"{directory}/")), reverse=True):
            try:
                os.stat(path)
            except OSError:
                self.runner.run(Command(("umount", "-l", "--", path)))

    def stop(self) -> None:
        """End the daemon if no pool is left and one of us started it."""
        with self.one_at_a_time():
            said = self.run(("zpool", "list", "-H", "-o", "name"))
            pid = self._pid()
            if said.exit_code == 0 and not said.standard_output.strip() and pid:
                self.runner.end([RunningCommand(str(int(pid)), "")])

    def run(self, argv: tuple[str, ...]) -> Completed:
        """Run one of its programs, by name."""
        return self.runner.run(Command((self.program(argv[0]), *argv[1:]), timeout_seconds=_SECONDS))

    @contextlib.contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Keep every other appliance on this machine from mounting meanwhile."""
        with open(LOCK, "a", encoding="ascii") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def mounting(self) -> Iterator[None]:
        """Be alone for what mounts or unmounts, and for a moment after it.

        The daemon closes what was unmounted twice, some milliseconds later. What got the same number between the two is closed with it: the
        connection of the next command (connection reset by peer), or a file system mounted since, which then answers nobody.
        """
        with self.one_at_a_time():
            try:
                yield
            finally:
                self.clock.sleep(_SECONDS_TO_LET_GO)

    def _pid(self) -> str:
        """Return the process id of the daemon that one of us started, empty where another runs."""
        with open(LOCK, encoding="ascii") as stream:
            pid = stream.read().strip()
        return pid if pid and _program_of(pid) == "zfs-fuse" else ""

    def _answers(self) -> bool:
        return self.run(("zpool", "list", "-H", "-o", "name")).exit_code == 0

    def program(self, name: str) -> str:
        """Return where one of its programs lies; Refused where it is not."""
        search = self.programs or os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
        found = shutil.which(name, path=search)
        if found is None:
            raise Refused(f"{name} is not installed here", hint=_HINT)
        return found


def stripped(said: str) -> str:
    """Return a program's complaint without the part that the appliance's methods put before it themselves."""
    first, _, rest = said.strip().partition("\n")
    reason = re.sub(r"^(?:cannot|could not) [^:]*(?:'[^']*'[^:]*)?: ", "", first)
    return f"{reason}\n{rest}" if rest.startswith("use ") else reason


def _program_of(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _serves(pid: int) -> bool:
    """Tell whether the daemon is whole: it answers a little before it can mount and before a client that leaves does not end it."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as stream:
            ignored = next(line.split()[1] for line in stream if line.startswith("SigIgn:"))
    except OSError:
        return True  # it is gone, which the next call tells better
    return bool(int(ignored, 16) & _BROKEN_PIPE)
