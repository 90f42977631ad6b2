"""Tables in any width: no word is broken, none is lost, and no line is wider than the terminal but by one word that is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.cli import screen
from drtool.cli.render.table import Row, table
from drtool.cli.render.words import width

WORD = st.text(st.sampled_from("abcdeä漢✔✖/-.:,0"), min_size=1, max_size=24)
CELL = st.one_of(st.just(""), WORD, st.lists(WORD, max_size=14).map(" ".join))
ROWS = st.integers(1, 8).flatmap(lambda columns: st.lists(st.lists(CELL, min_size=1, max_size=columns), min_size=1, max_size=6))


def rows_of(lines: list[str]) -> list[Row]:
    return [line for line in lines if isinstance(line, Row)]


def words(lines: list[str]) -> Counter[str]:
    return Counter(word for line in lines for word in line.split())


@given(ROWS, st.frozensets(st.integers(0, 7)), st.sampled_from(["", "  "]), st.integers(60, 200))
def test_no_word_is_broken_and_none_is_lost(rows: list[list[str]], right: frozenset[int], indent: str, columns: int) -> None:
    for row, line in zip(rows, rows_of(table(rows, right=right, indent=indent)), strict=True):
        lines = line.within(columns)
        assert words(lines) == words(row)
        assert all(width(each) <= columns or len(each.split()) == 1 for each in lines)
        if any(cell.strip() for cell in row):
            assert all(each.startswith(indent) for each in lines)


@given(ROWS, st.frozensets(st.integers(0, 7)))
def test_a_table_that_fits_stays_as_it_is(rows: list[list[str]], right: frozenset[int]) -> None:
    lines = rows_of(table(rows, right=right))
    assert [line.within(max(map(width, lines))) for line in lines] == [[line] for line in lines]


POINTS = [
    ("POINT", "SET", "INSTANT", "SIZE", "REPOSITORIES", "NOTES"),
    (
        "01KBA8Y2J9W3V5T7R1Q0ZXCVBN",
        "documents",
        "2026-11-27 03:37:45 UTC",
        "106.0 MiB",
        "near offsite",
        "verified in near ✔, proven in offsite ✔",
    ),
    ("01KBA8Y2J9W3V5T7R1Q0ZXCVBM", "mail", "2026-11-27 03:37:45 UTC", "1.0 GiB", "near", ""),
]


def laid_out(lines: list[str], columns: int) -> list[str]:
    return [part for line in rows_of(lines) for part in line.within(columns)]


def test_columns_without_room_stand_below_and_ids_stay_whole() -> None:
    assert laid_out(table(POINTS, right=frozenset({3})), 80) == [
        "POINT                       SET        INSTANT                       SIZE",
        "  REPOSITORIES  NOTES",
        "01KBA8Y2J9W3V5T7R1Q0ZXCVBN  documents  2026-11-27 03:37:45 UTC  106.0 MiB",
        "  near offsite  verified in near ✔, proven in offsite ✔",
        "01KBA8Y2J9W3V5T7R1Q0ZXCVBM  mail       2026-11-27 03:37:45 UTC    1.0 GiB",
        "  near",
    ]


def test_a_cell_is_broken_in_its_column_where_two_lines_are_enough() -> None:
    rows = [("SET", "COPIES", "LAST PROOF"), ("documents", "near offsite", "drill 6s ✔ (offsite)"), ("mail", "near", "never proven ✖")]
    assert laid_out(table(rows), 38) == [
        "SET        COPIES        LAST PROOF",
        "documents  near offsite  drill 6s ✔",
        "                         (offsite)",
        "mail       near          never",
        "                         proven ✖",
    ]


def test_a_long_text_at_the_end_keeps_its_column() -> None:
    rows = [
        ("✖", "near: space", "1.0 MiB of 24.0 MiB are free, and at least 40.0 MiB are to be stored that no point there holds, by far"),
        ("✔", "near", "opens"),
    ]
    assert laid_out(table(rows), 60) == [
        "✖  near: space  1.0 MiB of 24.0 MiB are free, and at least",
        "                40.0 MiB are to be stored that no point",
        "                there holds, by far",
        "✔  near         opens",
    ]


def test_what_is_said_otherwise_keeps_its_columns() -> None:
    lines = rows_of(table([("a", "drtool run", "x"), ("b", "", "y")]))
    assert [line.said(lambda text: text.replace("drtool run", "drtool run --policy p")) for line in lines] == [
        "a  drtool run --policy p  x",
        "b                         y",
    ]


def test_paths_and_commands_stay_whole_where_the_rows_between_them_are_laid_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(screen, "columns", lambda **_stream: 40)
    rows = table([("SIZE", "FIRST", "POINT"), ("5 B", "2026-11-30 22:56:18 UTC", "01M8QARQHNWNXAE4M8DMV9ECX3")])
    path = "/a/path/that is longer than the line / and has words"
    screen.data([rows[0], path, rows[1]])
    lines = capsys.readouterr().out.splitlines()
    assert path in lines
    assert all(len(line) <= 40 for line in lines if line != path)
    assert any(line.split() == ["01M8QARQHNWNXAE4M8DMV9ECX3"] for line in lines)
