"""The map of the code tells the truth."""

from __future__ import annotations

import re
from pathlib import Path

from drtool.cli.main import VERBS

ROOT = Path(__file__).parents[2]
MAP = (ROOT / "docs" / "where.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([\w./-]+(?:/|\.(?:py|md|toml|yaml)))`", MAP))


def test_every_path_on_the_map_exists() -> None:
    assert {name for name in NAMED if not (ROOT / name).exists()} == set()


def test_every_verb_is_on_the_map() -> None:
    assert {f"drtool/cli/{module}.py" for module, _text in VERBS.values()} - NAMED == set()


def test_every_planner_is_on_the_map() -> None:
    planners = {path.relative_to(ROOT).as_posix() for path in (ROOT / "drtool" / "planning").glob("*.py") if path.name != "__init__.py"}
    assert planners - NAMED == set()


def test_every_module_of_the_command_line_is_on_the_map() -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "drtool" / "cli").glob("*.py") if path.name != "__init__.py"}
    assert modules - NAMED == set()


def test_every_link_between_documents_leads_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        (document.name, target)
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []


def test_every_decision_is_listed() -> None:
    decisions = ROOT / "docs" / "adr"
    first = (decisions / "0001-where-deviations-are-written.md").read_text(encoding="utf-8")
    assert [path.name for path in decisions.glob("*.md") if path.name not in first and not path.name.startswith("0001")] == []
