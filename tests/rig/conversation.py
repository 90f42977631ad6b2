"""A command that asks at a terminal, and what a person types: one child on a pseudo terminal of its own, and no other process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_AS_ITS_OWN_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Conversation:
    """What the terminal has shown so far, and whoever types there."""

    def __init__(self, child: subprocess.Popen[bytes], terminal: int) -> None:
        self.child = child
        self._terminal = terminal
        self._shown = b""
        self._read = 0

    @property
    def shown(self) -> str:
        """Everything that the terminal showed, what was typed included, without colours."""
        return _CONTROL.sub("", self._shown.decode(errors="replace"))

    def wait_for(self, text: str, *, seconds: float = 60) -> None:
        """Wait until the terminal shows a text that it had not shown when this was asked last."""
        deadline = time.monotonic() + seconds
        while (found := self.shown.find(text, self._read)) < 0:
            if not self._more(deadline):
                raise AssertionError(f"the terminal did not show {text!r} but:\n{self.shown}")
        self._read = found + len(text)

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        os.write(self._terminal, f"{line}\n".encode())

    def answer(self, question: str, line: str = "") -> None:
        """Wait for a question and its prompt, then answer it."""
        self.wait_for(question)
        self.wait_for("\n> ")
        self.type(line)

    def press(self, key: str) -> None:
        """Press one key, such as Ctrl-C as `\\x03`."""
        os.write(self._terminal, key.encode())

    def kill(self) -> None:
        """End it as nobody can be told."""
        self.child.send_signal(signal.SIGKILL)

    def ended(self, *, seconds: float = 120) -> int:
        """Return the exit code, once everything was shown."""
        deadline = time.monotonic() + seconds
        while self._more(deadline):
            continue
        return self.child.wait(timeout=seconds)

    def _more(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            found = os.read(self._terminal, 65536)
        except OSError:  # the other end is closed
            return False
        self._shown += found
        return bool(found)


@contextlib.contextmanager
def conversation(arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path, columns: int = 80) -> Iterator[Conversation]:
    """Start a command on a pseudo terminal that is its own, so that Ctrl-C reaches it."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    argv = [sys.executable, "-c", _AS_ITS_OWN_TERMINAL, *arguments]
    child = subprocess.Popen(argv, stdin=inside, stdout=inside, stderr=inside, cwd=directory, env=dict(environment), start_new_session=True)
    os.close(inside)
    try:
        yield Conversation(child, terminal)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        os.close(terminal)
