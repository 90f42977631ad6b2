"""Processes of this machine, found again by the label that they were started with."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable

from drtool.ports import Owner, RunningCommand
from drtool.process.child import GRACE_SECONDS
from drtool.process.spawn import LABEL_VARIABLE


def find_labelled(prefix: str) -> tuple[RunningCommand, ...]:
    """Return the processes on this machine whose label starts with `prefix`."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return tuple(
        RunningCommand(str(pid), label) for pid in pids if pid != os.getpid() for label in _labels(pid) if label.startswith(prefix)
    )


def end_commands(commands: Iterable[RunningCommand]) -> None:
    """End processes of this machine: SIGINT, then SIGTERM, then SIGKILL, and wait until they are gone.

    A process id may meanwhile be another's: its label is compared at each signal, through a handle that stays with one process.
    """
    known = tuple(commands)
    for number, patience in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        for info in known:
            _signal(info, number)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not any(_is_still(info) for info in known):
                return
            time.sleep(0.05)


def _signal(info: RunningCommand, number: signal.Signals) -> None:
    with contextlib.suppress(OSError):  # it is gone, or another user's
        handle = os.pidfd_open(int(info.handle))
        try:
            if _is_still(info):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _is_still(info: RunningCommand) -> bool:
    return process_exists(int(info.handle)) and any(label.startswith(info.label) for label in _labels(int(info.handle)))


def _labels(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            variables = stream.read().split(b"\0")
    except OSError:
        return []
    name = f"{LABEL_VARIABLE}=".encode()
    return [variable.removeprefix(name).decode("utf-8", "replace") for variable in variables if variable.startswith(name)]


def owner_of(handle: str) -> Owner:
    """Tell whether a process of this machine lives, by its id; unknown where others' processes are hidden."""
    if handle.isdecimal() and process_exists(int(handle)):
        return Owner.ALIVE
    return Owner.GONE if os.access("/proc/1/status", os.R_OK) else Owner.UNKNOWN


def process_exists(pid: int) -> bool:
    """Tell whether a process exists on this machine and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False
