"""A report as one HTML file that needs nothing else: no script, no font, no picture from anywhere; outcome first."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from drtool.cli.render.markup import element, html_text
from drtool.cli.render.page import Page, kept_together, table
from drtool.cli.render.set_account import failure_block, set_account, tone
from drtool.cli.render.verdict import headline, other_failures, outcome_words
from drtool.cli.render.words import long_duration, stamp

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def html_report(page: Page) -> str:
    """Return the document."""
    report = page.report
    body = element(
        "body",
        _header(page),
        element(
            "main",
            _failures(page),
            *(set_account(page, entry) for entry in report.sets),
            _notes(page),
            _steps(page),
        ),
        _footer(page),
        class_=f"ended {tone(report.outcome)}",
    )
    return html_text(element("html", _head(page), body, lang="en"))


def _head(page: Page) -> Element:
    style = files("drtool.cli.render").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # Not by `element`, which spells out line ends: the browser takes the style only if its digest is this one.
    sheet = element("style")
    sheet.text = style
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{headline(page.report)} {page.report.verb} of {stamp(page.report.started)}"),
        sheet,
    )


def _header(page: Page) -> Element:
    report = page.report
    took = f"took {long_duration(report.seconds)}" if report.ended else "never ended"
    return element(
        "header",
        element("p", element("span", outcome_words(report.outcome), class_=f"outcome {tone(report.outcome)}"), class_="overline"),
        element("h1", *kept_together(headline(report))),
        element(
            "p",
            f"{report.verb.capitalize()} of {report.policy}, started " if report.policy else f"{report.verb.capitalize()}, started ",
            element("time", stamp(report.started), datetime=report.started.isoformat()),
            f", {took}.",
        ),
    )


def _failures(page: Page) -> Element | None:
    found = other_failures(page.report)
    if not found:
        return None
    return element("section", element("h2", "What went wrong"), *(failure_block(failure) for failure in found), class_="run")


def _notes(page: Page) -> Element | None:
    told = [*(f"Skipped: {text}" for text in page.report.skipped), *page.report.notes]
    if not told:
        return None
    return element("section", element("h2", "Notes"), element("ul", *(element("li", text) for text in told)), class_="run")


def _steps(page: Page) -> Element | None:
    if not page.report.steps:
        return None
    rows = []
    for step in page.report.steps:
        words = outcome_words(step.outcome) if step.outcome else "not run"
        note = f": {step.not_run}" if step.not_run else ", as told above" if step.failure else ""
        rows.append((step.id, words + note, long_duration(step.seconds) if step.outcome else "–"))  # noqa: RUF001
    classes = [None if step.outcome and step.outcome.rank == 0 else "wrong" for step in page.report.steps]
    listed = table("In the order of the plan.", ("Step", "Outcome", "#Took"), rows, classes=classes, kind="steps")
    return element("section", element("h2", "Every step"), listed, class_="run")


def _footer(page: Page) -> Element:
    report = page.report
    named = [("Run", report.run), ("Plan", report.plan_digest), ("Exit code", str(page.code))]
    return element(
        "footer",
        element("dl", *(element("div", element("dt", name), element("dd", text)) for name, text in named if text)),
        element("p", "Written by drtool from the journal of the run."),
    )
