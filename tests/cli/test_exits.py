"""The one table from outcome or error to exit code."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drtool.cli import exits
from drtool.model import errors
from drtool.model.errors import DrtoolError
from drtool.model.outcome import Outcome
from drtool.model.report import Failure, Report, SetReport, StepReport

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)


def report(outcome: Outcome, *kinds: str, signal_number: int | None = None, sets: tuple[SetReport, ...] = ()) -> Report:
    steps = tuple(
        StepReport(f"{number}/store", "store", f"set{number}", "", Outcome.FAILED, failure=Failure(kind, "x"))
        for number, kind in enumerate(kinds)
    )
    return Report("RUN", "run", "homelab", outcome, NOW, NOW, 1.0, sets=sets, steps=steps, signal_number=signal_number)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.SUCCEEDED, 0),
        (Outcome.FAILED, 1),
        (Outcome.PARTIAL, 3),
        (Outcome.OBJECTIVE_MISSED, 4),
        (Outcome.DATA_WRONG, 5),
        (Outcome.REFUSED, 6),
    ],
)
def test_an_outcome_has_its_code(outcome: Outcome, code: int) -> None:
    assert exits.of_report(report(outcome)) == code


def test_no_outcome_and_no_error_lacks_a_code() -> None:
    assert set(exits.BY_OUTCOME) == set(Outcome)
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, DrtoolError)}
    assert set(exits.BY_KIND) == classes - {"DrtoolError"}


@pytest.mark.parametrize(("kind", "code"), [("NoRepository", 10), ("Locked", 11), ("WrongKey", 12), ("TimedOut", 124)])
def test_one_reason_of_failure_gives_its_own_code(kind: str, code: int) -> None:
    assert exits.of_report(report(Outcome.FAILED, kind, kind)) == code


def test_members_failing_with_different_codes_give_1() -> None:
    assert exits.of_report(report(Outcome.FAILED, "Locked", "WrongKey")) == 1
    assert exits.of_report(report(Outcome.FAILED, "Locked", "Unavailable")) == 1


def test_a_set_that_failed_without_an_error_is_another_reason() -> None:
    failed = (SetReport("set0", Outcome.FAILED), SetReport("photos", Outcome.FAILED))
    assert exits.of_report(report(Outcome.FAILED, "Locked", sets=failed)) == 1
    assert exits.of_report(report(Outcome.FAILED, "Locked", sets=failed[:1])) == 11


def test_wrong_data_outranks_every_failure() -> None:
    assert exits.of_report(report(Outcome.DATA_WRONG, "Locked")) == 5


@pytest.mark.parametrize(("signal_number", "code"), [(2, 130), (15, 143)])
def test_an_interruption_tells_its_signal(signal_number: int, code: int) -> None:
    assert exits.of_report(report(Outcome.INTERRUPTED, signal_number=signal_number)) == code
    assert exits.of_error(errors.Interrupted(signal_number=signal_number)) == code


def test_an_unknown_kind_of_error_is_a_failure() -> None:
    assert exits.of_kind("FromTheFuture") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.PolicyError(()), 2),
        (errors.Refused("x"), 6),
        (errors.Corrupt("x"), 5),
        (errors.NotFound("x"), 1),
        (errors.TimedOut("x"), 124),
        (errors.Bug("x"), 1),
    ],
)
def test_an_error_has_its_code(error: DrtoolError, code: int) -> None:
    assert exits.of_error(error) == code
