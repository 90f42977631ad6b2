from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from drtool.model.errors import DrtoolError, Locked, NotFound, Refused, Unavailable

_LONGEST: Final = 300
NO_LOGIN: Final = 401
_FORBIDDEN: Final = 403
_NOT_IMPLEMENTED: Final = 501
BETWEEN: Final = range(595, 600)
"""What the node that was asked says of the one it passed the question on to."""
_GATEWAYS: Final = (502, 503, 504)
_BY_WORDS: Final[tuple[tuple[str, type[DrtoolError], str], ...]] = (
    ("does not exist", NotFound, "look again: it may have been moved to another node, or removed"),
    ("no such", NotFound, "look again: it may have been removed"),
    ("is locked", Locked, "see in the task list of its node what uses it"),
    ("got timeout", Unavailable, "look at the load of its node"),
    ("no quorum", Refused, "bring the other nodes back: without quorum nothing is changed"),
)


class Answered(Protocol):
    """An answer that is no success: its status, the reason in its status line, and what the body says of single parameters."""

    status_code: int
    content: str
    errors: Any


def translate(answer: Answered, *, asked: str, source: str) -> DrtoolError:
    """Return the error of ours that stands for one of Proxmox VE; most of its errors are told in the status line, in words."""
    status, said = answer.status_code, words_of(answer)
    if status == NO_LOGIN:
        return Refused(
            f"{source} does not accept the token: {said}",
            hint="look whether it was removed or has expired (pveum user token list USER), and what `token:` refers to",
            safe="it is not tried again",
        )
    if status == _FORBIDDEN:
        return Refused(f"{source} does not let the token ask for {asked}: {said}", hint=f"what it needs: drtool doctor --grants {source}")
    if status == _NOT_IMPLEMENTED:
        return NotFound(f"{source} does not know {asked}", hint="8.4 and 9 of Proxmox VE are supported")
    if status in BETWEEN or status in _GATEWAYS:
        return Unavailable(f"{source} got no answer to {asked} from the node: {said}", hint="look whether that node is up, and at its load")
    kind, hint = next(((kind, hint) for words, kind, hint in _BY_WORDS if words in said.lower()), (Refused, "look at the log of the node"))
    return kind(f"{source} refused {asked}: {said}", hint=hint)


def words_of(answer: Answered) -> str:
    """Return what an answer says, on one line, bounded, and without anything that a terminal obeys."""
    texts = [str(answer.content or "")]
    if isinstance(answer.errors, Mapping):
        texts += [f"{name}: {text}" for name, text in list(answer.errors.items())[:8] if isinstance(text, str)]
    said = " ".join("; ".join(text.strip() for text in texts if text.strip()).split())
    return "".join(each for each in said if each.isprintable())[:_LONGEST] or f"status {answer.status_code}, and no reason"
