"""Negative control: the faults a drill injects on purpose, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What is broken on purpose; each must turn a check red."""

    FLIPPED_BYTE = "flipped byte"
    """One byte of one restored file."""
    MISSING_FILE = "missing file"
    """One restored file is taken away."""
    OLDER_POINT = "older point"
    """What was restored is held against another, older point."""
    WRONG_KEY = "wrong key"
    """The repository is opened with a password that is not its own."""
    STOPPED_SERVICE = "stopped service"
    """A check is sent to where nothing answers."""
    WRONG_ANSWER = "wrong answer"
    """A check expects what the restored thing does not say."""


IN_FILES = frozenset({Fault.FLIPPED_BYTE, Fault.MISSING_FILE})
IN_QUESTIONS = frozenset({Fault.STOPPED_SERVICE, Fault.WRONG_ANSWER})


@dataclass(frozen=True, slots=True)
class Controlled:
    """What became of one fault: `what` was done in words, which checks went `red`, and which should have and did not (`blind`).

    `detected` is None when the fault could not be injected, with the reason in `what`: it counts neither way.
    """

    fault: Fault
    detected: bool | None
    what: str
    red: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()


def is_hollow(controls: Sequence[Controlled]) -> bool:
    """Tell whether a control shows nothing of any check: no fault could be injected but the one at the door."""
    return bool(controls) and all(each.detected is None or each.fault is Fault.WRONG_KEY for each in controls)
