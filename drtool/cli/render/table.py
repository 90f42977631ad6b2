"""Rows of cells in columns; where a terminal is too narrow for them they are laid out anew, and no word of them is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Self

from drtool.cli.render.folded import broken, folded, pieces
from drtool.cli.render.words import width

GAP: Final = "  "
_DEEPER: Final = 2
_TALLEST: Final = 2
"""Rows of at most so many lines keep all columns side by side."""
_ROOM_FOR_TEXT: Final = 30
"""A last column that is at least so wide is broken within itself, however high that becomes."""

_Cells = tuple[str, ...]
_Lines = list[list[str]]


class Row(str):
    """A row as it stands where there is room; it knows its table, to be laid out where there is none."""

    __slots__ = ("_number", "_table")

    def __new__(cls, text: str, _table: _Table, _number: int) -> Self:
        """Return the row that is `text`, of that number in a table."""
        return super().__new__(cls, text)

    def __init__(self, _text: str, table: _Table, number: int) -> None:
        self._table, self._number = table, number

    def within(self, columns: int) -> list[str]:
        """Return its lines in a terminal of so many columns, laid out like all rows of its table."""
        return self._table.within(columns)[self._number]

    def said(self, say: Callable[[str], str]) -> Row:
        """Return it with every cell said another way."""
        return self._table.said(say)[self._number]


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: str = "") -> list[str]:
    """Align rows of cells in columns, two spaces apart; the columns numbered in `right` are aligned to the right. Each line is a Row."""
    return list(_Table(tuple(map(tuple, rows)), right, indent).rows()) if rows else []


class _Table:
    """All rows: one is laid out like the others."""

    def __init__(self, cells: tuple[_Cells, ...], right: frozenset[int], indent: str) -> None:
        self._cells, self._right, self._indent = cells, right, indent
        self._widths = [max(map(width, column), default=0) for column in self._columns()]
        self._laid: dict[int, _Lines] = {}
        self._said: dict[Callable[[str], str], list[Row]] = {}

    def _columns(self) -> list[_Cells]:
        count = max(map(len, self._cells))
        return [tuple(row[column] for row in self._cells if column < len(row)) for column in range(count)]

    def rows(self) -> list[Row]:
        """Return each row as one line."""
        lines = (self._line(row, range(len(row)), self._widths, self._indent) for row in self._cells)
        return [Row(line, self, number) for number, line in enumerate(lines)]

    def said(self, say: Callable[[str], str]) -> list[Row]:
        """Return the rows of this table with every cell said another way."""
        if say not in self._said:
            self._said[say] = _Table(tuple(tuple(map(say, row)) for row in self._cells), self._right, self._indent).rows()
        return self._said[say]

    def within(self, columns: int) -> _Lines:
        """Return the lines of each row in a terminal of so many columns: side by side, or the columns without room below the others."""
        if columns not in self._laid:
            self._laid[columns] = self._whole(columns) or self._shrunk(columns) or self._last_shrunk(columns) or self._below(columns)
        return self._laid[columns]

    def _line(self, cells: Sequence[str], numbers: Sequence[int], widths: Sequence[int], margin: str) -> str:
        """Return some cells of a row, and the numbers of their columns, on one line."""
        padded = []
        for cell, number in zip(cells, numbers, strict=True):
            padding = " " * (widths[number] - width(cell))
            padded.append(padding + cell if number in self._right else cell + padding)
        return (margin + GAP.join(padded)).rstrip()

    def _room(self, columns: int) -> int:
        return columns - len(self._indent) - len(GAP) * (len(self._widths) - 1)

    def _whole(self, columns: int) -> _Lines | None:
        rows = self.rows()
        return [[str(row)] for row in rows] if max(map(width, rows)) <= columns else None

    def _shrunk(self, columns: int) -> _Lines | None:
        """Take from whichever column is widest, none below its longest piece; None where that is too narrow or too high."""
        least = self._least()
        widths = list(self._widths)
        while sum(widths) > self._room(columns):
            able = [number for number, wide in enumerate(widths) if wide > least[number]]
            if not able:
                return None
            widths[max(able, key=widths.__getitem__)] -= 1
        rows = self._side_by_side(widths)
        return rows if max(map(len, rows)) <= _TALLEST else None

    def _last_shrunk(self, columns: int) -> _Lines | None:
        """Take from the last column alone; None where what is left is too narrow for text."""
        wide = self._room(columns) - sum(self._widths[:-1])
        if wide < max(_ROOM_FOR_TEXT, self._least()[-1]):
            return None
        return self._side_by_side([*self._widths[:-1], wide])

    def _least(self) -> list[int]:
        """Return how narrow each column may be: one of numbers is never broken."""
        return [
            self._widths[number] if number in self._right else max((width(piece) for cell in column for piece in pieces(cell)), default=0)
            for number, column in enumerate(self._columns())
        ]

    def _side_by_side(self, widths: Sequence[int]) -> _Lines:
        rows = []
        for row in self._cells:
            parts = [broken(cell, widths[number]) for number, cell in enumerate(row)]
            height = max(map(len, parts), default=1)
            lines = [[part[line] if line < len(part) else "" for part in parts] for line in range(height)]
            rows.append([self._line(line, range(len(line)), widths, self._indent) for line in lines])
        return rows

    def _below(self, columns: int) -> _Lines:
        """Put the columns that find no room on further lines, a little deeper; what is wider than a line of its own is broken there."""
        groups: list[list[int]] = []
        used = 0
        for number, wide in enumerate(self._widths):
            if not groups or used + len(GAP) + wide > columns:
                groups.append([number])
                used = len(self._indent) + wide + (_DEEPER if number else 0)
            else:
                groups[-1].append(number)
                used += len(GAP) + wide
        return [self._grouped(row, groups, columns) for row in self._cells]

    def _grouped(self, row: _Cells, groups: Sequence[Sequence[int]], columns: int) -> list[str]:
        lines: list[str] = []
        for number, group in enumerate(groups):
            here = [column for column in group if column < len(row)]
            cells = [row[column] for column in here]
            if any(map(str.strip, cells)) or not (number or any(map(str.strip, row))):
                margin = self._indent + " " * (_DEEPER if number else 0)
                line = margin + cells[0].strip() if len(cells) == 1 else self._line(cells, here, self._widths, margin)
                lines += folded([line.rstrip()], columns=columns)
        return lines
