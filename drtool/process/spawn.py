"""The only place that starts a child process: an argument list, an environment of its own, its own process group."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping

from drtool.model.command import Command
from drtool.model.errors import NotFound, Refused
from drtool.process.scope import current_scope

CHUNK_BYTES = 1 << 20
LABEL_VARIABLE = "DRTOOL_LABEL"
INHERITED = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "XDG_CACHE_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""What a child may inherit; a stray RESTIC_HOST or AWS_PROFILE would change what a command means."""

_GATE = 'read -r go <"$0" || exit 125; exec "$@"'
_known_programs: dict[tuple[str, str], str] = {}
PRIORITY = ("nice", "-n", "10", "ionice", "-c", "3")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment_of(command: Command) -> dict[str, str]:
    """Return the whole environment of a child on this machine."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment.setdefault("PATH", DEFAULT_PATH)
    environment[LABEL_VARIABLE] = current_scope().label or "drtool"
    environment.update(command.environment)
    environment.update({name: secret.reveal() for name, secret in command.secrets.items()})
    return environment


@contextlib.contextmanager
def whole_input(content: bytes | None) -> Iterator[int]:
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


def start(command: Command, *, stdin: int) -> subprocess.Popen[bytes]:
    """Start a child, and let it begin only once it was written down."""
    on_start = current_scope().on_start
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
            argv = _gated(argv, f"/dev/fd/{gate}")
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


def _gated(argv: tuple[str, ...], gate: str) -> tuple[str, ...]:
    """Return the shell that waits at a gate and becomes the program; before a script of the shell it is the script's own that waits."""
    match argv:
        case ("sh", "-c", script, *rest):
            return ("/bin/sh", "-c", f"read -r go <{gate} || exit 125; {script}", *rest)
        case _:
            return ("/bin/sh", "-c", _GATE, gate, *argv)


def _require_startable(argv: tuple[str, ...], command: Command, environment: Mapping[str, str]) -> None:
    """Raise what starting would raise: behind the gate it is the shell that starts, and it always can."""
    for program in (argv[0], command.argv[0]):
        path = os.path.join(command.directory or ".", program) if "/" in program else _found(program, environment["PATH"])
        if path is None or not os.path.exists(path):
            raise FileNotFoundError(2, "No such file or directory", program)
        if not os.access(path, os.X_OK) or os.path.isdir(path):
            raise PermissionError(13, "Permission denied", program)
    if command.directory is not None and not os.path.isdir(command.directory):
        raise FileNotFoundError(2, "No such file or directory", command.directory)


def _found(program: str, path: str) -> str | None:
    """Return where a program lies: there, where it was found before and is still one, as the search may cost more than the program."""
    known = _known_programs.get((program, path))
    if known is None or not os.access(known, os.X_OK):
        known = shutil.which(program, path=path)
        if known is not None:
            _known_programs[program, path] = known
    return known
