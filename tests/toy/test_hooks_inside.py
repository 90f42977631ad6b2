"""A hook `on:` a workload runs inside it, also when it is owed by a run that died; where nothing can be run inside, it is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drtool.catalog.manifest import travelling_policy
from drtool.cli.render.plan import restore_lines
from drtool.model.codec import encode
from drtool.model.errors import PolicyError
from drtool.model.plan import Destination
from drtool.model.policy import Hook, Hooks, Protect
from drtool.model.report import Failure, Report
from drtool.planning.restore import RestoreRequest
from drtool.policy.load import load
from drtool.policy.write import spell
from tests.planning.planning_values import backup_set, policy
from tests.policy.small_kinds import GOOD
from tests.policy.small_kinds import KINDS as SMALL
from tests.toy.house import House, build

INSIDE = "cluster:1"
INSIDE_FILES = replace(SMALL, inside=lambda: frozenset({"files"}))


def hook(*words: str, on: str = INSIDE, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - keys of a hook
    return {"run": list(words), "on": on, **more}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return build(tmp_path, monkeypatch, {"runs_hooks_inside": True})


def failures(report: Report) -> list[Failure]:
    return [step.failure for step in report.steps if step.failure is not None]


def said(house: House) -> list[tuple[str, ...]]:
    return house.racks["cluster"].said


def test_each_phase_runs_inside_the_workload_that_it_names(house: House) -> None:
    phases = ("before", "after", "before_restore", "after_restore")
    toys = house.open(**{phase: [hook("note", phase), hook("beside", on="cluster:2")] for phase in phases})
    toys.initialise()
    assert toys.run().outcome == "succeeded"
    assert said(house) == [
        (number, phase, *words) for phase in phases[:2] for number, words in (("1", ("note", phase)), ("2", ("beside",)))
    ]
    said(house).clear()
    plan = toys.plan_restore(RestoreRequest(("all",), Destination("original")))
    assert [line.strip() for line in restore_lines(plan) if "note" in line] == [
        "before restore: note before_restore (inside cluster:1)",
        "after restore: note after_restore (inside cluster:1)",
    ]
    restored = toys.restore(plan)
    assert restored.outcome == "succeeded", restored.failures
    assert [(number, phase) for number, phase, *_words in said(house)] == [(number, phase) for phase in phases[2:] for number in ("1", "2")]


def test_a_hook_that_fails_inside_stops_the_set_and_says_where(house: House) -> None:
    toys = house.open(before=[hook("false")], after=[hook("note")])
    toys.initialise()
    report = toys.run()
    assert report.outcome == "refused"
    assert ["before hook false" in failure.what for failure in failures(report)] == [True]
    assert said(house) == [("1", "before", "false"), ("1", "after", "note")]
    assert toys.points() == ()


def test_what_does_not_exist_stops_the_set(house: House) -> None:
    toys = house.open(before=[hook("note", on="annex:4")])
    toys.initialise()
    report = toys.run()
    assert report.outcome == "failed"
    assert [(failure.kind, failure.what) for failure in failures(report)] == [("NotFound", "there is no machine annex:4")]
    assert toys.points() == ()


def test_killed_anywhere_what_is_owed_inside_is_done_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in itertools.count(1):
        (directory := tmp_path / str(number)).mkdir()
        house = build(directory, monkeypatch, {"runs_hooks_inside": True})
        toys = house.open(before=[hook("stop")], after=[hook("go on")])
        toys.initialise()
        life = house.live(toys.run, ends_at=number)
        if not life.over:
            break
        died = f"died before {life.moments[-1]} ({number})"
        assert toys.sweep().outcome == "succeeded", died
        assert house.racks["cluster"].going_on == {}, died
        phases = [phase for _number, phase, *_words in said(house)]
        assert phases[-1] == "after", died
        assert toys.sweep().outcome == "succeeded", died
        assert [phase for _number, phase, *_words in said(house)] == phases, died
    assert number > 10


def test_what_is_owed_in_a_machine_that_is_off_is_done_when_it_is_up_again(house: House) -> None:
    toys = house.open(before=[hook("stop")], after=[hook("go on")])
    toys.initialise()
    assert house.live(toys.run, dies_before="keeping a snapshot").over
    house.racks["cluster"].machines["1"].running = False
    swept = toys.sweep()
    assert swept.outcome == "failed"
    assert "cluster:1 does not run" in str(swept)
    house.racks["cluster"].machines["1"].running = True
    assert toys.sweep().outcome == "succeeded"
    assert [phase for _number, phase, *_words in said(house)] == ["before", "after"]


def test_of_a_machine_that_is_gone_nothing_is_owed_for_ever(house: House) -> None:
    toys = house.open(before=[hook("stop")], after=[hook("go on")])
    toys.initialise()
    assert house.live(toys.run, dies_before="keeping a snapshot").over
    del house.racks["cluster"].machines["1"]
    assert toys.sweep().outcome == "succeeded"
    assert toys.sweep().outcome == "succeeded"


def test_a_drill_runs_no_hook_inside(house: House) -> None:
    toys = house.open(before_restore=[hook("stop")], after_restore=[hook("go on")])
    toys.initialise()
    assert toys.run().outcome == "succeeded"
    said(house).clear()
    assert toys.drill(["proof"]).outcome == "succeeded"
    assert said(house) == []


def test_doctor_tells_whether_they_can_be_run_and_runs_none(house: House) -> None:
    toys = house.open(before=[hook("stop")], after_restore=[hook("go on", on="annex:3")])
    house.racks["annex"].machines["3"].running = False
    found = {finding.subject: finding for finding in toys.doctor(["cluster", "annex"]) if "inside" in finding.subject}
    assert [(subject, finding.good) for subject, finding in found.items()] == [
        ("hook inside cluster:1", True),
        ("hook inside annex:3", False),
    ]
    assert found["hook inside annex:3"].remedy == "start it"
    assert not [subject for subject in (each.subject for each in toys.doctor(["annex"])) if "cluster" in subject]
    assert said(house) == []


@pytest.mark.parametrize("kind", ["here", "billing"])
@pytest.mark.parametrize("phase", ["before", "after", "before_restore", "after_restore", "on_failure"])
def test_where_nothing_can_be_run_inside_the_policy_is_refused(tmp_path: Path, phase: str, kind: str) -> None:
    file = tmp_path / "policy.yaml"
    text = GOOD.replace("    nice: true", f'    nice: true\n    {phase}: [{{run: [ls], on: "{kind}:/home"}}]')
    file.write_text("\n".join(line for line in text.splitlines() if not line.startswith((f"    {phase}: [{{run: [sys",))) + "\n")
    with pytest.raises(PolicyError) as caught:
        load((str(file),), SMALL)
    (problem,) = caught.value.problems
    assert problem.field == f"sets.documents.{phase}[0].on"
    assert problem.place.line > 1
    assert f"inside `{kind}:/home`" in problem.message
    assert f"`on: {kind}`" in problem.hint


@pytest.mark.parametrize(
    ("on", "words"), [("nobody:1", "no source `nobody`"), ("here:", "neither"), ("here: x", "neither"), (":1", "neither")]
)
def test_a_place_that_is_none_is_told(tmp_path: Path, on: str, words: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD.replace("run: [systemctl, stop, billing], on: here", f'run: [systemctl, stop, billing], on: "{on}"'))
    with pytest.raises(PolicyError) as caught:
        load((str(file),), INSIDE_FILES)
    assert any(words in problem.message for problem in caught.value.problems), caught.value.problems


def test_a_place_inside_is_read_written_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD.replace("run: [systemctl, stop, billing], on: here", 'run: [systemctl, stop, billing], on: "here:/my home"'))
    policy = load((str(file),), INSIDE_FILES)
    (first,) = policy.sets["documents"].hooks.before
    assert (first.on, first.source, first.workload) == ("here:/my home", "here", "here:/my home")
    file.write_text(spell(policy))
    assert load((str(file),), INSIDE_FILES).sets["documents"].hooks == policy.sets["documents"].hooks


def test_a_hook_travels_with_the_source_that_it_runs_by() -> None:
    chosen = backup_set(hooks=Hooks(before=(Hook(("true",), "billing:1"),)), protect=(Protect("here"),))
    assert travelling_policy(policy(chosen), chosen).sources.keys() == {"here", "billing"}


def test_the_proof_of_a_set_without_hooks_inside_stays_as_it_was() -> None:
    assert encode(Hook(("true",), "here")).keys() == {"run", "on", "timeout", "on_failure"}
