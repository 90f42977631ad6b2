"""A pipe whose two ends run on the same other machine: what flows through it stays there, and only what was said of it comes here."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from drtool import process
from drtool.model.command import Command, Completed
from drtool.model.errors import NotFound, Refused, Unavailable
from drtool.ports import LineListener, Piped

_JOIN: Final = r"""
mark=$1 place=$2 count=$3; shift 3
block() { lines=; while IFS= read -r line && [ -n "$line" ]; do lines="$lines$line
"; done; }
block; reader=$lines; block; feeder=$lines
use() { while [ -n "$1" ]; do export "${1%%
*}"; set -- "${1#*
}"; done; }
gone() { ! grep -qs "^State:[[:space:]]*[^ZX[:space:]]" "/proc/$1/status"; }
stop() {
  for step in INT:100 TERM:30 KILL:30; do
    gone "$1" || kill -"${step%:*}" "$1" 2>/dev/null
    n=${step#*:}
    while [ "$n" -gt 0 ]; do gone "$1" && return; sleep 0.1; n=$((n - 1)); done
  done
}
feed() {
  shift "$count"
  IFS= read -r pid <"$dir/pid"; rm -rf -- "$dir"
  { how=$( { { { (use "$feeder"; exec "$@" 3>&- 4>&- 6>&- 7>&- 9>&-) 2>&7 </dev/null; echo $? >&3; } | some >&9; } 7>&1 |
    sed "s/^/$mark /" >&2 9>&-; } 3>&1 )
  } 9>&1
  echo "feeder $(printf '%s\n' "$how" | grep -v nothing)" >&4
  [ "$how" = 0 ] || stop "$pid"
}
some() {
  byte=$(dd bs=1 count=1 2>/dev/null | od -An -to1 | tr -d ' \n')
  if [ -n "$byte" ]; then printf "\\$byte"; exec cat; else echo nothing >&3; fi
}
take() {
  n=$# i=0
  for each do i=$((i + 1)); [ "$i" -gt "$count" ] || set -- "$@" "$each"; done
  shift "$n"; use "$reader"
  exec sh -c 'echo $$ >"$0/pid" && exec "$@"' "$dir" "$@" 4>&- 6>&-
}
tell() { { tee /dev/fd/8 | sha256sum 8>&- >&4; } 8>&1 | wc -c >&4; }
eval "program=\${$((count + 1))}"
for each in "$1" "$program"; do
  command -v -- "$each" >/dev/null || [ -e "$each" ] || { printf '%s missing %s\n' "$mark" "$each"; exit 127; }
done
dir=$(mktemp -d -t "$place") && mkfifo -m 600 "$dir/pid" || exit 126
exec 6>&1
told=$( { { feed "$@" 5>&- | tee /dev/fd/5 | { take "$@"; } >&6 5>&-; echo "reader $?" >&4; } 5>&1 | tell; } 4>&1 )
printf '%s\n' "$told" | sed "s/^/$mark /"
exit "$(printf '%s\n' "$told" | sed -n 's/^reader //p')"
"""
"""Whoever feeds tells how it ended before the reader learns that there is no more: one that failed is never taken for whole.

The environments come on standard input, one after the other, and each program is given its own: what opens a repository is nothing for
whoever prints what goes into it. The directory, in the name of its run, lives until the reader has told its number.
"""
_NUMBER: Final = re.compile(rb"\s*\d{1,19}\s*")
_DIGEST: Final = re.compile(rb"([0-9a-f]{64})\s.*")
_CODE: Final = re.compile(rb"(feeder|reader) (\d{1,3})")
_SAID_BYTES: Final = 64 * 1024
_KEPT_BYTES: Final = 16 << 20


class Joined:
    """One such pipe: the command that makes it there, and what was heard of it."""

    def __init__(self, reader: Command, producer: Command, *, on_output: LineListener | None, on_error: LineListener | None) -> None:
        self._mark = secrets.token_hex(16)
        self._reader, self._producer = reader, producer
        self._on_output, self._on_error = on_output, on_error
        self._output, self._error, self._said = bytearray(), bytearray(), bytearray()
        self._told: list[bytes] = []

    def command(self, host: str) -> Command:
        """Return the command of that machine."""
        run = process.current_scope().label.partition("/")[0] or "look"
        readers, feeders = _argv(self._reader), _argv(self._producer)
        label = process.current_scope().label or "drtool"
        blocks = b"".join(_block(each, label, host) for each in (self._reader, self._producer))
        argv = ("sh", "-c", _JOIN, "drtool", self._mark, f"drtool-{run}-XXXXXXXX", str(len(readers)), *readers, *feeders)
        return replace(self._reader, argv=argv, environment={}, secrets={}, standard_input=blocks, directory=None, nice=False)

    def output(self, line: bytes) -> None:
        """Hear a line of the standard output there."""
        said, marked, told = line.partition(self._mark.encode() + b" ")  # what was said last may have had no line feed
        if marked:
            self._told.append(told)
        if said or not marked:
            self._take(said, b"" if marked else b"\n")

    def _take(self, line: bytes, end: bytes) -> None:
        if self._on_output is not None:
            self._on_output(line)
        elif len(self._output) < _KEPT_BYTES:
            self._output += line + end

    def error(self, line: bytes) -> None:
        """Hear a line of the standard error there: of the producer, or of the reader."""
        said, marked, producers = line.partition(self._mark.encode() + b" ")
        if marked:
            _keep(self._said, producers)
        if said or not marked:
            _keep(self._error, said)
            if self._on_error is not None:
                self._on_error(said)

    def piped(self, completed: Completed, host: str) -> Piped:
        """Return how both ended; NotFound where a program is not there, Unavailable where it was not told."""
        for line in self._told:
            if line.startswith(b"missing "):
                raise NotFound(f"the program {process.shown(line[8:])} is not installed on {host}")
        codes = {found[1]: int(found[2]) for line in self._told if (found := _CODE.fullmatch(line))}
        digests = [found[1].decode() for line in self._told if (found := _DIGEST.fullmatch(line))]
        counts = [int(line) for line in self._told if _NUMBER.fullmatch(line)]
        if not {b"feeder", b"reader"} <= codes.keys() or len(digests) != 1 or len(counts) != 1:
            said = process.shown(bytes(self._error[-_SAID_BYTES:]), 300)
            raise Unavailable(
                f"{self._producer.argv[0]} and {self._reader.argv[0]} on {host} do not tell how they ended{f': {said}' if said else ''}",
                hint=f"look there for room for temporary files, and for sha256sum, mkfifo and tee: ssh {host}",
            )
        reader = replace(completed, exit_code=codes[b"reader"], standard_output=bytes(self._output), standard_error=bytes(self._error))
        feeder = Completed(codes[b"feeder"], b"", bytes(self._said), completed.seconds)
        return Piped(reader, counts[0], digests[0], feeder)


def can_be_joined(reader: Command, producer: Command) -> bool:
    """Tell whether both take nothing else on their standard input, which this pipe has no way for."""
    return reader.standard_input is None and producer.standard_input is None


def _argv(command: Command) -> tuple[str, ...]:
    argv = (*process.PRIORITY, *command.argv) if command.nice else command.argv
    return argv if command.directory is None else ("sh", "-c", 'cd -- "$0" && exec "$@"', command.directory, *argv)


def _block(command: Command, label: str, host: str) -> bytes:
    variables: Mapping[str, str] = {
        process.LABEL_VARIABLE: label,
        **command.environment,
        **{name: secret.reveal() for name, secret in command.secrets.items()},
    }
    for name, value in variables.items():
        if "\n" in value:
            raise Refused(f"the value of {name} has a line break and cannot be sent to {host}")
    return ("".join(f"{name}={value}\n" for name, value in variables.items()) + "\n").encode("utf-8", "surrogateescape")


def _keep(tail: bytearray, line: bytes) -> None:
    tail += line + b"\n"
    del tail[:-_SAID_BYTES]
