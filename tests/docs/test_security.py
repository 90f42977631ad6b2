"""What docs/security.md promises is shown by tests that are there, and every promise has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
HEAD = "| Promise | Shown by |"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LEAST = 30


def promises() -> list[tuple[str, str]]:
    """Return the rows of all tables of promises: the promise, and what is said to show it."""
    rows, inside = [], False
    for line in TEXT.splitlines():
        inside = line == HEAD or (inside and line.startswith("|"))
        if inside and line != HEAD and not set(line) <= set("|-"):
            _, promise, shown, _ = line.split("|")
            rows.append((promise.strip(), shown.strip()))
    return rows


def named_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_promise_has_a_test() -> None:
    rows = promises()
    assert len(rows) >= LEAST
    assert [promise for promise, shown in rows if NAMED.sub("", shown).strip(", ") or not NAMED.search(shown)] == []


def test_every_test_that_is_named_is_there() -> None:
    named = NAMED.findall(TEXT)
    assert [f"{path}::{name}" for path, name in named if not (ROOT / path).exists() or name not in named_in(ROOT / path)] == []
    assert len(named) == len(re.findall(r"tests/", TEXT)), "a name in another form is looked at by nobody"


def test_every_enemy_has_a_part_with_promises() -> None:
    enemies = re.findall(r"^\| (an? [^|]+?) \|", TEXT.partition("## Against whom")[2].partition("\n## ")[0], re.MULTILINE)
    parts = re.findall(r"^## (An? .+)$", TEXT, re.MULTILINE)
    assert len(enemies) == len(parts) == TEXT.count("Not promised:", 0, TEXT.index("## Least privilege")) + 1
    for part in parts:
        assert HEAD in TEXT.partition(f"## {part}\n")[2].partition("\n## ")[0], part
