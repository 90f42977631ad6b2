"""The policy and the timers that the documents show work as they are written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from drtool.app.opening import open_policy
from drtool.planning.schedule import drill_tasks, run_tasks

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TIMERS = (ROOT / "docs" / "timers.md").read_text(encoding="utf-8")
BARE_INSTALL = re.compile(r"(?<!/)\bpip install \.(?!\w)")


def block(text: str, language: str, containing: str) -> str:
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return next(each for each in blocks if containing in each)


def test_both_calls_of_a_timer_have_something_to_do_for_the_policy_of_the_readme(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(block(README, "yaml", "name: homelab"), encoding="utf-8")
    policy = open_policy(str(path), state_directory=str(tmp_path / "state")).policy
    assert run_tasks(policy, policy.sets)
    assert drill_tasks(policy, policy.drills)


def test_cron_calls_what_the_readme_says() -> None:
    lines = block(TIMERS, "cron", "drtool").splitlines()
    calls = [line.split(None, 6) for line in lines if "drtool" in line]
    assert [(call[5], call[6].split()[0:2]) for call in calls] == [
        ("root", ["drtool", "run"]),
        ("root", ["drtool", "drill"]),
        ("root", ["drtool", "status"]),
    ]
    assert all(re.fullmatch(r"[\d*/,-]+", field) for call in calls for field in call[:5])


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = {
        "drtool.service": block(TIMERS, "ini", "ExecStart").replace("/usr/local/bin/drtool", shutil.which("true") or "/bin/true"),
        "drtool.timer": block(TIMERS, "ini", "OnCalendar"),
    }
    for name, text in units.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        for line in filter(None, text.splitlines()):
            assert re.fullmatch(r"\[\w+\]|[A-Z]\w+=\S.*", line), line
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        return  # the lines above were looked at all the same
    done = subprocess.run([analyse, "verify", *(str(tmp_path / name) for name in units)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("document", ["README.md", "runbooks/machine-gone.md"])
def test_nobody_installs_into_the_python_of_the_system(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert "python3 -m venv /opt/drtool" in text
    assert "/opt/drtool/bin/pip install ." in text
    assert not BARE_INSTALL.search(text), "Debian 12 refuses that, and so does who follows PEP 668"


def test_a_new_machine_gets_its_timers_before_the_runbook_ends() -> None:
    runbook = (ROOT / "runbooks" / "machine-gone.md").read_text(encoding="utf-8")
    protect = runbook.partition("7. **Protect the new machine.**")[2].partition("\n## ")[0]
    assert "drtool schedule install" in protect, "what has a schedule waits until somebody types it"
