"""Where a repository lies as seen from one place, with everything resolved that a command needs to open it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from drtool.model.errors import Refused
from drtool.model.location import FAR_SCHEMES, REST_LOGIN, LocationError, parse_location, without_login
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import Secret, SecretReference
from drtool.ports import SecretStore


@dataclass(frozen=True, slots=True)
class Access:
    """A location, its plain environment, and its secrets (`RESTIC_PASSWORD` among them)."""

    location: str
    environment: Mapping[str, str]
    secrets: Mapping[str, Secret]
    ssh_config: str = ""
    needs_white_space: bool = False
    """Its key file opens it only with the white space that restic cuts off."""
    login: Secret | None = None
    """User and password of a rest-server, as they stand in a URL."""

    @property
    def address(self) -> Secret:
        """The location as restic is told it: with user and password of a rest-server, which restic reads by their names since 0.16.1 only.

        Said so, two servers that need two users can be copied between.
        """
        if self.login is None:
            return Secret(self.location)
        scheme, slashes, rest = self.location.partition("://")
        return Secret(f"{scheme}{slashes}{self.login.reveal()}@{rest}")

    def has_same_key_as(self, other: Access) -> bool:
        """Tell whether both open the repository with the same passphrase."""
        return self.secrets["RESTIC_PASSWORD"].reveal() == other.secrets["RESTIC_PASSWORD"].reveal()

    @property
    def scheme(self) -> str:
        """`path`, `sftp`, `s3`, `rest`, or another of restic's backends."""
        scheme, colon, _ = self.location.partition(":")
        return scheme if colon and scheme in FAR_SCHEMES else "path"

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


def resolve(address: Address, secrets: SecretStore, *, environment: Mapping[str, SecretReference | str] | None = None) -> Access:
    """Resolve an address; `environment` stands in where the address has none of its own. Refused when it is none."""
    _require_location(address.location)
    chosen = dict(address.environment or environment or {})
    login = _login(chosen, secrets) if address.location.startswith("rest:") else None
    return Access(
        location=address.location,
        environment={name: value for name, value in chosen.items() if isinstance(value, str)},
        secrets={
            "RESTIC_PASSWORD": secrets.resolve(address.password),
            **{name: secrets.resolve(value) for name, value in chosen.items() if isinstance(value, SecretReference)},
        },
        ssh_config=address.ssh_config,
        login=login,
    )


def _login(chosen: dict[str, SecretReference | str], secrets: SecretStore) -> Secret | None:
    """Take user and password of a rest-server out of what was chosen; Refused when one is there without the other."""
    told = {name: chosen.pop(name) for name in REST_LOGIN if name in chosen}
    if not told:
        return None
    if len(told) < len(REST_LOGIN):
        raise Refused(
            f"{next(iter(told))} is told to a rest-server, and {next(name for name in REST_LOGIN if name not in told)} is not",
            hint="write both in `environment:` of that repository, the password as file:/path; on a bare machine export both",
            safe="nothing was started",
        )
    words = (value if isinstance(value, str) else secrets.resolve(value).reveal() for value in told.values())
    return Secret(":".join(quote(word, safe="") for word in words))


def _require_location(location: str) -> None:
    """Refuse what a policy would not have taken: an address of the command line, or out of a repository."""
    if location.partition(":")[0] in FAR_SCHEMES:
        try:
            parse_location(location)
        except LocationError as error:
            raise Refused(f"{without_login(location)}: {error}", hint=error.hint, safe="nothing was started") from None


def address_from(policy: RepositoryPolicy, source: str, *, runner: str) -> Address:
    """Return the address for a command that runs on another machine, at `source`.

    Raises:
        Refused: the repository is a path of this machine and the policy tells no other address.
    """
    seen = policy.seen_from.get(source)
    if seen is not None:
        return seen
    address = policy.address
    if address.location.partition(":")[0] not in FAR_SCHEMES:
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
