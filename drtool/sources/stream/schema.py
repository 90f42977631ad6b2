from __future__ import annotations

import posixpath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"must be an absolute path, such as /{path}")
    if "\0" in path or ".." in path.split("/"):
        raise ValueError("must be written without ..")
    return "/" + posixpath.normpath(path).lstrip("/")


CommandLine = Annotated[list[str], Field(min_length=1)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Settings(BaseModel):
    """Keys of `stream:` under `sources:`; a value of `environment` is a text or a secret's reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: CommandLine
    restore: CommandLine | None = None
    sandbox: CommandLine | None = None
    environment: dict[VariableName, str] = {}


class Selector(BaseModel):
    """Keys under `protect:`: none, a stream is one workload."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(BaseModel):
    """Keys under `sandboxes:`; the sandbox command sees this environment and never the source's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Annotated[str, AfterValidator(_absolute)]
    environment: dict[VariableName, str] = {}
