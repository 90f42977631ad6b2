from __future__ import annotations

import contextlib
import ipaddress
import posixpath
import re
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drtool.model.secret import parse_reference

_FORM: Final = "must be written like https://pve1.example.org:8006"
_HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}")


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(_FORM) from None
    if parts.scheme != "https":
        raise ValueError("must begin with https://")
    host = parts.hostname or ""
    if not _is_host(host) or parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ValueError(f"{_FORM}, with nothing behind the port")
    host = f"[{host}]" if ":" in host else host
    return f"https://{host}:{port or 8006}"


def _is_host(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.IPv6Address(host))
    return _HOST.fullmatch(host) is not None


def _token(text: str) -> str:
    if parse_reference(text) is None:
        raise ValueError("must be the reference of a secret, such as credential:pve")
    return text


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise ValueError("must be an absolute path without ..")
    return "/" + posixpath.normpath(path).lstrip("/")


def _fingerprint(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise ValueError("must be a SHA-256 fingerprint, 32 pairs of hexadecimal digits with colons between them")
    return text.upper()


Url = Annotated[str, AfterValidator(_url)]


class Settings(BaseModel):
    """Keys of `proxmox:` under `sources:`.

    `url` is a node of the cluster, `further_urls` are others, asked in that order where one does not answer. `token` is the reference of an
    API token as `USER@REALM!NAME=SECRET`. `ca` is a PEM file with the authority that signed the nodes' certificates; `fingerprint` is the
    SHA-256 fingerprint of the one certificate that is accepted, whatever name it carries. Without either the system's authorities count.
    `staging` is where on this machine its configuration lies while it is stored, in a private directory.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url
    token: Annotated[str, AfterValidator(_token)]
    further_urls: Annotated[list[Url], Field(max_length=31)] = []
    ca: Annotated[str, AfterValidator(_absolute)] | None = None
    fingerprint: Annotated[str, AfterValidator(_fingerprint)] | None = None
    staging: Annotated[str, AfterValidator(_absolute)] = "/run/drtool"

    @model_validator(mode="after")
    def _one_trust(self) -> Self:
        if self.fingerprint is not None and self.ca is not None:
            raise ValueError("`ca` and `fingerprint` are two ways to trust a certificate: keep one of them")
        if self.fingerprint is not None and self.further_urls:
            raise ValueError("each node has a certificate of its own: give `ca` instead, a copy of /etc/pve/pve-root-ca.pem")
        if len({self.url, *self.further_urls}) != 1 + len(self.further_urls):
            raise ValueError("one node is named twice")
        return self


class Selector(BaseModel):
    """Keys under `protect:`: the cluster's own configuration, `system: true`, and nothing else; guests are not stored by this release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: Literal[True]

    @model_validator(mode="before")
    @classmethod
    def _no_guests(cls, given: Any) -> Any:  # noqa: ANN401 - whatever was written
        if isinstance(given, dict) and given.keys() != {"system"}:
            raise ValueError(
                "guests of Proxmox are not stored by this release: write `system: true` for the cluster's own configuration, and keep "
                "the platform's backup jobs for them"
            )
        return given


class Place(BaseModel):
    """Keys under `sandboxes:`: a `directory` of this host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Annotated[str, AfterValidator(_absolute)]


class Check(BaseModel):
    """Keys of `proxmox_config:` under `checks:`: none but what it is asked of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str = ""
