from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from drtool.model.metric import Metric
from drtool.model.outcome import Outcome

SIGNAL_FORMAT = "drtool.signal/1"
RPO = "rpo"
"""The subject of the promises of all sets together: a set that never ran ends nothing, and is seen by this one alone."""
UNTOLD = "not told: "
"""So begins what a report says of somebody who could not be told."""
EACH_SUBJECT = "{set}"
"""Stands in an address for the name of a subject, so that each is told at one of its own."""


class SignalKind(StrEnum):
    """What a signal says of its subject."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"
    LOG = "log"
    """Nothing went wrong and nothing was done: the time was not right."""
    STATE = "state"
    """How everything stands, in numbers."""
    TEST = "test"
    """Nothing happened: somebody wants to know whether this arrives."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """On which occasion something is told: whose policy, on which machine, in which run, when."""

    policy: str
    machine: str
    run: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that somebody may want to be told: of a set, a drill, a repository, or of the promises of all sets together."""

    kind: SignalKind
    subject: str
    """The name of the set, drill or repository; `rpo` for the promises of all sets."""
    verb: str
    occasion: Occasion
    outcome: str = ""
    text: str = ""
    """What happened, in lines for a person."""
    next: str = ""
    """What to type next."""
    recovered: bool = False
    """What was not good is over: so it was heard last, or, where nobody knows what was heard, so the last attempt ended."""
    repeated: bool = False
    """The same was heard before, and nothing has changed since."""
    stands: str = ""
    """How it stands, in words that stay the same while nothing changes; empty: each time is news."""
    metrics: tuple[Metric, ...] = ()
    """How everything stands, where that is what is told."""
    others: tuple[str, ...] = ()
    """What else of the same policy ended badly when it was last tried: whoever hears of all by one word must not hear that all is well."""

    @property
    def about(self) -> str:
        """What it is about, as a task is written."""
        return f"{self.verb}/{self.subject}"


@dataclass(frozen=True, slots=True)
class Heard:
    """What somebody heard last of one subject: its outcome, and how it stood then."""

    outcome: str
    stands: str = ""


def as_heard(signal: Signal, heard: Mapping[str, Heard] | None) -> Signal:
    """Return a signal as it is news to one who heard this before; None: nobody knows what."""
    if heard is None:
        return signal
    last = heard.get(signal.about)
    return replace(
        signal,
        recovered=signal.outcome == Outcome.SUCCEEDED.value and last is not None and last.outcome != Outcome.SUCCEEDED.value,
        repeated=last is not None and bool(signal.stands) and signal.stands == last.stands,
    )


def slug(subject: str) -> str:
    """Return a subject as it stands in an address: what differs only in case or signs is one there."""
    return re.sub(r"[^a-z0-9_-]+", "-", subject.lower()).strip("-") or "set"
