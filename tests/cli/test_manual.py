"""The manual page: what is typed stands in it, and groff has nothing to object."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from drtool.cli import exits
from drtool.cli.main import VERBS, program
from drtool.cli.manual import manual
from drtool.cli.options import bare_options, shared_options
from tests.rig.missing import tool

ROOT = Path(__file__).parents[2]
READ_FROM_OUTSIDE = r'"(DRTOOL_[A-Z_]*[A-Z]|XDG_[A-Z_]+|STATE_DIRECTORY|CREDENTIALS_DIRECTORY|NO_COLOR|RESTIC_PASSWORD_FILE)"'
OF_OUR_CHILDREN = {"DRTOOL_LABEL"}


@pytest.fixture(scope="module")
def source() -> str:
    return subprocess.run([sys.executable, "-m", "drtool.cli.main", "--man"], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def page(source: str) -> str:
    """What groff makes of it, on lines so long that nothing is broken, without overstrikes; it must not warn."""
    shown = subprocess.run(
        [tool("groff", package="groff"), "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=3000n"],
        input=source,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stderr == ""
    return shown.stdout.replace("\N{HYPHEN}", "-")


def section(page: str, title: str) -> str:
    found = re.search(rf"^{title}\n(.*?)(?=^\S|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def every_verb(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for part in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), part)
            assert found is not None
            if not found.hidden:
                yield from every_verb(found, f"{name} {part}".strip())


def test_every_verb_and_every_option_stands_in_it(page: str) -> None:
    told = dict(re.findall(r"^ {3}drtool ([a-z]+(?: [a-z]+)?)\b[^\n]*\n((?: {7}[^\n]*\n|\n)*)", page, re.MULTILINE))
    verbs = {name: command for name, command in every_verb(program, "") if name}
    assert set(told) == set(verbs)
    assert {name.split()[0] for name in told} == set(VERBS)
    everywhere = section(page, "OPTIONS") + section(page, "BARE MACHINE")
    known = {name for parameter in (*shared_options(), *bare_options()) for name in parameter.opts}
    for name, command in {**verbs, "": program}.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                for option in parameter.opts:
                    there = everywhere if option in known or not name else told[name]
                    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", there), (name, option)
        first = (command.help or "").split("\n")[0].split(". ")[0].rstrip(".")
        assert first in page, name


def test_every_exit_code_variable_and_file_stands_in_it(page: str) -> None:
    codes = {
        int(code) for code in re.findall(r"\d+", " ".join(re.findall(r"^ {7}([\d, ]+)(?: |$)", section(page, "EXIT STATUS"), re.MULTILINE)))
    }
    assert codes == {0, *exits.BY_OUTCOME.values(), *exits.BY_KIND.values(), exits.KEYBOARD}
    read = {name for path in (ROOT / "drtool").rglob("*.py") for name in re.findall(READ_FROM_OUTSIDE, path.read_text(encoding="utf-8"))}
    assert len(read) > 10
    assert read - OF_OUR_CHILDREN <= set(re.findall(r"[A-Z_]{4,}", section(page, "ENVIRONMENT")))
    assert {"/etc/drtool/", "/var/lib/drtool/", "/etc/cron.d/drtool"} <= set(re.findall(r"[\w./~-]+", section(page, "FILES")))


def test_man_shows_it_in_80_columns(source: str, tmp_path: Path) -> None:
    (tmp_path / "drtool.1").write_text(source, encoding="utf-8")
    environment = {"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    command = [tool("man", package="man-db"), "--warnings=w", "-l", str(tmp_path / "drtool.1")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert shown.stderr == ""
    assert shown.stdout.startswith("DRTOOL(1)")
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_nothing_in_a_help_text_is_a_request_to_groff() -> None:
    hostile = click.Group("x", help="What it is.\n\n.sp 99\\n(.x 'quoted' · ✔\n\n'so /etc/passwd")
    lines = manual(hostile, (), version="1")
    assert not [line for line in lines if line.startswith((".sp", "'"))]
    assert "\\&.sp 99\\en(.x \\(aqquoted\\(aq \\[u00B7] \\[u2714]" in lines
