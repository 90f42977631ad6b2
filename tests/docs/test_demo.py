"""The demonstration keeps its word, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from drtool.cli.main import program as drtool
from tests.rig.missing import tool

DEMO = Path(__file__).resolve().parents[2] / "scripts" / "demo"


def test_a_command_is_shown_as_it_is_typed() -> None:
    (show,) = re.findall(r"^show\(\) \{\n.*?^\}\n", DEMO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    typed = ["true", "--name", "the safe", "it's", "", "a=b", "$HOME"]
    shown = subprocess.run(["bash", "-c", f'{show}show "$@"', "bash", *typed], capture_output=True, text=True, check=True).stdout
    assert shlex.split(shown.removeprefix("$ ")) == typed


def test_what_the_readme_shows_can_be_typed() -> None:
    lines = re.findall(r"^\$ (drtool .*)$", (DEMO.parents[1] / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) > 3
    for line in lines:
        understands(drtool, "drtool", shlex.split(line, comments=True)[1:])


def understands(command: click.Command, name: str, words: list[str], parent: click.Context | None = None) -> None:
    """Read words as the program does, and do nothing; click.UsageError where it would be raised."""
    context = command.make_context(name, words, parent=parent)
    if isinstance(command, click.Group):
        found, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        assert inner is not None
        understands(inner, found, rest, context)


@pytest.mark.timeout(600)
def test_the_demo_loses_everything_and_gets_it_back(tmp_path: Path) -> None:
    for program in ("restic", "rsync"):
        tool(program, package=program)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    done = subprocess.run([str(DEMO)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    told = dict(line.split(": ", 1) for line in done.stdout.splitlines()[-7:])
    assert told["drill from off-site"].startswith("succeeded, opened with the escrowed key ")
    detected, injected = re.findall("[0-9]+", told["negative control"])
    assert detected == injected
    assert told["evidence"].startswith('Good "drtool.evidence" signature for demo')
    page = Path(told["report of the drill"])
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    page.unlink()
    assert {"realised RTO", "checks passed", "the restored tree equals the lost one"} <= told.keys()
    assert not list(temporary.iterdir())
