from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

from drtool import process
from drtool.model.command import Command, Completed
from drtool.ports import LineListener, Looked, Owner, Piped, Runner, RunningCommand
from drtool.runners.producing import from_this_machine

_LOOK_SECONDS = 3600.0
"""As long as a command may stand still: what lies on a machine that is away may never answer."""


class LocalRunner:
    """Runs commands on this machine."""

    name = "local"

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        return process.execute(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)

    def pipe(
        self,
        command: Command,
        *,
        producer: Command | None = None,
        producer_runner: Runner | None = None,
        consume: Callable[[bytes], None] | None = None,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
    ) -> Piped:
        producer = from_this_machine(producer, producer_runner)
        return process.pipe(command, producer=producer, consume=consume, on_output=on_output, on_error=on_error)

    def look(self, call: Callable[[], Looked], *, what: str) -> Looked:
        process.stopwatch(_LOOK_SECONDS, what)()  # who was told to stop looks at nothing more, however quick it would be
        return process.patiently(call, seconds=_LOOK_SECONDS, what=what)

    def find(self, label_prefix: str) -> tuple[RunningCommand, ...]:
        return process.find_labelled(label_prefix)

    def end(self, commands: Iterable[RunningCommand]) -> None:
        process.end_commands(commands)

    def host_name(self) -> str:
        return socket.gethostname()

    def owner(self, handle: str) -> Owner:
        return process.owner_of(handle)
