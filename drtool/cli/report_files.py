"""Reports that a verb leaves behind in files: `--report FORM=FILE`, as often as wanted, written also when the verb failed."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from drtool.cli import exits, screen
from drtool.cli.render.forms import FORMS, MOST_OF_BEGINNING, is_report, report_text
from drtool.cli.render.words import printable
from drtool.model.errors import DrtoolError

if TYPE_CHECKING:
    from drtool.app.facade import App
    from drtool.model.report import Report

_DESCRIPTORS: Final = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")


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
        if why := why_not(form, path):
            self.fail(f"{printable(path)} {why}: name another file for the report, or remove it first", param, ctx)
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
            write(wanted.form, wanted.path, report_text(wanted.form, report, code=code, former=former))
        except OSError as error:
            words = [f"the report {wanted.form}={printable(wanted.path)} could not be written: {error.strerror}"]
            if report.run:
                words.append(f"        next: drtool report {report.run} --format {wanted.form} --output FILE")
            screen.words(words)


def why_not(form: str, path: str) -> str:
    """Say why a file is not replaced by a report; empty where nothing is lost: it is new, empty, or a report in that form."""
    if _is_stream(path):
        return ""
    if os.path.islink(path):
        return "is a link"
    try:
        with open(path, "rb") as stream:
            beginning = stream.read(MOST_OF_BEGINNING).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
    return "" if not beginning or is_report(form, beginning) else f"is there and holds something else than a report in the form {form}"


def keep_apart(app: App, reports: Iterable[ReportFile]) -> None:
    """Raise a usage error for a report that would lie where drtool keeps its own: nothing is started, and nothing written there."""
    for report in reports:
        if words := app.own_place_of(report.path):
            raise click.UsageError(f"{printable(report.path)} is or lies in {printable(words)}: name another file for the report")


def write(form: str, path: str, text: str) -> None:
    """Replace a report at once (its folder is made where missing); what is no regular file, a pipe say, is written to.

    Raises OSError, also where `why_not` has a reason.
    """
    data = text.encode()
    if _is_stream(path):
        with open(path, "ab") as stream:
            stream.write(data)
        return
    if why := why_not(form, path):
        raise OSError(errno.EEXIST, f"it {why}")
    folder = os.path.dirname(os.path.abspath(path))
    with contextlib.suppress(FileExistsError):  # a file stands where the folder should: opening it says so more clearly
        os.makedirs(folder)
    temporary = os.path.join(folder, f".drtool-{secrets.token_hex(8)}.new")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), "wb") as stream:
            with contextlib.suppress(FileNotFoundError):  # what somebody closed to others stays closed
                os.fchmod(stream.fileno(), os.stat(path).st_mode & 0o777)
            stream.write(data)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _is_stream(path: str) -> bool:
    """Tell whether a path is written to, and not replaced: a pipe, a device, or a descriptor, whatever it leads to."""
    if os.path.abspath(path).startswith(_DESCRIPTORS):
        return True
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.islink(path)


def _report_of(error: DrtoolError, *, verb: str) -> Report:
    from drtool.catalog.fold import outcome_of  # noqa: PLC0415
    from drtool.engine.clock import SystemClock  # noqa: PLC0415
    from drtool.model.report import Failure, Report  # noqa: PLC0415

    now = SystemClock().now()
    failure = Failure.of(error)
    return Report("", verb, "", outcome_of(failure), now, now, 0.0, failures=(failure,))
