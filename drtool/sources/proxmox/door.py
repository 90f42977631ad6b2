"""The door: what a platform answers is believed where it has the shape that was asked for, and nothing longer than it may be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from drtool.model import bounds
from drtool.model.errors import Refused

MOST_ROWS: Final = 100_000
_NODE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_FIRST_ID, _LAST_ID = 100, 999_999_999
_TRUE: Final = ("1", "on", "yes", "true")


def rows(answer: Any, what: str, source: str) -> list[Any]:  # noqa: ANN401 - JSON as it came
    """Return a list as it came; Refused for what is none."""
    if not isinstance(answer, list) or len(answer) > MOST_ROWS:
        raise _no_answer(what, source)
    return answer


def mappings(answer: Any, what: str, source: str) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - likewise
    """Yield the entries of a list; Refused where one is no entry."""
    for row in rows(answer, what, source):
        yield mapping(row, what, source)


def mapping(answer: Any, what: str, source: str) -> Mapping[str, Any]:  # noqa: ANN401 - likewise
    """Return an answer that has names; Refused for what is none."""
    if not isinstance(answer, dict) or len(answer) > MOST_ROWS:
        raise _no_answer(what, source)
    return answer


def node(value: Any) -> str:  # noqa: ANN401 - likewise
    """Return the name of a node, which goes into paths; empty for what is none."""
    return value if isinstance(value, str) and _NODE.fullmatch(value) else ""


def guest_id(value: Any) -> int:  # noqa: ANN401 - likewise
    """Return the number of a guest, which goes into paths; 0 for what is none."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    number = int(text) if re.fullmatch(r"[1-9][0-9]{2,8}", text) else 0
    return number if _FIRST_ID <= number <= _LAST_ID else 0


def line(value: Any) -> str:  # noqa: ANN401 - likewise
    """Return text that is shown on one line; what is not, or is too long, is spelled out and cut."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text if len(text) <= bounds.NAME_CHARACTERS and bounds.is_one_line(text) else bounds.shown(text)


def is_on(value: Any) -> bool:  # noqa: ANN401 - likewise
    """Tell whether a switch is on; Proxmox VE writes it as a number, a word or a truth."""
    return value is True or str(value).lower() in _TRUE


def _no_answer(what: str, source: str) -> Refused:
    return Refused(
        f"{source} answered {what} with something else",
        hint="look whether a node of Proxmox VE is at that address, of a release that docs/platforms/proxmox.md names",
    )
