"""What every part of an HTML report is made of: sections, facts, tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drtool.cli.render.markup import element

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from xml.etree.ElementTree import Element

    from drtool.cli.render.markup import Child
    from drtool.model.report import Report


@dataclass(frozen=True, slots=True)
class Page:
    """What a report page shows: the report, the code the run ended with, and former runs of this host, newest first."""

    report: Report
    code: int
    former: tuple[Report, ...] = ()


_MEASURE: Final = re.compile(r"\d[\d.]* (?:B|[KMGT]iB|s|min|h|d)(?: \d+ (?:s|min|h))?\b")
_LONG: Final = 16


def kept_together(text: str) -> list[Child]:
    """Return text as children in which a number and its unit never part at the end of a line."""
    pieces: list[Child] = []
    last = 0
    for match in _MEASURE.finditer(text):
        pieces += [text[last : match.start()], element("span", match[0], class_="measure")]
        last = match.end()
    return [*pieces, text[last:]]


def section(title: str, *children: Child) -> Element:
    """Return a part of a set's account under its heading."""
    return element("section", element("h3", title), *children)


def facts(entries: Iterable[tuple[str, str, str]]) -> Element:
    """Return the figures that count: name, value, and what it is measured against."""
    return element(
        "dl",
        *(
            element(
                "div",
                element("dt", name),
                element("dd", element("b", value), element("span", note) if note else None),
                class_="long" if len(value) > _LONG else None,
            )
            for name, value, note in entries
        ),
        class_="facts",
    )


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[Child]], *, classes: Sequence[str | None] = (), kind: str = ""
) -> Element:
    """Return a table that becomes a list of cards on a narrow screen; its roles stay, whatever its look.

    `classes` has one entry per row, `kind` is the table's own. A column whose name begins with `#` holds numbers.
    """
    names = [column.lstrip("#") for column in columns]
    aligned = ["number" if column.startswith("#") else None for column in columns]
    head = element(
        "tr",
        *(element("th", name, scope="col", role="columnheader", class_=align) for name, align in zip(names, aligned, strict=True)),
        role="row",
    )
    body = []
    for number, row in enumerate(rows):
        cells = zip(names, aligned, row, strict=True)
        made = [element("td", child, role="cell", class_=align, data_label=name) for name, align, child in cells]
        body.append(element("tr", *made, role="row", class_=classes[number] if classes else None))
    return element(
        "table",
        element("caption", caption),
        element("thead", head, role="rowgroup"),
        element("tbody", *body, role="rowgroup"),
        role="table",
        class_=kind or None,
    )
