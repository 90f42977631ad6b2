"""One child process: its pipes, its limits, and how it is stopped."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from typing import IO

from drtool.model.command import Command, Completed
from drtool.model.errors import Refused, TimedOut
from drtool.ports import LineListener
from drtool.process.frame import Frame, shown
from drtool.process.lines import Lines
from drtool.process.pipes import waiting_bytes
from drtool.process.scope import TICK_SECONDS, check_time
from drtool.process.spawn import CHUNK_BYTES, start, whole_input
from drtool.process.stillness import Stillness, TakePulse, pulse_of_session

GRACE_SECONDS = 10.0
SILENCE_SECONDS = 1.0
LINGER_SECONDS = 5.0
"""How long a program that has ended is listened to while something it started goes on printing."""
HELD_SECONDS = 30.0
"""How long a stream may stay open, and silent, after its program has ended."""
BEGIN_SECONDS = 90.0
"""How long a machine elsewhere may take until it begins a command: connecting, logging in, the files of a login shell."""
LONGEST_SECONDS = 7 * 86400.0
"""No command of ours takes longer, whatever it does."""
_ERROR_BYTES = 256 * 1024
_LOST = 254
"""Instead of 0 where the mark that tells how it ended did not come."""


class Child:
    """A running command: moves its bytes, a turn at a time, until it has ended or must stop."""

    def __init__(
        self,
        command: Command,
        *,
        on_output: LineListener | None = None,
        on_error: LineListener | None = None,
        on_chunk: Callable[[bytes], None] | None = None,
        keep_bytes: int = 1 << 20,
        stdin: bytes | None,
        keep_open: bool = False,
        take_pulse: TakePulse | None = None,
    ) -> None:
        self._command = command
        self._program = command.argv[0].rpartition("/")[2]
        self._output = Lines(on_output, 0 if on_output or on_chunk else keep_bytes, program=self._program, strict=True)
        self._error = Lines(on_error, _ERROR_BYTES, program=self._program, strict=False)
        self._frames = None if command.marks is None else (Frame(command.marks), Frame(command.marks))
        self._on_chunk = on_chunk
        self.pending = bytearray((stdin or b"") if keep_open else b"")
        self._keep_open = keep_open
        self._followed: Child | None = None
        self._started = time.monotonic()
        self._silent_since: float | None = None
        self._over_since: float | None = None
        self._owed: dict[int, int] = {}
        self._selector = selectors.DefaultSelector()
        with whole_input(None if keep_open else stdin) as whole:
            self._process = start(command, stdin=subprocess.PIPE if keep_open else whole)
        take_pulse = take_pulse or (lambda: pulse_of_session(self._process.pid))
        self._stillness = Stillness(self._program, limit_seconds=command.still_seconds, take_pulse=take_pulse)
        for stream, event in ((self._process.stdout, selectors.EVENT_READ), (self._process.stderr, selectors.EVENT_READ)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, event)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._watch_input()

    @property
    def exit_code(self) -> int:
        """How it ended; one that tells its end by a mark and did not has not ended well."""
        code = self._process.returncode if self._process.returncode is not None else -1
        if self._frames is None:
            return code
        word = self._frames[0].ended  # what the other stream tells does not show that all the bytes came
        return int(word) if word.isdigit() else code or _LOST

    @property
    def finished(self) -> bool:
        """The process has ended and its pipes are read.

        Something it started may keep them open, and may go on printing: what the process itself wrote is read, and a little more. The bytes
        of a stream are read to their end.
        """
        if self._frames is not None and all(frame.ended for frame in self._frames):
            self._over_since = self._over_since or time.monotonic()
            return self._process.poll() is not None or time.monotonic() - self._over_since > SILENCE_SECONDS
        if self._process.poll() is None:
            return False
        self._note_what_is_owed()
        if not self._readers():
            return True
        if self._on_chunk is not None and self._is_open(self._process.stdout):
            return False
        if self._silent_since is not None and time.monotonic() - self._silent_since > SILENCE_SECONDS:
            return True
        lingered = self._over_since is not None and time.monotonic() - self._over_since > LINGER_SECONDS
        return lingered and not any(count > 0 for count in self._owed.values())

    def follow(self, consumer: Child) -> None:
        """Pump `consumer` together with this child, and read no more than it takes."""
        self._followed = consumer

    def write(self, chunk: bytes) -> None:
        self.pending += chunk
        self._flush()
        self._watch_input()

    def close_input_when_written(self) -> None:
        self._keep_open = False
        self._watch_input()

    def pump(self, until: Callable[[], bool]) -> None:
        """Move bytes until `until` holds; raises Interrupted or TimedOut when the work must stop."""
        while not until():
            check_time(self._started, self._command.timeout_seconds or LONGEST_SECONDS, self._program)
            self._check_beginning()
            self._check_held()
            blocked = self._followed is not None and len(self._followed.pending) >= CHUNK_BYTES
            self._check_movement(blocked=blocked)
            if self._followed is not None:
                self._followed.turn(TICK_SECONDS if blocked else 0.0)
            if not blocked:
                self.turn(0.005 if self._followed is not None and self._followed.pending else TICK_SECONDS)
        for number, stream in enumerate((self._process.stdout, self._process.stderr)):
            if self._frames is not None and stream is not None:
                self._hand_over(stream, self._frames[number].finish())
        self._output.finish()
        self._error.finish()

    def end(self) -> None:
        """Stop the child and its group: SIGINT, then SIGTERM, then SIGKILL; pipes are drained meanwhile."""
        for number, patience in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
            if self._process.poll() is not None and number != signal.SIGKILL:
                break
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
                os.killpg(self._process.pid, signal.SIGCONT)  # one that was stopped hears nothing: woken, it can still tidy up
            until = time.monotonic() + patience
            while self._process.poll() is None and time.monotonic() < until:
                self.turn(0.05, deliver=False)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self._process.poll() is None and self._frames is not None:  # it has answered; only its connection is still open
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGTERM)
        if self._process.poll() is None:
            self._process.wait()

    def completed(self) -> Completed:
        """Return how it ended."""
        frames = self._frames or ()
        return Completed(
            exit_code=self.exit_code,
            standard_output=bytes(self._output.tail),
            standard_error=bytes(self._error.tail[-_ERROR_BYTES:]),
            seconds=time.monotonic() - self._started,
            begun=all(frame.begun for frame in frames),
            ended=frames[0].ended if frames else "",
            beside=b"".join(frame.printed for frame in frames),
        )

    def excuse(self) -> None:
        """Expect no movement now: it waits for the other end of the pipe."""
        self._stillness.moved()

    def judge(self) -> None:
        """Raise Unavailable when it runs and has stood still for too long."""
        if self._process.poll() is None:
            self._stillness.check()

    def _check_movement(self, *, blocked: bool) -> None:
        if self._followed is None:
            self.judge()
            return
        judged, waiting = (self._followed, self) if blocked else (self, self._followed)
        waiting.excuse()
        judged.judge()

    def _check_beginning(self) -> None:
        if self._frames is None or self._frames[0].begun or time.monotonic() - self._started <= BEGIN_SECONDS:
            return
        raise TimedOut(
            f"{self._frames[0].who} did not begin a command within {BEGIN_SECONDS:g} s"
            + shown(self._frames[0].printed + self._frames[1].printed, before="; it prints: "),
            hint="look what runs at a login there",
            safe="nothing was started there",
        )

    def _check_held(self) -> None:
        """Refuse a stream that something else keeps open: nobody can know whether it is whole."""
        if self._on_chunk is None or self._frames is not None or not self._is_open(self._process.stdout):
            return
        if self._silent_since is not None and time.monotonic() - self._silent_since > HELD_SECONDS:
            raise Refused(
                f"{self._program} has ended, and something that it started keeps its output open: it may not be whole",
                hint="let that command wait for what it starts",
                safe="nothing of it was taken for whole",
            )

    def _note_what_is_owed(self) -> None:
        """Count, once, what lies in the pipes when the process has ended: all that it wrote itself and that was not yet read."""
        if self._over_since is None:
            self._over_since = time.monotonic()
            for key in self._readers():
                self._owed[key.fd] = waiting_bytes(key.fd)

    def _is_open(self, stream: IO[bytes] | None) -> bool:
        return stream is not None and not stream.closed and stream in self._selector.get_map()

    def _readers(self) -> list[selectors.SelectorKey]:
        return [key for key in self._selector.get_map().values() if key.events & selectors.EVENT_READ]

    def _watch_input(self) -> None:
        stream = self._process.stdin
        if stream is None or stream.closed:
            return
        watched = stream in self._selector.get_map()
        if self.pending and not watched:
            self._selector.register(stream, selectors.EVENT_WRITE)
        elif not self.pending and watched:
            self._selector.unregister(stream)
        if not self.pending and not self._keep_open:
            with contextlib.suppress(OSError):
                stream.close()

    def _flush(self) -> None:
        stream = self._process.stdin
        if stream is None or stream.closed:
            self.pending.clear()
            return
        try:
            while self.pending:
                written = os.write(stream.fileno(), self.pending[:CHUNK_BYTES])
                self._stillness.moved()
                del self.pending[:written]
        except BlockingIOError:
            pass
        except BrokenPipeError:  # it stopped reading: its exit code tells why
            self.pending.clear()
            if stream in self._selector.get_map():
                self._selector.unregister(stream)
            stream.close()

    def turn(self, seconds: float, *, deliver: bool = True) -> None:
        """Move what can be moved now, waiting at most `seconds` for something to move."""
        if not self._selector.get_map():
            self._wait(seconds)
            return
        over = self._process.poll() is not None
        events = self._selector.select(seconds)
        if over and not events:
            # Only looking and finding nothing counts: while nobody looks (the consumer is slow), what is in the pipe is not lost.
            self._silent_since = self._silent_since or time.monotonic()
        for key, _events in events:
            stream: IO[bytes] = key.fileobj  # type: ignore[assignment]  # registered above as binary pipes
            if stream is self._process.stdin:
                self._flush()
                self._watch_input()
                continue
            try:
                chunk = os.read(stream.fileno(), CHUNK_BYTES)
            except BlockingIOError:
                continue
            if not chunk:
                self._owed.pop(stream.fileno(), None)
                self._selector.unregister(stream)
                stream.close()
                continue
            if stream.fileno() in self._owed:
                self._owed[stream.fileno()] -= len(chunk)
            self._silent_since = None
            self._note_movement(stream, len(chunk))
            if deliver:
                self._deliver(stream, chunk)

    def _note_movement(self, stream: IO[bytes], count: int) -> None:
        if self._on_chunk is not None and stream is self._process.stdout:
            self._stillness.moved()
        else:
            self._stillness.words += count

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds or 0.001)

    def _deliver(self, stream: IO[bytes], chunk: bytes) -> None:
        if self._frames is not None:
            chunk = self._frames[1 if stream is self._process.stderr else 0].take(chunk)
        self._hand_over(stream, chunk)

    def _hand_over(self, stream: IO[bytes], chunk: bytes) -> None:
        if not chunk:
            return
        if stream is self._process.stderr:
            self._error.take(chunk)
        elif self._on_chunk is not None:
            self._on_chunk(chunk)
        else:
            self._output.take(chunk)
