from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from drtool.catalog.journal import Journal, read_journal
from drtool.model.event import Event, EventKind
from tests.rig.disk import full_disk

NOW = datetime(2026, 11, 23, 14, 2, 11, 123456, tzinfo=UTC)


DATA = b'{"kind":"noted","run":"a","at":"2026-01-01T00:00:00Z","elapsed_seconds":1,"data":3}'


def event(number: int, **data: object) -> Event:
    return Event(EventKind.STEP_STARTED, "RUN", NOW, float(number), f"step/{number}", data)


def test_events_are_read_back_as_they_were(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    journal = Journal(path, fallback=io.StringIO())
    events = tuple(event(number, text="new\nline \udcff \u2028 \u20ac", list=[1, None, {"a": True}]) for number in range(20))
    for each in events:
        journal.write(each)
    journal.write(Event(EventKind.PROGRESS, "RUN", NOW, 1.0))
    journal.close()
    assert read_journal(path) == events
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert journal.failed == ""


def test_a_cut_line_is_left_out_and_does_not_swallow_what_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(str(path), fallback=io.StringIO())
    for number in range(3):
        journal.write(event(number))
    journal.close()
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        before = read_journal(str(path))
        assert before == tuple(event(number) for number in range(len(before)))
        again = Journal(str(path), fallback=io.StringIO())
        again.write(event(9))
        again.close()
        after = read_journal(str(path))
        assert after[-1] == event(9)
        assert len(after) - 1 in (len(before), len(before) + 1)


def test_garbage_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    garbage = (
        b"\0\0\0",
        b"[]",
        b"null",
        b"3",
        b'"text"',
        b'{"kind": "unheard_of"}',
        b"\xff\xfe",
        b'{"kind":"noted","run":1}',
        b"[" * 100_000,
        DATA,
    )
    path.write_bytes(b"\n".join(garbage) + b"\n")
    journal = Journal(str(path), fallback=io.StringIO())
    journal.write(event(1))
    journal.close()
    assert read_journal(str(path)) == (event(1),)
    assert read_journal(str(tmp_path / "absent")) == ()
    assert read_journal(str(tmp_path)) == ()


def test_without_a_path_everything_goes_to_the_fallback() -> None:
    fallback = io.StringIO()
    journal = Journal(None, fallback=fallback)
    journal.write(event(1))
    journal.close()
    assert json.loads(fallback.getvalue())["step"] == "step/1"


def test_a_disk_that_fills_loses_no_event() -> None:
    fallback = io.StringIO()
    with full_disk("64k") as disk:
        journal = Journal(str(disk / "journal"), fallback=fallback)
        for number in range(200):
            journal.write(event(number, text="x" * 1000))
        journal.close()
        kept = read_journal(str(disk / "journal"))
    rest = [json.loads(line)["step"] for line in fallback.getvalue().splitlines()]
    assert journal.failed
    assert [each.step for each in kept] + rest == [f"step/{number}" for number in range(200)]
