"""What all throw-away servers share."""

import os
import shutil
import tempfile
import time
import weakref
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from tests.rig.child import Child
from tests.rig.ports import Ports


class Server(ABC):
    """A throw-away server on loopback: own directory, own ports, stopped by process id.

    `stop` and `kill` keep the directory and the ports, so `start` brings back the same server with the same data.
    `close` (or the end of the `with` block, or of the interpreter) removes everything.
    """

    name: ClassVar[str]
    port_count: ClassVar[int] = 1
    seconds_to_start: ClassVar[float] = 60

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"drtool-{self.name}-"))
        self._remove = weakref.finalize(self, _remove_directory, self.directory, os.getpid())
        self._ports = Ports(self.port_count)
        self._child: Child | None = None
        self.log = self.directory / "log"

    @property
    def port(self) -> int:
        return self._ports.numbers[0]

    @property
    def pid(self) -> int:
        if self._child is None:
            raise RuntimeError(f"the {self.name} server was not started")
        return self._child.pid

    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running()

    def start(self) -> None:
        """Start the server, first time or again, and return once it answers."""
        if self.is_running():
            return
        self._child = self._spawn()
        deadline = time.monotonic() + self.seconds_to_start
        while not self._answers():
            if not self._child.is_running() or time.monotonic() > deadline:
                self._child.kill()
                raise RuntimeError(f"the {self.name} server did not start; the end of its log:\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server in good order; its data stays."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End the server without warning; its data stays as it was."""
        if self._child is not None:
            self._child.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """End the server and remove all it had; as its data goes too, there is no need for good order."""
        self.kill()
        self._ports.release()
        self._remove()

    def log_tail(self, characters: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _spawn(self) -> Child:
        """Start the process, making first whatever it needs."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether a client would be served now."""


def _remove_directory(directory: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a fork
        shutil.rmtree(directory, ignore_errors=True)
