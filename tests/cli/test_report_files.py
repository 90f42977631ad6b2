"""Reports of real runs, left in files by the verbs and written again afterwards."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from junitparser import JUnitXml

from drtool.cli.render.forms import FORMS
from tests.cli.drilled import Drilled
from tests.cli.report_schema import validated


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["green", "red"])
def test_a_drill_leaves_its_report_in_every_form(machine_drilled: Drilled, name: str, form: str) -> None:
    text = machine_drilled.report(name, form).read_text(encoding="utf-8")
    assert "documents" in text
    assert ("photos" in text) is (name == "red")


def test_the_red_report_is_red_for_every_reader(machine_drilled: Drilled) -> None:
    tree = JUnitXml.fromstring(machine_drilled.report("red", "junit").read_bytes())
    kinds = {f"{case.classname} {case.name}": [type(each).__name__ for each in case.result] for suite in tree for case in suite}
    wrong = [name for name, results in kinds.items() if "Failure" in results]
    assert wrong == ["drill.documents files 2"]
    broken = [name for name, results in kinds.items() if "Error" in results]
    assert [name.split(" ")[:2] for name in broken] == [["drill.photos", f"photos/restore/here:{machine_drilled.directory}/data/photos"]]
    assert [name for name, results in kinds.items() if name.startswith("drill.photos census") and "Skipped" in results]
    data = validated(json.loads(machine_drilled.report("red", "json").read_text(encoding="utf-8")))
    assert (data["outcome"], data["exit_code"]) == ("data_wrong", 5)
    assert "0 of 2 sets came back" in machine_drilled.report("red", "markdown").read_text(encoding="utf-8")


def test_the_green_report_is_green_for_every_reader(machine_drilled: Drilled) -> None:
    tree = JUnitXml.fromstring(machine_drilled.report("green", "junit").read_bytes())
    assert (tree.failures, tree.errors) == (0, 0)
    (suite,) = tree
    skipped = [case.name for case in suite if case.is_skipped]
    assert skipped == ["negative control: stopped service"]  # no check of the documents asks a service
    properties = {each.name: each.value for each in suite.properties()}
    data = validated(json.loads(machine_drilled.report("green", "json").read_text(encoding="utf-8")))
    assert float(properties["rto_seconds"]) == data["sets"][0]["objective"]["rto_seconds"]
    assert properties["copy"] == "offsite"
    assert "within the 1 h promised" in machine_drilled.report("green", "html").read_text(encoding="utf-8")
    assert "3 drills " in machine_drilled.report("green", "html").read_text(encoding="utf-8")


def test_a_report_is_written_again_from_the_journal_and_exits_as_the_run_did(machine_drilled: Drilled, tmp_path: Path) -> None:
    run = json.loads(machine_drilled.report("red", "json").read_text(encoding="utf-8"))["run"]
    for form in FORMS:
        again = tmp_path / "made" / f"again.{form}"
        result = machine_drilled.call("report", run, "--format", form, "--output", str(again))
        assert (result.returncode, result.stdout) == (5, ""), result.stderr
        assert again.read_text(encoding="utf-8") == machine_drilled.report("red", form).read_text(encoding="utf-8")
        printed = machine_drilled.call("report", run, "--format", form)
        assert (printed.returncode, printed.stdout) == (5, again.read_text(encoding="utf-8"))
    asked = machine_drilled.call("report", run, "--json").stdout
    assert asked == machine_drilled.report("red", "json").read_text(encoding="utf-8")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "made").iterdir()} == {0o666 & ~_umask()}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_every_json_report_fits_the_schema(machine_drilled: Drilled, tmp_path: Path) -> None:
    calls = [
        ("run", "documents"),
        ("restore", "documents", "--to", "directory", str(tmp_path / "out"), "--yes"),
        ("drill", "documents"),
        ("verify", "near"),
        ("verify", "offsite"),
        ("copy",),
        ("prune", "near"),
        ("sweep",),
        ("rebuild",),
        ("init",),
        ("report", "last"),
    ]
    for call in calls:
        data = json.loads(machine_drilled.call(*call, "--json").stdout)
        assert data["format"] == "drtool.report/1", call
        validated(data)


def test_a_run_and_a_restore_leave_reports_too(machine_drilled: Drilled, tmp_path: Path) -> None:
    page, results = tmp_path / "run.html", tmp_path / "restore.xml"
    run = machine_drilled.call("run", "documents", "--report", f"html={page}")
    assert run.returncode == 3, "the drill before found a pack of the copy damaged"
    assert "documents was protected only in part." in page.read_text(encoding="utf-8")
    out = str(tmp_path / "out")
    machine_drilled.call("restore", "documents", "--to", "directory", out, "--yes", "--report", f"junit={results}")
    (suite,) = JUnitXml.fromstring(results.read_bytes())
    assert suite.name == "documents"


def test_what_failed_before_it_began_is_reported_too(machine_drilled: Drilled, tmp_path: Path) -> None:
    results, data = tmp_path / "drill.xml", tmp_path / "drill.json"
    result = machine_drilled.call("drill", "nonsense", "--report", f"junit={results}", "--report", f"json={data}")
    assert result.returncode == 2
    tree = JUnitXml.fromstring(results.read_bytes())
    assert (tree.tests, tree.errors) == (1, 1)
    assert "no drill and no set `nonsense`" in results.read_text(encoding="utf-8")
    assert validated(json.loads(data.read_text(encoding="utf-8")))["exit_code"] == 2
    away = machine_drilled.call("drill", "monthly", "--policy", str(tmp_path / "gone.yaml"), "--report", f"junit={results}")
    assert away.returncode == 2
    assert 'name="exit_code" value="2"' in results.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_told_and_changes_nothing_else(machine_drilled: Drilled, tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    good = tmp_path / "good.json"
    lost = f"html={tmp_path / 'page.html'}"
    result = machine_drilled.call("run", "documents", "--report", lost, "--report", f"json={good}")
    assert result.returncode == 3, "as without the report: the drill before found a pack of the copy damaged"
    assert "page.html could not be written: Is a directory" in result.stderr
    run = json.loads(good.read_text(encoding="utf-8"))["run"]
    assert f"next: drtool report {run} --format html --output FILE" in result.stderr
    asked = machine_drilled.call("report", run, "--output", str(tmp_path / "page.html"))
    assert asked.returncode == 6
    assert "Is a directory" in asked.stderr


def test_a_report_may_go_into_a_pipe_and_leaves_no_other_file(machine_drilled: Drilled, tmp_path: Path) -> None:
    printed = machine_drilled.call("report", "last", "--format", "junit", "--output", "/dev/stdout")
    assert JUnitXml.fromstring(printed.stdout.encode()).tests > 0
    machine_drilled.call("report", "last", "--output", str(tmp_path / "one.txt"))
    assert [path.name for path in tmp_path.iterdir()] == ["one.txt"]


@pytest.mark.parametrize("given", ["html", "pdf=a", "html=", "=a"])
def test_a_report_that_is_none_is_a_usage_error(machine_drilled: Drilled, given: str) -> None:
    result = machine_drilled.call("drill", "monthly", "--report", given)
    assert result.returncode == 2
    assert "FORM=FILE" in result.stderr
