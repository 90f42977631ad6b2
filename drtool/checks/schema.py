from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, computed_field, model_validator

from drtool.checks.units import parse_size
from drtool.model.address import PLACEHOLDER
from drtool.model.ladder import Level
from drtool.model.quantity import parse_duration

_SQLITE_ENDINGS: Final = (".db", ".sqlite", ".sqlite3", ".db3")
_ANYTHING: Final = "\0what no program prints"


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _size(text: str) -> str:
    parse_size(text)
    return text


def _relative(path: str) -> str:
    if path.startswith("/") or "\0" in path or ".." in path.split("/") or posixpath.normpath(path) in ("", "."):
        raise ValueError("must be a path inside what was restored, without a slash in front and without ..")
    return posixpath.normpath(path)


def _relative_or_itself(path: str) -> str:
    return path if path == "." else _relative(path)


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    if re.search(text, "") and re.search(text, _ANYTHING):
        raise ValueError("fits any output, so it asks nothing")
    return text


def _reading(text: str) -> str:
    if not re.match(r"\s*(select|with|values)\b", text, re.IGNORECASE):
        raise ValueError("must begin with select, with or values: a check only reads")
    return text


def _database(text: str) -> str:
    """A file is no database of a server, and connection words would lead away from the sandbox's own."""
    if not text:
        raise ValueError("must be the name of a database")
    if ("/" in text and "://" not in text) or text.lower().endswith(_SQLITE_ENDINGS):
        raise ValueError(f"is the name of a PostgreSQL database, and {text} looks like a file: for SQLite write `sqlite: {text}`")
    if "://" in text or "=" in text:
        raise ValueError("must be the name of a database alone: the server is the sandbox's own, or the source's environment names it")
    return text


def _placeholder(host: str) -> None:
    """There is one placeholder, and it is the whole host: what is left of a misspelt one would be asked for as a name."""
    if {"{", "}"} & {*host} and host != PLACEHOLDER:
        raise ValueError(f"has a placeholder that nobody fills in: {PLACEHOLDER} stands for the whole host, and there is no other")


def _address(text: str) -> str:
    if "://" in text:
        raise ValueError(f"must be host:port; for a web address write `http: {{url: {text}}}`")
    host, colon, port = text.rpartition(":")
    _placeholder(host)
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004 - the ports there are
        raise ValueError("must be host:port")
    return text


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:  # `port` itself raises for one out of range
        nearest = f": did you mean http://{text}?" if text and "://" not in text else ""
        raise ValueError(f"must begin with http:// or https:// and name a host{nearest}")
    host = parts.netloc.removesuffix(f":{parts.port}")
    _placeholder(host)
    if text.count(PLACEHOLDER) > (host == PLACEHOLDER):
        raise ValueError(f"has {PLACEHOLDER} where nobody fills it in: it stands for the whole host, once")
    return text


Duration = Annotated[str, AfterValidator(_duration)]
Size = Annotated[str, AfterValidator(_size)]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated property
    @property
    def level(self) -> str:
        """How high on the ladder a right answer takes what was asked."""
        return self._level()

    def _level(self) -> Level:
        return Level.ANSWERS


class Files(_Keys):
    """Keys of `files:`; ages are counted back from the point's instant."""

    at_least: int | None = Field(default=None, ge=1)
    at_most: int | None = Field(default=None, ge=0)
    newest_within: Duration | None = None
    contains: list[Annotated[str, AfterValidator(_relative)]] = []
    bytes_at_least: Size | None = None

    def _level(self) -> Level:
        return Level.RIGHT if self.newest_within is not None or self.contains else Level.COMPLETE


class Census(_Keys):
    """Keys of `census:`: none."""

    def _level(self) -> Level:
        return Level.COMPLETE


class Command(_Keys):
    """Keys of `command:`; `expect_output` is a regular expression searched in the standard output."""

    run: list[str] = Field(min_length=1)
    expect_exit: int = 0
    expect_output: Annotated[str, AfterValidator(_expression)] | None = None
    timeout: Duration | None = None

    def _level(self) -> Level:
        return Level.ANSWERS if self.expect_output is None else Level.RIGHT


class Tcp(_Keys):
    """Keys of `tcp:`."""

    address: Annotated[str, AfterValidator(_address)]
    timeout: Duration | None = None


class Expect(BaseModel):
    """What an answer must be; `body` must occur in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int = Field(default=200, ge=100, le=599)
    body: str | None = Field(default=None, min_length=1)


class Http(_Keys):
    """Keys of `http:`; redirections are not followed."""

    url: Annotated[str, AfterValidator(_web_address)]
    expect: Expect = Expect()
    timeout: Duration | None = None

    def _level(self) -> Level:
        return Level.ANSWERS if self.expect.body is None else Level.RIGHT


class Canary(_Keys):
    """Keys of `canary:`: none; it is asked by itself of whatever a canary was planted in."""

    def _level(self) -> Level:
        return Level.COMPLETE


class Archive(_Keys):
    """Keys of `archive:`; without `path` what was restored is itself the archive."""

    path: Annotated[str, AfterValidator(_relative)] | None = None
    timeout: Duration | None = None

    def _level(self) -> Level:
        return Level.OPENS


class SqlExpect(BaseModel):
    """What the first value of the first row must be: a number at least, a text exactly, or an instant within a time before the point."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_least: int | float | None = None
    equals: str | int | float | None = None
    within: Duration | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [self.at_least, self.equals, self.within].count(None) != 2:  # noqa: PLR2004 - of three
            raise ValueError("name one of at_least, equals and within")
        return self


class Sql(_Keys):
    """Keys of `sql:`: an SQLite file (`sqlite`, relative to what was restored, `.`: itself) or a database of the sandbox's PostgreSQL."""

    sqlite: Annotated[str, AfterValidator(_relative_or_itself)] | None = None
    database: Annotated[str, AfterValidator(_database)] | None = None
    integrity: bool = True
    query: Annotated[str, AfterValidator(_reading)] | None = None
    expect: SqlExpect | None = None
    timeout: Duration | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.sqlite is None) == (self.database is None):
            raise ValueError("name either `sqlite` or `database`")
        if self.expect is not None and self.query is None:
            raise ValueError("`expect` needs a `query`")
        return self

    def _level(self) -> Level:
        if self.expect is not None:
            return Level.RIGHT
        return Level.OPENS if self.query is None else Level.ANSWERS


CHECKS: Final[Mapping[str, type[BaseModel]]] = {
    "files": Files,
    "census": Census,
    "canary": Canary,
    "archive": Archive,
    "sql": Sql,
    "command": Command,
    "tcp": Tcp,
    "http": Http,
}
"""The keys of every kind of check."""
