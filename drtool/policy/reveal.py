from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from drtool.model.secret import SecretReference, parse_reference

if TYPE_CHECKING:
    from drtool.policy.document import Document, Path

_HINT = "a secret is a reference: env:NAME, file:/path, credential:name or command:program arguments"
_NAMES_A_SECRET = re.compile(r"KEY|SECRET|PASSWORD|PASSPHRASE|PASSWD|TOKEN|_PWD$|(?:^|_)(?:PASS|SAS)(?:_|$)", re.IGNORECASE)
_NAMES_A_FILE = frozenset(
    {"RCLONE_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "SSL_CERT_FILE", "RESTIC_CACERT"}
)
"""What programs open by its path: what is in the file, told in its place, is printed as the name of a file that is not there."""
_SPELLS_A_SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"
)


def reveal(document: Document) -> None:
    """Note every secret that stands in a policy in clear: by the name it is given, or by the look of its value; never its value."""
    _walk(document, (), document.data)


def _walk(document: Document, path: Path, value: Any) -> None:  # noqa: ANN401
    if isinstance(value, dict):
        for key, item in value.items():
            _walk(document, (*path, key), item)
            if path and path[-1] == "environment":
                _variable(document, (*path, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(document, (*path, index), item)
    elif isinstance(value, str):
        reference = parse_reference(value)
        if reference is None and _SPELLS_A_SECRET.search(value):
            document.complain(path, "this looks like a secret in clear", _HINT)
        if reference is not None and path[0] == "notify":  # elsewhere the schemas read references, and what a set asks may begin like one
            _reference(document, path, reference)


def _variable(document: Document, path: Path, value: Any) -> None:  # noqa: ANN401
    if not isinstance(value, str):
        return
    reference = parse_reference(value)
    if path[-1] in _NAMES_A_FILE and not value.startswith(("/", "env:")):
        document.complain(path, f"`{path[-1]}` is the path of a file, and no secret", "write its absolute path as it is: /etc/drtool/…")
    elif reference is not None:
        _reference(document, path, reference)
    elif _NAMES_A_SECRET.search(str(path[-1])):
        document.complain(path, f"`{path[-1]}` names a secret: it must be a reference", _HINT)
    elif _is_random(value):
        document.complain(path, "this looks like a secret in clear", _HINT)


def _reference(document: Document, path: Path, reference: SecretReference) -> None:
    from drtool.policy.values import reference_problem  # noqa: PLC0415 - heavy

    wrong = reference_problem(reference)
    if wrong:
        document.complain(path, wrong, _HINT)


def _is_random(value: str) -> bool:
    """Tell whether a value is a long word of mixed letters and digits, as only generated secrets are."""
    if not re.fullmatch(r"[A-Za-z0-9+=_-]{24,}|[A-Za-z0-9+/=_-]{40}", value) or value.startswith("/"):
        return False
    return all(re.search(pattern, value) for pattern in (r"[a-z]", r"[A-Z]", r"[0-9]")) or bool(re.fullmatch(r"[0-9a-f]{32,}", value))
