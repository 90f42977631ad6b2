from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace

from drtool import process
from drtool.model.command import Command, Completed
from drtool.model.errors import Interrupted, NotFound, Refused, TimedOut, Unavailable
from drtool.ports import LineListener, Piped, ProcessInfo

_READ_ENVIRONMENT = 'while IFS= read -r line && [ -n "$line" ]; do export "$line"; done; exec "$@"'
"""Environment and secrets arrive on standard input before the data: they are in no argument list, here or there."""

_IS_ALIVE = 'grep -qs "^State:[[:space:]]*[^ZX[:space:]]" "/proc/$1/status"'
_END = """
alive() { for p in "$@"; do grep -qs "^State:[[:space:]]*[^ZX[:space:]]" "/proc/$p/status" && return 0; done; return 1; }
for step in INT:100 TERM:30 KILL:30; do
  for p in "$@"; do kill -"${step%:*}" "$p" 2>/dev/null; done
  n=${step#*:}
  while [ "$n" -gt 0 ]; do alive "$@" || exit 0; sleep 0.1; n=$((n - 1)); done
done
exit 1
"""
_FIND = 'grep -lzs "^DRTOOL_LABEL=$1" /proc/[0-9]*/environ | cut -d/ -f3 | sort -rn'
"""Youngest first: with a feeder ended before its reader, the reader would take what is half for the whole."""
_FIND_SOON = f'for wait in 0 0.3 0.7 1.5 3; do sleep "$wait"; found=$({_FIND}); [ -z "$found" ] || break; done; printf "%s\\n" "$found"'
"""A slow machine may not have started yet what was sent to it, and would then run it without its end."""
_SPECIAL = re.compile(r"[][\\.*^$]")

_NO_CONNECTION = 255
_NOT_FOUND = 127


class SshRunner:
    """Runs commands on another machine through the OpenSSH client; there it needs `sh`, GNU coreutils and findutils."""

    def __init__(self, *, name: str, host: str, ssh_config: str | None = None) -> None:
        if not host or host.startswith("-") or any(character.isspace() for character in host):
            raise Refused(f"{host!r} is not an SSH destination", hint="write it as user@host")
        self.name = name
        self._host = host
        self._options = ("-F", ssh_config) if ssh_config else ()
        self._host_name: str | None = None

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        try:
            completed = process.execute(self._translate(command), on_output=on_output, on_error=on_error, keep_bytes=keep_bytes)
        except (Interrupted, TimedOut, Unavailable):
            self._end_own_step()
            raise
        return self._judge(completed, command)

    def pipe(
        self,
        command: Command,
        *,
        producer: Command | None = None,
        consume: Callable[[bytes], None] | None = None,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
    ) -> Piped:
        ended: list[bool] = []

        def end_it() -> None:
            ended.append(True)
            self._end_own_step()

        try:
            piped = process.pipe(
                self._translate(command),
                producer=producer,
                consume=consume,
                on_output=on_output,
                on_error=on_error,
                interrupt_first=end_it,
            )
        except (Interrupted, TimedOut, Unavailable):
            self._end_own_step()
            raise
        if not ended:  # one that was ended for its producer's failure tells nothing of the connection
            self._judge(piped.command, command)
        return piped

    def from_here(self, command: Command) -> Command:
        """Return the command of this machine that carries it out there, for a producer; its output and exit code are those of it."""
        return self._translate(command)

    def find(self, label_prefix: str) -> tuple[ProcessInfo, ...]:
        return self._find(f"{_FIND}; true", label_prefix)

    def end(self, processes: Iterable[ProcessInfo]) -> None:
        pids = tuple(str(info.pid) for info in processes)
        if pids:
            self.run(Command(("sh", "-c", _END, "drtool", *pids)))

    def host_name(self) -> str:
        if self._host_name is None:
            self._host_name = self.run(Command(("uname", "-n"))).standard_output.decode("utf-8", "replace").strip()
        return self._host_name

    def is_alive(self, pid: int) -> bool:
        return self.run(Command(("sh", "-c", _IS_ALIVE, "drtool", str(pid)))).exit_code == 0

    def _find(self, script: str, label_prefix: str) -> tuple[ProcessInfo, ...]:
        completed = self.run(Command(("sh", "-c", script, "drtool", _SPECIAL.sub(r"\\\g<0>", label_prefix))))
        pids = [int(word) for word in completed.standard_output.split() if word.isdigit()]
        return tuple(ProcessInfo(pid, label_prefix) for pid in pids)

    def _translate(self, command: Command) -> Command:
        label = process.current_scope().label or "drtool"
        variables = {process.LABEL_VARIABLE: label, **command.environment}
        variables.update({name: secret.reveal() for name, secret in command.secrets.items()})
        for name, value in variables.items():
            if "\n" in value:
                raise Refused(f"the value of {name} has a line break and cannot be sent to {self._host}")
        header = "".join(f"{name}={value}\n" for name, value in variables.items()) + "\n"
        argv = (*process.PRIORITY, *command.argv) if command.nice else command.argv
        change = f"cd {shlex.quote(command.directory)} && " if command.directory else ""
        remote = change + shlex.join(("exec", "sh", "-c", _READ_ENVIRONMENT, "drtool", *argv))
        options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15")
        return replace(
            command,
            argv=("ssh", *self._options, "-T", *options, "--", self._host, remote),
            environment={},
            secrets={},
            standard_input=header.encode("utf-8", "surrogateescape") + (command.standard_input or b""),
            nice=False,
            directory=None,
        )

    def _judge(self, completed: Completed, command: Command) -> Completed:
        if completed.exit_code == _NO_CONNECTION and not completed.standard_error.strip():
            raise Unavailable(
                f"{command.argv[0]} was killed on {self._host}, or the connection was lost",
                hint=f"look there: ssh {self._host} dmesg",
            )
        if completed.exit_code == _NO_CONNECTION:
            raise Unavailable(
                f"{self._host} cannot be reached over SSH: {completed.said(300)}",
                hint=f"try: ssh {self._host} true",
            )
        if completed.exit_code == _NOT_FOUND:
            raise NotFound(f"the program {command.argv[0]} is not installed on {self._host}")
        return completed

    def _end_own_step(self) -> None:
        """End what this step started there, also when it begins only now, as far as the machine can still be reached."""
        current = process.current_scope()
        if not current.label:
            return
        alone = process.scope(replace(current, interrupt=process.Interrupt(), deadline=None, label=""))
        with alone, contextlib.suppress(Unavailable, TimedOut):
            self.end(self._find(_FIND_SOON, current.label))
