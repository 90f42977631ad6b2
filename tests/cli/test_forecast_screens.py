"""What a person sees of forecasts and of proofs that decayed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from drtool.cli.progress import ProgressDisplay
from drtool.cli.render.forecast import forecast_lines
from drtool.cli.render.plan import restore_lines
from drtool.cli.render.status import status_lines
from drtool.model.codec import encode
from drtool.model.event import Event, EventKind
from drtool.model.evidence import Evidence
from drtool.model.forecast import Forecast, PastForecast, RtoForecast, SetForecast, StepForecast
from drtool.model.plan import Ask, Cutover, Destination, Objective, Plan, Restore, Step
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import CheckPolicy
from drtool.planning.status import SetStatus

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
RUN = "01JDZZZZZZZZZZZZZZZZZZZRUN"
MEMBER = Member("here:/srv", "here", "files", {}, NOW, (Artifact("data", "tree", "c", "/srv", Census(files=1200, bytes=18 << 30)),))


def expected(step: str, seconds: float | None) -> StepForecast:
    return StepForecast(step, seconds, None if seconds is None else seconds * 1.2, 4, NOW - timedelta(days=3), "cold", "sandbox lab")


def of_set(p50: float | None, p90: float | None, **more: Any) -> SetForecast:  # noqa: ANN401
    return SetForecast("web", p50, p90, 3600.0, 4, NOW - timedelta(days=3), "cold", "sandbox lab", **more)


def plan(found: Forecast | None) -> Plan:
    steps = (
        Step("web/restore", Restore("P", MEMBER, ("near",), Destination("original")), "", set="web"),
        Step("web/cutover", Cutover("web/restore", "here"), "what is there is kept aside", set="web"),
        Step("web/ask", Ask(CheckPolicy("census", "census"), {}, NOW), "", set="web"),
    )
    return Plan("restore", RUN, "homelab", NOW, steps, objectives=(Objective("web", "P", NOW, NOW, 3600.0, 14400.0),), forecast=found)


KNOWN = Forecast(
    (of_set(1860.0, 2280.0),),
    (expected("web/restore", 340.0), expected("web/cutover", 20.0), expected("web/ask", 60.0)),
    1860.0,
    2280.0,
)


def test_a_restore_says_how_long_and_from_what_it_is_known() -> None:
    lines = restore_lines(plan(KNOWN))
    assert lines[1] == "  1  here:/srv     18.0 GiB  → here:/srv  ~6 min  what is there is kept aside"
    assert lines[2].split() == ["2", "check", "census", "~1", "min"]
    assert lines[-1] == (
        "Forecast 31 min (p90 38 min) of 1 h, from 4 measurements, newest 3d old, cold, in sandbox lab. "
        "Nothing is overwritten: what is kept aside stays until `drtool sweep --kept`."
    )


def test_a_restore_that_will_be_late_says_so_before_it_starts() -> None:
    late = replace(KNOWN, p50_seconds=7800.0, p90_seconds=9000.0, sets=(of_set(7800.0, 9000.0, unmeasured=("web/ask/http 1",)),))
    assert "Forecast 2 h 10 min (p90 2 h 30 min) of 1 h ✖, from" in restore_lines(plan(late))[-1]
    assert "Never measured and not counted: web/ask/http 1." in restore_lines(plan(late))[-1]


def test_no_measurement_no_forecast() -> None:
    reason = "nothing was ever restored from near to here"
    none = Forecast((of_set(None, None),), (expected("web/restore", None),), None, None, reason)
    lines = restore_lines(plan(none))
    assert "~" not in "".join(lines)
    assert lines[-1].startswith("Objective: back within 1 h. No forecast: nothing was ever restored from near to here. Nothing is over")


def rto_forecast(p50: float | None, p90: float | None, **more: Any) -> RtoForecast:  # noqa: ANN401
    found = of_set(p50, p90, **more)
    return RtoForecast("web", "near", 412 << 30, 9, found, found.met)


def test_the_table_of_forecasts() -> None:
    past = tuple(PastForecast(RUN, "drill", "web", NOW, 90.0, 120.0, real) for real in (100.0, 90.0, 60.0))
    unknown = replace(rto_forecast(None, None, reason="nothing was ever restored from off to here"), repository="off")
    lines = forecast_lines(
        [rto_forecast(1860.0, 2280.0, unmeasured=("web/ask/tcp 1",)), rto_forecast(1860.0, 7800.0), unknown], past, now=NOW
    )
    assert lines == [
        "SET  COPY       SIZE  P50   P90  OBJECTIVE  MEASURED",
        "web  near  412.0 GiB  31m   38m  1h ✔       from 4 measurements, newest 3d old, cold, in sandbox lab",
        "web  near  412.0 GiB  31m  2h10  1h ✖       from 4 measurements, newest 3d old, cold, in sandbox lab",
        "web  off   412.0 GiB             1h         no forecast: nothing was ever restored from off to here",
        "  web from near: never measured and not counted: web/ask/tcp 1",
        "Past forecasts were off by: median 10%, worst 50% (3 restores and drills)",
    ]
    assert forecast_lines([], (), now=NOW) == ["There is no recovery point to forecast.  next: drtool status"]


def status(**changes: Any) -> str:  # noqa: ANN401
    proof = Evidence("E", "drill", "homelab", "off", "succeeded", NOW, NOW)
    entry = SetStatus("web", "P", NOW, 60.0, 14400.0, True, ("near",), (), proof, 86400.0 * 12, 1860.0, 3600.0, True, (), "")
    return "\n".join(status_lines((replace(entry, **changes),), as_of=NOW, now=NOW))


def test_status_shows_the_forecast_where_it_matters() -> None:
    assert "31m of 1h ✔" in status(rto_forecast=rto_forecast(60.0, 120.0))
    assert "forecast 2h10 of 1h ✖" in status(rto_forecast=rto_forecast(1860.0, 7800.0))
    assert "forecast 1m of 1h ✔" in status(rto_forecast=rto_forecast(60.0, 120.0), rto_seconds=None, rto_met=None)
    assert "not measured, 1h asked ✖" in status(rto_forecast=rto_forecast(None, None), rto_seconds=None, rto_met=None)


def test_status_marks_a_proof_that_decayed_and_names_what_was_never_drilled() -> None:
    assert "drill 12d ✖ (off)" in status(moved=("its hooks changed",))
    assert "  off2 was never drilled with web" in status(never_drilled=("off2",))


def event(kind: EventKind, elapsed: float, step: str = "", **data: Any) -> Event:  # noqa: ANN401
    return Event(kind, RUN, NOW, elapsed, step, data)


def test_progress_tells_the_time_left_by_forecast_until_the_step_itself_knows_better() -> None:
    progress = ProgressDisplay(live=False, quiet=True)
    progress(event(EventKind.RUN_STARTED, 0.0, forecast=encode(KNOWN)))
    progress(event(EventKind.STEP_STARTED, 0.0, "web/restore"))
    lane, clock = progress.lane_lines(40.0)
    assert lane.split() == ["~5", "min", "left", "web/restore"]
    assert clock.endswith("since the start · forecast 31 min")
    progress(event(EventKind.PROGRESS, 40.0, "web/restore", done_bytes=1, total_bytes=1000))
    assert progress.lane_lines(40.0)[0].split("  ")[4:] == ["~5 min left", "1 B of 1000 B", "web/restore"]
    progress(event(EventKind.PROGRESS, 100.0, "web/restore", done_bytes=500, total_bytes=1000))
    assert progress.lane_lines(100.0)[0].split("  ")[4:] == ["~1 min 40 s left", "500 B of 1000 B", "web/restore"]
    progress(event(EventKind.STEP_STARTED, 100.0, "web/unknown"))
    assert progress.lane_lines(140.0)[1].split() == ["40s", "web/unknown"]
    progress(event(EventKind.STEP_STARTED, 200.0, "web/ask"))
    assert progress.lane_lines(270.0)[2].split() == ["1m", "web/ask"]  # a forecast that has run out says nothing
