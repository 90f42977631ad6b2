from __future__ import annotations

import posixpath
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drtool.model.quantity import parse_duration
from drtool.sources.stream.pour import LONGEST

SCRATCH: Final = "/var/tmp"  # noqa: S108 - what is made in it is private, and nobody else may rename it


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"must be an absolute path, such as /{path}")
    if "\0" in path or ".." in path.split("/"):
        raise ValueError("must be written without ..")
    return "/" + posixpath.normpath(path).lstrip("/")


def _duration(text: str) -> str:
    parse_duration(text)
    return text


CommandLine = Annotated[list[str], Field(min_length=1)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Settings(BaseModel):
    """Keys of `stream:` under `sources:`; a value of `environment` is a text or a secret's reference.

    `timeout` is how long one of its commands may take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: CommandLine
    restore: CommandLine | None = None
    sandbox: CommandLine | None = None
    environment: dict[VariableName, str] = {}
    timeout: Annotated[str, AfterValidator(_duration)] = LONGEST


class Selector(BaseModel):
    """Keys under `protect:`: none, a stream is one workload."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PostgreSql(BaseModel):
    """Keys of `postgresql:` in a sandbox: which major version, else the newest that is installed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=10, le=99)] | None = None


class Place(BaseModel):
    """Keys under `sandboxes:`; the sandbox command sees this environment and never the source's.

    With `postgresql` a scratch server is started in it, and `directory` may be left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Annotated[str, AfterValidator(_absolute)] = SCRATCH
    environment: dict[VariableName, str] = {}
    postgresql: PostgreSql | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if "directory" not in self.model_fields_set and self.postgresql is None:
            raise ValueError("name a `directory`, or start a server: `postgresql: {}`")
        return self
