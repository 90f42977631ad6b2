from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

from drtool import process
from drtool.model.command import Command, Completed
from drtool.ports import LineListener, Piped, ProcessInfo


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
        consume: Callable[[bytes], None] | None = None,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
    ) -> Piped:
        return process.pipe(command, producer=producer, consume=consume, on_output=on_output, on_error=on_error)

    def find(self, label_prefix: str) -> tuple[ProcessInfo, ...]:
        return process.find_labelled(label_prefix)

    def end(self, processes: Iterable[ProcessInfo]) -> None:
        process.end_processes(processes)

    def host_name(self) -> str:
        return socket.gethostname()

    def is_alive(self, pid: int) -> bool:
        return process.process_exists(pid)
