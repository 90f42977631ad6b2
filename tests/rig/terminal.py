"""Commands in a real terminal, and what a person would see there."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.rig.child import Child
from tests.rig.missing import tool
from tests.rig.server import Server

_SETTINGS = """\
set -g status off
set -g remain-on-exit on
set -g remain-on-exit-format ""
set -g history-limit 10000
set -g default-terminal screen-256color
"""

# tmux loses the death of a child now and then, and with it the exit code: the shell writes it down.
# Its own traps keep it alive where a key ends the command; a command started by it has none.
_COMMAND = """\
trap : INT QUIT
code=$1
shift
"$@"
echo $? >"$code.new"
mv "$code.new" "$code"
"""


@dataclass(frozen=True)
class Screen:
    """What stood in the terminal when the command had ended, and its exit code."""

    text: str
    exit_code: int


_OF_ANOTHER_TERMINAL = {"COLUMNS", "LINES"}


class Terminal(Server):
    """One command in a terminal of a given size, held by a tmux of our own.

    `start` runs the command; a terminal that was closed is gone.
    """

    name: ClassVar[str] = "terminal"
    port_count: ClassVar[int] = 0

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        width: int = 80,
        height: int = 24,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        super().__init__()
        self._arguments = list(arguments)
        self._size = (width, height)
        given = os.environ if environment is None else environment
        self._environment = {name: value for name, value in given.items() if name not in _OF_ANOTHER_TERMINAL}
        self._working_directory = directory or Path.cwd()
        self._socket = self.directory / "socket"
        self._exit_code = self.directory / "exit-code"

    def start(self) -> None:
        super().start()
        width, height = self._size
        self._tmux(
            *("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(self._working_directory)),
            *("--", tool("sh", package="dash"), "-c", _COMMAND, "sh", str(self._exit_code), *self._arguments),
        )

    def screen(self, *, scrolled: bool = False) -> str:
        """What the terminal shows now, or everything it has shown, without the blanks at the end."""
        everything = ["-S", "-"] if scrolled else []
        return self._tmux("capture-pane", "-p", *everything).rstrip("\n")

    def send(self, *keys: str) -> None:
        """Press keys: text as it is, or tmux's names such as Enter and C-c."""
        self._tmux("send-keys", *keys)

    def clear(self) -> None:
        """Forget what a shell has shown."""
        self.send("C-l")
        time.sleep(0.2)
        self._tmux("clear-history")

    def wait_for(self, text: str, *, seconds: float = 20) -> str:
        """The screen, once it shows the text."""
        deadline = time.monotonic() + seconds
        while text not in (shown := self.screen()):
            if time.monotonic() > deadline:
                raise AssertionError(f"the terminal did not show {text!r} within {seconds:g} s but:\n{shown}")
            time.sleep(0.05)
        return shown

    def wait(self, *, seconds: float = 60) -> int:
        """The command's exit code as a shell gives it, once it has ended and the screen shows all it wrote."""
        deadline = time.monotonic() + seconds
        while not self._exit_code.exists() or self._tmux("display-message", "-p", "#{pane_dead}").strip() != "1":
            if time.monotonic() > deadline:
                raise AssertionError(f"the command did not end within {seconds:g} s; it shows:\n{self.screen()}")
            time.sleep(0.05)
        return int(self._exit_code.read_text())

    def _spawn(self) -> Child:
        settings = self.directory / "settings"
        settings.write_text(_SETTINGS)
        return Child(
            # -D: in the foreground, so that it can be stopped by its id; -u: the screen is UTF-8 whatever the locale.
            [tool("tmux", package="tmux"), "-u", "-D", "-S", str(self._socket), "-f", str(settings)],
            log=self.log,
            environment=self._environment,
        )

    def _answers(self) -> bool:
        return self._socket.exists()

    def _tmux(self, *arguments: str) -> str:
        result = subprocess.run(
            [tool("tmux", package="tmux"), "-u", "-S", str(self._socket), *arguments],
            capture_output=True,
            check=False,
        )
        if result.returncode != 0:
            raise RuntimeError(f"tmux {arguments[0]}: {result.stderr.decode()}")
        return result.stdout.decode()


def run_in_terminal(
    arguments: Sequence[str],
    *,
    width: int = 80,
    height: int = 24,
    environment: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> Screen:
    """Run a command to its end in a terminal and read the screen."""
    with Terminal(arguments, width=width, height=height, environment=environment) as terminal:
        exit_code = terminal.wait(seconds=seconds)
        return Screen(text=terminal.screen(), exit_code=exit_code)
