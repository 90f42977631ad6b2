"""The only place that starts a child process: argument lists, own process groups, bounded output, a deadline, one way to stop."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import IO

from drtool.model.command import Command, Completed
from drtool.model.errors import Interrupted, NotFound, Refused, TimedOut
from drtool.ports import LineListener, Piped

CHUNK_BYTES = 1 << 20
TICK_SECONDS = 0.1
GRACE_SECONDS = 10.0
SILENCE_SECONDS = 1.0
LABEL_VARIABLE = "DRTOOL_LABEL"
INHERITED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "XDG_CACHE_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""What a child may inherit; a stray RESTIC_HOST or AWS_PROFILE would change what a command means."""

_GATE = 'read -r go <"$0" || exit 125; exec "$@"'
PRIORITY = ("nice", "-n", "10", "ionice", "-c", "3")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Interrupt:
    """Whether the run was told to stop, and by which signal; a second request also stops what is shielded."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal_number = 0
        self.requests = 0

    def request(self, signal_number: int) -> None:
        """Ask the run to stop; safe inside a signal handler."""
        self.signal_number = self.signal_number or signal_number
        self.requests += 1
        self._event.set()

    def stops(self, *, shielded: bool) -> bool:
        """Tell whether work must stop now."""
        return self.requests > (1 if shielded else 0)

    def wait(self, seconds: float) -> bool:
        """Wait until asked to stop, or until `seconds` passed; True when asked."""
        return self._event.wait(seconds)


@dataclass(frozen=True, slots=True)
class Scope:
    """In which step a child runs: its label, the monotonic deadline, and who can stop it."""

    label: str = ""
    deadline: float | None = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    shielded: bool = False
    on_start: Callable[[int, str], None] | None = None
    """Told process id and program of each child, for the journal."""


_scope: ContextVar[Scope] = ContextVar("drtool_scope", default=Scope())  # noqa: B039 - frozen; its default interrupt is never requested


@contextlib.contextmanager
def scope(value: Scope) -> Iterator[None]:
    """Run children of this thread inside `value`."""
    token = _scope.set(value)
    try:
        yield
    finally:
        _scope.reset(token)


def current_scope() -> Scope:
    """Return the scope of this thread."""
    return _scope.get()


def check_time(started: float, timeout_seconds: float | None, what: str) -> None:
    """Raise Interrupted or TimedOut when the work must stop now."""
    current = _scope.get()
    if current.interrupt.stops(shielded=current.shielded):
        raise Interrupted(f"{what} was stopped", signal_number=current.interrupt.signal_number)
    now = time.monotonic()
    if timeout_seconds is not None and now - started > timeout_seconds:
        raise TimedOut(f"{what} did not end within {timeout_seconds:g} s")
    if current.deadline is not None and now > current.deadline:
        raise TimedOut(f"{what} did not end before the deadline of the run")


def stopwatch(timeout_seconds: float, what: str) -> Callable[[], None]:
    """Start to count for work that is no child process; what is returned raises Interrupted or TimedOut when it must stop."""
    started = time.monotonic()
    return lambda: check_time(started, timeout_seconds, what)


def environment_of(command: Command) -> dict[str, str]:
    """Return the whole environment of a child on this machine."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment.setdefault("PATH", DEFAULT_PATH)
    environment[LABEL_VARIABLE] = _scope.get().label or "drtool"
    environment.update(command.environment)
    environment.update({name: secret.reveal() for name, secret in command.secrets.items()})
    return environment


def execute(
    command: Command,
    *,
    on_output: LineListener | None = None,
    on_error: LineListener | None = None,
    keep_bytes: int = 64 * 1024 * 1024,
) -> Completed:
    """Run a command to its end; see `drtool.ports.Runner.run`.

    An exception of a listener ends the child and is raised again.
    """
    child = _Child(command, on_output=on_output, on_error=on_error, keep_bytes=keep_bytes, stdin=command.standard_input)
    try:
        child.pump(lambda: child.finished)
    except BaseException:
        child.end()
        raise
    finally:
        child.close()
    return child.completed()


def pipe(
    command: Command,
    *,
    producer: Command | None = None,
    consume: Callable[[bytes], None] | None = None,
    on_output: LineListener | None = None,
    on_error: LineListener | None = None,
    interrupt_first: Callable[[], None] | None = None,
) -> Piped:
    """Stream bytes into or out of a command, hashing them; see `drtool.ports.Runner.pipe`.

    `command.standard_input` is sent before the producer's bytes and not hashed. `interrupt_first` stops what the command started
    elsewhere, before its input ends there.
    """
    if producer is None:
        return _drain(command, consume, on_error)
    return _feed(command, producer, on_output=on_output, on_error=on_error, interrupt_first=interrupt_first)


def _drain(command: Command, consume: Callable[[bytes], None] | None, on_error: LineListener | None) -> Piped:
    digest = hashlib.sha256()
    count = 0

    def take(chunk: bytes) -> None:
        nonlocal count
        digest.update(chunk)
        count += len(chunk)
        if consume is not None:
            consume(chunk)

    child = _Child(command, on_chunk=take, on_error=on_error, stdin=command.standard_input)
    try:
        child.pump(lambda: child.finished)
    except BaseException:
        child.end()
        raise
    finally:
        child.close()
    return Piped(child.completed(), count, digest.hexdigest())


def _feed(
    command: Command,
    producer: Command,
    *,
    on_output: LineListener | None,
    on_error: LineListener | None,
    interrupt_first: Callable[[], None] | None,
) -> Piped:
    digest = hashlib.sha256()
    count = 0
    consumer = _Child(command, on_output=on_output, on_error=on_error, stdin=command.standard_input, keep_open=True)
    source: _Child | None = None

    def take(chunk: bytes) -> None:
        nonlocal count
        digest.update(chunk)
        count += len(chunk)
        consumer.write(chunk)

    try:
        source = _Child(producer, on_chunk=take, stdin=producer.standard_input)
        source.follow(consumer)
        source.pump(lambda: source.finished or consumer.finished)
        if consumer.finished and not source.finished:
            source.end()
        elif source.exit_code != 0 or count == 0:
            if interrupt_first is not None:
                interrupt_first()
            consumer.end()  # interrupted before its input ends: what is half would else be stored as whole
        else:
            consumer.close_input_when_written()
            consumer.pump(lambda: consumer.finished)
    except BaseException:
        if interrupt_first is not None:
            interrupt_first()
        consumer.end()
        if source is not None:
            source.end()
        raise
    finally:
        consumer.close()
        if source is not None:
            source.close()
    return Piped(consumer.completed(), count, digest.hexdigest(), source.completed())


def start_apart(argv: tuple[str, ...], *, ready: Callable[[], bool], seconds: float) -> int:
    """Start a program that outlives this one, wait until it is `ready`, and return its process id; Refused tells why it ended before."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True)
        while not ready():
            if child.poll() is not None:
                said.seek(0)
                words = said.read().decode("utf-8", "replace").strip()
                raise Refused(words or f"it ended with exit code {child.returncode}", hint="look at what it said above")
            try:
                check_time(started, seconds, argv[0])
            except (Interrupted, TimedOut):
                child.terminate()
                raise
            time.sleep(TICK_SECONDS)
        return child.pid


def find_labelled(prefix: str) -> tuple[tuple[int, str], ...]:
    """Return process ids and labels of the processes on this machine whose label starts with `prefix`."""
    found: list[tuple[int, str]] = []
    wanted = f"{LABEL_VARIABLE}={prefix}".encode()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as stream:
                variables = stream.read().split(b"\0")
        except OSError:
            continue
        labels = (variable.partition(b"=")[2].decode("utf-8", "replace") for variable in variables if variable.startswith(wanted))
        found.extend((int(name), label) for label in labels)
    return tuple(found)


def end_processes(pids: tuple[int, ...]) -> None:
    """End processes of this machine: SIGINT, then SIGTERM, then SIGKILL, and wait until they are gone."""
    for number, patience in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not any(process_exists(pid) for pid in pids):
                return
            time.sleep(0.05)


def process_exists(pid: int) -> bool:
    """Tell whether a process exists on this machine and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


class _Lines:
    """Splits chunks into lines for a listener, and keeps the tail when asked."""

    def __init__(self, listener: LineListener | None, keep_bytes: int) -> None:
        self._listener = listener
        self._keep = keep_bytes
        self._rest = b""
        self.tail = bytearray()

    def take(self, chunk: bytes) -> None:
        if self._keep:
            self.tail += chunk
            if len(self.tail) > 2 * self._keep:
                del self.tail[: -self._keep]
        if self._listener is not None:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._listener(line)

    def finish(self) -> None:
        if self._listener is not None and self._rest:
            rest, self._rest = self._rest, b""
            self._listener(rest)


class _Child:
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
    ) -> None:
        self._command = command
        self._program = command.argv[0].rpartition("/")[2]
        self._output = _Lines(on_output, 0 if on_output or on_chunk else keep_bytes)
        self._error = _Lines(on_error, 256 * 1024)
        self._on_chunk = on_chunk
        self.pending = bytearray((stdin or b"") if keep_open else b"")
        self._keep_open = keep_open
        self._followed: _Child | None = None
        self._started = time.monotonic()
        self._silent_since: float | None = None
        self._selector = selectors.DefaultSelector()
        with _whole_input(None if keep_open else stdin) as whole:
            self._process = _start(command, stdin=subprocess.PIPE if keep_open else whole)
        for stream, event in ((self._process.stdout, selectors.EVENT_READ), (self._process.stderr, selectors.EVENT_READ)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, event)
        if self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._watch_input()

    @property
    def exit_code(self) -> int:
        return self._process.returncode if self._process.returncode is not None else -1

    @property
    def finished(self) -> bool:
        """The process has ended and its pipes are read (a grandchild may keep them open: it is given one second of silence)."""
        if self._process.poll() is None:
            return False
        return not self._readers() or (self._silent_since is not None and time.monotonic() - self._silent_since > SILENCE_SECONDS)

    def follow(self, consumer: _Child) -> None:
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
            check_time(self._started, self._command.timeout_seconds, self._program)
            blocked = self._followed is not None and len(self._followed.pending) >= CHUNK_BYTES
            if self._followed is not None:
                self._followed.turn(TICK_SECONDS if blocked else 0.0)
            if not blocked:
                self.turn(0.005 if self._followed is not None and self._followed.pending else TICK_SECONDS)
        self._output.finish()
        self._error.finish()

    def end(self) -> None:
        """Stop the child and its group: SIGINT, then SIGTERM, then SIGKILL; pipes are drained meanwhile."""
        for number, patience in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0)):
            if self._process.poll() is not None and number != signal.SIGKILL:
                break
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
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
        if self._process.poll() is None:
            self._process.wait()

    def completed(self) -> Completed:
        return Completed(
            exit_code=self.exit_code,
            standard_output=bytes(self._output.tail),
            standard_error=bytes(self._error.tail[-256 * 1024 :]),
            seconds=time.monotonic() - self._started,
        )

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
                self._selector.unregister(stream)
                stream.close()
                continue
            self._silent_since = None
            if deliver:
                self._deliver(stream, chunk)

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds or 0.001)

    def _deliver(self, stream: IO[bytes], chunk: bytes) -> None:
        if stream is self._process.stderr:
            self._error.take(chunk)
        elif self._on_chunk is not None:
            self._on_chunk(chunk)
        else:
            self._output.take(chunk)


@contextlib.contextmanager
def _whole_input(content: bytes | None) -> Iterator[int]:
    """Give the file descriptor a child reads `content` from: all of it, even when we are killed before the child has read it.

    From a pipe the child would read a beginning, take it for the whole, and write down half a label or half a manifest.
    """
    if content is None:
        yield subprocess.DEVNULL
        return
    descriptor = os.memfd_create("drtool-input")
    try:
        with open(descriptor, "wb", closefd=False) as memory:
            memory.write(content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _start(command: Command, *, stdin: int) -> subprocess.Popen[bytes]:
    on_start = _scope.get().on_start
    if on_start is None:
        return _spawn(command, stdin=stdin)
    # Only what was written down may begin: killed in between, we would leave a lock of a process that nobody knows to be dead.
    gate, opener = os.pipe()
    try:
        process = _spawn(command, stdin=stdin, gate=gate)
        on_start(process.pid, command.argv[0])
        with contextlib.suppress(BrokenPipeError):
            os.write(opener, b"go\n")
    finally:
        os.close(gate)
        os.close(opener)
    return process


def _spawn(command: Command, *, stdin: int, gate: int | None = None) -> subprocess.Popen[bytes]:
    """Start a child; with a `gate` it waits, under its own process id, until something can be read there, and ends when it is closed."""
    environment = environment_of(command)
    argv = (*PRIORITY, *command.argv) if command.nice else command.argv
    try:
        if gate is not None:
            _require_startable(argv, command, environment)
            argv = ("/bin/sh", "-c", _GATE, f"/dev/fd/{gate}", *argv)
        return subprocess.Popen(
            argv,
            env=environment,
            cwd=command.directory,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            pipesize=CHUNK_BYTES,
            pass_fds=() if gate is None else (gate,),
        )
    except FileNotFoundError as error:
        missing = error.filename if isinstance(error.filename, str) else command.argv[0]
        raise NotFound(f"the program {missing} is not installed here", hint=f"install {missing}, or correct the path") from None
    except PermissionError:
        raise Refused(f"the program {command.argv[0]} may not be run", hint="check its mode and its owner") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{command.argv[0]} cannot be started: {error}") from None


def _require_startable(argv: tuple[str, ...], command: Command, environment: Mapping[str, str]) -> None:
    """Raise what starting would raise: behind the gate it is the shell that starts, and it always can."""
    for program in (argv[0], command.argv[0]):
        path = os.path.join(command.directory or ".", program) if "/" in program else shutil.which(program, path=environment["PATH"])
        if path is None or not os.path.exists(path):
            raise FileNotFoundError(2, "No such file or directory", program)
        if not os.access(path, os.X_OK) or os.path.isdir(path):
            raise PermissionError(13, "Permission denied", program)
    if command.directory is not None and not os.path.isdir(command.directory):
        raise FileNotFoundError(2, "No such file or directory", command.directory)
