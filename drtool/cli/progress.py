"""A listener of events: one line per lane while something runs, or one plain line per finished step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from drtool.cli import screen
from drtool.cli.render.folded import folded
from drtool.cli.render.table import table
from drtool.cli.render.words import BAD, EMPTY, FULL, GOOD, duration, long_duration, printable, size, with_short_digests
from drtool.model.event import Event, EventKind

if TYPE_CHECKING:
    from types import TracebackType

    from rich.live import Live
    from rich.text import Text

    from drtool.model.plan import Plan

_MIN_SECONDS_FOR_A_RATE = 0.5
_MIN_PART_FOR_A_RATE = 0.1
"""Until then the forecast knows better: a step starts with what moves no bytes."""
_BAR_CHARACTERS = 10


@dataclass(slots=True)
class _Lane:
    """One running step."""

    step: str
    started: float
    seen: float
    done_bytes: int = 0
    total_bytes: int = 0
    done_parts: int = 0
    total_parts: int = 0
    phase: str = ""
    phase_began: tuple[float, int] = (0.0, 0)
    """When the phase was first seen, and how much of it was done then."""
    expected: float | None = None
    """Seconds, by the forecast."""


class ProgressDisplay:
    """Shows a run while it runs; a context manager around it.

    Args:
        live: a terminal is there: lanes are drawn again and again. Otherwise every finished step gets a line.
        quiet: show nothing.
        verbose: tell started commands and retries too.
    """

    def __init__(self, *, live: bool, quiet: bool = False, verbose: bool = False) -> None:
        self._wants_live = live
        self._quiet = quiet
        self._verbose = verbose
        self._lanes: dict[str, _Lane] = {}
        self._display: Live | None = None
        self._objective: float | None = None
        self._offset = 0.0
        self._expected: dict[str, float] = {}
        self._forecast: float | None = None
        self._waits = False

    def against(self, plan: Plan) -> None:
        """Measure the clock against the closest objective of a plan."""
        limits = [objective.rto_seconds for objective in plan.objectives if objective.rto_seconds is not None]
        self._objective = min(limits) if limits else None

    def wait_for_work(self) -> None:
        """Show nothing until there is something to do: most calls of a timer find nothing due, and are silent."""
        self._waits = True

    def __enter__(self) -> Self:
        if not self._waits:
            self._begin()
        return self

    def _begin(self) -> None:
        if self._wants_live and self._display is None:
            from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
            from rich.live import Live  # noqa: PLC0415

            console = Console(stderr=True, no_color=not screen.is_colourful(error=True), highlight=False)
            self._offset = console.get_time()
            self._display = Live(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)
            self._display.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event.kind:
            case EventKind.RUN_STARTED:
                self._begin()
                self._expect(event.data.get("forecast"))
            case EventKind.STEP_STARTED:
                expected = self._expected.get(event.step)
                self._lanes[event.step] = _Lane(event.step, event.elapsed_seconds, event.elapsed_seconds, expected=expected)
            case EventKind.PROGRESS:
                self._advance(event)
            case EventKind.STEP_ENDED:
                self._lanes.pop(event.step, None)
                self._tell(self._ended(event))
            case EventKind.STEP_RETRIED:
                what = printable(str(event.data.get("what", "")))
                self._tell(f"  {with_short_digests(event.step)}: {what}; trying again")
            case EventKind.COMMAND_STARTED if self._verbose:
                self._tell(f"  {with_short_digests(event.step)}: started {printable(str(event.data.get('program', '')))}")
            case EventKind.NOTED if self._verbose or event.data.get("stopping"):
                self._tell(f"  {printable(str(event.data.get('text', event.data)))}")
            case _:
                pass

    def lane_lines(self, elapsed: float) -> list[str]:
        """Return what is shown at an instant of the run: one line per lane, and the clock."""
        rows = [_lane_row(lane, elapsed) for lane in list(self._lanes.values())]
        clock = f"{long_duration(elapsed)} since the start"
        if self._objective is not None:
            mark = GOOD if elapsed <= self._objective else BAD
            clock += f" of {long_duration(self._objective)} {mark}"
        if self._forecast is not None:
            clock += f" · forecast {long_duration(self._forecast)}"
        return [*table(rows, right=frozenset({0, 2}), indent="  "), clock]

    def _render(self) -> Text:
        from rich.text import Text  # noqa: PLC0415

        elapsed = 0.0 if self._display is None else self._display.console.get_time() - self._offset
        return Text("\n".join(self.lane_lines(elapsed)), no_wrap=True, overflow="ellipsis")

    def _advance(self, event: Event) -> None:
        lane = self._lanes.get(event.step)
        if lane is None:
            return
        lane.seen = event.elapsed_seconds
        lane.done_bytes = _number(event.data.get("done_bytes"))
        lane.total_bytes = _number(event.data.get("total_bytes"))
        phase, parts, total = str(event.data.get("phase") or ""), *(_number(event.data.get(f"{each}_parts")) for each in ("done", "total"))
        if (phase, total) != (lane.phase, lane.total_parts) or parts < lane.done_parts:
            lane.phase_began = (event.elapsed_seconds, parts)
        lane.phase, lane.done_parts, lane.total_parts = phase, parts, total

    def _expect(self, forecast: Any) -> None:  # noqa: ANN401 - a plan's forecast as JSON
        told = forecast if isinstance(forecast, dict) else {}
        self._forecast = told.get("p50_seconds")
        self._expected = {each["step"]: each["p50_seconds"] for each in told.get("steps", ()) if each["p50_seconds"] is not None}

    def _ended(self, event: Event) -> str:
        step = with_short_digests(event.step)
        if event.data.get("not_run"):
            return f"  ! {step}: not run: {printable(str(event.data['not_run']))}"
        failure = event.data.get("failure")
        took = long_duration(float(event.data.get("seconds", 0.0)))
        if isinstance(failure, dict):
            return f"  {BAD} {step}  {took}  {printable(str(failure.get('what', 'failed')))}"
        return f"  {_mark(event.data.get('result'))} {step}  {took}"

    def _tell(self, line: str) -> None:
        if self._quiet:
            return
        if self._display is None:
            screen.words([line])
            return
        from rich.text import Text  # noqa: PLC0415

        with self._display._lock:  # noqa: SLF001 - rich lets go of it between measuring and writing: lanes drawn in between would stay
            for part in folded([line], columns=self._display.console.width):
                self._display.console.print(Text(part), soft_wrap=True)


def _lane_row(lane: _Lane, elapsed: float) -> tuple[str, ...]:
    """Return part, bar, rate, time left, amount, and whose they are: what a narrow terminal cuts off is the end."""
    so_far = max(0.0, elapsed - lane.started)
    step = with_short_digests(lane.step)
    by_forecast = f"~{long_duration(lane.expected - so_far)} left" if lane.expected is not None and lane.expected > so_far else ""
    if lane.phase:
        return _phase_row(lane, so_far, by_forecast, step)
    if not lane.done_bytes:
        return "", "", "", by_forecast or duration(so_far), "", step
    part = min(1.0, lane.done_bytes / lane.total_bytes) if lane.total_bytes else None
    percent, bar = ("", "") if part is None else (f"{int(100 * part)}%", _bar(part))
    amount = size(lane.done_bytes) + (f" of {size(lane.total_bytes)}" if lane.total_bytes else "")
    seconds = lane.seen - lane.started
    if seconds < _MIN_SECONDS_FOR_A_RATE:
        return percent, bar, "", by_forecast, amount, step
    rate = lane.done_bytes / seconds
    left = max(0, lane.total_bytes - lane.done_bytes) / rate if lane.total_bytes else 0.0
    early = lane.done_bytes < _MIN_PART_FOR_A_RATE * lane.total_bytes
    by_rate = f"~{long_duration(left)} left" if left else ""
    return percent, bar, f"{size(rate)}/s", (by_forecast or by_rate) if early else by_rate, amount, step


def _phase_row(lane: _Lane, so_far: float, by_forecast: str, step: str) -> tuple[str, ...]:
    """Return the same of a step that tells no bytes: parts of a phase where it counts them, else only which phase, and since when."""
    phase = printable(lane.phase)
    if not lane.total_parts:
        return "", "", "", by_forecast or duration(so_far), phase, step
    part = min(1.0, lane.done_parts / lane.total_parts)
    seconds, done = lane.seen - lane.phase_began[0], lane.done_parts - lane.phase_began[1]
    rate = done / seconds if seconds >= _MIN_SECONDS_FOR_A_RATE else 0.0
    left = (lane.total_parts - lane.done_parts) / rate if rate > 0 else 0.0
    told = f"~{long_duration(left)} left" if left else by_forecast or duration(so_far)
    amount = f"{lane.done_parts} of {lane.total_parts} {phase}"
    return f"{int(100 * part)}%", _bar(part), f"{rate:.1f}/s" if rate else "", told, amount, step


def _bar(part: float) -> str:
    full = int(part * _BAR_CHARACTERS)
    return FULL * full + EMPTY * (_BAR_CHARACTERS - full)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _mark(result: Any) -> str:  # noqa: ANN401 - an action's result as JSON
    # A check's wrong answer, or an incomplete member, is a result and not an error: it must not look like success.
    if isinstance(result, dict) and (result.get("passed") is False or result.get("complete") is False):
        return BAD
    return GOOD
