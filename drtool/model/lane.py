"""Lanes: the ways that data takes in a recovery, and what was measured on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drtool.model.forecast import PastForecast

COLD = "cold"
WARM = "warm"


@dataclass(frozen=True, slots=True)
class Lane:
    """What makes two durations comparable.

    `repository` and `cache` (cold or warm) belong to restores; `source` is where the data lands, `destination` the form of the place there
    (`original`, `directory`, `sandbox lab`). `kind` is the form of the data, of a hook its phase, of a check its kind; `subject` is the
    step itself where only it is like itself.
    """

    action: str
    source: str
    destination: str = ""
    repository: str = ""
    cache: str = ""
    kind: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """How long one step took on a lane, when and in which run, and with which program (`restic 0.19.0`)."""

    lane: Lane
    bytes: int
    files: int
    seconds: float
    at: datetime
    run: str
    step: str
    program: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What one workload of a set held when it was last stored or restored."""

    set: str
    workload: str
    source: str
    kind: str
    form: str
    bytes: int
    files: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Experience:
    """What is known from earlier runs; `program` is what they last stored or restored with."""

    measurements: tuple[Measurement, ...] = ()
    contents: tuple[Content, ...] = ()
    past: tuple[PastForecast, ...] = ()
    program: str = ""
