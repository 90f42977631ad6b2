"""The coverage ledger as a table: each workload with its word, a sum, and what else must be known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.cli.render.table import table
from drtool.cli.render.words import BAD, GOOD, counted, printable
from drtool.model.ledger import EXCLUDED, PROBLEM, PROTECTED, UNPROTECTED

if TYPE_CHECKING:
    from drtool.model.ledger import InventoryLine, Ledger

_MARKS: Final = {PROTECTED: GOOD, EXCLUDED: "-", UNPROTECTED: BAD, PROBLEM: BAD}


def inventory_lines(ledger: Ledger, *, only_new: bool = False) -> list[str]:
    """Return one line per workload, or for each new one, and a sum of all."""
    shown = [line for line in ledger.lines if line.new or not only_new]
    rows = [(_MARKS[line.state], printable(line.workload or line.source), _word(line), printable(line.note)) for line in shown]
    states = [line.state for line in ledger.lines]
    sums = [f"{states.count(state)} {state}" for state in _MARKS if state in states]
    fresh = sum(line.new for line in ledger.lines)
    sums += [f"{fresh} new since the last look"] if fresh else []
    total = f"{counted(len(states), 'workload')}: {', '.join(sums) or 'there is nothing on the sources of the policy'}"
    return [*table(rows), total, *(f"  {printable(words)}" for words in ledger.told)]


def _word(line: InventoryLine) -> str:
    sets = ", ".join(map(printable, line.sets))
    whose = f" {'by' if line.state == PROTECTED else 'of'} {sets}" if sets else ""
    until = f" until {line.until.date()}" if line.until is not None else ""
    return f"{line.state}{whose}{until}{', new' if line.new else ''}"
