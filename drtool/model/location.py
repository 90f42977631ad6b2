"""What the address of a repository says, read as restic reads it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

_PORTS = range(1, 65536)


class LocationError(ValueError):
    """An address that restic refuses or understands as another than was meant: what is wrong, and what to type instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Location:
    """Where a repository lies: `scheme` is path, sftp or s3; `port` is empty where none is said.

    `path` is on sftp as the server resolves it (relative: below the home of the user), on s3 bucket and prefix.
    """

    scheme: str
    path: str
    host: str = ""
    port: str = ""
    user: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What two spellings of one place have in common."""
        return self.scheme, self.host.lower() if self.scheme == "s3" else self.host, self.port, posixpath.normpath(self.path)

    @property
    def ssh_destination(self) -> str:
        """The machine as ssh takes it: in the letters that were written, which `Host` of its configuration compares."""
        return f"{self.user}@{self.host}" if self.user else self.host


def parse_location(text: str) -> Location:
    """Read a path, `sftp:user@host:path`, `sftp://user@host:port/path` or an `s3:` address; LocationError otherwise."""
    if text.startswith(("/", "local:/")):
        return Location("path", text.removeprefix("local:"))
    if any(character.isspace() or not character.isprintable() for character in text):
        raise LocationError("an address holds no blanks and no control characters", "write a blank of a folder's name as %20 in sftp://")
    if text.startswith("sftp://"):
        return _checked_sftp(_sftp_url(text))
    if text.startswith("sftp:"):
        return _checked_sftp(_sftp_short(text))
    if text.startswith("s3:"):
        return _s3(text)
    raise LocationError("this is no address of a repository", "/absolute/path, sftp:user@host:/path or s3:https://host/bucket")


def _sftp_url(text: str) -> Location:
    parts = _split(text)
    user, host, port = _authority(parts)
    path = unquote(parts.path)
    if len(path) < len("/x"):
        raise LocationError("the folder is missing", f"{text.rstrip('/')}//srv/backup: with two slashes, from the root")
    return Location("sftp", path[1:], host, port, unquote(user))


def _sftp_short(text: str) -> Location:
    rest = text.removeprefix("sftp:")
    if "[" in rest.partition("/")[0]:
        raise LocationError("sftp:user@host:path has no room for an address with colons", "sftp://user@[::1]:22//srv/backup")
    machine, colon, path = rest.partition(":")
    user, _at, host = machine.rpartition("@")
    if not colon or not host or not path:
        raise LocationError("machine or folder is missing", "sftp:user@host:/srv/backup")
    number = re.match(r"(\d+):?(/.*)", path)
    if number:
        raise LocationError("sftp:user@host:path has no room for a port", f"sftp://{machine}:{number[1]}/{number[2]}")
    return Location("sftp", path, host, "", user)


def _checked_sftp(found: Location) -> Location:
    if found.path.startswith("~"):
        raise LocationError("restic takes no ~ in a path", "a path without a slash at its beginning is below the home of the user there")
    if found.host.startswith("-") or found.user.startswith("-"):
        raise LocationError("a machine's name does not begin with a hyphen", "sftp:user@host:/srv/backup")
    return found


def _s3(text: str) -> Location:
    rest = text.removeprefix("s3:")
    if rest.startswith(("http://", "https://")):
        parts = _split(rest)
        _user, host, port = _authority(parts)
        path = parts.path.removeprefix("/")
        shown = f"s3:{parts.scheme}://{parts.netloc}"
    elif rest.startswith("http"):
        raise LocationError("restic takes this for a web address without its slashes", "s3:https://host/bucket")
    else:
        endpoint, _slash, path = rest.removeprefix("//").partition("/")
        _user, host, port = _authority(_split(f"https://{endpoint}"))
        shown = f"s3:https://{endpoint}"
    if not path or path.startswith("/"):
        raise LocationError("the bucket is missing", f"{shown}/{path.strip('/') or 'bucket'}")
    return Location("s3", path, host, port)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise LocationError(f"this is no address: {error}", "an address with colons stands in brackets: [::1]") from None
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise LocationError("what comes after ? or # is no part of a repository's address", "write ? as %3F and # as %23")
    return parts


def _authority(parts: SplitResult) -> tuple[str, str, str]:
    """Return user, host and port as they are written: urllib would lower the case of a host, which is a name of ssh's configuration."""
    user, _at, machine = parts.netloc.rpartition("@")
    if ":" in user:
        raise LocationError("a password in an address is in clear, and restic does not take it", "use keys of ssh, or environment:")
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+(?:%25[\w.-]+)?)\]|([^\[\]:]+))(?::(\d*))?", machine)
    if match is None:
        raise LocationError("the machine is missing, or is none", "an address with colons stands in brackets: [::1]")
    port = match[3] or ""
    if port and int(port) not in _PORTS:
        raise LocationError(f"{port} is no port", "ports are 1 to 65535")
    return user, match[1] or match[2], port
