"""How far a long work is, on a real terminal: one line a step, cut to its width, gone at the end, and no trace where there is none."""

from __future__ import annotations

import os
import re

import pytest

from tests.cli.test_end_to_end import Machine, machine
from tests.rig.terminal import Terminal

__all__ = ["machine"]
SLOWLY = "8MiB"
BARS = re.compile(r"\d+%|[█░#]{3}|since the start")


@pytest.fixture
def slow(machine: Machine) -> Machine:
    """Three packs to copy and to read, at a rate at which somebody can look on."""
    policy = machine.directory / "policy.yaml"
    policy.write_text(policy.read_text().replace("offsite, site", f"offsite, upload_limit: {SLOWLY}, download_limit: {SLOWLY}, site"))
    machine.done("init", "--quiet")
    (machine.data / "film").write_bytes(os.urandom(40 << 20))
    return machine


def test_a_copy_and_a_reading_show_how_far_they_are_and_nothing_of_it_stays(slow: Machine) -> None:
    with Terminal(slow.arguments("run"), environment=slow.environment()) as terminal:
        shown = terminal.wait_for("packs copied, snapshot", seconds=60)
        (lane,) = (line for line in shown.splitlines() if "packs copied" in line)
        assert re.match(r" +\d+%  [█░]{10}  ", lane), lane
        assert "since the start" in shown
        assert max(map(len, shown.splitlines())) <= 80
        assert terminal.wait() == 0
        assert not BARS.search(terminal.screen()), terminal.screen()
    with Terminal(slow.arguments("verify", "offsite"), environment=slow.environment(), width=60) as terminal:
        shown = terminal.wait_for(" packs", seconds=60)
        (lane,) = (line for line in shown.splitlines() if " packs" in line)
        assert re.match(r" +\d+%  [█░]{10}  ", lane), lane
        assert max(map(len, shown.splitlines())) <= 60
        assert terminal.wait() == 0
        assert not BARS.search(terminal.screen()), terminal.screen()
    silent = slow.call("verify", "near")
    assert silent.returncode == 0
    assert not BARS.search(silent.stdout + silent.stderr)


def test_who_ends_it_gets_a_clean_line_and_a_terminal_without_utf_8_gets_signs_that_it_has(slow: Machine) -> None:
    plain = {**slow.environment(), "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with Terminal(slow.arguments("run"), environment=plain) as terminal:
        shown = terminal.wait_for("packs copied, snapshot", seconds=60)
        (lane,) = (line for line in shown.splitlines() if "packs copied" in line)
        assert re.match(r" +\d+%  [#.]{10}  ", lane), lane
        assert shown.isascii(), shown
        terminal.send("C-c")
        assert terminal.wait() == 130
        ended = terminal.screen()
        assert not BARS.search(ended), ended
        assert "interrupted" in ended
        assert ended.isascii(), ended
