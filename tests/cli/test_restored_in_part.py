"""A restore of a part, or with a part left out: the first line, the exit code, what is safe and what is next say so."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_bare_machine import Bare
from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]
PART = 3


@pytest.fixture
def bare(machine: Machine, tmp_path: Path) -> Bare:
    """A machine that knows nothing, beside a repository with two folders and a stream that its program takes back."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("one", encoding="utf-8")
    (tmp_path / "numbers").write_text("1 2 3", encoding="utf-8")
    policy = tmp_path / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    stream = (
        f"  numbers: {{stream: {{command: [cat, {tmp_path}/numbers], restore: [sh, -c, 'cat >{tmp_path}/numbers'], sandbox: [cat]}}}}\n"
    )
    text = text.replace("sets:\n", f"{stream}sets:\n").replace(
        f"[{tmp_path}/data]}}}}]", f"[{tmp_path}/data, {tmp_path}/photos]}}}}, {{numbers: {{}}}}]"
    )
    text = text.replace("    objectives:", "    checks: [{tcp: {address: '127.0.0.1:1'}}]\n    objectives:")
    policy.write_text(text[: text.index("sandboxes:")], encoding="utf-8")
    machine.done("init", "--quiet")
    machine.done("run", "--quiet")
    policy.rename(tmp_path / "policy.kept")
    folder = tmp_path / "bare"
    folder.mkdir()
    return Bare(machine, folder)


def restore(bare: Bare, *words: str) -> subprocess.CompletedProcess[str]:
    return bare.call("restore", "--yes", *words, *bare.options)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def head(done: subprocess.CompletedProcess[str]) -> str:
    """Return the first line of the report, which stands behind the plan."""
    return next(line for line in said(done).splitlines() if "  restore 01" in line)


def test_what_was_left_out_is_told_after_what_is_back(bare: Bare) -> None:
    done = restore(bare)
    assert done.returncode == PART, done.stdout + done.stderr
    assert head(done).startswith("the files are back; numbers was left out: this came out of the repository"), said(done)
    (told,) = [line for line in said(done).splitlines() if line.startswith("  next: ")]
    point = json.loads(bare.call("points", "--json", *bare.options).stdout)["points"][0]["point"]["point"]
    for words in (
        "drtool restore ",
        f"documents --point {point} --workload numbers --to directory PATH",
        "--trust-commands",
        "--repository",
    ):
        assert words in told


def test_a_part_that_was_asked_for_is_not_everything(bare: Bare) -> None:
    photos = f"here:{bare.machine.directory}/photos"
    done = restore(bare, "--workload", photos)
    assert done.returncode == PART, done.stdout + done.stderr
    assert head(done).startswith("what was asked for is back (1 of 3 workloads); 1 check was not asked"), said(done)
    told = json.loads(restore(bare, "--workload", photos, "--json").stdout)
    assert (told["restored"], told["asked"]) == ("all", "part")
    assert (told["sets"][0]["workloads"], told["sets"][0]["workloads_in_point"]) == (1, 3)
    path = restore(bare, "--path", f"{bare.machine.data}/letter.txt")
    assert "everything" not in head(path)
    assert path.returncode == 0, path.stdout + path.stderr


def test_what_a_program_took_is_not_said_to_be_kept_aside(bare: Bare) -> None:
    numbers = restore(bare, "--workload", "numbers", "--trust-commands")
    assert numbers.returncode == PART, numbers.stdout + numbers.stderr
    assert "what was there is kept aside" not in said(numbers)
    assert "safe: nothing else was touched: of numbers its program replaced what it had" in said(numbers)
    everything = restore(bare, "--trust-commands")
    assert head(everything).startswith("everything is back; 1 check was not asked"), everything.stdout
    assert "of numbers its program replaced what it had; else nothing was overwritten: what was there is kept aside" in said(everything)
