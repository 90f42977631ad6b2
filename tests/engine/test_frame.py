"""Only what stands between two marks is an answer, wherever the bytes are cut."""

from __future__ import annotations

import pytest

from drtool.model.command import Marks
from drtool.model.errors import Refused
from drtool.process.frame import MOST_BESIDE_BYTES, Frame

MARKS = Marks("aab", "aac", "the login shell of pi")


def parts(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("answer", [b"", b"4711\n", b"no line feed", b"aac:aa\naac:aab\n", b"\0x\0", MARKS.begin, b"aac" * 50])
@pytest.mark.parametrize("before", [b"", b"12345\n", b"x\0y\0", b"aab:aa", b"Welcome", b"aab:aab:aab\n"])
def test_an_answer_is_found_however_the_bytes_are_cut(before: bytes, answer: bytes) -> None:
    data = before + MARKS.begin + answer + MARKS.end + b"17\nbye\n99\n"
    for size in range(1, len(data) + 1):
        frame = Frame(MARKS)
        got = b"".join(frame.take(chunk) for chunk in parts(data, size)) + frame.finish()
        assert (got, frame.ended, frame.begun) == (answer, "17", True)
        assert bytes(frame.beside) == before + b"bye\n99\n"


def test_a_line_is_given_out_before_the_next_comes() -> None:
    frame = Frame(MARKS)
    assert frame.take(MARKS.begin + b"up\n") == b"up\n"
    assert frame.take(b"aac:") == b""
    assert frame.take(b"aax\n") == b"aac:aax\n"


def test_an_answer_that_was_cut_has_no_end() -> None:
    for cut in range(len(MARKS.end) + 1):
        frame = Frame(MARKS)
        got = frame.take(MARKS.begin + b"half" + MARKS.end[:cut]) + frame.finish()
        assert got.startswith(b"half")
        assert frame.ended == ""


def test_words_without_an_answer_are_no_answer() -> None:
    frame = Frame(MARKS)
    assert frame.take(b"This account is not available.\n") + frame.finish() == b""
    assert not frame.begun
    assert bytes(frame.beside) == b"This account is not available.\n"


@pytest.mark.parametrize("begin", [b"", MARKS.begin + MARKS.end + b"0\n"], ids=["before", "behind"])
def test_what_prints_without_end_is_refused_by_name(begin: bytes) -> None:
    frame = Frame(MARKS)
    frame.take(begin)
    with pytest.raises(Refused, match="the login shell of pi prints without end: yyyy"):
        frame.take(b"y" * (MOST_BESIDE_BYTES + 100))


@pytest.mark.parametrize("tail", [b"x" * 100, b"\xff\n", b"-3\n", b" \n"])
def test_an_end_that_is_no_number_is_no_good_end(tail: bytes) -> None:
    frame = Frame(MARKS)
    frame.take(MARKS.begin + MARKS.end + tail)
    assert frame.ended
    assert not frame.ended.isdigit()
