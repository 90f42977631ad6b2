"""One set in an HTML report: each part is one function from the page and the set to an element, or None where there is nothing to tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element

from drtool.cli.render.errors import again_words
from drtool.cli.render.history import bygone, history
from drtool.cli.render.markup import element
from drtool.cli.render.page import Page, facts, kept_together, section, table
from drtool.cli.render.timeline import timeline
from drtool.cli.render.verdict import (
    RECOVERIES,
    UNTIL_SWEPT,
    advice,
    check_words,
    control_words,
    detected_words,
    failures_of,
    kept_aside,
    outcome_words,
    sentence,
    unfinished,
)
from drtool.cli.render.words import counted, long_duration, size, stamp
from drtool.model.ladder import Level
from drtool.model.outcome import Outcome
from drtool.model.report import SetReport

if TYPE_CHECKING:
    from drtool.model.report import CheckReport, Failure, ObjectiveReport, Rung

_SHOWN_WARNINGS: Final = 20
_SHORT: Final = 120
"""Characters that may be set in bold."""
_CONTROL_TONES: Final = {True: "good", False: "bad", None: "warn"}
_LEVELS: Final = [level for level in Level if level]


def set_account(page: Page, entry: SetReport) -> Element:
    """Return the account of one set."""
    if len(page.report.sets) == 1 and entry.outcome is page.report.outcome:  # the head of the page has said it
        return element("article", element("h2", entry.set), *(part(page, entry) for part in PARTS))
    mark = element("span", outcome_words(entry.outcome), class_=f"outcome {tone(entry.outcome)}")
    words = element("p", *kept_together(f"{sentence(page.report.verb, entry)}."), class_="sentence")
    return element("article", element("h2", entry.set, " ", mark), words, *(part(page, entry) for part in PARTS))


def tone(outcome: Outcome) -> str:
    """Return the tone in which an outcome is told: `good`, `warn` or `bad`."""
    return {Outcome.SUCCEEDED: "good", Outcome.OBJECTIVE_MISSED: "warn", Outcome.PARTIAL: "warn"}.get(outcome, "bad")


def failure_block(failure: Failure, place: str = "") -> Element:
    """Return one failure: what, where, what is still safe, what to type, whether trying again is harmless."""
    return _trouble(failure.what, place or failure.where, failure.safe, failure.hint, again_words(failure))


def _trouble(what: str, where: str, safe: str, hint: str, again: str = "") -> Element:
    told = [("Where", where), ("Still safe", safe), ("Next", hint)]
    return element(
        "div",
        element("p", what, class_="what" if len(what) <= _SHORT else "what long"),
        element("dl", *(element("div", element("dt", name), element("dd", text)) for name, text in told if text)),
        element("p", again, class_="again") if again else None,
        class_="trouble",
    )


def _figures(page: Page, entry: SetReport) -> Element:
    found = _objective_figures(page.report.verb, entry, entry.objective) if entry.objective else []
    if entry.checks_planned:
        compared = f"{entry.compared} compared with the source" if entry.compared else ""
        found.append(("Checks passed", f"{entry.checks_passed} of {entry.checks_planned}", compared))
    if entry.files or entry.bytes:
        found.append(("Restored" if page.report.verb in RECOVERIES else "Protected", size(entry.bytes), counted(entry.files, "file")))
    if entry.stored_bytes:
        found.append(("Newly stored", size(entry.stored_bytes), ""))
    if entry.copies:
        found.append(("From copy", ", ".join(entry.copies), ""))
    if entry.key:
        found.append(("Opened with this key alone", entry.key, ""))
    if entry.point:
        found.append(("Recovery point", entry.point, _instant(entry.objective)))
    return facts(found)


def _objective_figures(verb: str, entry: SetReport, objective: ObjectiveReport) -> list[tuple[str, str, str]]:
    back = long_duration(objective.rto_seconds) if objective.rto_seconds is not None else unfinished(entry)
    found = [("Back in" if objective.rto_seconds is not None else "Back", back, _against(objective.rto_objective_seconds))]
    if objective.rpo_seconds is not None:
        name = "Data that would be lost" if verb == "drill" else "Data lost"
        found.append((name, long_duration(objective.rpo_seconds), _against(objective.rpo_objective_seconds)))
    return found


def _against(promised: float | None) -> str:
    return f"of {long_duration(promised)} promised" if promised is not None else ""


def _instant(objective: ObjectiveReport | None) -> str:
    if objective is None or objective.rpo_seconds is None:
        return ""
    return f"of {stamp(objective.declared - timedelta(seconds=objective.rpo_seconds))}"


def _troubles(page: Page, entry: SetReport) -> Element | None:
    blocks = [failure_block(failure, step.id) for step, failure in failures_of(page.report, entry)]
    blocks += [_trouble(f"{name} is missing: {why}", "", "", "") for name, why in entry.missing.items()]
    if (told := advice(page.report, entry)) is not None:
        wrong = [check for check in entry.checks if check.passed is False]
        what = f"{', '.join(check.name for check in wrong)}: the answer is not what was expected"
        blocks.append(_trouble(what, "", *told))
    return section("What went wrong", *blocks) if blocks else None


def _timeline(_page: Page, entry: SetReport) -> Element | None:
    if entry.objective is None or not entry.stages:
        return None
    return section("Time until service is back", timeline(entry.stages, entry.objective, otherwise=unfinished(entry)))


def _checks(_page: Page, entry: SetReport) -> Element | None:
    if not entry.checks:
        return None
    rows = [_check_row(check) for check in entry.checks]
    classes = [None if check.passed else "wrong" for check in entry.checks]
    caption = f"{counted(entry.checks_planned, 'question')} put to what was restored, and the answers."
    return section("Checks", table(caption, ("Check", "Answer", "Expected", "Observed", "#Took"), rows, classes=classes, kind="checks"))


def _check_row(check: CheckReport) -> tuple[Element | str, ...]:
    words = check_words(check)
    answer = element("span", words, class_="outcome good" if check.passed else "outcome bad")
    return check.name, answer, check.expected or "–", check.skipped or check.observed or "–", long_duration(check.seconds)  # noqa: RUF001


def _ladder(_page: Page, entry: SetReport) -> Element | None:
    if not entry.ladder:
        return None
    rows = [(rung.workload, _rungs(rung), rung.reached.value or "nothing", rung.asked.value or "nothing") for rung in entry.ladder]
    classes = ["wrong" if rung.reached.rank < rung.asked.rank else None for rung in entry.ladder]
    caption = f"From least to most: {', '.join(_LEVELS)}. What its checks ask decides how far a workload can come."
    return section("How much was shown", table(caption, ("Workload", "Ladder", "Reached", "Asked"), rows, classes=classes, kind="ladder"))


def _rungs(rung: Rung) -> Element:
    marks = []
    for number, level in enumerate(_LEVELS):
        kind = "reached" if level.rank <= rung.reached.rank else "asked" if level.rank <= rung.asked.rank else "beyond"
        marks.append(element("rect", class_=kind, x=number * 17 + 1, y=1, width=13, height=10, rx=2))
    return element("svg", *marks, class_="rungs", width=102, height=12, aria_hidden="true", focusable="false")


def _controls(_page: Page, entry: SetReport) -> Element | None:
    if not entry.controls:
        return None
    rows = []
    for control in entry.controls:
        answer = element("span", control_words(control), class_=f"outcome {_CONTROL_TONES[control.detected]}")
        checks = [f"{name} stayed green" for name in control.blind] or [f"{name} turned red" for name in control.red]
        rows.append((control.fault.value, answer, control.what, ", ".join(checks) or "–"))  # noqa: RUF001
    classes = ["wrong" if control.detected is False else None for control in entry.controls]
    caption = f"Broken on purpose after the checks, to see them turn red: the drill {detected_words(entry.controls)}."
    columns = ("Fault", "Answer", "What was done", "Checks")
    return section("Negative control", table(caption, columns, rows, classes=classes, kind="checks"))


def _kept(page: Page, entry: SetReport) -> Element | None:
    kept = kept_aside(page.report, entry)
    if not kept:
        return None
    return section("Kept aside", element("ul", *(element("li", f"{name} (until {UNTIL_SWEPT})") for name in kept)))


def _warnings(_page: Page, entry: SetReport) -> Element | None:
    if not entry.warnings:
        return None
    items = [element("li", text) for text in entry.warnings[:_SHOWN_WARNINGS]]
    hidden = len(entry.warnings) - _SHOWN_WARNINGS
    return section("Warnings", element("ul", *items), element("p", f"And {counted(hidden, 'more warning')}.") if hidden > 0 else None)


def _history(page: Page, entry: SetReport) -> Element | None:
    if page.report.verb not in RECOVERIES:
        return None
    drills = bygone((*page.former, page.report), entry.set)
    if len(drills) < 2:  # noqa: PLR2004 - one drill is no history
        words = "This host remembers no former drill of this set." if drills else "This host remembers no drill of this set."
        return section("Former drills", element("p", words, class_="quiet"))
    objective = entry.objective.rto_objective_seconds if entry.objective else None
    return section("Former drills", history(drills, objective_seconds=objective))


PARTS: Final[tuple[Callable[[Page, SetReport], Element | None], ...]] = (
    _figures,
    _troubles,
    _timeline,
    _checks,
    _ladder,
    _controls,
    _kept,
    _warnings,
    _history,
)
"""In the order a reader needs them."""
