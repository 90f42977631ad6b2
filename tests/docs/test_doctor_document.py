"""docs/doctor.md has a row for every question that doctor asks, in its words, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from drtool.app.doctor import QUESTIONS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_the_table_has_every_question() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| ([A-Z][^|]+\?) \| ([^|]+) \|$", TEXT, flags=re.MULTILINE)
    assert [(name, asks) for name, asks, _remedy in rows] == [(each.name, each.asks) for each in QUESTIONS]
    assert all(remedy.strip() for _name, _asks, remedy in rows)
