"""The forms a report can be kept in, and what writes each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from drtool.cli.render.words import BAD, GOOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drtool.model.report import Report

FORMS: Final = ("text", "json", "junit", "html", "markdown")
MOST_OF_BEGINNING: Final = 65536
"""So many bytes tell whether something is a report."""
_BEGINNINGS: Final = {
    "text": rf"[^\n]* [{GOOD}{BAD}]  [a-z]+ [^\n]*(in|and never ended)\b",
    "json": r'\{\n  "format": "drtool\.report/',
    "junit": r'<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="drtool ',
    "html": r"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" "
    r"content=\"default-src 'none'; style-src 'sha256-",
    "markdown": rf"## [{GOOD}{BAD}] [^\n]*\n\n[A-Z][a-z]+ [^\n]* exit code \d+\.\n",
}


def is_report(form: str, beginning: str) -> bool:
    """Tell by how a text begins whether it is a report in that form, which another may replace."""
    return re.match(_BEGINNINGS[form], beginning) is not None


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
