"""What the documents point at exists: files, verbs and options."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from drtool.cli.main import VERBS, program

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "benchmarks" / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("runbooks/*.md")])
FOLDERS = ("benchmarks", "docs", "drtool", "examples", "policies", "runbooks", "scripts", "tests")
VALUES = {"--to": 1, "--from": 1, "--point": 1, "--repository": 1, "--password-file": 1, "--policy": 1, "--restic": 1}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_exist(document: Path) -> None:
    text = document.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (document.parent / link).exists()]
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+)`", text)
    missing += [path for path in named if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_verb_and_option_named_exists(document: Path) -> None:
    unknown = [words for words in _commands(document.read_text()) if not _understood(words)]
    assert not unknown


def test_the_table_of_the_readme_has_a_row_for_every_verb() -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert set(VERBS) <= {name for row in rows for name in re.findall(r"`([a-z]+)", row)}


def _commands(text: str) -> list[list[str]]:
    """Calls of drtool, in blocks of code and in the running text."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    inline = re.findall(r"`(drtool [^`]+)`", text)
    found = [re.match(r"(?:\$ )?drtool (.+)", line.strip()) for line in (*lines, *inline)]
    return [re.split(r"\s+", match[1].partition(" #")[0].strip()) for match in found if match]


def _understood(words: list[str]) -> bool:
    command: click.Command = program
    context = click.Context(program)
    options = {name for parameter in program.params for name in parameter.opts}
    rest = words[: words.index(">")] if ">" in words else list(words)
    while rest:
        word = rest.pop(0).partition("=")[0]
        if word.startswith("-"):
            if word not in options and word not in ("--help", "--version"):
                return False
            for _ in range(VALUES.get(word, 0)):
                rest[:1] = []
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return False
            command = found
            options |= {name for parameter in command.params for name in parameter.opts}
    return True


def test_nobody_is_told_to_install_a_package_of_that_name() -> None:
    """It is not ours in any registry: whoever owns it there would be installed as root on the worst day."""
    files = [*DOCUMENTS, ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/ci/*"), *ROOT.glob("docs/platforms/*"), *ROOT.rglob("drtool/**/*.py")]
    assert not [path for path in files if re.search(r"(pip|pipx|uv|uvx)( \w+)* drtool\b", path.read_text(encoding="utf-8"))]
