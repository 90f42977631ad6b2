"""What the README shows first makes the policy that it promises."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from drtool.app.kinds import KINDS
from drtool.cli.main import main
from drtool.policy.load import read_text

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shown() -> list[list[str]]:
    """Every call of `drtool new` in the blocks of the README."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("drtool new")]


def test_the_commands_of_the_readme_print_a_policy(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    by_options = [words for words in shown() if "--name" in words]
    assert by_options
    for words in by_options:
        assert main([*words, *(() if "-n" in words else ("-n",))]) == 0
        policy = read_text(capsys.readouterr().out, KINDS)
        assert policy.name == words[words.index("--name") + 1]
        assert policy.sets["documents"].schedule
        assert policy.drills["monthly"].repository == "offsite"


def test_the_example_of_a_dry_run_is_one() -> None:
    promise = re.search(r"`-n` prints the policy and writes nothing:\n\n```sh\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    assert promise is not None
    words = shlex.split(promise[1])
    assert "-n" in words
    assert "--output" not in words


def test_who_is_asked_is_shown_too() -> None:
    assert ["new", "--output", "/etc/drtool/policy.yaml"] in shown()
