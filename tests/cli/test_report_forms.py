"""Reports as JUnit, HTML, Markdown and JSON: complete, true, and only ever text where text came from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from html.parser import HTMLParser

import jsonschema
import pytest
from junitparser import JUnitXml, TestCase, TestSuite
from markdown_it import MarkdownIt

from drtool.cli.render.document import document
from drtool.cli.render.forms import FORMS, report_text
from drtool.cli.render.html import html_report
from drtool.cli.render.junit import junit_text
from drtool.cli.render.markdown import foreign, markdown_text
from drtool.cli.render.page import Page
from drtool.cli.render.report import report_lines
from drtool.cli.render.verdict import headline
from drtool.cli.render.words import printable
from drtool.cli.schema import report_schema
from drtool.model.json_schema import json_schema
from drtool.model.ladder import Level
from drtool.model.negative_control import Controlled, Fault
from drtool.model.outcome import Outcome
from drtool.model.report import Failure, ObjectiveReport, Report, Rung
from tests.cli.report_schema import PATH, validated
from tests.cli.report_values import HOSTILE, NOW, POINT, check, cutover, entry, hostile, report, step

FAILURE = Failure(
    "Unavailable", "the repository offsite does not answer", "documents / restore", "drtool doctor offsite", "nothing was touched"
)
WORST = [
    report(entry(Outcome.DATA_WRONG, checks=(check(passed=False, observed="11 files"),))),
    report(
        entry(Outcome.FAILED, checks=(check(passed=None),)), steps=(step("documents/restore", failure=FAILURE, outcome=Outcome.FAILED),)
    ),
    report(entry(Outcome.FAILED, checks=(check(passed=False, skipped="there is no find here"),))),
    report(entry(Outcome.PARTIAL, missing={"here:/srv": "permission denied"}), verb="run"),
    report(entry(Outcome.REFUSED, checks=())),
    report(entry(Outcome.INTERRUPTED, checks=(check(passed=None),)), ended=None, signal_number=15),
    report(outcome=Outcome.REFUSED, failures=(FAILURE,), steps=()),
    report(outcome=Outcome.FAILED, skipped=("documents: nothing matched",), steps=()),
    report(entry(Outcome.OBJECTIVE_MISSED, objective=ObjectiveReport("documents", POINT, NOW, 4000.0, 3600.0, 60.0, 600.0, ("rto",)))),
    report(entry(), outcome=Outcome.FAILED, steps=(step("release/here", failure=FAILURE, outcome=Outcome.FAILED, set_name=""),)),
    report(entry(), outcome=Outcome.INTERRUPTED, signal_number=15),
    hostile(),
]


# JUnit


def suites(made: Report, *, code: int = 0) -> list[TestSuite]:
    return list(JUnitXml.fromstring(junit_text(made, code=code).encode()))


def cases(made: Report) -> dict[str, TestCase]:
    return {case.name: case for suite in suites(made) for case in suite}


def kind(case: TestCase) -> str:
    return " ".join(type(result).__name__ for result in case.result) or "Passed"


def test_a_check_is_a_case_with_its_answer() -> None:
    checks = (
        check("good"),
        check("wrong", passed=False, observed="11 files"),
        check("skipped", passed=False, skipped="no route"),
        check("unasked", passed=None, observed="its restore failed"),
        check("broken", passed=None),
    )
    failed = step("documents/ask/broken", failure=FAILURE, outcome=Outcome.FAILED)
    found = cases(report(entry(Outcome.DATA_WRONG, checks=checks), steps=(failed,)))
    assert {name: kind(case) for name, case in found.items()} == {
        "good": "Passed",
        "wrong": "Failure",
        "skipped": "Skipped",
        "unasked": "Skipped",
        "broken": "Error",
        "recovery time objective": "Passed",
        "recovery point objective": "Passed",
    }
    assert found["wrong"].classname == "drill.documents"
    assert "expected 12 files, observed 11 files" in str(found["wrong"].result[0].text)
    assert "no route" in str(found["skipped"].result[0].message)
    assert "drtool doctor offsite" in str(found["broken"].result[0].text)
    assert found["good"].time == 0.5


def test_a_step_that_failed_is_an_error_with_what_to_type() -> None:
    found = cases(WORST[1])
    assert kind(found["documents/restore"]) == "Error"
    text = str(found["documents/restore"].result[0].text)
    assert "safe: nothing was touched" in text
    assert "next: drtool doctor offsite" in text


def test_a_suite_carries_what_was_measured() -> None:
    (suite,) = suites(report(entry(ladder=(Rung("here:/data", Level.READABLE, Level.RIGHT),))), code=4)
    found = {each.name: each.value for each in suite.properties()}
    expected = {
        "rto_seconds": "186.0",
        "rto_objective_seconds": "3600.0",
        "rpo_seconds": "10000.0",
        "point": POINT,
        "copy": "offsite",
        "exit_code": "4",
        "ladder here:/data": "readable of right",
    }
    assert expected.items() <= found.items()


def test_every_form_names_the_key_that_was_used() -> None:
    made = report(entry(key="1f2e3d file:/media/escrow/offsite.key"))
    assert 'name="key" value="1f2e3d file:/media/escrow/offsite.key"' in junit_text(made, code=0)
    assert "Opened with this key alone" in said(Page(made, 0))
    assert "Opened with the key 1f2e3d file:/media/escrow/offsite.key alone." in markdown_text(made, code=0)


def test_a_missed_objective_is_a_failure() -> None:
    found = cases(WORST[8])
    assert kind(found["recovery time objective"]) == "Failure"
    assert kind(found["recovery point objective"]) == "Passed"


@pytest.mark.parametrize("made", WORST, ids=lambda each: each.outcome.value)
def test_what_did_not_succeed_is_red_in_the_test_view(made: Report) -> None:
    tree = JUnitXml.fromstring(junit_text(made, code=1).encode())
    assert (tree.failures or 0) + (tree.errors or 0) > 0
    found = [case for suite in tree for case in suite]
    assert tree.tests == len(found)
    assert tree.failures == sum(kind(case) == "Failure" for case in found)
    assert tree.errors == sum(kind(case) == "Error" for case in found)
    assert tree.skipped == sum(kind(case) == "Skipped" for case in found)


@pytest.mark.parametrize("made", [each for each in WORST if each.sets], ids=lambda each: each.outcome.value)
def test_a_set_that_did_not_succeed_has_a_red_suite_of_its_own(made: Report) -> None:
    found = {suite.name: (suite.failures or 0) + (suite.errors or 0) > 0 for suite in suites(made)}
    assert {printable(each.set): each.outcome is not Outcome.SUCCEEDED for each in made.sets}.items() <= found.items()


@pytest.mark.parametrize("verb", ["drill", "run"])
def test_what_succeeded_is_green_and_not_empty(verb: str) -> None:
    for made in (report(entry(), verb=verb), report(entry(checks=(), objective=None), verb=verb), report(verb=verb, steps=())):
        tree = JUnitXml.fromstring(junit_text(made, code=0).encode())
        assert tree.tests > 0
        assert tree.failures == tree.errors == 0


# hostile text


@pytest.mark.parametrize("form", FORMS)
def test_hostile_text_is_spelled_out(form: str) -> None:
    text = report_text(form, hostile(), code=5, former=tuple)
    assert text.endswith("\n")
    if form != "json":
        assert [character for character in text if not character.isprintable() and character != "\n"] == []
    assert text.encode("utf-8").decode("utf-8") == text


def test_hostile_text_is_text_in_junit() -> None:
    (suite, rest) = suites(hostile())
    assert suite.name == printable(HOSTILE)
    found = [case.name for case in suite]
    assert found.count(printable(HOSTILE)) == 4
    assert [str(case.result[0].message) for case in rest] == [printable(HOSTILE + "loose")]


class Reader(HTMLParser):
    """Collects what a document is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("made", [*WORST, report(entry())], ids=lambda each: each.outcome.value)
def test_a_page_needs_nothing_and_runs_nothing(made: Report) -> None:
    text = html_report(Page(made, 1, (replace(made, run="before", started=NOW - timedelta(days=30)),)))
    reader = Reader(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base", "a"} & set(reader.tags)
    names = {name for name, _value in reader.attributes}
    assert not {"src", "href", "style", "action", "xlink:href"} & names
    assert not [name for name in names if name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    assert [value for name, value in reader.attributes if name == "content" and value and value.startswith("default-src 'none'; ")]


def test_hostile_text_is_text_in_a_page() -> None:
    reader = Reader(html_report(Page(hostile(), 5)))
    said = "".join(reader.text)
    assert said.count(printable(HOSTILE)) >= 20
    assert "<script>" in said


def test_hostile_text_is_text_in_markdown() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown_text(hostile(), code=5))
    flat = [child for token in tokens for child in (token, *(token.children or ()))]
    assert {token.type for token in flat} & {"html_block", "html_inline", "link_open", "image", "em_open", "hr"} == set()
    said = [token.content for token in flat if token.type == "code_inline"]
    assert said.count(printable(HOSTILE)) >= 15
    rows = [[token.type for token in tokens[number:]].index("tr_close") for number, token in enumerate(tokens) if token.type == "tr_open"]
    assert len(set(rows)) <= 3  # a table has as many cells in every row as in its head


@pytest.mark.parametrize(
    "text", ["", "offsite", "2 of 3 checks, near (cloud)", "`", "``a", " a ", "a|b", "@all", "# a", "- a", "<b>", "a_b_c", HOSTILE]
)
def test_foreign_text_comes_back_as_it_was(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"x {foreign(text)}")
    children = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in children} <= {"text", "code_inline"}
    assert "".join(child.content for child in children).removeprefix("x").strip() == printable(text).strip()


CONTROLS = (
    Controlled(Fault.FLIPPED_BYTE, detected=True, what="one byte of letter 0.txt", red=("census",)),
    Controlled(Fault.MISSING_FILE, detected=False, what="letter 0.txt taken away", blind=("files 1",)),
    Controlled(Fault.STOPPED_SERVICE, detected=None, what="no check concerns it"),
)


def test_every_form_tells_what_the_negative_control_found() -> None:
    made = report(entry(Outcome.FAILED, controls=CONTROLS))
    found = cases(made)
    kinds = [kind(found[f"negative control: {control.fault.value}"]) for control in CONTROLS]
    assert kinds == ["Passed", "Failure", "Skipped"]
    assert "stayed green: files 1" in str(found["negative control: missing file"].result[0].text)
    for text in (said(Page(made, 1)), markdown_text(made, code=1)):
        assert "detects 1 of 2 faults" in text
        assert all(words in text for words in ("detected", "not detected", "not injected", "letter 0.txt taken away"))
    assert "files 1 stayed green" in said(Page(made, 1))


def test_what_is_back_and_not_proven_says_why() -> None:
    blind = report(entry(Outcome.FAILED, controls=CONTROLS))
    assert headline(blind) == "documents came back, but is not proven: a fault was not seen by files 1."
    hollow = report(entry(Outcome.FAILED, controls=(Controlled(Fault.WRONG_KEY, detected=True, what="tried"),)))
    assert headline(hollow) == "documents came back, but is not proven: no fault could be injected into what a check looks at."
    assert any("1 of 1 fault ✖" in line for line in report_lines(hollow, code=1))


# what a page says


def said(page: Page) -> str:
    return " ".join(Reader(html_report(page)).text)


def test_a_page_begins_with_the_outcome_in_plain_words() -> None:
    made = report(entry())
    assert headline(made) == "documents came back in 3 min 6 s, within the 1 h promised."
    assert said(Page(made, 0)).index("within the 1 h promised") < said(Page(made, 0)).index("Recovery point")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (WORST[0], "documents came back wrong: 1 of 1 check did not pass."),
        (WORST[1], "documents did not come back."),
        (WORST[2], "documents came back, but is not proven: 1 of 1 check was not asked."),
        (WORST[3], "documents was protected only in part."),
        (WORST[4], "documents was not restored: it was refused."),
        (WORST[5], "documents is not back: the drill was interrupted."),
        (WORST[6], "The drill was refused."),
        (WORST[8], "documents came back in 1 h 6 min, later than the 1 h promised."),
        (report(entry(), entry(Outcome.FAILED, "photos", checks=())), "1 of 2 sets came back as promised."),
        (report(entry(), entry(name="photos")), "All 2 sets came back as promised."),
        (report(entry(objective=None), verb="run"), "documents is protected by a new recovery point."),
    ],
)
def test_every_outcome_has_its_words(made: Report, words: str) -> None:
    if made is WORST[1]:
        made = replace(made, sets=(replace(made.sets[0], ladder=(Rung("here:/data", Level.NONE, Level.COMPLETE),)),))
    assert headline(made) == words


def test_a_page_tells_what_failed_what_is_safe_and_what_to_type() -> None:
    words = said(Page(WORST[1], 1))
    for part in (FAILURE.what, FAILURE.hint, FAILURE.safe, "Trying again is harmless."):
        assert part in words


def test_a_page_shows_the_former_drills_of_the_set_alone() -> None:
    before = [replace(report(entry()), run=str(number), started=NOW - timedelta(days=30 * number)) for number in (1, 2, 3)]
    other = replace(report(entry(name="photos")), run="other", started=NOW - timedelta(days=1))
    later = replace(report(entry()), run="later", started=NOW + timedelta(days=1))
    text = report_text("html", report(entry()), code=0, former=lambda: [*before, other, later])
    assert "4 drills from 2026-08-25 to 2026-11-23" in text
    assert "remembers no former drill" in report_text("html", report(entry()), code=0, former=lambda: [other])


def test_the_stages_stand_against_the_promise() -> None:
    assert "Back after 3 min 6 s of 1 h promised (5 % of it)" in said(Page(report(entry()), 0))
    late = html_report(Page(WORST[8], 4))
    assert 'class="mark" x1="90.00%"' in late


# JSON


def test_the_published_schema_is_the_code() -> None:
    assert json.loads(PATH.read_text(encoding="utf-8")) == report_schema(), "drtool schema --report > docs/schemas/report.schema.json"
    jsonschema.Draft202012Validator.check_schema(report_schema())


@pytest.mark.parametrize("made", [*WORST, report(entry())], ids=lambda each: each.outcome.value)
def test_every_report_fits_the_schema(made: Report) -> None:
    validated(json.loads(document("report", made, exit_code=1)))
    validated(json.loads(report_text("json", made, code=1, former=tuple)))


def without_outcome(data: dict[str, object]) -> None:
    del data["outcome"]


def unknown_outcome(data: dict[str, object]) -> None:
    data["outcome"] = "fine"


def wrong_instant(data: dict[str, object]) -> None:
    data["started"] = 5


@pytest.mark.parametrize("spoil", [without_outcome, unknown_outcome, wrong_instant])
def test_what_is_no_report_does_not_fit(spoil: Callable[[dict[str, object]], None]) -> None:
    data = json.loads(document("report", report(entry())))
    spoil(data)
    with pytest.raises(jsonschema.ValidationError):
        validated(data)


def test_an_older_document_fits_and_so_does_a_newer_one() -> None:
    data = json.loads(document("report", report(entry())))
    for older in ("stages", "checks", "ladder", "copies"):
        del data["sets"][0][older]
    validated({**data, "something_new": {"a": 1}})


@dataclass(frozen=True)
class Odd:
    """A noun that JSON cannot hold."""

    number: complex


def test_a_shape_that_json_cannot_hold_is_an_error() -> None:
    with pytest.raises(TypeError, match="complex"):
        json_schema(Odd)


# What was kept aside


def test_every_form_names_what_was_kept_aside() -> None:
    inner, outer = "tank/documents/letters.before-01JD", "tank/documents.before-01JD"
    steps = (cutover("nas:tank/documents/letters", inner), cutover("nas:tank/documents", outer), cutover("nas:tank/mail", ""))
    made = report(entry(), verb="restore", steps=steps)
    kept = [f"{outer}/letters.before-01JD", outer]  # what lay inside was renamed with what was around it
    assert [line for line in report_lines(made, code=0) if "kept aside" in line] == [
        f"  documents: kept aside: {name} (until drtool sweep --kept)" for name in kept
    ]
    assert [line for line in markdown_text(made, code=0).splitlines() if "kept aside" in line] == [
        f"- kept aside: {foreign(name)} (until `drtool sweep --kept`)" for name in kept
    ]
    text = html_report(Page(made, code=0))
    assert all(f"<li>{name} (until drtool sweep --kept)</li>" in text for name in kept)
    assert [step["result"]["aside"] for step in json.loads(document("report", made))["steps"]] == [inner, outer, ""]
    drilled = report(entry(), verb="drill", steps=steps)
    told = (*report_lines(drilled, code=0), markdown_text(drilled, code=0), html_report(Page(drilled, code=0)))
    assert not [words for words in told if "sweep --kept" in words], "it went with the sandbox"


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        (("",), ["drtool restore --undo 01JDZZZZZZZZZZZZZZZZZZZRUN"]),
        (("rename it by hand",), ["rename it by hand"]),
        (("rename it by hand", "rename it by hand", ""), ["drtool restore --undo 01JDZZZZZZZZZZZZZZZZZZZRUN", "rename it by hand"]),
    ],
)
def test_an_undo_is_promised_only_where_the_source_takes_it_back(ways: tuple[str, ...], told: list[str]) -> None:
    steps = tuple(cutover(f"nas:tank/{number}", f"tank/{number}.before-01JD", way_back=way) for number, way in enumerate(ways))
    lines = report_lines(report(entry(), verb="restore", steps=steps), code=0)
    assert [line for line in lines if "take it back" in line] == [f"  to take it back: {way}" for way in told]
