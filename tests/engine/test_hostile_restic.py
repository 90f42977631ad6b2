"""What a program that calls itself restic may say: counts and shapes are looked at before anybody acts on them."""

from __future__ import annotations

import json

import pytest

from drtool.model.command import Completed, understanding, whole_number
from drtool.model.errors import Refused
from drtool.ports import Progress
from drtool.repositories.restic.locks import parse_lock
from drtool.repositories.restic.output import OutputReader, number, parse_document, parse_line, progress_of


@pytest.mark.parametrize(
    "value", [-1, -1e9, float("inf"), float("-inf"), float("nan"), 1.5, 1 << 70, 10**400, "7", None, [], {}, True + 1e300]
)
def test_what_is_no_count_is_refused(value: object) -> None:
    with pytest.raises(Refused, match="total_bytes_processed"):
        number({"total_bytes_processed": value}, "total_bytes_processed")


@pytest.mark.parametrize("value", [0, 7, 7.0, 1 << 60])
def test_what_is_a_count_is_one(value: float) -> None:
    assert number({"a": value}, "a") == int(value)
    assert number({}, "a") == 0


@pytest.mark.parametrize("line", [b"{" * 200_000, b'{"a":' * 100_000, b'{"a": 1' + b"0" * 5000 + b"}", b"{]", b'{"a"', b"{}" * 9])
def test_a_line_that_is_no_object_is_words(line: bytes) -> None:
    assert parse_line(line) is None


def test_a_document_without_bottom_is_no_document() -> None:
    with pytest.raises(ValueError, match="without bottom"):
        parse_document(b"[" * 200_000)


@pytest.mark.parametrize("key", ["bytes_done", "total_bytes", "files_done"])
def test_progress_that_is_no_count_ends_by_name(key: str) -> None:
    reader = OutputReader(lambda _progress: None)
    with pytest.raises(Refused, match=key):
        reader.take(json.dumps({"message_type": "status", key: -5}).encode())
    assert progress_of({"bytes_done": 3}) == Progress(done_bytes=3)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "x", 5, None])
def test_a_lock_that_cannot_be_read_is_no_lock(time: object) -> None:
    document = {"hostname": "h", "username": "u", "pid": 5, "time": time}
    assert parse_lock("id", json.dumps(document).encode()) is None


@pytest.mark.parametrize("text", [b"", b"-1", b"1e9", b"9" * 30, b"4 5", b"\xb2", b"Welcome 7", "\u0663".encode()])
def test_a_number_that_is_none_is_refused_with_what_stands_there(text: bytes) -> None:
    with pytest.raises(Refused, match="should be a number"):
        whole_number(text, "the size")
    with pytest.raises(Refused, match="should be a number"):
        Completed(0, text + b"\n", b"", 0.0).number("the size")
    assert Completed(0, b"42\n", b"", 0.0).number("the size") == 42


def test_an_answer_that_cannot_be_read_is_no_fault_of_ours() -> None:
    for wrong in (
        lambda: int("x"),
        lambda: next(iter(int(part) for part in ["x"])),
        lambda: dict[str, str]()["a"],
        lambda: int(float("inf")),
    ):
        with pytest.raises(Refused, match="the answer to df cannot be read"), understanding("df"):
            wrong()
