"""Output that cannot be written decides nothing, and names of files are UTF-8 whatever the locale says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drtool.app.composition import KINDS
from drtool.policy.load import load
from tests.cli.test_program import POLICY

PROGRAM = [sys.executable, "-m", "drtool.cli.main"]


@pytest.fixture
def policy(tmp_path: Path, home: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.format(directory=tmp_path), encoding="utf-8")
    return path


def called(policy: Path, words: str, shell: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DRTOOL_POLICY": str(policy), "DRTOOL_STATE_DIR": str(policy.parent / "state")}
    line = shell.format(program=f"{' '.join(PROGRAM)} {words}")
    return subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("shell", ["{program} >/dev/full", "{program} >/dev/full 2>&1", "{program} >&-", "{program} >&- 2>&- <&-"])
@pytest.mark.parametrize(
    ("words", "code"), [("validate", 0), ("explain documents", 0), ("schema", 0), ("explain nothing", 2), ("nonsense", 2)]
)
def test_the_code_is_that_of_what_was_done(policy: Path, words: str, code: int, shell: str) -> None:
    ended = called(policy, words, shell)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    if shell == "{program} >/dev/full" and code == 0:
        assert "could not be written: No space left on device" in ended.stderr


def test_a_reader_that_has_read_enough_hears_no_complaint(policy: Path) -> None:
    ended = called(policy, "schema", "{program} | head -c 10; exit ${{PIPESTATUS[0]}}")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_is_closed_is_not_printed_into_by_the_next_file(policy: Path) -> None:
    """Standard output closed: the first file that is opened would get its number, and every word with it."""
    assert called(policy, "--verbose validate", "{program} >&-").returncode == 0
    load((str(policy),), KINDS)
    for kept in (policy.parent / "state").rglob("*.json"):
        assert b"documents: " not in kept.read_bytes()


def test_names_are_utf8_whatever_the_locale(policy: Path, tmp_path: Path) -> None:
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / "de_DE.ISO-8859-1")], capture_output=True, check=False
    )
    if not (tmp_path / "de_DE.ISO-8859-1").exists():
        pytest.skip(f"no locale can be made here: {made.stderr.decode(errors='replace')}")
    (tmp_path / "dätä").mkdir()
    policy.write_text(policy.read_text(encoding="utf-8").replace(f"{tmp_path}/data", f"{tmp_path}/dätä"), encoding="utf-8")
    shell = f"LOCPATH={tmp_path} LC_ALL=de_DE.ISO-8859-1 {{program}}"
    ended = called(policy, "inventory", shell)
    assert ended.returncode == 0, ended.stderr
    assert f"here:{tmp_path}/dätä" in ended.stdout
    assert "protected" in ended.stdout
    named = tmp_path / "mäßig.yaml"
    policy.rename(named)
    assert called(named, f"--policy {named} validate", shell).returncode == 0, "words on the command line come through byte by byte"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_where_the_terminal_has_no_such_mark_another_of_its_width_stands_for_it(encoding: str, tmp_path: Path) -> None:
    script = (
        "import sys; from drtool.cli import screen; screen.prepare(); out = sys.stdout; "
        "out.reconfigure(encoding=sys.argv[1], errors=out.errors); screen.data(['✔ ✖ ██░░ 01M8…WVH a · b → ├─ └─ │', 'ключ ✔ x'])"
    )
    shown = subprocess.run([sys.executable, "-c", script, encoding], capture_output=True, check=True, cwd=tmp_path).stdout.decode(encoding)
    between = "\xb7" if encoding == "latin-1" else "-"
    assert shown.splitlines() == [f"+ x ##.. 01M8~WVH a {between} b > |- `- |", r"\u043a\u043b\u044e\u0447 + x"]
