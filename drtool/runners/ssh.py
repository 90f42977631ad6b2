from __future__ import annotations

import contextlib
import re
import secrets
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace

from drtool import process
from drtool.model.command import Command, Completed, Marks, understanding, whole_number
from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused, TimedOut, Unavailable
from drtool.ports import LineListener, Owner, Piped, Runner, RunningCommand
from drtool.runners.joined import Joined, can_be_joined
from drtool.runners.producing import from_this_machine
from drtool.runners.sharing import Sharing, sharing_of

_KEPT = " ".join(f'${{{name}+"{name}=${name}"}}' for name in process.INHERITED)
_EMPTY = f'exec env -i {_KEPT} sh -c "$@"'
"""What the login there sets beside this (a RESTIC_HOST, an AWS_PROFILE) would change what a command means."""
_ANSWER = """
begin="$1:$2" end="$2:$1" place=$3 program=$4; shift 4
IFS= read -r line && [ "$line" = "$begin" ] || { echo "something at the login there read what was sent to the command" >&2; exit 97; }
while IFS= read -r line && [ -n "$line" ]; do export "$line"; done
printf '%s\\n' "$begin"; printf '%s\\n' "$begin" >&2
how=
[ -z "$place" ] || cd -- "$place" || how=place
for each in "$1" "$program"; do [ -n "$how" ] || command -v -- "$each" >/dev/null || [ -e "$each" ] || how=missing; done
[ -n "$how" ] || { trap : INT TERM HUP; (exec "$@"); how=$?; }
printf '%s %s\\n' "$end" "$how"; printf '%s %s\\n' "$end" "$how" >&2
"""
"""Environment and secrets arrive on standard input before the data: they are in no argument list, here or there.

The answer stands between two marks; the shell that writes them outlives a signal that was meant for the program.
"""
_READ_NOTHING = 97

_OWNER = """
if grep -qs "^State:[[:space:]]*[^ZX[:space:]]" "/proc/$1/status"; then echo alive
elif [ -r /proc/1/status ]; then echo gone; else echo unknown; fi
"""
"""The first process of every machine is there; who does not see it sees none but his own."""
_END = """
label=$1; shift
ours() { grep -qzs "^DRTOOL_LABEL=$label" "/proc/$1/environ" && grep -qs "^State:[[:space:]]*[^ZX[:space:]]" "/proc/$1/status"; }
alive() { for p in "$@"; do ours "$p" && return 0; done; return 1; }
for step in INT:100 TERM:30 KILL:30; do
  for p in "$@"; do ours "$p" && kill -"${step%:*}" "$p" 2>/dev/null; done
  n=${step#*:}
  while [ "$n" -gt 0 ]; do alive "$@" || exit 0; sleep 0.1; n=$((n - 1)); done
done
exit 1
"""
"""A process id may meanwhile be another's: nothing is sent a signal whose label was not compared just before."""
_FIND = 'grep -lzs "^DRTOOL_LABEL=$1" /proc/[0-9]*/environ | cut -d/ -f3 | sort -rn'
"""Youngest first: with a feeder ended before its reader, the reader would take what is half for the whole."""
_FEEL = f'for pid in $({_FIND}); do [ -r "/proc/$pid/io" ] && cat "/proc/$pid/stat" "/proc/$pid/io" && echo; done 2>/dev/null; true'
_PULSE_SECONDS = 20.0
_FIND_SOON = f'for wait in 0 0.3 0.7 1.5 3; do sleep "$wait"; found=$({_FIND}); [ -z "$found" ] || break; done; printf "%s\\n" "$found"'
"""A slow machine may not have started yet what was sent to it, and would then run it without its end."""
_SPECIAL = re.compile(r"[][\\.*^$]")

_NO_CONNECTION = 255
_KILLED = 128 + 9
_SAID_BYTES = 300
_QUICK_SECONDS = 60.0
_HOST_NAME = re.compile(rb"[A-Za-z0-9._-]{1,253}")
_MOST_PROCESSES = 10_000
_LARGEST_PID = 1 << 22


class SshRunner:
    """Runs commands on another machine through the OpenSSH client; there it needs `sh`, GNU coreutils and findutils."""

    def __init__(self, *, name: str, host: str, ssh_config: str | None = None) -> None:
        if not host or host.startswith("-") or any(character.isspace() for character in host):
            raise Refused(f"{host!r} is not an SSH destination", hint="write it as user@host")
        self.name = name
        self._host = host
        self._options = ("-F", ssh_config) if ssh_config else ()
        self._host_name: str | None = None
        self._sharing: Sharing | None = None

    def run(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        keep_bytes: int = 64 * 1024 * 1024,
    ) -> Completed:
        try:
            completed = process.execute(
                self._translate(command), on_output=on_output, on_error=on_error, keep_bytes=keep_bytes, take_pulse=self._pulse
            )
        except (Interrupted, TimedOut, Unavailable):
            self._end_own_step()
            raise
        return self._judge(completed, command)

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
        if producer is not None and producer_runner is self and can_be_joined(command, producer):
            return self._join(Joined(command, producer, on_output=on_output, on_error=on_error))
        producer = from_this_machine(producer, producer_runner)
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
                take_pulse=self._pulse,
            )
        except (Interrupted, TimedOut, Unavailable):
            self._end_own_step()
            raise
        if not ended:  # one that was ended for its producer's failure tells nothing of the connection
            self._judge(piped.command, command)
        return piped

    def _join(self, joined: Joined) -> Piped:
        """Let both ends of a pipe run there."""
        command = joined.command(self._host)
        return joined.piped(self.run(command, on_output=joined.output, on_error=joined.error), self._host)

    def from_here(self, command: Command) -> Command:
        """Return the command of this machine that carries it out there, for a producer; its output and exit code are those of it."""
        return self._translate(command)

    def find(self, label_prefix: str) -> tuple[RunningCommand, ...]:
        return self._find(f"{_FIND}; true", label_prefix)

    def end(self, commands: Iterable[RunningCommand]) -> None:
        labels: dict[str, list[str]] = {}
        for info in commands:
            labels.setdefault(info.label, []).append(info.handle)
        for label, pids in labels.items():
            self.run(Command(("sh", "-c", _END, "drtool", _pattern(label), *pids)))

    def host_name(self) -> str:
        if self._host_name is None:
            name = self.run(Command(("uname", "-n"), timeout_seconds=_QUICK_SECONDS)).standard_output.strip()
            if not _HOST_NAME.fullmatch(name):
                raise Refused(f"{self._host} does not tell its name, but {process.shown(name)!r}", hint=f"try: ssh {self._host} uname -n")
            self._host_name = name.decode("ascii")
        return self._host_name

    def owner(self, handle: str) -> Owner:
        said = self.run(Command(("sh", "-c", _OWNER, "drtool", handle))).standard_output.decode("ascii", "replace").strip()
        return Owner(said) if said in {each.value for each in Owner} else Owner.UNKNOWN

    def _find(self, script: str, label_prefix: str) -> tuple[RunningCommand, ...]:
        completed = self.run(Command(("sh", "-c", script, "drtool", _pattern(label_prefix))))
        pids = [whole_number(word, f"the process id that {self._host} tells") for word in completed.standard_output.split()]
        if len(pids) > _MOST_PROCESSES or any(not 1 < pid <= _LARGEST_PID for pid in pids):
            raise Refused(f"{self._host} tells process ids that cannot be", hint="look what answers there", safe="nothing was ended")
        return tuple(RunningCommand(str(pid), label_prefix) for pid in pids)

    def _translate(self, command: Command) -> Command:
        label = process.current_scope().label or "drtool"
        variables = {process.LABEL_VARIABLE: label, **command.environment}
        variables.update({name: secret.reveal() for name, secret in command.secrets.items()})
        for name, value in variables.items():
            if "\n" in value:
                raise Refused(f"the value of {name} has a line break and cannot be sent to {self._host}")
        header = "".join(f"{name}={value}\n" for name, value in variables.items()) + "\n"
        argv = (*process.PRIORITY, *command.argv) if command.nice else command.argv
        marks = Marks(secrets.token_hex(16), secrets.token_hex(16), f"the login shell of {self._host}")
        answer = (_ANSWER, "drtool", marks.first, marks.second, command.directory or "", command.argv[0], *argv)
        remote = shlex.join(("exec", "sh", "-c", _EMPTY, "drtool", *answer))
        options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15")
        return replace(
            command,
            argv=("ssh", *self._options, *self._shared(), "-T", *options, "--", self._host, remote),
            environment={},
            secrets={},
            standard_input=marks.begin + header.encode("utf-8", "surrogateescape") + (command.standard_input or b""),
            nice=False,
            directory=None,
            marks=marks,
        )

    def _shared(self) -> tuple[str, ...]:
        """Return the options of the connection that all commands share, made in no step's name: what ends a step would end it for all.

        Where it cannot be made, and a connection of its own can, each command makes its own.
        """
        if self._sharing is not None and self._sharing.is_safe:
            return self._sharing.options
        self._sharing = sharing_of(self._host, self._options)
        if self._sharing.options:
            try:
                self._call()
            except (Interrupted, TimedOut):
                self._sharing = None
                raise
            except DrtoolError:
                self._sharing = Sharing()
                try:
                    self._call()
                except DrtoolError:
                    self._sharing = None
                    raise
        return self._sharing.options

    def _call(self) -> None:
        with process.scope(replace(process.current_scope(), label="")):
            self.run(Command(("true",)))

    def _judge(self, completed: Completed, command: Command) -> Completed:
        if completed.ended == "missing":
            raise NotFound(f"the program {command.argv[0]} is not installed on {self._host}")
        if completed.ended == "place":
            raise NotFound(f"{command.directory} on {self._host} is no directory that can be entered")
        if not completed.begun:
            raise self._never_begun(completed)
        if completed.ended and completed.exit_code != _KILLED:
            return completed
        said = process.shown(completed.standard_error[-_SAID_BYTES:])
        raise Unavailable(
            f"{command.argv[0]} was killed on {self._host}, or the connection was lost{f': {said}' if said else ''}",
            hint=f"look there: ssh {self._host} dmesg",
        )

    def _never_begun(self, completed: Completed) -> DrtoolError:
        said = process.shown(completed.beside[-_SAID_BYTES:], _SAID_BYTES)
        if completed.exit_code == _NO_CONNECTION:
            return Unavailable(f"{self._host} cannot be reached over SSH: {said or 'no word'}", hint=f"try: ssh {self._host} true")
        if completed.exit_code == _READ_NOTHING:
            return Refused(
                f"something at the login on {self._host} reads what is sent to a command",
                hint=f"let the login files there read nothing: ssh {self._host} cat </etc/hostname",
                safe="nothing was started there",
            )
        return Refused(
            f"the login shell of {self._host} carries no command out; it prints: {said or 'nothing'}",
            hint=f"drtool needs a login shell there that runs commands, and sh, env, grep: try: ssh {self._host} echo yes",
            safe="nothing was started there",
        )

    def _pulse(self) -> process.Pulse | None:
        """Feel what this step has moved there; a machine that does not answer now moves nothing that is known of."""
        label = process.current_scope().label
        if not label:
            return None
        asked = self._translate(Command(("sh", "-c", _FEEL, "drtool", _pattern(label)), timeout_seconds=_PULSE_SECONDS))
        try:
            with process.scope(replace(process.current_scope(), label="")):
                told = process.execute(asked, take_pulse=lambda: None).standard_output
            with understanding(f"what a step moves on {self._host}"):
                return process.read_pulses(told)
        except (Unavailable, Refused, NotFound):
            return process.Pulse()

    def _end_own_step(self) -> None:
        """End what this step started there, also when it begins only now, as far as the machine can still be reached."""
        current = process.current_scope()
        if not current.label:
            return
        alone = process.scope(replace(current, interrupt=process.Interrupt(), deadline=None, label=""))
        with alone, contextlib.suppress(Unavailable, Refused, NotFound):
            self.end(self._find(_FIND_SOON, current.label))


def _pattern(label: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", label)
