"""A quick look whether a repository would answer: restic itself may try a dead address for fifteen minutes."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from drtool.model.command import Command
from drtool.model.errors import NoRepository, Refused, TimedOut, Unavailable
from drtool.model.memory import missed_hint
from drtool.ports import Clock, Runner
from drtool.process import patiently, raise_at_deadline
from drtool.repositories.restic.address import Access

LONGEST_SECONDS = 5.0
_NAMED = 5
LONGEST_PATH_SECONDS = 60.0
"""How long a disk may take to wake up."""
_HTTPS_PORT = 443
_HTTP_PORT = 80


@dataclass(frozen=True, slots=True)
class Probe:
    """Asks the address of one repository as seen from here; each look takes at most five seconds."""

    repository: str
    local: Runner
    clock: Clock
    timeout: timedelta
    was_there: Callable[[], bool] = lambda: False

    @property
    def seconds(self) -> float:
        """How long one look may take."""
        return max(0.1, min(self.timeout.total_seconds(), LONGEST_SECONDS))

    def look(self, access: Access, *, must_exist: bool = True) -> None:
        """Return when the address answers.

        Raises:
            NoRepository: a path holds no repository.
            Unavailable: the server does not answer.
            Refused: the path may not be looked at.
        """
        match access.scheme:
            case "path" if must_exist:
                self._path(access)
            case "s3" | "rest":
                self.date(access)
            case "sftp":
                self._sftp(access)

    def date(self, access: Access) -> datetime | None:
        """Return the server's own clock, when it tells one; raises Unavailable when it does not answer."""
        url = access.url
        host = url.hostname or ""
        if url.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
            return None
        if url.scheme == "http":
            connection = http.client.HTTPConnection(host, url.port or _HTTP_PORT, timeout=self.seconds)
        else:
            connection = http.client.HTTPSConnection(host, url.port or _HTTPS_PORT, timeout=self.seconds)

        def ask() -> str | None:
            try:
                connection.request("HEAD", "/")
                return connection.getresponse().getheader("Date")
            except http.client.HTTPException as error:
                raise OSError(str(error) or type(error).__name__) from None
            finally:
                connection.close()

        try:
            header = patiently(ask, seconds=LONGEST_SECONDS, what=f"asking {host}")
        except ssl.SSLError:  # it answers; whether its certificate is good, restic judges with its own authorities
            return None
        except (OSError, TimedOut) as error:
            raise_at_deadline(error)
            raise self._silent(f"{host}: {error}") from None
        return _date(header)

    def _path(self, access: Access) -> None:
        path = Path(access.path)
        try:
            patiently(lambda: os.stat(path / "config"), seconds=LONGEST_PATH_SECONDS, what=f"looking at {path}")
        except TimedOut as error:
            raise_at_deadline(error)
            raise self._silent(f"{error.what}: is its disk, or its server, still there?") from None
        except PermissionError:
            raise Refused(
                f"the repository {self.repository} may not be read at {path}", hint="check owner and mode, or run as root"
            ) from None
        except (FileNotFoundError, NotADirectoryError):
            raise self._nothing_at(path) from None
        except OSError as error:
            raise self._silent(f"{path}: {error.strerror}") from None

    def _nothing_at(self, path: Path) -> NoRepository:
        """Say that there is no repository; to make one is advised only where the folder is empty, or can be made in one that is there."""
        what, hint = f"there is no repository {self.repository} at {path}", "check that its disk is mounted"
        found: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            found = sorted(os.listdir(path))[:_NAMED]
        if found:
            what = f"{path} has lost its config, or was never a repository ({self.repository}); there lie {', '.join(found)}"
            hint = "nothing may be made over it: look whether that is the repository, and bring back its file `config`"
        elif self.was_there():
            hint = missed_hint(self.repository)
        elif path.parent.is_dir():
            hint += f"; only for a new one: drtool init {self.repository}"
        return NoRepository(what, hint=hint, safe="nothing was changed")

    def _sftp(self, access: Access) -> None:
        destination, port = access.ssh_destination
        options = (*(("-F", access.ssh_config) if access.ssh_config else ()), *(("-p", port) if port else ()))
        completed = self.local.run(Command(("ssh", *options, "-G", "--", destination), timeout_seconds=LONGEST_SECONDS))
        if completed.exit_code != 0:
            raise Refused(f"ssh does not understand {destination}: {completed.said(300)}", hint="check the address and its ssh_config")
        lines = completed.standard_output.decode("utf-8", "replace").splitlines()
        settings = {key: value for key, _, value in (line.partition(" ") for line in lines)}
        if settings.get("proxyjump", "none") != "none" or settings.get("proxycommand", "none") != "none":
            return
        self._connect(settings.get("hostname", destination), int(settings.get("port", "22")))

    def _connect(self, host: str, port: int) -> None:
        try:
            patiently(
                lambda: socket.create_connection((host, port), timeout=self.seconds).close(), seconds=LONGEST_SECONDS, what=f"asking {host}"
            )
        except (OSError, TimedOut) as error:
            raise_at_deadline(error)
            raise self._silent(f"{host} port {port}: {error}") from None

    def _silent(self, why: str) -> Unavailable:
        return Unavailable(
            f"the repository {self.repository} does not answer ({why})",
            hint=f"check the network and the server, then: drtool doctor {self.repository}",
            safe="nothing was started",
        )


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC) if header else None
    except ValueError:
        return None
