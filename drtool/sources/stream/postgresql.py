from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any, Final

from drtool import process
from drtool.model.command import Command, Completed
from drtool.model.errors import NotFound, Refused
from drtool.model.workload import Leftover
from drtool.trees.filesystem import FileSystem, ancestors

USER: Final = "postgres"
FOLDER: Final = "postgresql"
_SOCKET: Final = ".s.PGSQL.5432"
_LONGEST: Final = 107
"""Bytes of a Unix socket's address."""

_FIND: Final = (
    "for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin; do "
    'test -x "$bin/initdb" && printf "%s\\n" "$bin"; done; command -v pg_config >/dev/null && pg_config --bindir; true'
)
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",  # what is in it is thrown away, whatever happens to it
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # in its own directory, so that nothing is left in /dev/shm
    "logging_collector": "off",
}


def environment_of(locator: str) -> dict[str, str]:
    """Return what every client of the scratch server in a sandbox needs."""
    return {"PGHOST": f"{locator}/{FOLDER}", "PGPORT": "5432", "PGUSER": USER, "PGDATABASE": USER}


def start(file_system: FileSystem, reserved: Leftover, settings: Mapping[str, Any]) -> None:
    """Start a throw-away server inside a sandbox: reached by a socket in its own private directory, by no port, never as root.

    Its processes carry the sandbox's label, so that `stop` and a sweep after a killed run find them. Raises NotFound without an installed
    PostgreSQL (of the version asked for), Refused when it does not start.
    """
    folder = f"{reserved.locator}/{FOLDER}"
    if len(f"{folder}/{_SOCKET}") > _LONGEST:
        raise Refused(
            f"{folder} is too long a name for a server's socket",
            hint="give the sandbox a shorter `directory`, such as /var/tmp",
            safe="nothing was started",
        )
    programs = _programs(file_system, str(settings.get("version") or ""))
    as_user = _as_user(file_system, reserved.locator)
    file_system.make_directory(folder, private=True)
    if as_user:
        file_system.require(f"giving {folder} to {USER}", "chown", f"{USER}:", "--", folder)
    data = f"{folder}/data"
    initdb = (f"{programs}/initdb", "-D", data, "--no-sync", f"--username={USER}", "--auth=trust", "--encoding=UTF8", "--no-instructions")
    made = _run(file_system, reserved, *as_user, *initdb)
    if made.exit_code != 0:
        raise Refused(f"initdb failed: {made.said(500)}", hint="run it by hand to see why", safe="nothing was started")
    options = " ".join(f"-c {key}='{value}'" for key, value in {**_SETTINGS, "unix_socket_directories": folder}.items())
    pg_ctl = (f"{programs}/pg_ctl", "start", "-D", data, "-w", "-t", "60", "-l", f"{folder}/log", "-o", options)
    started = _run(file_system, reserved, *as_user, *pg_ctl)
    if started.exit_code != 0:
        log = file_system.run("tail", "-n", "5", "--", f"{folder}/log").standard_output.decode("utf-8", "replace").strip()
        raise Refused(f"the scratch PostgreSQL did not start: {log or started.said(500)}", safe="production was not touched")


def stop(file_system: FileSystem, locator: str, *, run: str) -> None:
    """End the processes of a sandbox's server, if any runs; found by their label."""
    runner = file_system.runner
    runner.end(runner.find(_label(locator, run)))


def _label(locator: str, run: str) -> str:
    """Begins with the run, so that what a dead run left is found; the sandbox's own name ends it."""
    return f"{run}/{FOLDER}/{posixpath.basename(locator)}"


def _run(file_system: FileSystem, reserved: Leftover, *argv: str) -> Completed:
    environment = {"LC_ALL": "C.UTF-8", process.LABEL_VARIABLE: _label(reserved.locator, reserved.run)}
    return file_system.runner.run(Command(argv, environment=environment, directory="/"))


def _programs(file_system: FileSystem, version: str) -> str:
    """Return the directory of the newest installed server's programs, or of one version's."""
    found = file_system.run("sh", "-c", _FIND).standard_output.decode("utf-8", "replace").splitlines()
    known = {line: _version(file_system, line) for line in dict.fromkeys(found)}
    fitting = [line for line, number in known.items() if number and (not version or number.partition(".")[0] == version)]
    if not fitting:
        what = f"PostgreSQL {version}" if version else "PostgreSQL"
        others = ", ".join(sorted(filter(None, known.values())))
        raise NotFound(
            f"{what} is not installed here{f'; there is {others}' if others else ''}",
            hint=f"install {f'postgresql-{version}' if version else 'postgresql'}, or give the stream's place a `directory` only",
            safe="nothing was started",
        )
    return max(fitting, key=lambda line: [int(part) for part in known[line].split(".")])


def _version(file_system: FileSystem, programs: str) -> str:
    said = file_system.run(f"{programs}/postgres", "--version").standard_output.decode("utf-8", "replace") if programs else ""
    number = re.search(r"\) ([0-9]+(?:\.[0-9]+)?)", said)
    return number[1] if number else ""


def _as_user(file_system: FileSystem, locator: str) -> tuple[str, ...]:
    """Return the words before a command that drop root's rights, and let that user into the sandbox; nothing unless we are root."""
    if file_system.require("asking who we are", "id", "-u").strip() != b"0":
        return ()
    if file_system.run("id", "-u", USER).exit_code != 0:
        raise Refused(
            f"PostgreSQL never runs as root, and there is no user {USER}",
            hint="install postgresql, which makes it; or drill as another user",
            safe="nothing was started",
        )
    # Its group alone may pass through, so that nobody else sees what is restored beside the server.
    file_system.require(f"letting {USER} into {locator}", "chgrp", USER, "--", locator)
    file_system.require(f"letting {USER} into {locator}", "chmod", "710", "--", locator)
    as_user = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--")
    for above in reversed(ancestors(f"{locator}/x")):
        if file_system.run(*as_user, "test", "-x", above).exit_code != 0:
            raise Refused(
                f"the user {USER} cannot reach {locator}: {above} is closed to it",
                hint="give the sandbox another `directory`, such as /var/tmp",
                safe="nothing was started",
            )
    return as_user
