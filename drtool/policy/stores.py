"""Rules about repositories: what is one place, and what opens two of them at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from drtool.model.location import BUCKETS, REST_LOGIN, Location, LocationError, parse_location

if TYPE_CHECKING:
    from drtool.policy.document import Document, Path


def same_credentials(document: Document, origin: str, target: str, path: Path) -> None:
    """Note a copy between two stores for which restic would need two sets of credentials at once."""
    if origin == target:
        return
    schemes = [document.text("repositories", name, "restic").partition(":")[0] for name in (origin, target)]
    first, second = (_credentials_of(document.mapping("repositories", name, "environment")) for name in (origin, target))
    same_store = schemes[0] == schemes[1] and schemes[0] in _STORES
    if same_store and first != second:
        message = f"`{origin}` and `{target}` are both {schemes[0]} and have different credentials: restic copies with one set of them"
        document.complain(path, message, "give both the same credentials, or reach one of them by another scheme")


_STORES = frozenset({"s3", *BUCKETS})
"""Whose credentials restic takes by names of which there is one each; those of a rest-server are told with each address."""


def _credentials_of(environment: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in environment.items() if "REGION" not in key}


def one_repository_twice(document: Document) -> None:
    """Note two names for one place: a copy there protects from nothing."""
    first: dict[tuple[str, ...], str] = {}
    for name in document.mapping("repositories"):
        try:
            place = _place(parse_location(document.text("repositories", name, "restic")))
        except LocationError:  # told where the address is read
            continue
        if place in first:
            message = f"this is the same place as repository `{first[place]}`"
            document.complain(("repositories", name, "restic"), message, "two names for one repository are no copy")
        first.setdefault(place, name)


def _place(location: Location) -> tuple[str, ...]:
    """Return what two spellings of one place have in common; of a folder of this machine that is where its links lead."""
    return (location.scheme, os.path.realpath(location.path)) if location.scheme == "path" else location.place


def whole_logins(document: Document) -> None:
    """Note a user of a REST server without a password, or a password without a user."""
    for name in document.mapping("repositories"):
        given = document.mapping("repositories", name, "environment")
        told = [variable for variable in REST_LOGIN if variable in given]
        if document.text("repositories", name, "restic").startswith("rest:") and len(told) == 1:
            missing = next(variable for variable in REST_LOGIN if variable not in given)
            message = f"{told[0]} is here, and {missing} is not: a REST server wants both or neither"
            document.complain(("repositories", name, "environment"), message, f"add {missing}")


def locked_on_s3_only(document: Document) -> None:
    """Note a promise of locks where nothing can lock, and credentials for it that are those of every run."""
    for name in document.mapping("repositories"):
        body = document.mapping("repositories", name)
        if "immutable" not in body:
            continue
        if not document.text("repositories", name, "restic").startswith("s3:"):
            message = "only a bucket has Object Lock, and this repository is not on s3:"
            document.complain(
                ("repositories", name, "immutable"), message, "take it out, or let the repository lie in a bucket", at_key=True
            )
        own, auditor = (document.mapping("repositories", name, *path, "environment") for path in ((), ("immutable",)))
        if _SECRET_KEY in auditor and _credentials_of(auditor) == _credentials_of(own):
            path = ("repositories", name, "immutable", "environment")
            document.complain(path, "these are the credentials of every run", "give others, or leave `environment:` out here")


_SECRET_KEY: Final = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - a name


def slips_in_names(document: Document) -> None:
    """Note a name under `environment:` that is all but one that restic or rclone reads: nothing would read it, and nothing say so."""
    places = [("repositories", name, *path, "environment") for name in document.mapping("repositories") for path in ((), ("immutable",))]
    for place in places:
        for variable in document.mapping(*place):
            meant = _meant(str(variable))
            if meant is not None:
                path = (*place, variable)
                document.complain(path, f"nothing reads {variable}", f"did you mean `{meant}`?", at_key=True)


def _meant(variable: str) -> str | None:
    """Return the name that was meant where a word of this one is none that any of those has: what is made of such words may be read."""
    words = {word for name in _READ for word in name.split("_")}
    if variable in _READ or (variable.upper() not in _READ and words.issuperset(variable.split("_"))):
        return None
    import difflib  # noqa: PLC0415 - only a name that is not among these needs it

    return next(iter(difflib.get_close_matches(variable.upper(), _READ, n=1, cutoff=_ALL_BUT)), None)


_ALL_BUT: Final = 0.9
"""How like a known name one must be to be a slip: many other names are read by the libraries below restic."""
_READ: Final = (
    *REST_LOGIN,
    *("AWS_ACCESS_KEY", "AWS_SECRET_KEY", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"),
    *(
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
        "B2_ACCOUNT_ID",
        "B2_ACCOUNT_KEY",
        "RCLONE_CONFIG",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ),
    *("AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_SAS", "AZURE_ENDPOINT_SUFFIX", "AZURE_FORCE_CLI_CREDENTIAL"),
    *("GOOGLE_PROJECT_ID", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_ACCESS_TOKEN", "ST_AUTH", "ST_USER", "ST_KEY"),
    *("OS_AUTH_URL", "OS_REGION_NAME", "OS_USERNAME", "OS_USER_ID", "OS_PASSWORD", "OS_TENANT_ID", "OS_TENANT_NAME", "OS_PROJECT_NAME"),
    *("OS_USER_DOMAIN_NAME", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME", "OS_PROJECT_DOMAIN_ID", "OS_TRUST_ID", "OS_STORAGE_URL"),
    *("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME", "OS_APPLICATION_CREDENTIAL_SECRET", "OS_AUTH_TOKEN"),
)
"""As restic's manual names them (Environment Variables), and what its library for S3 takes besides (minio-go: credentials)."""
