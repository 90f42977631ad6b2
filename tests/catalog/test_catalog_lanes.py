"""What earlier runs measured: read off journals and evidence, kept, and never more than the newest."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.catalog.fold import fold
from drtool.catalog.journal import Journal
from drtool.catalog.lanes import IN_EVIDENCE, PAST, PER_LANE, Lanes, contents_of, newest, of_evidence, spelled, together
from drtool.catalog.measured import measurements
from drtool.catalog.runs import Runs
from drtool.catalog.seen import Seen
from drtool.model.codec import encode
from drtool.model.event import Event, EventKind
from drtool.model.evidence import Evidence
from drtool.model.forecast import Forecast, SetForecast
from drtool.model.identifier import identifier
from drtool.model.lane import COLD, WARM, Content, Experience, Lane, Measurement
from drtool.model.plan import (
    Action,
    Answer,
    Ask,
    Cutover,
    Destination,
    Fetched,
    Landed,
    Plan,
    Reserve,
    Restore,
    Restored,
    Result,
    RunHook,
    Step,
    Store,
    Stored,
)
from drtool.model.point import Artifact, Census, Manifest, Member
from drtool.model.policy import CheckPolicy, Hook
from drtool.model.report import Failure, Report
from drtool.model.workload import Workload

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
LAB = Destination("sandbox", sandbox="lab")
MEMBER = Member("here:/a", "here", "files", {}, NOW, (Artifact("a", "tree", "t", "/a", Census(3, 300)),))
RESTORE, CUTOVER, ASK = "d/restore/here:/a", "d/cutover/here:/a", "d/ask/census/here:/a"


def run_id(number: int) -> str:
    return identifier(number, bytes(10))


def step(name: str, action: Action, **more: Any) -> Step:  # noqa: ANN401
    return Step(name, action, "", set="d", workload="here:/a", **more)


def drill(number: int = 1, *, paths: tuple[str, ...] = (), forecast: Forecast | None = None, verb: str = "drill") -> Plan:
    steps = (
        replace(step("reserve/here", Reserve("here", LAB, 300, NOW)), set=""),
        step("d/before_restore/1", RunHook("before_restore", Hook(("true",), "here"))),
        step(RESTORE, Restore("P", MEMBER, ("near", "offsite"), LAB, paths=paths, fresh_cache=True)),
        step(CUTOVER, Cutover(RESTORE, "here")),
        step(ASK, Ask(CheckPolicy("census", "census"), {"here:/a": CUTOVER}, NOW)),
    )
    return Plan(verb, run_id(number), "home", NOW, steps, forecast=forecast)


def fetched(repository: str = "offsite", **more: Any) -> Fetched:  # noqa: ANN401
    landed = Landed("here:/a", "here", LAB, "/t")
    return Fetched(landed, MEMBER, repository, 300, 3, **{"program": "restic 0.19.0", **more})


def journal(plan: Plan, results: dict[str, Result | Failure], *, seconds: float = 2.0, retried: str = "") -> list[Event]:
    at = NOW
    events = [Event(EventKind.RUN_STARTED, plan.run, at, 0.0)]
    for number, (name, result) in enumerate(results.items()):
        start = number * seconds
        events.append(Event(EventKind.STEP_STARTED, plan.run, at, start, name))
        if name == retried:
            events.append(Event(EventKind.STEP_RETRIED, plan.run, at, start, name))
        key = "failure" if isinstance(result, Failure) else "result"
        data = {key: encode(result, tagged=key == "result"), "seconds": seconds}
        events.append(Event(EventKind.STEP_ENDED, plan.run, at, start + seconds, name, data))
    return [*events, Event(EventKind.RUN_ENDED, plan.run, at, len(results) * seconds)]


RIGHT = Answer(passed=True, expected="", observed="")
SERVING = Restored("here:/a", "here", LAB, "/t", MEMBER)


def whole() -> dict[str, Result | Failure]:
    return {RESTORE: fetched(), CUTOVER: SERVING, ASK: RIGHT}


def told(plan: Plan, results: dict[str, Result | Failure], **more: Any) -> Report:  # noqa: ANN401
    return fold(plan, journal(plan, results, **more))


def test_a_step_becomes_a_measurement_of_the_copy_it_really_came_from() -> None:
    plan = drill()
    found = {each.step: each for each in measurements(plan, told(plan, whole()))}
    assert found[RESTORE] == Measurement(
        Lane("restore", "here", "sandbox lab", "offsite", COLD, "tree"), 300, 3, 2.0, NOW, plan.run, RESTORE, "restic 0.19.0"
    )
    assert found[CUTOVER].lane == Lane("cutover", "here", "sandbox lab", kind="tree", subject="here:/a")
    assert found[ASK].lane == Lane("ask", "here", "sandbox lab", kind="census", subject=ASK)
    assert set(found) == {RESTORE, CUTOVER, ASK}
    assert measurements(plan, told(plan, whole()), set="photos") == ()


@pytest.mark.parametrize(
    ("result", "more"),
    [
        (Failure("Unavailable", "no answer"), {}),
        (fetched(failed_copies={"near": "Corrupt: x"}), {}),
        (fetched(), {"retried": RESTORE}),
    ],
)
def test_what_did_not_go_straight_through_tells_nothing(result: Result | Failure, more: dict[str, str]) -> None:
    plan = drill()
    assert RESTORE not in {each.step for each in measurements(plan, told(plan, {**whole(), RESTORE: result}, **more))}


def test_a_restore_of_some_paths_tells_nothing() -> None:
    plan = drill(paths=("/a/b",))
    assert RESTORE not in {each.step for each in measurements(plan, told(plan, whole()))}


def some_measurements(count: int, *, lane: Lane | None = None) -> Iterable[Measurement]:
    chosen = lane or Lane("restore", "here", "original", "near", WARM, "tree")
    return [Measurement(chosen, 1, 1, float(number), NOW + timedelta(hours=number), f"R{number}", "s") for number in range(count)]


def test_only_the_newest_of_each_lane_are_kept() -> None:
    other = Lane("restore", "pi", "original", "near", WARM, "tree")
    kept = newest([*some_measurements(PER_LANE + 5), *some_measurements(2, lane=other)])
    assert len(kept) == PER_LANE + 2
    assert min(each.seconds for each in kept if each.lane.source == "here") == 5.0


# in evidence


def evidence(**details: Any) -> Evidence:  # noqa: ANN401
    return Evidence("E", "drill", "home", "offsite", "succeeded", NOW, NOW, "d", "P", details=details)


def test_evidence_tells_a_new_machine_what_was_measured() -> None:
    plan = drill()
    mine = measurements(plan, told(plan, whole()))
    back = of_evidence(evidence(measured=spelled(mine)))
    assert {each.lane for each in back} == {each.lane for each in mine}
    assert {(each.step, each.bytes, each.files, each.seconds, each.run) for each in back} == {
        (each.step, each.bytes, each.files, each.seconds, each.run) for each in mine
    }
    known = together(Experience(), [evidence(measured=spelled(mine))])
    assert known.contents == (Content("d", "here:/a", "here", "", "tree", 300, 3, NOW),)
    assert len(known.measurements) == 3
    twice = together(replace(known, measurements=mine), [evidence(measured=spelled(mine))])
    assert len(twice.measurements) == 3


def test_evidence_is_bounded_and_keeps_what_took_longest() -> None:
    value = spelled(some_measurements(IN_EVIDENCE + 9))
    assert len(value["steps"]) == IN_EVIDENCE
    assert min(each[-1] for each in value["steps"]) == 9.0
    assert spelled([]) == {}


@pytest.mark.parametrize("value", [None, "x", 3, [], {}, {"steps": [[1]]}, {"steps": 3}, {"steps": [["restore", "a", "", "d", "", 1, 2]]}])
def test_evidence_that_fits_nothing_tells_nothing(value: Any) -> None:  # noqa: ANN401
    assert of_evidence(evidence(measured=value)) == ()


# on this host


def forecast_of(p50: float) -> Forecast:
    return Forecast((SetForecast("d", p50, p50 * 2),), (), p50, p50 * 2)


def carried_out(state: Path, plan: Plan, results: dict[str, Result | Failure]) -> Report:
    folder = Runs(str(state)).create(plan.run)
    folder.save_plan(plan)
    log = Journal(folder.journal, fallback=io.StringIO())
    for event in journal(plan, results):
        log.write(event)
    log.close()
    report = folder.report()
    assert report is not None
    return report


def test_a_run_is_remembered_and_the_journals_tell_the_same(tmp_path: Path) -> None:
    store = Plan(
        "run",
        run_id(5),
        "home",
        NOW,
        (step("d/store/here:/a", Store(Workload("here:/a", "here", "files"), "near", "P", NOW)),),
    )
    lanes = Lanes(str(tmp_path))
    runs: tuple[tuple[Plan, dict[str, Result | Failure]], ...] = (
        (drill(1, forecast=forecast_of(3.0)), whole()),
        (drill(2, verb="restore"), whole()),
        (drill(3, verb="sweep"), whole()),
        (drill(4, forecast=forecast_of(3.0)), {**whole(), ASK: replace(RIGHT, passed=False)}),
        (store, {"d/store/here:/a": Stored(MEMBER, ("s",), 300, "restic 0.18.0")}),
    )
    for plan, results in runs:
        lanes.take(plan, carried_out(tmp_path, plan, results))
    known = lanes.load()
    assert known.program == "restic 0.18.0"
    assert {each.run for each in known.measurements} == {run_id(number) for number in (1, 2, 4)}
    assert known.contents == (Content("d", "here:/a", "here", "files", "tree", 300, 3, NOW),)
    (past,) = known.past
    assert (past.set, past.p50_seconds, past.real_seconds, past.error) == ("d", 3.0, 6.0, 0.5)
    (tmp_path / "lanes.json").write_text("{", encoding="utf-8")
    assert Lanes(str(tmp_path)).load() == known
    (tmp_path / "lanes.json").write_text('{"measurements": [1]}', encoding="utf-8")
    assert Lanes(str(tmp_path)).load() == known
    for number in range(PAST + 5):
        plan = drill(100 + number, forecast=forecast_of(3.0))
        lanes.take(plan, told(plan, whole()))
    assert len(lanes.load().past) == PAST
    assert max(len([each for each in lanes.load().measurements if each.step == name]) for name in (RESTORE, ASK)) == PER_LANE


def test_a_manifest_tells_what_its_members_hold(tmp_path: Path) -> None:
    manifest = Manifest("P", "d", "home", "R", NOW, NOW, True, (MEMBER,))
    lanes = Lanes(str(tmp_path))
    lanes.learn(contents_of(manifest))
    assert lanes.load().contents == (Content("d", "here:/a", "here", "files", "tree", 300, 3, NOW),)
    written = (tmp_path / "lanes.json").stat().st_mtime_ns
    lanes.learn(contents_of(manifest))
    assert (tmp_path / "lanes.json").stat().st_mtime_ns == written
    lanes.learn([replace(each, bytes=1, at=NOW - timedelta(days=1)) for each in contents_of(manifest)])
    assert lanes.load().contents[0].bytes == 300


# since when


def test_a_part_that_moves_is_dated_when_it_is_first_seen(tmp_path: Path) -> None:
    seen = Seen(str(tmp_path))
    assert seen.since({"d": {"hooks": "a", "checks": "c"}}, NOW) == {}
    later = NOW + timedelta(hours=1)
    assert seen.since({"d": {"hooks": "b", "checks": "c"}}, later) == {"d": {"hooks": later}}
    assert Seen(str(tmp_path)).since({"d": {"hooks": "b", "checks": "c"}}, later + timedelta(days=9)) == {"d": {"hooks": later}}
    for damage in ("{", '{"d": {"hooks": ["b", "yesterday"]}}', '{"d": 3}', "[1]"):
        (tmp_path / "fingerprints.json").write_text(damage, encoding="utf-8")
        assert seen.since({"d": {"hooks": "b"}}, NOW) == {}
