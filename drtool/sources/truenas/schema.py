from __future__ import annotations

import posixpath
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drtool.model.location import ssh_problem
from drtool.model.secret import parse_reference


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "wss":
        raise ValueError("must begin with wss:// (over anything else the NAS would revoke the key)")
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be written like wss://nas.example.org/api/current")
    return url if parts.path not in ("", "/") else f"{url.rstrip('/')}/api/current"


def _key(text: str) -> str:
    if parse_reference(text) is None:
        raise ValueError("must be the reference of a secret, such as credential:nas")
    return text


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise ValueError("must be an absolute path without ..")
    return "/" + posixpath.normpath(path).lstrip("/")


def _dataset(name: str) -> str:
    if not name or name != name.strip("/") or "//" in name or "@" in name or name.startswith("-"):
        raise ValueError("must be the name of a dataset, such as tank/photos")
    return name


def _destination(host: str) -> str:
    wrong = ssh_problem(host)
    if wrong:
        raise ValueError(wrong)
    return host


SshDestination = Annotated[str, AfterValidator(_destination)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
DatasetName = Annotated[str, AfterValidator(_dataset)]


SecretText = Annotated[str, AfterValidator(_key)]


class Settings(BaseModel):
    """Keys of `truenas:` under `sources:`.

    `ca` is a PEM file with the authority that signed the certificate, or with the certificate itself (then it is pinned). `access` tells
    how files are read: `nfs`, `local` (this host is the NAS), `auto` (whichever it is), or `ssh` (restic runs on the NAS). `mounts` is
    where its shares are mounted here. `ssh` is the NAS as an SSH destination, for volumes, exact streams and `access: ssh`.
    `stop` are the kinds of guests that a restore may stop, and starts again, when they use what it puts into service.
    `keys` and `passphrases` tell by dataset which secret opens it, for its restore; a file of exported keys may stand for all below a name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_url)]
    user: Annotated[str, Field(min_length=1)]
    key: SecretText
    ca: AbsolutePath | None = None
    access: Literal["auto", "nfs", "local", "ssh"] = "auto"
    mounts: AbsolutePath = "/run/drtool"
    keys: dict[DatasetName, SecretText] = {}
    passphrases: dict[DatasetName, SecretText] = {}
    ssh: SshDestination | None = None
    ssh_config: AbsolutePath | None = None
    stop: list[Literal["vm", "app", "iscsi"]] = []

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.ssh is None and (self.access == "ssh" or self.ssh_config is not None):
            raise ValueError("name the NAS as an SSH destination: `ssh: root@nas.example.org`")
        return self


class Exact(BaseModel):
    """Keys of `exact:`: a point consists of at most `chain` streams, the first of them whole and the others of what changed since."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain: Annotated[int, Field(ge=1, le=32)]


class Selector(BaseModel):
    """Keys under `protect:`: a `dataset` (a name, or a pattern with `*`), or the appliance itself with `system: true`.

    `exclude` are patterns of dataset names, `where` user properties that must have a value, `exact` asks for exact streams of ZFS
    instead of files: `true` for a whole one each time, `{chain: 7}` for what changed since, added to earlier ones up to so many in all.
    `snapshot: newest` takes the newest snapshot that a task or a replication made, if it is not older than `at_most`,
    instead of making one. `user_quotas` records what single users and groups may use. The other keys are those of files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: DatasetName | None = None
    recursive: bool = False
    exclude: list[DatasetName] = []
    where: dict[str, str] = {}
    system: bool = False
    exact: bool | Exact = False
    snapshot: Literal["newest"] | None = None
    user_quotas: bool = False
    at_most: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,5}[dhm])+$")] | None = None
    exclude_files: list[str] = []
    exclude_caches: bool = False
    census: Literal["sample", "full"] = "sample"

    @property
    def streams(self) -> int:
        """Of how many exact streams a point consists at most; 0: of none."""
        return self.exact.chain if isinstance(self.exact, Exact) else int(self.exact)

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if self.system == (self.dataset is not None):
            raise ValueError("name a `dataset`, or the appliance itself: `system: true`")
        if (self.snapshot is None) != (self.at_most is None):
            raise ValueError("`snapshot: newest` and `at_most` belong together: say how old it may be, such as `at_most: 26h`")
        if self.system and (
            self.snapshot
            or self.user_quotas
            or self.recursive
            or self.exclude
            or self.where
            or self.exact
            or self.exclude_files
            or self.exclude_caches
        ):
            raise ValueError("`system: true` has no other keys")
        if self.streams > 1 and self.snapshot:
            raise ValueError(
                "a chain keeps the snapshot that it goes on with, which must be drtool's own: write `exact: true`, or leave out `snapshot`"
            )
        if self.exact and (self.exclude_files or self.exclude_caches):
            raise ValueError("an exact stream holds every file: leave out `exact`, or `exclude_files` and `exclude_caches`")
        return self


class Place(BaseModel):
    """Keys under `sandboxes:`: a `dataset` of the NAS below which sandboxes are made, or a `directory` of this host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: DatasetName | None = None
    directory: AbsolutePath | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.dataset is None) == (self.directory is None):
            raise ValueError("name a `dataset` of the NAS, or a `directory` of this host")
        return self


class Check(BaseModel):
    """Keys of `truenas_config:` under `checks:`: none but what it is asked of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str = ""
