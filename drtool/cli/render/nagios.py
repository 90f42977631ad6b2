"""How the sets stand as a plugin of Nagios (Icinga, Checkmk, Zabbix …) says it: a state, one line, numbers behind a bar."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from drtool.cli.render.words import counted, duration, printable

if TYPE_CHECKING:
    from drtool.app.status import StatusView
    from drtool.planning.status import SetStatus


class State(IntEnum):
    """The exit codes of a plugin (Monitoring Plugins Development Guidelines)."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


def nagios_lines(view: StatusView) -> tuple[State, list[str]]:
    """Return the state and what is printed.

    Critical is what may lose data now: a set outside of its RPO, a last attempt that failed or is owed, what died. A warning is
    anything else to look at. Where a repository could not be read and nothing is critical, nobody knows.
    """
    late = [f"{each.set} {_age(each)}, promised {duration(each.rpo_seconds)}" for each in view.sets if not each.rpo_met and each.is_known]
    late += [each.attention for each in (*view.schedules, *view.untimed) if each.attention]
    late += [*(each.words for each in view.dead), *(each.words for each in view.unfinished)]
    unread = sorted({name for each in view.sets for name in each.unread})
    further = [*(sentence for each in view.sets for sentence in each.attention), *view.locks]
    if late:
        state, words = State.CRITICAL, late
    elif unread:
        state, words = State.UNKNOWN, [f"{', '.join(unread)} could not be read"]
    elif further:
        state, words = State.WARNING, further
    else:
        state, words = State.OK, [f"{counted(len(view.sets), 'set')} within the RPO"]
    numbers = " ".join(_number(each) for each in view.sets if each.age_seconds is not None)
    told = [_line(each) for each in dict.fromkeys((*words, *further))]
    return state, [f"DRTOOL {state.name} - {told[0]} | {numbers}".removesuffix(" | "), *told[1:]]


def unknown_line(words: str) -> str:
    """Return what is printed where nothing could be looked at."""
    return f"DRTOOL {State.UNKNOWN.name} - {_line(words)}"


def _age(status: SetStatus) -> str:
    return "has no point" if status.age_seconds is None else f"is {duration(status.age_seconds)} old"


def _line(words: str) -> str:
    """A bar begins the numbers, and a line ends them."""
    return printable(words).replace("|", "/")


def _number(status: SetStatus) -> str:
    name = printable(status.set).replace("'", "''").replace("=", "_")
    return f"'{name} age'={status.age_seconds or 0:.0f}s;;{status.rpo_seconds:.0f};0"
