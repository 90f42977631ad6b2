"""The only door to child processes: argument lists, own process groups, bounded output, limits of time, one way to stop."""

from drtool.process.apart import EndedEarly, start_apart
from drtool.process.carry import execute, pipe
from drtool.process.child import SILENCE_SECONDS
from drtool.process.frame import shown
from drtool.process.labelled import end_commands, find_labelled, owner_of, process_exists
from drtool.process.meanwhile import meanwhile
from drtool.process.pipes import read_pipe_once
from drtool.process.scope import (
    Interrupt,
    Scope,
    StepInterrupt,
    check_time,
    current_scope,
    doing,
    patiently,
    raise_at_deadline,
    scope,
    stopwatch,
)
from drtool.process.spawn import INHERITED, LABEL_VARIABLE, PRIORITY, environment_of
from drtool.process.stillness import Pulse, read_pulses
from drtool.process.utf8 import begin_again_in_utf8

__all__ = [
    "INHERITED",
    "LABEL_VARIABLE",
    "PRIORITY",
    "SILENCE_SECONDS",
    "EndedEarly",
    "Interrupt",
    "Pulse",
    "Scope",
    "StepInterrupt",
    "begin_again_in_utf8",
    "check_time",
    "current_scope",
    "doing",
    "end_commands",
    "environment_of",
    "execute",
    "find_labelled",
    "meanwhile",
    "owner_of",
    "patiently",
    "pipe",
    "process_exists",
    "raise_at_deadline",
    "read_pipe_once",
    "read_pulses",
    "scope",
    "shown",
    "start_apart",
    "stopwatch",
]
