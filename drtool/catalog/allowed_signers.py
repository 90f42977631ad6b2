"""The file that tells who may sign for whom, in the format of ssh-keygen(1), ALLOWED SIGNERS."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from drtool.catalog.sshsig import KEY_TYPE, NAMESPACE
from drtool.model.errors import Refused
from drtool.model.evidence import EvidenceRecord

_KEY_TYPE = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+")
HOW_TO_COMPARE = "awk '{print $(NF-1), $NF}' allowed_signers | ssh-keygen -lf -"
"""What shows the fingerprints of lines as `allowed_line` writes them: ssh-keygen alone reads no names before a key."""
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
        if any(fnmatchcase(principal, pattern[1:]) for pattern in self.principals if pattern.startswith("!")):
            return False
        return any(fnmatchcase(principal, pattern) for pattern in self.principals)


def allowed_line(principals: Iterable[str], public_key: str) -> str:
    """Return the line that lets a key sign evidence for some policies."""
    return f'{",".join(principals)} namespaces="{NAMESPACE}" {public_key}'


def read_allowed(text: str) -> Callable[[EvidenceRecord], bool]:
    """Return who may sign what; Refused when no line of the text lets an Ed25519 key sign evidence."""
    lines = [line for number, each in enumerate(text.splitlines(), start=1) if (line := _line(each, number)) is not None]
    if not lines:
        raise Refused("that file lets nobody sign evidence", hint='a line is: NAME namespaces="drtool.evidence" ssh-ed25519 AAAA…')
    return lambda record: any(line.allows(record) for line in lines)


def _line(text: str, number: int) -> _Line | None:
    """Read one line; None when it is about something else (another kind of key, another namespace, an authority)."""
    try:
        words = shlex.split(text, comments=True)
        types = [index for index, word in enumerate(words) if index and _KEY_TYPE.fullmatch(word)]
        if not words or not types or words[types[0]] != KEY_TYPE:
            return None
        options = dict(_option(word) for group in words[1 : types[0]] for word in re.split(r",(?=[a-z-]+(?:=|$))", group))
        public_key = f"{KEY_TYPE} {words[types[0] + 1]}"
        after, before = _instant(options.get("valid-after")), _instant(options.get("valid-before"))
    except (ValueError, IndexError) as error:
        raise Refused(f"line {number} of the allowed signers cannot be read: {error}", hint="man ssh-keygen, ALLOWED SIGNERS") from None
    namespaces = options.get("namespaces")
    if "cert-authority" in options or (namespaces is not None and not any(fnmatchcase(NAMESPACE, each) for each in namespaces.split(","))):
        return None
    return _Line(tuple(words[0].split(",")), public_key, after, before)


def _option(word: str) -> tuple[str, str]:
    name, _equals, value = word.partition("=")
    return name, value


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    digits = text.removesuffix("Z")
    if len(digits) not in _INSTANTS:
        raise ValueError(f"{text} is no instant")
    return datetime.strptime(digits, _INSTANTS[len(digits)]).replace(tzinfo=UTC)
