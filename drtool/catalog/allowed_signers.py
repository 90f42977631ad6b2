"""The file that tells who may sign for whom, in the format of ssh-keygen(1), ALLOWED SIGNERS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from drtool.catalog.sshsig import KEY_TYPE, NAMESPACE
from drtool.model.errors import Refused
from drtool.model.evidence import EvidenceRecord

_OPTION = re.compile(r'(?P<name>[A-Za-z-]+)(?:="(?P<value>[^"]*)")?(?:,|$)')
_ENTRY = re.compile(
    r'\s*(?P<who>"[^"]*"|[^\s"]+)\s+(?:(?P<options>[A-Za-z-]+(?:="[^"]*")?(?:,[A-Za-z-]+(?:="[^"]*")?)*)\s+)?'
    r"(?P<type>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+)\s+(?P<key>\S+)(?:\s.*)?"
)
HOW_TO_COMPARE = "awk '{print $(NF-1), $NF}' allowed_signers | ssh-keygen -lf -"
"""What shows the fingerprints of lines as `allowed_line` writes them: ssh-keygen alone reads no names before a key."""
_OPTIONS = frozenset({"namespaces", "valid-after", "valid-before"})
_INSTANTS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


@dataclass(frozen=True, slots=True)
class _Line:
    principals: tuple[str, ...]
    public_key: str
    after: datetime | None
    before: datetime | None

    def allows(self, record: EvidenceRecord) -> bool:
        """Tell whether this line lets the record's key sign for its policy when the record ended."""
        early = self.after is not None and record.ended < self.after
        late = self.before is not None and record.ended > self.before
        return self.public_key == record.public_key and not early and not late and self._names(record.by)

    def _names(self, principal: str) -> bool:
        if any(_fits(principal, pattern[1:]) for pattern in self.principals if pattern.startswith("!")):
            return False
        return any(_fits(principal, pattern) for pattern in self.principals)


def _fits(name: str, pattern: str) -> bool:
    """Tell whether a name fits a pattern, in which OpenSSH knows `*` and `?` alone."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def allowed_line(principals: Iterable[str], public_key: str) -> str:
    """Return the line that lets a key sign evidence for some policies."""
    return f'{",".join(principals)} namespaces="{NAMESPACE}" {public_key}'


def read_allowed(text: str) -> Callable[[EvidenceRecord], bool]:
    """Return who may sign what; Refused when no line of the text lets an Ed25519 key sign evidence."""
    lines = [line for number, each in enumerate(text.split("\n"), start=1) if (line := _line(each, number)) is not None]
    if not lines:
        raise Refused("that file lets nobody sign evidence", hint='a line is: NAME namespaces="drtool.evidence" ssh-ed25519 AAAA…')
    return lambda record: any(line.allows(record) for line in lines)


def _line(text: str, number: int) -> _Line | None:
    """Read one line; None when it is about something else (another kind of key, another namespace, an authority, an unknown option)."""
    if KEY_TYPE not in text or text.lstrip().startswith("#"):
        return None
    if (found := _ENTRY.fullmatch(text)) is None:
        raise _unreadable(number, "it is not NAME, options without spaces between them, and a key")
    if found["type"] != KEY_TYPE:
        return None
    try:
        options = {each["name"].lower(): each["value"] for each in _OPTION.finditer(found["options"] or "")}
        after, before = _instant(options.get("valid-after")), _instant(options.get("valid-before"))
    except ValueError as error:
        raise _unreadable(number, str(error)) from None
    namespaces = options.get("namespaces")
    if not options.keys() <= _OPTIONS or (namespaces is not None and not any(_fits(NAMESPACE, each) for each in namespaces.split(","))):
        return None
    return _Line(tuple(found["who"].strip('"').split(",")), f"{KEY_TYPE} {found['key']}", after, before)


def _unreadable(number: int, why: str) -> Refused:
    return Refused(f"line {number} of the allowed signers cannot be read: {why}", hint="man ssh-keygen, ALLOWED SIGNERS")


def _instant(text: str | None) -> datetime | None:
    """Read an instant; in the time zone of this machine, as ssh-keygen does, unless it says otherwise."""
    if text is None:
        return None
    digits = text.removesuffix("Z")
    if len(digits) not in _INSTANTS:
        raise ValueError(f"{text} is no instant")
    found = datetime.strptime(digits, _INSTANTS[len(digits)])  # noqa: DTZ007 - of this machine's zone
    return found.replace(tzinfo=UTC) if text.endswith("Z") else found.astimezone(UTC)
