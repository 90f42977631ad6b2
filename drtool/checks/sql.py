from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from drtool import process
from drtool.checks.postgresql import ask_postgresql
from drtool.checks.sqlite import ask_sqlite
from drtool.checks.subject import NEVER_SAID, NOBODY, Subject, nothing, respelled, subjects
from drtool.model.errors import TimedOut
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.model.quantity import parse_duration
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.ports import Question

if TYPE_CHECKING:
    from drtool.checks import schema

_SHOWN = 200


class SqlCheck:
    """Opens a restored database, an SQLite file or one loaded into a scratch PostgreSQL, and asks it."""

    kind = "sql"
    beyond: Mapping[str, str] = {"database": "the server of the database"}

    def ask(self, question: Question) -> Answer:
        """Answer from the database of each subject; `compared` counts the databases, `bytes` what was read of SQLite files."""
        from drtool.checks import schema  # noqa: PLC0415 - heavy, and only an asked check needs it

        keys = schema.Sql.model_validate(dict(question.check.settings))
        of = question.check.of
        expected = _expected(keys)
        found = subjects(question, of)
        if not found:
            return nothing(of, expected)
        if any(subject.restored.paths for subject in found):
            return Answer(passed=False, expected=expected, observed="", skipped="only some paths were restored")
        if keys.database is not None:
            return _ask_server(keys, question, found, expected)
        return _ask_files(keys, question, found, expected)

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Look for the server where nothing listens, or expect words that no query gives."""
        settings = question.check.settings
        if fault is Fault.WRONG_ANSWER and settings.get("query"):
            return respelled(question, expect={"equals": NEVER_SAID})
        if fault is Fault.STOPPED_SERVICE and settings.get("database"):
            host, _, port = NOBODY.partition(":")
            elsewhere = {
                name: replace(inspection, environment={**inspection.environment, "PGHOST": host, "PGPORT": port})
                for name, inspection in question.inspections.items()
            }
            return replace(question, inspections=elsewhere)
        return None


def _ask_files(keys: schema.Sql, question: Question, found: tuple[Subject, ...], expected: str) -> Answer:
    watch = process.stopwatch(_timeout(keys, question).total_seconds(), "the query")
    problems: list[str] = []
    values: list[str] = []
    read = 0
    for subject in found:
        place = subject.inside("" if keys.sqlite == "." else keys.sqlite or "")
        if place.problem:
            problems.append(place.problem)
            continue
        try:
            asked = ask_sqlite(subject.runner, place.path, integrity=keys.integrity, query=keys.query, watch=watch)
        except TimedOut as error:
            problems.append(error.what)
            continue
        read += asked.bytes
        problem = asked.problem or _wrong(keys, asked.value, instant=question.instant, now=question.now)
        problems += [problem] if problem else []
        values += [f"{asked.value}"[:_SHOWN]] if keys.query is not None and not asked.problem else []
    observed = "; ".join((*values, *problems)) or "it opens"
    return Answer(passed=not problems, expected=expected, observed=observed, compared=len(found), bytes=read)


def _ask_server(keys: schema.Sql, question: Question, found: tuple[Subject, ...], expected: str) -> Answer:
    served = [subject for subject in found if "PGHOST" in question.inspections[subject.restored.workload].environment]
    if not served and any(subject.restored.destination.form == "sandbox" for subject in found):
        words = "the sandbox has no PostgreSQL server: give the stream's place the key `postgresql: {}`"
        return Answer(passed=False, expected=expected, observed=words, skipped=words)
    if not served and any(subject.restored.destination.form == "directory" for subject in found):
        return Answer(passed=False, expected=expected, observed="", skipped="it was restored to a directory, not into a server")
    subject = (served or list(found))[0]
    environment = question.inspections[subject.restored.workload].environment
    said = ask_postgresql(
        subject.runner,
        environment,
        keys.database or "",
        query=keys.query,
        timeout_seconds=_timeout(keys, question).total_seconds(),
    )
    if said.missing:
        return Answer(passed=False, expected=expected, observed=said.missing, skipped=said.missing)
    problem = said.problem or _wrong(keys, said.value, instant=question.instant, now=question.now)
    shown = f"{said.value}"[:_SHOWN] if keys.query is not None and not said.problem else ""
    observed = "; ".join(filter(None, (shown, problem))) or "it answers"
    ours = subject.restored.destination.form == "sandbox"  # that server was started for this drill
    return Answer(passed=not problem, expected=expected, observed=observed, compared=1, silent=said.nobody and not ours)


def _timeout(keys: schema.Sql, question: Question) -> timedelta:
    return question.timeout if keys.timeout is None else parse_duration(keys.timeout)


def _expected(keys: schema.Sql) -> str:
    what = (
        f"the database {keys.database}"
        if keys.database is not None
        else f"{'the file' if keys.sqlite == '.' else keys.sqlite}, an SQLite database"
    )
    if keys.query is None:
        return f"{what}, opens{' and is whole' if keys.integrity and keys.database is None else ''}"
    if keys.expect is None:
        return f"{what}, answers: {keys.query}"
    wanted = f"at least {keys.expect.at_least}" if keys.expect.at_least is not None else ""
    wanted = f"exactly {keys.expect.equals}" if keys.expect.equals is not None else wanted
    wanted = f"within {keys.expect.within} before the point" if keys.expect.within is not None else wanted
    return f"{what}, answers {wanted}: {keys.query}"


def _wrong(keys: schema.Sql, value: object, *, instant: datetime, now: datetime) -> str:
    """Say what is wrong with an answer; empty: nothing."""
    if keys.query is None:
        return ""
    if value is None:
        return "there is no answer: no row, or nothing in it"
    expect = keys.expect
    if expect is None:
        return ""
    if expect.equals is not None:
        return "" if str(value) == str(expect.equals) else f"it is not {expect.equals}"
    if expect.at_least is not None:
        try:
            enough = Decimal(str(value)) >= Decimal(str(expect.at_least))
        except InvalidOperation:
            return "it is not a number"
        return "" if enough else f"it is less than {expect.at_least}"
    newest = _instant(value)
    if newest is None:
        return "it is not an instant"
    if newest > now + FUTURE_TOLERANCE:
        return "it lies in the future"
    return "" if newest >= instant - parse_duration(expect.within or "0s") else f"it is older than {expect.within} before the point"


def _instant(value: object) -> datetime | None:
    """Read an ISO 8601 text (without a zone: UTC) or seconds since 1970."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        text = str(value).strip()
        found = datetime.fromtimestamp(float(text), UTC) if text.replace(".", "", 1).isdigit() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
