"""Where a repository lies as seen from one place, with everything resolved that a command needs to open it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from drtool.model.errors import Refused
from drtool.model.location import LocationError, parse_location
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import Secret, SecretReference
from drtool.ports import SecretStore

_SCHEMES = ("sftp", "s3", "rest", "b2", "azure", "gs", "swift", "rclone")


@dataclass(frozen=True, slots=True)
class Reach:
    """A location, its plain environment, and its secrets (`RESTIC_PASSWORD` among them)."""

    location: str
    environment: Mapping[str, str]
    secrets: Mapping[str, Secret]
    ssh_config: str = ""
    needs_white_space: bool = False
    """Its key file opens it only with the white space that restic cuts off."""

    @property
    def scheme(self) -> str:
        """`path`, `sftp`, `s3`, `rest`, or another of restic's backends."""
        scheme, colon, _ = self.location.partition(":")
        return scheme if colon and scheme in _SCHEMES else "path"

    @property
    def path(self) -> str:
        """The directory of a repository on a path."""
        return self.location.removeprefix("local:")

    @property
    def ssh_destination(self) -> tuple[str, str]:
        """The destination and the port (empty: ssh's own) of an sftp repository."""
        found = parse_location(self.location)
        return found.ssh_destination, found.port

    @property
    def url(self) -> SplitResult:
        """Where the server of an s3 or rest repository answers."""
        rest = self.location.partition(":")[2]
        if not rest.startswith(("http://", "https://")):
            rest = "https://" + rest.removeprefix("//")
        return urlsplit(rest)

    @property
    def options(self) -> tuple[str, ...]:
        """Backend options; ssh must never ask a question, and must notice that the other side is gone."""
        if self.scheme != "sftp":
            return ()
        destination, port = self.ssh_destination
        words = [
            "ssh",
            *(("-F", _quoted(self.ssh_config)) if self.ssh_config else ()),
            *(("-p", port) if port else ()),
            *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15"),
            *(_quoted(destination), "-s", "sftp"),
        ]
        return ("-o", "sftp.command=" + " ".join(words))


def resolve(address: Address, secrets: SecretStore, *, environment: Mapping[str, SecretReference | str] | None = None) -> Reach:
    """Resolve an address; `environment` stands in where the address has none of its own. Refused when it is none."""
    _require_location(address.location)
    chosen = address.environment or environment or {}
    return Reach(
        location=address.location,
        environment={name: value for name, value in chosen.items() if isinstance(value, str)},
        secrets={
            "RESTIC_PASSWORD": secrets.resolve(address.password),
            **{name: secrets.resolve(value) for name, value in chosen.items() if isinstance(value, SecretReference)},
        },
        ssh_config=address.ssh_config,
    )


def _require_location(location: str) -> None:
    """Refuse what a policy would not have taken: an address of the command line, or out of a repository."""
    if location.startswith(("sftp:", "s3:")):
        try:
            parse_location(location)
        except LocationError as error:
            raise Refused(f"{location}: {error}", hint=error.hint, safe="nothing was started") from None


def address_from(policy: RepositoryPolicy, source: str, *, runner: str) -> Address:
    """Return the address for a command that runs on another machine, at `source`.

    Raises:
        Refused: the repository is a path of this machine and the policy tells no other address.
    """
    seen = policy.seen_from.get(source)
    if seen is not None:
        return seen
    address = policy.address
    if address.location.partition(":")[0] not in _SCHEMES:
        raise Refused(
            f"the repository {policy.name} lies on a path of this machine; {runner} cannot reach it",
            hint=f"write its address as {source} sees it under seen_from: of {policy.name}",
            safe="nothing was started",
        )
    return Address(address.location, address.password, address.environment)


def _quoted(text: str) -> str:
    if not any(character in text for character in " '\"\\"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
