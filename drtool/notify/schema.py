from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from drtool.model.outcome import Outcome
from drtool.model.quantity import DURATION_PATTERN, parse_duration
from drtool.model.secret import parse_reference

Outcomes = Literal["succeeded", "objective_missed", "partial", "refused", "interrupted", "failed", "data_wrong"]
NOT_GOOD: Final[tuple[Outcomes, ...]] = tuple(each.value for each in Outcome if each is not Outcome.SUCCEEDED)  # type: ignore[misc]
_SECONDS: Final = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 120}, {"type": "string", "pattern": DURATION_PATTERN}]}
_ADDRESS: Final = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def _web(text: str) -> str:
    """An address, or a reference to one: who knows the address of a check can silence it."""
    if parse_reference(text) is not None:
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a host, or refer to a secret such as credential:name")
    if parts.username or parts.password:
        raise ValueError("holds a user or password: refer to the whole address as a secret, such as credential:name")
    return text


def _reference(text: str) -> str:
    if parse_reference(text) is None:
        raise ValueError("must be a reference to a secret: env:NAME, file:/path, credential:name or command:program arguments")
    return text


def _mail(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("must be an e-mail address such as you@example.org")
    return text


Web = Annotated[str, AfterValidator(_web)]
Reference = Annotated[str, AfterValidator(_reference)]
Mail = Annotated[str, AfterValidator(_mail)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


def _whole_seconds(value: object) -> object:
    return int(parse_duration(value).total_seconds()) if isinstance(value, str) else value


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    timeout_seconds: Annotated[int, BeforeValidator(_whole_seconds), WithJsonSchema(_SECONDS), Field(alias="timeout", ge=1, le=120)] = 20
    """A duration such as `20s`, or a bare number of seconds."""


class _Chosen(_Keys):
    on: tuple[Outcomes, ...] = Field(default=NOT_GOOD, min_length=1)
    """Which outcomes are told; whoever was told of a failure is told once that it is over."""


class Healthchecks(_Keys):
    """Pings by the protocol of Healthchecks: start, success, fail and log, with a run id.

    `{set}` in the address makes a check for each subject.
    """

    url: Web


class Webhook(_Chosen):
    """One JSON document by POST."""

    url: Web
    headers: Mapping[Word, Word] = Field(default_factory=dict)
    """Values may refer to secrets."""


class Ntfy(_Chosen):
    """A push message by ntfy."""

    url: Web = "https://ntfy.sh"
    topic: Word
    token: Reference | None = None


class Email(_Chosen):
    """A letter by SMTP, never in clear but to this machine."""

    server: Word
    """`host:port`; 465 speaks TLS at once, any other port by STARTTLS."""
    sender: Annotated[Mail, Field(alias="from")]
    to: tuple[Mail, ...] = Field(min_length=1)
    user: Word | None = None
    password: Reference | None = None

    @model_validator(mode="after")
    def _whole(self) -> Email:
        host, colon, port = self.server.rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004 - the ports there are
            raise ValueError("`server` must be host:port, such as mail.example.org:465")
        if (self.user is None) != (self.password is None):
            raise ValueError("`user` and `password` belong together")
        return self


class Apprise(_Chosen):
    """Whatever the library apprise can reach."""

    urls: tuple[Reference, ...] = Field(min_length=1)


class Metrics(BaseModel):
    """Numbers for the textfile collector of Prometheus' node exporter."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    directory: Word

    @model_validator(mode="after")
    def _absolute(self) -> Metrics:
        if not self.directory.startswith("/"):
            raise ValueError("`directory` must be a full path, such as /var/lib/prometheus/node-exporter")
        return self


NOTIFIERS: Final[Mapping[str, type[BaseModel]]] = {
    "healthchecks": Healthchecks,
    "webhook": Webhook,
    "ntfy": Ntfy,
    "email": Email,
    "apprise": Apprise,
    "metrics": Metrics,
}
