"""What a report may replace: an earlier one in its form, and nothing else; where it may lie is asked before anything starts."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from drtool.cli.render.forms import FORMS, report_text
from drtool.cli.report_files import why_not, write
from drtool.model.outcome import Outcome
from drtool.model.report import Report
from tests.cli.drilled import Drilled
from tests.cli.report_values import NOW, check, entry, hostile, report, step
from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]

REPORTS = {
    "good": report(entry()),
    "bad": report(entry(Outcome.DATA_WRONG, checks=(check(passed=False),)), entry(name="photos"), steps=(step("documents/restore"),)),
    "a run": report(entry(), verb="run"),
    "hostile": hostile(),
    "before it began": Report("", "restore", "", Outcome.REFUSED, NOW, NOW, 0.0),
    "never ended": report(entry(Outcome.FAILED), ended=None),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", REPORTS)
def test_an_earlier_report_in_the_form_is_replaced(tmp_path: Path, form: str, name: str) -> None:
    path = tmp_path / "report"
    for text in (report_text(form, REPORTS[name], code=5, former=tuple), report_text(form, REPORTS["good"], code=0, former=tuple)):
        assert why_not(form, str(path)) == ""
        write(form, str(path), text)
        assert path.read_text(encoding="utf-8") == text
    assert os.listdir(tmp_path) == ["report"]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_else_is(tmp_path: Path, form: str) -> None:
    others = [report_text(other, REPORTS["good"], code=0, former=tuple) for other in FORMS if other != form]
    pages = ['<!doctype html>\n<html lang="en"><head><title>mine</title>', '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="x"/>']
    for number, text in enumerate(
        [*others, *pages, "a passphrase\n", "drtool: 1\n", "## Mine\n\nText.\n", '{\n  "format": "x"\n}', "\x00"]
    ):
        path = tmp_path / str(number)
        path.write_text(text, encoding="utf-8")
        assert "something else" in why_not(form, str(path)), text
        with pytest.raises(OSError, match="something else"):
            write(form, str(path), "a report")
        assert path.read_text(encoding="utf-8") == text


def test_an_empty_file_is_filled_and_stays_as_closed_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.touch(mode=0o600)
    write("text", str(path), "a report")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("a report", 0o600)


@pytest.mark.parametrize("there", [True, False])
def test_no_link_is_followed_or_replaced(tmp_path: Path, there: bool) -> None:  # noqa: FBT001 - a parameter
    target, link = tmp_path / "target", tmp_path / "link"
    if there:
        target.touch()
    link.symlink_to(target)
    assert why_not("text", str(link)) == "is a link"
    with pytest.raises(OSError, match="is a link"):
        write("text", str(link), "a report")
    assert link.is_symlink()
    assert target.exists() is there
    assert not there or target.read_text() == ""


def test_what_somebody_laid_where_the_file_is_prepared_is_not_written_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f"report.{os.getpid()}.new").symlink_to(victim)
    write("text", str(tmp_path / "report"), "a report")
    assert victim.read_text() == "precious"


def test_a_descriptor_is_written_to_whatever_it_leads_to(machine_drilled: Drilled, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("a") as stream:
        write_there = "from drtool.cli.report_files import write; write('text', '/dev/stdout', 'a report\\n')"
        subprocess.run([sys.executable, "-c", write_there], stdout=stream, check=True)
    assert log.read_text() == "before\na report\n"
    assert Path("/dev/stdout").is_symlink()


def test_nothing_starts_where_a_report_would_replace_something(machine: Machine) -> None:
    machine.done("init")
    key, link = machine.directory / "near.key", machine.directory / "link.html"
    before = key.read_bytes()
    link.symlink_to(machine.data / "letter.txt")
    wrong = {
        str(key): "something else",
        str(link): "is a link",
        str(machine.directory / "near" / "new.html"): "the repository near",
        str(machine.directory / "policy.yaml"): "something else",
    }
    for path, why in wrong.items():
        for verb in (("run",), ("drill", "monthly"), ("restore", "documents", "--yes")):
            refused = machine.call(*verb, "--report", f"html={path}")
            assert (refused.returncode, why in refused.stderr) == (2, True), refused.stderr
    assert key.read_bytes() == before
    assert (machine.data / "letter.txt").read_text() == "dear"
    assert not (machine.directory / "near" / "new.html").exists()
    assert machine.json("points")["points"] == []
    key.rename(key.with_suffix(".away"))
    refused = machine.call("run", "--report", f"html={key}")
    assert (refused.returncode, "the key" in refused.stderr, key.exists()) == (2, True, False)


def test_a_report_does_not_become_part_of_the_policy_that_was_typed(machine: Machine) -> None:
    machine.done("init")
    folder = machine.directory / "rules"
    folder.mkdir()
    (machine.directory / "policy.yaml").rename(folder / "policy.yaml")
    (machine.directory / "link").symlink_to("rules")
    typed = ("--policy", str(folder))
    machine.done("run", *typed, "--report", f"json={folder}/report.json")
    run = json.loads((folder / "report.json").read_text(encoding="utf-8"))["run"]
    for place in ("rules/r.yaml", "rules/r.yml", "link/r.yaml"):
        for words in (
            ("run", "--report", f"json={machine.directory}/{place}"),
            ("report", run, "--output", str(machine.directory / place)),
        ):
            refused = machine.call(*words, *typed)
            assert (refused.returncode, "lies in the policy" in refused.stderr) == (2, True), (words, refused.stderr)
    new = machine.call("run", "--policy", str(folder / "policy.yaml"), "--report", f"json={folder}/r.yaml")
    assert new.returncode == 0, "one file was named, and it is read alone"
    (folder / "r.yaml").unlink()
    machine.done("validate", *typed)
