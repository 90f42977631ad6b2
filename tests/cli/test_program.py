"""The program as it is called: usage, options before and after the verb, errors, codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from drtool.cli.destination import _rewritten
from drtool.cli.main import _ELSEWHERE, VERBS, main, program
from drtool.cli.types import Instant, Until

POLICY = """\
drtool: 1
name: homelab
repositories:
  near: {{restic: {directory}/repository, password: "file:{directory}/key"}}
sources:
  here: {{files: {{}}}}
sets:
  documents:
    protect: [{{here: {{paths: [{directory}/data]}}}}]
    to: near
    keep: {{last: 3}}
"""

pytestmark = pytest.mark.usefixtures("home")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(directory=tmp_path), encoding="utf-8")
    return path


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(program, [verb, "--help"])
    assert result.exit_code == 0
    assert f" {verb} " in result.output.splitlines()[0]
    command = program.get_command(click.Context(program), verb)
    parts = list(command.commands) if isinstance(command, click.Group) else []
    screens = [CliRunner().invoke(program, [verb, part, "--help"]).output for part in parts] or [result.output]
    assert all("--json" in screen for screen in screens)


def test_help_names_every_verb() -> None:
    output = CliRunner().invoke(program, ["--help"]).output
    assert all(f"  {verb} " in output for verb in VERBS)


def test_the_version(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("drtool 0.")


def test_a_mistyped_verb_is_a_usage_error(capsys: Capture) -> None:
    assert main(["statsu"]) == 2
    assert "did you mean `status`?" in capsys.readouterr().err


def test_no_verb_at_all_shows_the_help(capsys: Capture) -> None:
    assert main([]) == 2
    assert "restore" in capsys.readouterr().err


def test_options_are_understood_on_both_sides_of_the_verb(policy: Path, capsys: Capture) -> None:
    assert main(["--policy", str(policy), "validate"]) == 0
    before = capsys.readouterr().out
    assert main(["validate", "--policy", str(policy)]) == 0
    assert capsys.readouterr().out == before
    assert before == "homelab: 1 set, 1 source, 1 repository, 0 drills ✔\n"


def test_the_later_option_wins(policy: Path) -> None:
    assert main(["--policy", "nowhere.yaml", "validate", "--policy", str(policy)]) == 0


def test_a_policy_as_json(policy: Path, capsys: Capture) -> None:
    assert main(["validate", "--json", "--policy", str(policy)]) == 0
    written = json.loads(capsys.readouterr().out)
    assert written["format"] == "drtool.policy/1"
    assert list(written["sets"]) == ["documents"]


def test_a_wrong_policy_is_exit_2_with_every_mistake(policy: Path, capsys: Capture) -> None:
    policy.write_text(policy.read_text(encoding="utf-8").replace("to: near", "to: neer") + "colour: red\n", encoding="utf-8")
    assert main(["validate", "--policy", str(policy)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "policy.yaml:10:9" in told.err
    assert "policy.yaml:12:1" in told.err
    assert "near" in told.err


def test_an_error_as_json_is_one_document(policy: Path, capsys: Capture) -> None:
    assert main(["explain", "nothing", "--json", "--policy", str(policy)]) == 2
    told = capsys.readouterr()
    written = json.loads(told.out)
    assert (written["format"], written["kind"], written["exit_code"]) == ("drtool.error/1", "UnknownName", 2)
    assert "documents" in written["hint"]
    assert "exit 2" in told.err


def test_explain_says_what_happens(policy: Path, capsys: Capture) -> None:
    assert main(["explain", "documents", "--policy", str(policy)]) == 0
    assert "documents" in capsys.readouterr().out


def test_the_schema_is_json(capsys: Capture) -> None:
    assert main(["schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, capsys: Capture) -> None:
    assert main(["completion", shell]) == 0
    assert "_DRTOOL_COMPLETE" in capsys.readouterr().out


def test_completion_offers_the_verbs(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("_DRTOOL_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "drtool re")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        main([])
    assert {"plain,restore", "plain,report", "plain,rebuild"} <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("typed", "meant"), [("backup", "run"), ("snapshots", "points"), ("list", "points"), ("unlock", "sweep"), ("stauts", "status")]
)
def test_what_other_tools_call_it(typed: str, meant: str, capsys: Capture) -> None:
    assert main([typed]) == 2
    assert f"did you mean `{meant}`?" in capsys.readouterr().err


def test_what_stands_for_other_words_is_a_verb_and_they_are_none() -> None:
    assert set(_ELSEWHERE.values()) <= VERBS.keys()
    assert not _ELSEWHERE.keys() & VERBS.keys()


@pytest.mark.parametrize(
    ("verb", "plan"), [("run", "run"), ("restore", "restore"), ("drill", "drill"), ("key", "--help"), ("prune", "--help")]
)
def test_a_dry_run_is_a_plan(verb: str, plan: str, capsys: Capture) -> None:
    assert main([*(("key", "list") if verb == "key" else (verb,)), "--dry-run"]) == 2
    assert f"`drtool plan {plan}` prints what would be done" in capsys.readouterr().err


def test_a_destination_of_two_words() -> None:
    assert _rewritten(["a", "--to", "directory", "/x", "b"]) == ["a", "--to", "directory", "--directory", "/x", "b"]
    assert _rewritten(["--to=directory", "/x"]) == ["--to", "directory", "--directory", "/x"]
    assert _rewritten(["directory", "--to", "sandbox"]) == ["directory", "--to", "sandbox"]
    assert _rewritten(["--", "--to", "directory", "/x"]) == ["--", "--to", "directory", "/x"]
    with pytest.raises(click.UsageError):
        _rewritten(["--to", "directory"])
    with pytest.raises(click.UsageError):
        _rewritten(["--to", "directory", "--yes"])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a", "--to", "directory"],
        ["a", "--point", "P", "--at", "2026-11-23"],
        ["--repository", "/r"],
        ["a", "--sandbox", "lab"],
        ["a", "--at", "yesterday"],
        ["a", "--to", "elsewhere"],
        ["/srv/web"],
        ["a", "--to", "/out"],
        ["a", "--ssh-config", "/x"],
    ],
)
def test_a_restore_that_contradicts_itself_is_a_usage_error(arguments: list[str], capsys: Capture) -> None:
    assert main(["restore", *arguments]) == 2
    assert "Error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["/srv/web"], "drtool restore SET --path /srv/web"),
        (["a", "--to", "/out"], "--to directory /out"),
        (["a", "--to=./out"], "--to directory ./out"),
    ],
)
def test_a_path_in_the_wrong_place_is_told_where_it_goes(arguments: list[str], told: str, capsys: Capture) -> None:
    assert main(["restore", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_instants_are_utc_unless_they_say_otherwise() -> None:
    assert Instant().convert("2026-11-23 14:00", None, None) == datetime(2026, 11, 23, 14, tzinfo=UTC)
    assert Instant().convert("2026-11-23T14:00+02:00", None, None) == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert Until().convert("2026-11-23", None, None) == datetime(2026, 11, 23, tzinfo=UTC)
    ahead = Until().convert("30d", None, None) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < ahead <= timedelta(days=30)
    with pytest.raises(click.UsageError):
        Until().convert("soon", None, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ["restore", "documents", "--point", ""],
        ["restore", "documents", "--workload", ""],
        ["restore", ""],
        ["plan", "restore", "documents", "--point", " "],
        ["ls", ""],
        ["verify", "--point", ""],
        ["hold", "add", "documents", "--until", "30d", "--reason", ""],
    ],
    ids=" ".join,
)
def test_an_empty_word_is_a_usage_error(policy: Path, arguments: list[str], capsys: Capture) -> None:
    assert main([*arguments, "--policy", str(policy)]) == 2
    assert "empty" in capsys.readouterr().err
