"""One child process that cannot outlive the test run."""

import os
import signal
import subprocess
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.missing import tool

_SECONDS_TO_DIE = 10


class Child:
    """A process started by us and ended by its id, together with everything it started.

    Three nets: `stop` and `kill`; the finalizer, when the object or the interpreter goes; and, when the interpreter
    itself is killed, the kernel's death signal. The kernel sends it when the *thread* that started the child ends:
    start children in the main thread.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        descriptors: Sequence[int] = (),
    ) -> None:
        setpriv = tool("setpriv", package="util-linux")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [setpriv, "--pdeathsig", "KILL", "--", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                pass_fds=descriptors,
            )
        self._stop_signal = stop_signal
        self._finalizer = weakref.finalize(self, _end, self._process, os.getpid())

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self, *, seconds: float = 10) -> None:
        """Ask the process to end, then end it, and whatever it started."""
        if self.is_running():
            family = _descendants(self.pid)
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
            _kill_all(family)
        self._finalizer.detach()

    def kill(self) -> None:
        """End the process and its descendants as a power cut would: no chance to tidy up."""
        self._finalizer()


def _end(process: "subprocess.Popen[bytes]", owner: int) -> None:
    if os.getpid() != owner:  # a fork inherited this object, not the right to end its child
        return
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)  # so that it starts nothing more while we look
    family = _descendants(process.pid)
    if process.poll() is None:
        process.kill()
        process.wait()
    _kill_all(family)


def _kill_all(family: Mapping[int, str]) -> None:
    for pid, started in family.items():
        # The start time guards against a process id that meanwhile belongs to somebody else.
        if started and _started(pid) == started:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    deadline = time.monotonic() + _SECONDS_TO_DIE
    while any(_is_alive(pid, started) for pid, started in family.items()) and time.monotonic() < deadline:
        time.sleep(0.01)


def _is_alive(pid: int, started: str) -> bool:
    """Whether the process runs still; one that only waits to be collected by init does not."""
    fields = _stat(pid)
    return bool(fields) and fields[19] == started and fields[0] not in "ZX"


def _descendants(root: int) -> dict[int, str]:
    """Process id and start time of everything below a process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: dict[int, str] = {}
    waiting = list(children.get(root, []))
    while waiting:
        pid = waiting.pop()
        found[pid] = _started(pid)
        waiting += children.get(pid, [])
    return found


def _started(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name (which may hold spaces and brackets): state, parent, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
