"""Where a policy or a state directory was named, what is typed next leads to the same one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drtool.cli.main import VERBS, main
from drtool.cli.options import Options
from drtool.cli.policy_words import PolicyWords, policy_words
from drtool.cli.saying import told_people
from tests.cli.test_program import POLICY, Capture

WORDS = PolicyWords(("--policy", "/a b/p.yaml"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("make room there, or: drtool prune near", "make room there, or: drtool prune --policy '/a b/p.yaml' near"),
        ("drtool key add near; then drtool run", "drtool key add --policy '/a b/p.yaml' near; then drtool run --policy '/a b/p.yaml'"),
        ("`drtool hold release ID`", "`drtool hold release --policy '/a b/p.yaml' ID`"),
        (
            "drtool restore documents --policy /other, or drtool run",
            "drtool restore documents --policy /other, or drtool run --policy '/a b/p.yaml'",
        ),
        ("drtool restore --repository R --password-file P", "drtool restore --repository R --password-file P"),
        ("drtool was told to stop; /usr/bin/drtool run is a path", "drtool was told to stop; /usr/bin/drtool run is a path"),
        ("drtool lab truenas", "drtool lab truenas"),
    ],
)
def test_commands_lead_to_the_same_policy(text: str, said: str) -> None:
    assert WORDS.said(text) == said
    document = {"next": text, "path": text, "steps": [{"hint": text}]}
    assert told_people(document, WORDS.said) == {"next": said, "path": text, "steps": [{"hint": said}]}


def test_every_verb_is_a_command() -> None:
    for verb in VERBS:
        assert WORDS.said(f"drtool {verb}").startswith(f"drtool {verb}")


def test_one_that_is_found_by_itself_is_not_named() -> None:
    assert policy_words(Options(json=True)).said("drtool run") == "drtool run"
    named = policy_words(Options(policy="/p", state_directory="/s", restic="/r"))
    assert named == PolicyWords(("--policy", "/p", "--state-directory", "/s", "--restic", "/r"))


def test_a_state_directory_is_named_without_a_policy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRTOOL_STATE_DIR", "/of the shell")
    assert policy_words(Options()).said("drtool hold release ID") == "drtool hold release ID"
    words = policy_words(Options(state_directory="/s"))
    assert words.said("`drtool hold release ID`") == "`drtool hold release --state-directory /s ID`"
    assert words.said(words.said("drtool run")) == "drtool run --state-directory /s"
    both = policy_words(Options(state_directory="/s", restic="/r"))
    assert both.said(both.said("drtool run")) == "drtool run --state-directory /s --restic /r"
    assert policy_words(Options(restic="/r")).said("drtool run") == "drtool run"


def test_an_error_leads_to_the_policy_that_was_named(tmp_path: Path, home: Path, capsys: Capture) -> None:
    path = home / "policy of mine.yaml"
    path.write_text(POLICY.format(directory=tmp_path), encoding="utf-8")
    assert main(["run", "nothing", "--policy", str(path)]) == 2
    assert main(["explain", "nothing", "--json", "--policy", str(path)]) == 2
    told = capsys.readouterr()
    assert "drtool" not in told.err or f"--policy '{path}'" in told.err
    assert json.loads(told.out)["exit_code"] == 2
    assert main(["points", "--policy", str(path)]) != 0
    assert f"--policy '{path}'" in capsys.readouterr().err
