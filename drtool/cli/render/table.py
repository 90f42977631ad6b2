from __future__ import annotations

from collections.abc import Sequence

from drtool.cli.render.words import width

GAP = "  "


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: str = "") -> list[str]:
    """Align rows of cells in columns, two spaces apart; the columns numbered in `right` are aligned to the right."""
    if not rows:
        return []
    columns = max(len(row) for row in rows)
    widths = [max((width(row[column]) for row in rows if column < len(row)), default=0) for column in range(columns)]
    lines = []
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            padding = " " * (widths[column] - width(cell))
            cells.append(padding + cell if column in right else cell + padding)
        lines.append((indent + GAP.join(cells)).rstrip())
    return lines
