"""Numbers, instants, ids and hostile names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.cli.render import words
from drtool.cli.render.table import table


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (18.2 * 2**30, "18.2 GiB"), (2**40, "1.0 TiB"), (5 * 2**50, "5120.0 TiB")],
)
def test_a_size(count: float, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (40, "40s"), (59.6, "1m"), (1860, "31m"), (7440, "2h04"), (14400, "4h"), (86400, "24h"), (1036800, "12d"), (-90, "-1m")],
)
def test_a_duration_in_a_table(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.24, "4.2 s"), (40, "40 s"), (72, "1 min 12 s"), (1860, "31 min"), (10020, "2 h 47 min"), (273600, "3 d 4 h")],
)
def test_a_duration_in_a_sentence(seconds: float, text: str) -> None:
    assert words.long_duration(seconds) == text


def test_an_id_is_shortened_to_its_ends() -> None:
    assert words.short_id("01JDABCDEFGHJKMNPQRSTVW7QK") == "01JD…7QK"
    assert words.short_id("short") == "short"


def test_instants_are_told_in_utc() -> None:
    now = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
    elsewhere = datetime(2026, 11, 23, 12, 15, tzinfo=timezone(timedelta(hours=1)))
    assert words.clock_time(elsewhere, now) == "11:15"
    assert words.clock_time(elsewhere - timedelta(days=1), now) == "2026-11-22 11:15"
    assert words.stamp(elsewhere) == "2026-11-23 11:15:00 UTC"


def test_control_characters_cannot_reach_a_terminal() -> None:
    assert words.printable("a\x1b[31mb\nc\x7f") == "a\\x1b[31mb\\x0ac\\x7f"
    assert words.printable("right\u202eleft") == "right\\u202eleft"
    assert words.printable("undecodable \udcff") == "undecodable \\xff"
    assert words.printable("Grüße 日本 ✔") == "Grüße 日本 ✔"


@given(st.text())
def test_what_is_printable_stays_and_what_is_not_goes(text: str) -> None:
    shown = words.printable(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


def test_columns_align_whatever_the_width_of_characters() -> None:
    lines = table([("日本", "1"), ("a", "23")], right=frozenset({1}))
    assert lines == ["日本   1", "a     23"]
    assert table([]) == []
