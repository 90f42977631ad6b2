"""What the address of a repository says, read as restic reads it."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_PORTS = range(1, 65536)
BUCKETS: Final = ("b2", "azure", "gs", "swift")
"""What has no address but a bucket or container of an account."""
FAR_SCHEMES: Final = ("sftp", "s3", "rest", "rclone", *BUCKETS)
REST_LOGIN: Final = ("RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD")
"""By what names restic's REST server is told who enters."""
LOGINS: Final = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "rest": REST_LOGIN,
    "b2": ("B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"),
    "azure": ("AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_KEY"),
    "gs": ("GOOGLE_PROJECT_ID", "GOOGLE_APPLICATION_CREDENTIALS"),
}
"""By what names restic is told who enters a store, where there is one usual way."""
KNOWN_FORMS: Final = (
    "/absolute/path, sftp:user@host:/path, s3:https://host/bucket, rest:https://host:8000/path, rclone:remote:path, b2:bucket:path, "
    "azure:container:/path, gs:bucket:/path or swift:container:/path"
)


_REMOTE = re.compile(r"[A-Za-z0-9_+@.][A-Za-z0-9_+@.-]*")
"""A name of rclone's configuration: neither an option nor a remote that is made up on the way, with its secrets in clear."""
_LOGIN = re.compile(r"//(?:[^/]*|[^/:@\[]*:(?!\d*(?:/|$)).*)@|^(\w+):(?!\w*:?//)[^/@:]*:.*@")
"""Who enters an address, and by what password: with a slash in it, too, and where the slashes of the address are missing."""
_QUERY = re.compile(r"([?#]).+", re.DOTALL)
"""What follows an address on the web: a signature opens a store as a password does."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class LocationError(ValueError):
    """An address that restic refuses or understands as another than was meant: what is wrong, and what to type instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Location:
    """Where a repository lies: `scheme` is path or one of `FAR_SCHEMES`; `port` is empty where none is said.

    `path` is on sftp as the server resolves it (relative: below the home of the user), on s3 bucket and prefix, on rest what follows the
    server (empty: its root). Of a cloud's store, and of rclone, `host` is the bucket, the container or the remote.
    """

    scheme: str
    path: str
    host: str = ""
    port: str = ""
    user: str = ""

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What two spellings of one place have in common."""
        host = self.host.lower() if self.scheme in ("s3", "rest") else self.host
        return self.scheme, host, self.port, posixpath.normpath(self.path)

    @property
    def ssh_destination(self) -> str:
        """The machine as ssh takes it: in the letters that were written, which `Host` of its configuration compares."""
        return f"{self.user}@{self.host}" if self.user else self.host


def without_login(text: str) -> str:
    """Return an address as it may be shown: without a user and a password, a query, or settings of rclone that somebody wrote into it."""
    scheme, _colon, rest = text.partition(":")
    if scheme == "rclone" and _REMOTE.fullmatch(rest.partition(":")[0]) is None:
        return "rclone:…"
    if scheme in ("s3", "rest", *BUCKETS) or rest.startswith("//"):
        text = _QUERY.sub(r"\1…", text)
    return _LOGIN.sub(lambda found: f"{found[1]}:…@" if found[1] else "//…@", text)


def ssh_problem(destination: str) -> str:
    """Tell what is wrong with a machine as ssh takes it; empty when nothing is. What was written is not repeated."""
    if not destination or destination.startswith("-") or any(character.isspace() for character in destination):
        return "is not an SSH destination: write user@host or a name of ssh_config"
    if ":" in destination.removeprefix("ssh://").rpartition("@")[0]:
        return "holds a colon before the @: a password there is in clear, and ssh does not take it; use keys of ssh"
    return ""


def parse_location(text: str) -> Location:
    """Read an address of restic's, in one of the forms of `KNOWN_FORMS` or as `sftp://user@host:port/path`; LocationError otherwise."""
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
    if text.startswith("rest:"):
        return _rest(text)
    scheme, _, rest = text.partition(":")
    if scheme == "rclone":
        return _rclone(rest)
    if scheme in BUCKETS:
        return _bucket(scheme, rest)
    raise LocationError("this is no address of a repository", KNOWN_FORMS)


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
    if not path.startswith("/") and re.match(r".*@[^/:]+:", path):
        hint = "use keys of ssh; a folder of such a name is written sftp://user@host/folder"
        raise LocationError("a password in an address is in clear, and restic does not take it", hint)
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
        _require_no_query(rest)
        endpoint, _slash, path = rest.removeprefix("//").partition("/")
        _user, host, port = _authority(_split(f"https://{endpoint}"))
        shown = f"s3:https://{endpoint}"
    if not path or path.startswith("/"):
        raise LocationError("the bucket is missing", f"{shown}/{path.strip('/') or 'bucket'}")
    return Location("s3", path, host, port)


def _rest(text: str) -> Location:
    rest = text.removeprefix("rest:")
    is_web = rest.startswith(("http://", "https://"))
    server = rest.partition("://")[2] if is_web else rest.lstrip("/")
    if "@" in server.partition("/")[0] or without_login(f"//{server}") != f"//{server}":
        raise LocationError(
            "user and password of a REST server do not stand in its address, in clear",
            "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD: in `environment:` of that repository, or exported on a bare machine",
        )
    if not is_web:
        raise LocationError("an address of a rest-server begins with rest:https:// or rest:http://", f"rest:https://{server}")
    parts = _split(rest)
    _user, host, port = _authority(parts)
    return Location("rest", parts.path.strip("/"), host, port)


def _rclone(rest: str) -> Location:
    remote, colon, path = rest.partition(":")
    if not remote or "," in remote:
        hint = "name a remote of rclone's configuration: rclone:remote:path"
        raise LocationError("settings of rclone do not stand in an address: they hold secrets in clear", hint)
    if not colon or _REMOTE.fullmatch(remote) is None:
        raise LocationError("rclone: is followed by the name of a remote of its configuration", "rclone:remote:path")
    return Location("rclone", path, remote)


def _bucket(scheme: str, rest: str) -> Location:
    _require_no_query(rest, marks="?")
    bucket, colon, path = rest.partition(":")
    form = f"{scheme}:{bucket if _BUCKET.fullmatch(bucket) else 'bucket'}:/{path.strip('/')}"
    if _BUCKET.fullmatch(bucket) is None:
        raise LocationError(f"{bucket or 'nothing'} is no name of a bucket or container", form)
    if scheme != "b2" and not colon:
        raise LocationError("what follows the bucket or container is a colon and a path", form)
    if scheme == "swift" and not path.startswith("/"):
        raise LocationError("restic wants a path that begins with / there", form)
    return Location(scheme, path.strip("/"), bucket)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        said = "" if "@" in url else f": {error}"  # what stands before an @ may be a password, and Python repeats it
        raise LocationError(f"this is no address{said}", "an address with colons stands in brackets: [::1]") from None
    _require_no_query(url)
    return parts


def _require_no_query(text: str, *, marks: str = "?#") -> None:
    if any(mark in text for mark in marks):
        raise LocationError("what comes after ? or # is no part of a repository's address", "write ? as %3F and # as %23")


def _authority(parts: SplitResult) -> tuple[str, str, str]:
    """Return user, host and port as they are written: urllib would lower the case of a host, which is a name of ssh's configuration."""
    user, _at, machine = parts.netloc.rpartition("@")
    if ":" in user:
        raise LocationError("a password in an address is in clear, and restic does not take it", "use keys of ssh, or environment:")
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+(?:%25[\w.-]+)?)\]|([^\[\]:]+))(?::(\d*))?", machine)
    if match is None:
        raise LocationError("the machine is missing, or is none", "an address with colons stands in brackets: [::1]")
    if machine.startswith("-"):
        raise LocationError("a machine's name does not begin with a hyphen", "write its name as it is known in the network")
    port = match[3] or ""
    if port and int(port) not in _PORTS:
        raise LocationError(f"{port} is no port", "ports are 1 to 65535")
    return user, match[1] or match[2], port
