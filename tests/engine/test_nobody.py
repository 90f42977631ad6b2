"""Nobody answers: wrong, or not asked?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from drtool.engine.nobody import unless_nobody_was_to
from drtool.model.plan import Answer, Ask, Destination, Done, Plan, Restored, Result, Step
from drtool.model.point import Member
from drtool.model.policy import CheckPolicy

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SILENT = Answer(passed=False, expected="it answers", observed="nobody answers", compared=1, silent=True)
WRONG = Answer(passed=False, expected="it answers", observed="status 500", compared=1)
RIGHT = Answer(passed=True, expected="it answers", observed="it does", compared=1)
UNASKED = Answer(passed=False, expected="", observed="", skipped="it came out of the repository")


def restored(*, opened: bool, form: str = "sandbox") -> Restored:
    return Restored("w", "s", Destination(form), "/w", Member("w", "s", "files", {}, NOW, ()), opened=opened)


def counted(answer: Answer, results: Mapping[str, Result], *, address: str = "127.0.0.1:1", before: str = "127.0.0.1:1") -> Answer:
    def ask(name: str, at: str, started_by: tuple[str, ...] = ()) -> Step:
        return Step(name, Ask(CheckPolicy("tcp", "tcp", settings={"address": at}), {}, NOW, started_by=started_by), "")

    step = ask("later", address, ("starter",) if "starter" in results or results.get("") else ())
    plan = Plan("restore", "R", "p", NOW, (ask("earlier", before), step))
    return unless_nobody_was_to(answer, step, plan, results)


@pytest.mark.parametrize("starter", [Done("ran"), RIGHT, WRONG, restored(opened=True)], ids=["hook", "command", "failed command", "taken"])
def test_silence_of_what_was_started_is_wrong(starter: Result) -> None:
    assert counted(SILENT, {"starter": starter}) == SILENT


def test_a_hook_that_failed_was_to_start_it() -> None:
    assert counted(SILENT, {"": Done("there is a starter, without a result")}) == SILENT


@pytest.mark.parametrize("starter", [UNASKED, restored(opened=False)], ids=["withheld command", "files"])
def test_silence_of_what_nothing_started_is_not_asked(starter: Result) -> None:
    found = counted(SILENT, {"starter": starter})
    assert not found.passed
    assert "nobody answers" in found.skipped
    assert "nothing of this restore was to start it" in found.skipped


def in_place(starter: Result, *, of: str = "") -> Answer:
    cutovers = {"w": "cutover"}
    command = Step("starter", Ask(CheckPolicy("command", "command"), cutovers, NOW), "")
    tcp = Ask(CheckPolicy("tcp", "tcp", of=of, settings={"address": "127.0.0.1:1"}), cutovers, NOW, started_by=("cutover", "starter"))
    step = Step("later", tcp, "")
    plan = Plan("restore", "R", "p", NOW, (command, step))
    results = {"cutover": restored(opened=True, form="original"), "starter": starter}
    return unless_nobody_was_to(SILENT, step, plan, results)


@pytest.mark.parametrize("command", [RIGHT, WRONG, UNASKED], ids=["right", "wrong", "not asked"])
def test_in_place_neither_a_command_that_asks_nor_data_that_was_taken_starts_a_service(command: Answer) -> None:
    assert in_place(command).skipped


def test_in_place_the_program_that_took_a_stream_is_to_answer_for_that_stream() -> None:
    assert in_place(RIGHT, of="w") == SILENT


def test_silence_where_nothing_was_to_start_anything_is_not_asked() -> None:
    assert counted(SILENT, {}).skipped


def test_silence_after_an_answer_is_wrong() -> None:
    assert counted(SILENT, {"earlier": RIGHT}) == SILENT
    assert counted(SILENT, {"earlier": RIGHT}, before="127.0.0.1:2").skipped
    assert counted(SILENT, {"earlier": WRONG}).skipped


@pytest.mark.parametrize("answer", [WRONG, RIGHT, UNASKED])
def test_every_other_answer_stays(answer: Answer) -> None:
    assert counted(answer, {}) == answer
