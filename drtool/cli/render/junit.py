"""A report as JUnit XML, for the test view of a pipeline: a set is a suite, a check is a case, a step that failed is a case in error.

What did not succeed is never green there: a set whose outcome no case explains gets a case of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.cli.render.errors import again_words
from drtool.cli.render.markup import element, xml_text
from drtool.cli.render.verdict import check_words, control_words, detected_words, failures_of, other_failures, outcome_words, sentence
from drtool.cli.render.words import long_duration
from drtool.model.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

    from drtool.model.negative_control import Controlled
    from drtool.model.report import CheckReport, Failure, ObjectiveReport, Report, SetReport

_RED: Final = ("failure", "error")
_OBJECTIVES: Final = {"rto": "recovery time objective", "rpo": "recovery point objective"}


def junit_text(report: Report, *, code: int) -> str:
    """Return the document; properties stand on each suite, where every reader looks for them."""
    suites = [_set_suite(report, entry, code) for entry in report.sets]
    rest = _rest_cases(report, suites)
    if rest or not suites:
        suites.append(_suite(report, report.verb, rest, seconds=report.seconds, properties=_run_properties(report, code)))
    root = element("testsuites", *suites, name=f"drtool {report.verb}", time=f"{report.seconds:.3f}")
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    return xml_text(root)


def _set_suite(report: Report, entry: SetReport, code: int) -> Element:
    place = f"{report.verb}.{entry.set}"
    failed = {step.id: failure for step, failure in failures_of(report, entry)}
    cases = [_check_case(check, place, failed.pop(check.step, None)) for check in entry.checks]
    cases += [_failure_case(step, place, failure) for step, failure in failed.items()]
    cases += [_control_case(control, place) for control in entry.controls]
    if entry.objective is not None:
        cases += [_objective_case(word, entry.objective, place) for word in _OBJECTIVES]
    if not cases or (entry.outcome is not Outcome.SUCCEEDED and not _is_red(cases)):
        cases.append(_outcome_case(entry.outcome, place, sentence(report.verb, entry), entry.missing.items()))
    seconds = max((step.started_after_seconds + step.seconds for step in report.steps if step.set == entry.set), default=0.0)
    return _suite(report, entry.set, cases, seconds=seconds, properties=_run_properties(report, code) + _set_properties(entry))


def _suite(report: Report, name: str, cases: list[Element], *, seconds: float, properties: list[tuple[str, object]]) -> Element:
    listed = element("properties", *(element("property", name=key, value=str(value)) for key, value in properties if value is not None))
    counts = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
    return element(
        "testsuite",
        listed,
        *cases,
        name=name,
        tests=len(cases),
        failures=counts["failure"],
        errors=counts["error"],
        skipped=counts["skipped"],
        time=f"{seconds:.3f}",
        timestamp=report.started.isoformat(timespec="seconds"),
    )


def _check_case(check: CheckReport, place: str, failure: Failure | None) -> Element:
    case = element("testcase", classname=place, name=check.name, time=f"{check.seconds:.3f}")
    if failure is not None:
        case.append(_told("error", failure))
    elif check.skipped or check.passed is None:
        case.append(element("skipped", message=f"{check_words(check)}: {check.skipped or check.observed}"))
    elif check.passed is False:
        text = f"expected {check.expected}, observed {check.observed}"
        case.append(element("failure", text, message=check.observed, type=check.kind))
    else:
        case.append(element("system-out", f"expected {check.expected}, observed {check.observed}"))
    return case


def _control_case(control: Controlled, place: str) -> Element:
    case = element("testcase", classname=place, name=f"negative control: {control.fault.value}")
    if control.detected is None:
        case.append(element("skipped", message=f"{control_words(control)}: {control.what}"))
    elif control.detected is False:
        text = f"{control.what}; stayed green: {', '.join(control.blind)}"
        case.append(element("failure", text, message=text, type="negative control"))
    return case


def _failure_case(name: str, place: str, failure: Failure) -> Element:
    return element("testcase", _told("error", failure), classname=place, name=name)


def _told(tag: str, failure: Failure) -> Element:
    parts = {"where": failure.where, "safe": failure.safe, "next": failure.hint, "": again_words(failure)}
    lines = [failure.what, *(f"{name}: {text}" if name else text for name, text in parts.items() if text)]
    return element(tag, "; ".join(lines), message=failure.what, type=failure.kind)


def _objective_case(word: str, objective: ObjectiveReport, place: str) -> Element:
    realised = objective.rto_seconds if word == "rto" else objective.rpo_seconds
    promised = objective.rto_objective_seconds if word == "rto" else objective.rpo_objective_seconds
    case = element("testcase", classname=place, name=_OBJECTIVES[word])
    if realised is None or promised is None:
        case.append(element("skipped", message="not measured" if realised is None else "nothing was promised"))
    elif word in objective.missed:
        message = f"{long_duration(realised)} instead of at most {long_duration(promised)}"
        case.append(element("failure", message, message=message, type="objective"))
    return case


def _outcome_case(outcome: Outcome, place: str, words: str, missing: Iterable[tuple[str, str]] = ()) -> Element:
    case = element("testcase", classname=place, name="outcome")
    if outcome is not Outcome.SUCCEEDED:
        text = "; ".join([words, *(f"missing {name}: {why}" for name, why in missing)])
        tag = "failure" if outcome in (Outcome.PARTIAL, Outcome.DATA_WRONG, Outcome.OBJECTIVE_MISSED) else "error"
        case.append(element(tag, text, message=words, type=outcome_words(outcome)))
    return case


def _rest_cases(report: Report, suites: list[Element]) -> list[Element]:
    """Return what belongs to no set: its failures, and the outcome when nothing else shows it."""
    names = {step.failure: step.id for step in report.steps if step.failure is not None}
    cases = [_failure_case(names.get(failure, "run"), report.verb, failure) for failure in other_failures(report)]
    green = not cases and not any(_is_red(list(suite)) for suite in suites)
    if green and (report.outcome is not Outcome.SUCCEEDED or not suites):
        words = f"the {report.verb} ended: {outcome_words(report.outcome)}"
        cases.append(_outcome_case(report.outcome, report.verb, words, ((text, "skipped") for text in report.skipped)))
    return cases


def _is_red(cases: list[Element]) -> bool:
    return any(case.find(tag) is not None for case in cases for tag in _RED)


def _run_properties(report: Report, code: int) -> list[tuple[str, object]]:
    return [("run", report.run), ("verb", report.verb), ("policy", report.policy), ("exit_code", code)]


def _set_properties(entry: SetReport) -> list[tuple[str, object]]:
    objective = entry.objective
    realised = [(f"{word}_seconds", getattr(objective, f"{word}_seconds")) for word in _OBJECTIVES] if objective else []
    promised = [(f"{word}_objective_seconds", getattr(objective, f"{word}_objective_seconds")) for word in _OBJECTIVES] if objective else []
    return [
        ("outcome", entry.outcome.value),
        ("point", entry.point or None),
        ("copy", " ".join(entry.copies) or None),
        ("key", entry.key or None),
        ("declared", objective.declared.isoformat() if objective else None),
        *realised,
        *promised,
        ("negative_control", detected_words(entry.controls) if entry.controls else None),
        ("bytes", entry.bytes),
        ("files", entry.files),
        *((f"ladder {rung.workload}", f"{rung.reached or 'nothing'} of {rung.asked or 'nothing'}") for rung in entry.ladder),
    ]
