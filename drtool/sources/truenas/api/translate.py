from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any, Final

from drtool.model.errors import Conflict, DrtoolError, Locked, NotFound, Refused, Unavailable

METHOD_MISSING: Final = -32601
TOO_MANY: Final = -32000
_LONGEST: Final = 400

_ROLES: Final = "docs/platforms/truenas.md lists the role that each verb needs; drtool doctor tells which is missing"
_BY_NUMBER: Final[Mapping[int, tuple[type[DrtoolError], str]]] = {
    errno.ENOENT: (NotFound, "look whether it was renamed or destroyed on the NAS"),
    errno.EEXIST: (Conflict, "look at what is there on the NAS"),
    errno.EBUSY: (Locked, "see on the NAS what uses it"),
    errno.EACCES: (Refused, _ROLES),
    errno.EPERM: (Refused, _ROLES),
    errno.ENOSPC: (Refused, "free space in that pool"),
    errno.EDQUOT: (Refused, "raise the quota of that dataset, or free space in it"),
    errno.ENOTEMPTY: (Refused, "look what else is in it on the NAS"),
    errno.EINTR: (Unavailable, ""),
    errno.ETIMEDOUT: (Unavailable, ""),
    errno.ECONNRESET: (Unavailable, ""),
    201: (NotFound, "this version of TrueNAS lacks the method; 25.04 and later are supported"),
    205: (Refused, "unlock the dataset on the NAS"),
    207: (Unavailable, ""),
    209: (Refused, "restart the NAS"),
    210: (Unavailable, ""),
}

_SAYS_NOTHING: Final = (0, errno.EINVAL, errno.EFAULT)
_BY_WORDS: Final = (
    ("dependent clones", errno.EBUSY),
    ("is busy", errno.EBUSY),
    ("has children", errno.ENOTEMPTY),
    ("already exists", errno.EEXIST),
    ("does not exist", errno.ENOENT),
    ("not found", errno.ENOENT),
    ("out of space", errno.ENOSPC),
    ("quota exceeded", errno.EDQUOT),
)
"""Where the NAS gives a number that means nothing, the words of ZFS tell."""


def translate(error: Mapping[str, Any], *, method: str, source: str) -> DrtoolError:
    """Return the error of ours that stands for one of the NAS.

    A validation error hides its number in `extra`; the first one there that is not EINVAL counts.
    """
    code = error.get("code")
    if code == TOO_MANY:
        return Unavailable(f"{source} has too much to do", hint="try again later")
    if code == METHOD_MISSING:
        return NotFound(f"{source} does not know {method}", hint="TrueNAS 25.04 and later are supported")
    data = error.get("data")
    data = data if isinstance(data, Mapping) else {}
    number, reason = _number(data), _reason(data, error)
    if "MatchNotFound" in reason:
        return NotFound(f"{source}: {method} found nothing")
    if number == errno.EBUSY and "rate limit" in reason.lower():
        return Unavailable(f"{source} limits how often it is asked", hint="wait a minute and try again")
    number = next((told for words, told in _BY_WORDS if words in reason), number) if number in _SAYS_NOTHING else number
    kind, hint = _BY_NUMBER.get(number, (Refused, "look at the audit log and the jobs of the NAS"))
    return kind(f"{source} refused {method}: {reason}", hint=hint)


def _number(data: Mapping[str, Any]) -> int:
    number = data.get("error")
    extra = data.get("extra")
    if number == errno.EINVAL and isinstance(extra, list):
        for item in extra:
            if isinstance(item, list) and len(item) > 2 and isinstance(item[2], int) and item[2] != errno.EINVAL:  # noqa: PLR2004 - [field, words, number]
                return item[2]
    return number if isinstance(number, int) else 0


def _reason(data: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    said = next((told for told in (data.get("reason"), error.get("message")) if isinstance(told, str) and told), "no reason given")
    return " ".join(said.split())[:_LONGEST]
