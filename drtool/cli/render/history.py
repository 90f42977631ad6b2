"""How a set did in former drills, as inline SVG: its recovery times and how much was restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drtool.cli.render.markup import element
from drtool.cli.render.verdict import outcome_words
from drtool.cli.render.words import counted, long_duration, size, stamp
from drtool.model.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from xml.etree.ElementTree import Element

    from drtool.model.report import Report

_SHOWN: Final = 24
_SLOTS: Final = 12
"""At least so many columns fit, so that three drills do not look like walls."""
_HEIGHT: Final = 88
_SMALLEST: Final = 2.0


@dataclass(frozen=True, slots=True)
class Bygone:
    """One drill of a set: when, how long until it was back (None: never), bytes restored."""

    at: datetime
    outcome: Outcome
    rto_seconds: float | None
    bytes: int


def bygone(reports: Iterable[Report], set_name: str) -> tuple[Bygone, ...]:
    """Return what reports say of one set's drills, oldest first."""
    found = [
        Bygone(report.started, entry.outcome, entry.objective.rto_seconds if entry.objective else None, entry.bytes)
        for report in reports
        if report.verb == "drill"
        for entry in report.sets
        if entry.set == set_name
    ]
    return tuple(sorted(found, key=lambda each: each.at))[-_SHOWN:]


def history(drills: Sequence[Bygone], *, objective_seconds: float | None) -> Element:
    """Return the two charts, side by side where there is room; the last column is this run."""
    times = [each.rto_seconds for each in drills]
    known = [seconds for seconds in times if seconds is not None]
    first, last = (f"{drills[index].at:%Y-%m-%d}" for index in (0, -1))
    span = f"{counted(len(drills), 'drill')} {f'on {first}' if first == last else f'from {first} to {last}'}"
    if any(each.outcome is not Outcome.SUCCEEDED for each in drills):
        span += "; red: did not succeed"
    range_of_times = _range(known, long_duration) if known else "never back"
    sizes = [each.bytes for each in drills]
    promised = f"; {long_duration(objective_seconds)} promised" if objective_seconds else ""
    return element(
        "div",
        _chart(
            "Recovery time",
            f"{range_of_times}{promised}",
            span,
            _columns(drills, times, words=long_duration, line=objective_seconds),
        ),
        _chart("Data restored", _range(sizes, size), span, _columns(drills, sizes, words=size)),
        class_="charts",
    )


def _range(values: Sequence[float], words: Callable[[float], str]) -> str:
    least, most = words(min(values)), words(max(values))
    return least if least == most else f"{least} to {most}"


def _chart(title: str, values: str, span: str, columns: list[Element]) -> Element:
    drawing = element(
        "svg", *columns, class_="history", width="100%", height=_HEIGHT, role="img", aria_label=f"{title} of {span}: {values}"
    )
    return element("figure", element("p", element("b", title), f" {values}"), drawing, element("figcaption", span))


def _columns(
    drills: Sequence[Bygone], values: Sequence[float | None], *, words: Callable[[float], str], line: float | None = None
) -> list[Element]:
    top = max((value for value in values if value is not None), default=0.0)
    # A promise far above every measurement would flatten them all: the words beside the chart tell it instead.
    shown_line = line if line is not None and line <= 1.5 * top else None
    top = max(top, shown_line or 0.0) or 1.0
    slot = 100 / max(len(drills), _SLOTS)
    made = [element("line", class_="axis", x1="0", x2="100%", y1=_HEIGHT - 0.5, y2=_HEIGHT - 0.5)]
    for number, (drill, value) in enumerate(zip(drills, values, strict=True)):
        height = max(_SMALLEST, (_HEIGHT - 4) * value / top) if value is not None else _HEIGHT - 4
        said = words(value) if value is not None else "never back"
        latest = number == len(drills) - 1
        kind = "missing" if value is None else "latest" if latest else "former"
        made.append(
            element(
                "rect",
                element("title", f"{stamp(drill.at)}: {said}, {outcome_words(drill.outcome)}"),
                class_=f"{kind} wrong" if drill.outcome is not Outcome.SUCCEEDED else kind,
                x=f"{number * slot:.2f}%",
                width=f"{slot * 0.72:.2f}%",
                y=f"{_HEIGHT - height:.1f}",
                height=f"{height:.1f}",
                rx=1,
            )
        )
    if shown_line is not None:
        y = f"{_HEIGHT - (_HEIGHT - 4) * shown_line / top:.1f}"
        made.append(element("line", class_="mark", x1="0", x2="100%", y1=y, y2=y))
    return made
