"""Ids as screens shorten them, typed in again: `01JD…7QK`, also with three dots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from drtool.model.errors import NotFound

if TYPE_CHECKING:
    from drtool.app.facade import App

_SHOWN = 5


def whole_point(app: App, text: str) -> str:
    """Return the id of the one point that a shortened one stands for, anything else as it is; NotFound when there are none or several."""
    return _whole(text, lambda: _points(app), kinds=("point",), listed_by="drtool points")


def whole_run(app: App, text: str) -> str:
    """Return the id of the one run that a shortened one stands for, anything else as it is; NotFound when there are none or several."""
    return _whole(text, lambda: _runs(app), kinds=("run",), listed_by="drtool history")


def whole_id(app: App, text: str) -> str:
    """Return the id of the one point or run that a shortened one stands for; as for either."""
    return _whole(text, lambda: (*_runs(app), *_points(app)), kinds=("point", "run"), listed_by="drtool points, drtool history")


def _points(app: App) -> Iterable[str]:
    return (view.point.point for view in app.points())


def _runs(app: App) -> Iterable[str]:
    return (report.run for report in app.history())


def _whole(text: str, known: Callable[[], Iterable[str]], *, kinds: tuple[str, ...], listed_by: str) -> str:
    from drtool.planning.names import fitting, is_shortened  # noqa: PLC0415

    if not is_shortened(text):
        return text
    matches = fitting(known(), text)
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise NotFound(f"there is no {' or '.join(kinds)} `{text}`", hint=listed_by)
    raise NotFound(
        f"`{text}` fits {len(matches)} {' or '.join(f'{kind}s' for kind in kinds)}", hint=f"name one: {', '.join(matches[:_SHOWN])}"
    )
