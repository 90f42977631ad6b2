"""A real database server on loopback: PostgreSQL."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import weakref
from pathlib import Path
from typing import ClassVar

from tests.rig.child import Child
from tests.rig.missing import MissingToolError, tool
from tests.rig.ports import LOOPBACK
from tests.rig.server import Server


class PostgresServer(Server):
    """Debian's PostgreSQL on a free port of loopback and a socket in its own directory, with a throw-away password."""

    name: ClassVar[str] = "postgres"

    def __init__(self) -> None:
        super().__init__()
        self._password = secrets.token_urlsafe(20)
        self._data = self.directory / "data"
        self._remove_memory = weakref.finalize(self, _remove_own_shared_memory, self._data, os.getpid())

    def environment(self, *, database: str = "postgres") -> dict[str, str]:
        """What psql, pg_dump and every other client of libpq read."""
        return {
            "PGHOST": LOOPBACK,
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGPASSWORD": self._password,
            "PGDATABASE": database,
        }

    def sql(self, text: str, *, database: str = "postgres") -> str:
        """Run statements by psql; the rows come back unaligned, without headings."""
        result = subprocess.run(
            [str(_program("psql")), "--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--set=ON_ERROR_STOP=1"],
            input=text,
            env={"PATH": os.defpath, **self.environment(database=database)},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise RuntimeError(f"psql ended with {result.returncode}: {result.stderr}")
        return result.stdout.rstrip("\n")

    def close(self) -> None:
        self.kill()
        self._remove_memory()
        super().close()

    def _spawn(self) -> Child:
        server = _program("postgres")
        if not self._data.exists():
            self._initialise()
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": self.directory,
            "fsync": "off",  # the machine under it is not killed, only the server
            "shared_buffers": "16MB",
            "dynamic_shared_memory_type": "mmap",  # in its own directory, so that a kill leaves nothing in /dev/shm
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return Child(
            [*_as_database_user(), str(server), "-D", str(self._data), *options],
            log=self.log,
            environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stop_signal=signal.SIGINT,  # the "fast" shutdown: does not wait for clients
        )

    def _answers(self) -> bool:
        result = subprocess.run(
            [str(_program("pg_isready")), "--quiet"],
            env={"PATH": os.defpath, **self.environment()},
            check=False,
        )
        return result.returncode == 0

    def _initialise(self) -> None:
        """Make the cluster, as the database's own user where we are root (which PostgreSQL refuses)."""
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if os.geteuid() == 0:
            for path in (self.directory, password_file):
                shutil.chown(path, *_database_user())
        with self.log.open("ab") as log:
            result = subprocess.run(
                [
                    *_as_database_user(),
                    *(str(_program("initdb")), "-D", str(self._data), "--no-sync", "--no-instructions"),
                    *("--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"),
                ],
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                stdout=log,
                stderr=log,
                check=False,
            )
        if result.returncode != 0:
            raise RuntimeError(f"initdb failed; the end of its log:\n{self.log_tail()}")


def remove_shared_memory(data: Path) -> None:
    """Drop the one small System V segment that a killed server leaves behind; its id stands in postmaster.pid."""
    try:
        _, identifier = (data / "postmaster.pid").read_text().splitlines()[6].split()
    except (OSError, IndexError, ValueError):
        return
    subprocess.run([tool("ipcrm", package="util-linux"), "--shmem-id", identifier], capture_output=True, check=False)


def _remove_own_shared_memory(data: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a fork
        remove_shared_memory(data)


def _program(name: str) -> Path:
    """A program of the newest PostgreSQL that Debian installed, not its wrapper."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise MissingToolError(f"{name} is not installed: apt-get install postgresql")
    return found[-1]


def _database_user() -> tuple[int, int]:
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise MissingToolError("there is no user postgres: apt-get install postgresql") from None
    return user.pw_uid, user.pw_gid


def _as_database_user() -> list[str]:
    """The words before a command that drop root's rights.

    The death signal is asked for anew, as a change of user clears it.
    """
    if os.geteuid() != 0:
        return []
    user, group = _database_user()
    return [
        tool("setpriv", package="util-linux"),
        *(f"--reuid={user}", f"--regid={group}", "--clear-groups", "--pdeathsig=KILL", "--"),
    ]
