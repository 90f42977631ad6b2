"""The forms a report can be kept in, and what writes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drtool.model.report import Report

FORMS: Final = ("text", "json", "junit", "html", "markdown")


def report_text(form: str, report: Report, *, code: int, former: Callable[[], Iterable[Report]]) -> str:
    """Return a report in one of the forms, with a line end; `former` is asked only by a form that shows history."""
    match form:
        case "json":
            from drtool.cli.render.document import document  # noqa: PLC0415

            return document("report", report, exit_code=code) + "\n"
        case "junit":
            from drtool.cli.render.junit import junit_text  # noqa: PLC0415

            return junit_text(report, code=code)
        case "html":
            from drtool.cli.render.html import html_report  # noqa: PLC0415
            from drtool.cli.render.page import Page  # noqa: PLC0415

            before = tuple(each for each in former() if each.run != report.run and each.started <= report.started)
            return html_report(Page(report, code, before))
        case "markdown":
            from drtool.cli.render.markdown import markdown_text  # noqa: PLC0415

            return markdown_text(report, code=code)
        case _:
            from drtool.cli.render.report import report_lines  # noqa: PLC0415

            return "\n".join([*report_lines(report, code=code, steps=True), ""])
