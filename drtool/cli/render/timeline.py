"""The stages of a recovery against the clock, as inline SVG beside words that need no picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.cli.render.markup import element
from drtool.cli.render.words import long_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

    from drtool.model.report import ObjectiveReport, Stage

_STAGES: Final = {
    "decide": "decided what to restore",
    "reach": "made room in the sandbox",
    "fetch": "fetched from the copy",
    "restore": "put into place",
    "start": "hooks",
    "check": "checks asked",
}
_SMALLEST: Final = 0.4
"""Percent: what took no time is still a mark."""


def timeline(stages: Sequence[Stage], objective: ObjectiveReport, *, otherwise: str) -> Element:
    """Return the figure: the time used of the time promised, then each stage on the scale of this recovery.

    `otherwise` says what a set is that has no recovery time: `not back`, `not proven`.
    """
    ended = max((stage.started_after_seconds + stage.seconds for stage in stages), default=0.0)
    total = max(ended, objective.rto_seconds or 0.0) or 1.0
    rows = [_stage_row(stage, total) for stage in stages]
    promised = objective.rto_objective_seconds
    return element(
        "figure",
        _promise(objective.rto_seconds, ended, promised, otherwise) if promised else None,
        element("ol", *rows, class_="stages"),
        element("figcaption", f"Each bar is one stage, from the declaration (left) to {long_duration(total)} later (right)."),
    )


def _promise(realised: float | None, ended: float, promised: float, otherwise: str) -> Element:
    used = ended if realised is None else realised
    scale = max(used, promised)
    late = realised is None or used > promised
    words = f"{long_duration(used)} of {long_duration(promised)} promised"
    said = f"{otherwise} after {words}" if realised is None else f"back after {words} ({_share(used / promised)})"
    return element(
        "div",
        element("p", said[0].upper() + said[1:]),
        _bar(0.0, 100 * used / scale, kind="bad" if late else "good", mark=100 * promised / scale if used > promised else None),
        class_="promise",
    )


def _share(ratio: float) -> str:
    return "less than 1 % of it" if ratio < 0.01 else f"{100 * ratio:.0f} % of it"  # noqa: PLR2004 - one in a hundred


def _stage_row(stage: Stage, total: float) -> Element:
    return element(
        "li",
        element("span", stage.name, element("small", _STAGES.get(stage.name, "")), class_="name"),
        _bar(100 * stage.started_after_seconds / total, 100 * stage.seconds / total, kind="stage"),
        element("span", long_duration(stage.seconds), class_="took"),
    )


def _bar(start: float, width: float, *, kind: str, mark: float | None = None) -> Element:
    width = max(width, _SMALLEST)
    start = min(start, 100 - width)
    return element(
        "svg",
        element("rect", class_="track", width="100%", height="100%", rx=2),
        element("rect", class_=kind, x=f"{start:.2f}%", width=f"{width:.2f}%", height="100%", rx=2),
        element("line", class_="mark", x1=f"{mark:.2f}%", x2=f"{mark:.2f}%", y1="0", y2="100%") if mark is not None else None,
        class_="bar",
        aria_hidden="true",
        focusable="false",
    )
