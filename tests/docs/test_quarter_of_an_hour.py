"""The first quarter of an hour, as the README says it, in a terminal of 80 columns: it works, and every screen can be read."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from benchmarks.first_quarter import BORGMATIC, PROMPT, STEPS, carried_out, counts, newcomer

ROOT = Path(__file__).parents[2]


def _may_have_folders_of_its_own() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not _may_have_folders_of_its_own(), reason="a shell with folders of its own needs root")
def test_a_newcomer_comes_from_nothing_to_a_proof() -> None:
    with newcomer() as terminal:
        screens = {shown.errand: shown.text for shown in carried_out(terminal)}
    assert list(screens) == [step.errand for step in STEPS]
    assert "/etc/drtool/policy.yaml is written." in screens["a policy"]
    for errand in ("the repositories", "the first backup", "one file back", "the proof"):
        assert "succeeded ✔" in screens[errand], screens[errand]
    assert "it lies in /home/ada/back/here/home" in screens["one file back"]
    assert re.search(r"^documents .* drill \d+s ✔ .* of 1h ✔$", screens["the proof"], re.MULTILINE), screens["the proof"]
    for errand, text in screens.items():
        for line in text.splitlines():
            typed = line.startswith(PROMPT) or len(line) == 80
            assert typed or len(line) < 80, (errand, line)


def test_what_is_typed_is_said_by_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    verbs = [" ".join(each.text.split()[:2]) for step in STEPS for each in step.typed if not each.asked]
    assert verbs == [verb for verb in verbs if verb in readme]


def test_what_is_counted_is_what_the_page_says() -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    rows = [f"| {errand} | {ours} | {theirs} |" for errand, ours, theirs in counts()]
    assert [row for row in rows if row not in page] == []
    assert {errand for errand, _typed in BORGMATIC} < {step.errand for step in STEPS}
