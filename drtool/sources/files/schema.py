from __future__ import annotations

import posixpath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from drtool.model.location import ssh_problem
from drtool.sources.files.patterns import pattern_problem, unmatched


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"must be an absolute path, such as /{path}")
    if "\0" in path or ".." in path.split("/"):
        raise ValueError("must be written without ..")
    return "/" + posixpath.normpath(path).lstrip("/")


def _destination(host: str) -> str:
    wrong = ssh_problem(host)
    if wrong:
        raise ValueError(wrong)
    return host


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
SshDestination = Annotated[str, AfterValidator(_destination)]


def _pattern(pattern: str) -> str:
    problem = pattern_problem(pattern)
    if problem:
        raise ValueError(problem)
    return pattern


class Settings(BaseModel):
    """Keys of `files:` under `sources:`; empty: this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ssh: SshDestination | None = None
    ssh_config: AbsolutePath | None = None


class Selector(BaseModel):
    """Keys under `protect:`; the patterns are the repository program's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: list[AbsolutePath] = Field(min_length=1)
    exclude: list[Annotated[str, AfterValidator(_pattern)]] = []
    exclude_if_present: list[Annotated[str, Field(min_length=1)]] = []
    exclude_caches: bool = False
    one_file_system: bool = False
    census: Literal["sample", "full"] = "sample"
    canary: bool = False

    @field_validator("exclude")
    @classmethod
    def _may_match(cls, patterns: list[str], info: ValidationInfo) -> list[str]:
        problem = unmatched(patterns, info.data.get("paths", ["/"]))
        if problem:
            raise ValueError(problem)
        return patterns


class Place(BaseModel):
    """Keys under `sandboxes:`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: AbsolutePath
