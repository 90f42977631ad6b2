"""Reports that a verb leaves behind in files: `--report FORM=FILE`, as often as wanted, written also when the verb failed."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from drtool.cli import exits, screen
from drtool.cli.render.forms import FORMS, report_text
from drtool.cli.render.words import printable
from drtool.model.errors import DrtoolError

if TYPE_CHECKING:
    from drtool.model.report import Report


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report to be written: its form and where."""

    form: str
    path: str


class _ReportFileType(click.ParamType[ReportFile]):
    name = "form=file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ReportFile:  # noqa: ANN401
        form, _equals, path = value.partition("=")
        if form not in FORMS or not path:
            self.fail(f"{value!r} is no report: write FORM=FILE, with one of {', '.join(FORMS)}", param, ctx)
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):  # a slip must not make folders, nor be told only after hours of work
            self.fail(f"there is no folder {printable(folder)} for the report: make it first, or name another file", param, ctx)
        if not os.path.exists(path) and not os.access(folder, os.W_OK | os.X_OK):
            self.fail(f"nothing can be written into {printable(folder)} by this user: name another file for the report", param, ctx)
        return ReportFile(form, path)


def leaves_reports(function: Callable[..., int]) -> Callable[..., int]:
    """Add `--report` to a verb; `function` gets `reports` and hands them to `Session.carry_out`.

    An error that ends the verb before there is a report is written to the files too, as the report of a run without steps.
    """

    @click.option(
        "--report",
        "reports",
        type=_ReportFileType(),
        multiple=True,
        metavar="FORM=FILE",
        help=f"Leave a report in a file: {', '.join(FORMS)}; may be repeated.",
    )
    @functools.wraps(function)
    def leaving(context: click.Context, *, reports: tuple[ReportFile, ...], **given: Any) -> int:  # noqa: ANN401 - click's shape
        try:
            return function(context, reports=reports, **given)
        except DrtoolError as error:
            if reports:
                write_reports(reports, _report_of(error, verb=str(context.info_name)), code=exits.of_error(error), former=tuple)
            raise

    return leaving


def files_of(reports: Sequence[ReportFile], name: str, *, among: int) -> tuple[ReportFile, ...]:
    """Return where the report of one of several goes: the name stands before the ending, so that none replaces another."""
    if among < 2:  # noqa: PLR2004 - one has the file to itself
        return tuple(reports)
    named = ((report, os.path.splitext(report.path)) for report in reports)
    return tuple(ReportFile(report.form, f"{stem}-{name}{ending}") for report, (stem, ending) in named)


def write_reports(reports: Sequence[ReportFile], report: Report, *, code: int, former: Callable[[], Iterable[Report]]) -> None:
    """Write a report to files; one that cannot be written is told, and changes neither outcome nor code."""
    for wanted in reports:
        try:
            write(wanted.path, report_text(wanted.form, report, code=code, former=former))
        except OSError as error:
            words = [f"the report {wanted.form}={printable(wanted.path)} could not be written: {error.strerror}"]
            if report.run:
                words.append(f"        next: drtool report {report.run} --format {wanted.form} --output FILE")
            screen.words(words)


def write(path: str, text: str) -> None:
    """Replace a file at once (its folder is made where missing); what is no regular file, a pipe say, is written to. Raises OSError."""
    data = text.encode()
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as stream:
            stream.write(data)
        return
    with contextlib.suppress(FileExistsError):  # a file stands where the folder should: opening it says so more clearly
        os.makedirs(os.path.dirname(os.path.abspath(path)))
    temporary = f"{path}.{os.getpid()}.new"
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _report_of(error: DrtoolError, *, verb: str) -> Report:
    from drtool.catalog.fold import outcome_of  # noqa: PLC0415
    from drtool.engine.clock import SystemClock  # noqa: PLC0415
    from drtool.model.report import Failure, Report  # noqa: PLC0415

    now = SystemClock().now()
    failure = Failure.of(error)
    return Report("", verb, "", outcome_of(failure), now, now, 0.0, failures=(failure,))
