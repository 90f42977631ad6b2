"""What a person sees, rendered from values of the model."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import ConsoleRenderable, RenderHook

from drtool.app.kept import KeptThing
from drtool.cli.progress import ProgressDisplay
from drtool.cli.render.document import document
from drtool.cli.render.errors import SEPARATOR, error_lines, failures_lines
from drtool.cli.render.inventory import inventory_lines
from drtool.cli.render.kept import kept_lines
from drtool.cli.render.listings import entry_line, findings_lines, holds_lines, manifest_lines, points_lines
from drtool.cli.render.plan import plan_lines, restore_lines, verdict_lines
from drtool.cli.render.report import history_lines, report_lines
from drtool.cli.render.status import status_lines
from drtool.cli.render.words import with_short_digests
from drtool.model.codec import decode
from drtool.model.errors import Bug, Locked, NotFound, Place, PolicyError, PolicyProblem, Refused, WrongKey
from drtool.model.event import Event, EventKind
from drtool.model.evidence import Evidence
from drtool.model.hold import Hold
from drtool.model.ledger import InventoryLine, Ledger
from drtool.model.outcome import Outcome
from drtool.model.plan import (
    Ask,
    Cutover,
    Destination,
    Forget,
    Objective,
    Plan,
    Restore,
    RunHook,
    Skipped,
    Step,
    Store,
    Verdict,
)
from drtool.model.point import Artifact, Census, Manifest, Member, MissingMember, RecoveryPoint
from drtool.model.policy import CheckPolicy, Hook
from drtool.model.report import Failure, ObjectiveReport, Report, SetReport, StepReport
from drtool.model.view import PointView
from drtool.model.workload import Leftover, Workload
from drtool.planning.status import SetStatus
from drtool.ports import Entry, Finding

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
INSTANT = datetime(2026, 11, 23, 11, 15, tzinfo=UTC)
POINT = "01JDABCDEFGHJKMNPQRSTVW7QK"
RUN = "01JDZZZZZZZZZZZZZZZZZZZRUN"


def member(workload: str = "here:/srv/web", *, size: int = int(18.2 * 2**30)) -> Member:
    artifact = Artifact("data", "tree", "c0ffee" * 10, "/srv/web", Census(files=1200, bytes=size))
    return Member(workload, "here", "files", {}, INSTANT, (artifact,))


def restore_plan(form: str = "original", **more: Any) -> Plan:  # noqa: ANN401
    destination = Destination(form, path="/tmp/out" if form == "directory" else "", sandbox="lab" if form == "sandbox" else "")
    restore = Restore(POINT, member(), ("near", "offsite"), destination, **more)
    hook = RunHook("before_restore", Hook(("systemctl", "stop", "web"), "here"))
    steps = (
        Step("nextcloud/before_restore/1", hook, "the policy asks for it", set="nextcloud"),
        Step("nextcloud/restore/here:/srv/web", restore, "a member", set="nextcloud", workload="here:/srv/web"),
        Step(
            "nextcloud/cutover/here:/srv/web",
            Cutover("nextcloud/restore/here:/srv/web", "here"),
            "what is there is kept as /srv/web.before-01JD",
            set="nextcloud",
        ),
        Step("nextcloud/ask/census", Ask(CheckPolicy("census", "census"), {}, INSTANT), "always", set="nextcloud"),
    )
    objective = Objective("nextcloud", POINT, NOW, INSTANT, 3600.0, 14400.0)
    return Plan("restore", RUN, "homelab", NOW, steps, objectives=(objective,))


def test_a_restore_says_what_will_be_lost_and_what_is_kept() -> None:
    text = "\n".join(restore_lines(restore_plan()))
    assert text.startswith(
        "Declared 2026-11-23 14:02:11 UTC · point 01JD…7QK of 11:15 (2 h 47 min of data will be lost) · from near (offsite also has it)"
    )
    assert "1  here:/srv/web  18.2 GiB  → here:/srv/web  what is there is kept as /srv/web.before-01JD" in text
    assert "2  check census" in text
    assert "before restore: systemctl stop web (on here)" in text
    assert text.endswith("Objective: back within 1 h. Nothing is overwritten: what is kept aside stays until `drtool sweep --kept`.")


def test_a_restore_by_a_person_promises_no_change() -> None:
    plan = restore_plan()
    steps = tuple(
        replace(step, action=replace(step.action, member=replace(step.action.member, selector={"by_hand": "so it is"})))
        if isinstance(step.action, Restore)
        else step
        for step in plan.steps
    )
    text = "\n".join(restore_lines(replace(plan, steps=steps)))
    assert text.endswith("Nothing is changed: a person puts it back, and going on tells how.")
    assert "Nothing is overwritten" not in text


def _poured(*paths: str) -> Report:
    """A restore into a directory."""
    result = {"destination": {"form": "directory", "path": "/out"}, "paths": list(paths)}
    step = StepReport("nextcloud/cutover/a", "cutover", "nextcloud", "a", Outcome.SUCCEEDED, result=result)
    objective = ObjectiveReport("nextcloud", POINT, NOW, 60.0, 3600.0, 7200.0, 14400.0)
    entry = SetReport("nextcloud", Outcome.SUCCEEDED, point=POINT, objective=objective)
    return Report(RUN, "restore", "homelab", Outcome.SUCCEEDED, NOW, NOW, 60.0, (entry,), (step,))


def test_a_restore_into_a_directory_ends_with_where_it_lies() -> None:
    lines = report_lines(_poured(), code=0)
    assert lines.count("  it lies in /out") == 1
    poured = _poured()
    (step,) = poured.steps
    within = replace(poured, steps=(replace(step, result={**step.result, "path": "/out/here/home"}),))
    assert report_lines(within, code=0).count("  it lies in /out/here/home") == 1
    twice = replace(within, steps=(*within.steps, replace(step, id="b", result={**step.result, "path": "/out/here/srv"})))
    assert report_lines(twice, code=0).count("  it lies in /out") == 1
    assert any("data lost 2 h" in line for line in lines)


def test_of_single_paths_nothing_else_is_lost() -> None:
    text = "\n".join(report_lines(_poured("/srv/a"), code=0))
    assert "back in 60 s" in text or "back in 1 min" in text
    assert "data lost" not in text


def test_what_a_program_takes_is_not_kept_aside() -> None:
    plan = restore_plan()
    kept, taken = plan.steps[1], replace(plan.steps[1], id="nextcloud/restore/billing", workload="billing")
    assert isinstance(taken.action, Restore)
    taken = replace(taken, action=replace(taken.action, member=replace(member(), workload="billing", kind="stream")))
    both = "\n".join(restore_lines(replace(plan, steps=(kept, taken))))
    assert "Nothing is overwritten" not in both
    assert "Nothing else is overwritten" in both
    assert both.endswith("Of billing nothing is kept aside: its program replaces what it has.")
    alone = "\n".join(restore_lines(replace(plan, steps=(taken,))))
    assert "overwritten" not in alone
    assert alone.endswith("Of billing nothing is kept aside: its program replaces what it has.")


def test_a_restore_elsewhere_touches_nothing_in_service() -> None:
    directory = "\n".join(restore_lines(restore_plan("directory", paths=("/srv/web/a",))))
    assert "→ /tmp/out" in directory
    assert "(only /srv/web/a)  up to 18.2 GiB" in directory
    assert "What is in service is not touched." in directory
    assert "→ sandbox lab" in "\n".join(plan_lines(restore_plan("sandbox")))


def run_plan() -> Plan:
    workload = Workload("here:/home", "here", "files", bytes=2048)
    steps = (
        Step("d/store/here:/home", Store(workload, "near", POINT, NOW), "to be protected", set="d", workload="here:/home"),
        Step("d/forget/near", Forget("near", ("A", "B")), "no rule keeps them", set="d"),
    )
    skipped = (Skipped("photos", "not due"), Skipped("music", "nothing matched", outcome="failed"))
    verdicts = (Verdict(POINT, "d", "near", INSTANT, ("last 1 of 3",)), Verdict("A", "d", "near", INSTANT, ()))
    return Plan("run", RUN, "homelab", NOW, steps, skipped=skipped, verdicts=verdicts)


def test_a_plan_gives_its_reasons() -> None:
    text = "\n".join(plan_lines(run_plan()))
    assert "store → near" in text
    assert "2.0 KiB" in text
    assert "forget 2 points in near" in text
    assert "skipped  photos: not due" in text
    assert "problem  music: nothing matched" in text
    assert "Retention: 1 point kept, 1 point forgotten." in text
    verdicts = "\n".join(verdict_lines(run_plan()))
    assert "last 1 of 3" in verdicts
    assert "forgotten: no rule keeps it" in verdicts


def test_an_empty_plan_says_so() -> None:
    assert plan_lines(Plan("run", RUN, "homelab", NOW, ()))[-1] == "Nothing to do."


def test_a_plan_as_json_is_the_plan() -> None:
    plan = run_plan()
    written = json.loads(document("plan", plan, digest=plan.digest))
    assert written["format"] == "drtool.plan/1"
    assert written["digest"] == plan.digest
    assert decode(Plan, written) == plan


def status(**changes: Any) -> SetStatus:  # noqa: ANN401
    proof = Evidence("E", "drill", "homelab", "offsite", "succeeded", NOW, NOW)
    values: dict[str, Any] = {
        "set": "nextcloud",
        "point": POINT,
        "instant": INSTANT,
        "age_seconds": 7440.0,
        "rpo_seconds": 14400.0,
        "rpo_met": True,
        "copies": ("near", "offsite"),
        "missing_copies": (),
        "last_proof": proof,
        "proof_age_seconds": 12 * 86400.0,
        "rto_seconds": 1860.0,
        "rto_objective_seconds": 3600.0,
        "rto_met": True,
        "attention": (),
        "next": "",
    }
    return SetStatus(**{**values, **changes})


def test_status_shows_age_copies_and_proof() -> None:
    lines = status_lines((status(),), as_of=NOW - timedelta(seconds=40), now=NOW)
    assert lines == [
        "SET        POINT           AGE   RPO   COPIES        LAST PROOF             RTO",
        "nextcloud  01JD…7QK 11:15  2h04  4h ✔  near offsite  drill 12d ✔ (offsite)  31m of 1h ✔",
        "1 set, as of 40s ago · all well ✔",
    ]


def test_status_says_what_to_type_next() -> None:
    poor = status(
        set="photos",
        point="",
        instant=None,
        age_seconds=None,
        rpo_met=False,
        copies=(),
        missing_copies=("offsite",),
        last_proof=None,
        proof_age_seconds=None,
        rto_seconds=None,
        rto_met=None,
        attention=("photos has no complete recovery point",),
        next="drtool run photos",
    )
    text = "\n".join(status_lines((status(), poor), as_of=NOW, now=NOW))
    assert "2 sets, as of now · 1 needs attention:" in text
    assert "never proven ✖" in text
    assert "none ✖ (offsite ✖)" in text
    assert text.endswith("  next: drtool run photos")


def test_an_error_says_what_is_safe_and_what_to_type() -> None:
    error = Locked(
        "the repository near is locked by pi (process 812)",
        where="nextcloud / here:/srv / store",
        hint="wait for that run",
        safe="the point of 11:15 is untouched",
    )
    assert error_lines(error) == [
        "failed  nextcloud › here:/srv › store    the repository near is locked by pi (process 812)",  # noqa: RUF001
        "        safe: the point of 11:15 is untouched",
        "        next: wait for that run.  Trying again is harmless.        exit 11",
    ]


@pytest.mark.parametrize(
    "hint",
    [
        "drtool evidence list",
        "to have again what it put into service: drtool restore --undo 01M8QMZT67VBS4BV2XEXAJMPWY",
        "choose an older point, or drtool ls latest /srv/papers",
        "make room, then drtool run papers",
        "chmod go-w /srv/keys",
        "type `drtool validate`",
    ],
)
def test_a_command_is_copied_as_it_stands(hint: str) -> None:
    (line,) = [line for line in error_lines(Refused("it cannot be done", hint=hint)) if "next: " in line]
    assert line == f"        next: {hint}        exit 6"
    mistake = PolicyError((), what="it is none", hint=hint)
    assert f"next: {hint}  Nothing was changed." in "\n".join(error_lines(mistake))


def test_a_sentence_ends_with_a_stop() -> None:
    for hint in ("wait for that run", "drtool run makes another: nothing to type", "the machine of the restic repository tells it"):
        assert f"next: {hint}.  " in "\n".join(error_lines(Refused("it cannot be done", hint=hint)))


def test_where_waiting_does_not_help_nobody_is_told_to_try_again() -> None:
    for hopeless in (Refused("it exists already", hint="choose another"), NotFound("no point x"), WrongKey("the key opens nothing")):
        text = "\n".join(error_lines(hopeless))
        assert "again" not in text
        assert "exit" in text
    assert error_lines(NotFound("no point `x`")) == ["failed  no point `x`", "        exit 1"]


def test_a_policy_error_shows_every_mistake_with_its_place() -> None:
    problems = (
        PolicyProblem(Place("p.yaml", 3, 5), "sets.a.to", "no repository `neer`", "did you mean `near`?"),
        PolicyProblem(Place("p.yaml", 9, 1), "", "unknown key `colour`"),
    )
    lines = error_lines(PolicyError(problems))
    assert lines[0] == "p.yaml:3:5: sets.a.to: no repository `neer`"
    assert "did you mean `near`?" in lines[1]
    assert lines[2] == "p.yaml:9:1: unknown key `colour`"
    assert lines[-1].endswith("exit 2")


def test_a_bug_shows_its_traceback_and_does_not_call_itself_harmless() -> None:
    text = "\n".join(error_lines(Bug("ValueError: x", traceback="Traceback\n  line 1\n")))
    assert "  line 1" in text
    assert "harmless" not in text


def report() -> Report:
    entry = SetReport(
        "nextcloud",
        Outcome.PARTIAL,
        POINT,
        complete=False,
        bytes=2048,
        files=3,
        stored_bytes=1024,
        checks_passed=1,
        checks_planned=2,
        compared=64,
        missing={"here:/gone": "it does not exist"},
        warnings=("a\x1b[2J vanished",) * 12,
        objective=ObjectiveReport("nextcloud", POINT, NOW, 1860.0, 3600.0, 20000.0, 14400.0, ("RPO",)),
    )
    failure = Failure("Unavailable", "no answer", "nextcloud / store", "look at the network", "nothing was changed")
    steps = (
        StepReport("s1", "store", "nextcloud", "w", Outcome.FAILED, 3.0, failure=failure, retries=2),
        StepReport("s2", "seal", "nextcloud", "", None, not_run="s1 did not succeed"),
    )
    return Report(RUN, "run", "homelab", Outcome.PARTIAL, NOW, NOW, 72.0, (entry,), steps)


def test_a_report_says_the_outcome_first() -> None:
    lines = report_lines(report(), code=3)
    text = "\n".join(lines)
    assert lines[0] == "partial ✖  run 01JD…RUN in 1 min 12 s        exit 3"
    assert "point 01JD…7QK (partial)" in text
    assert "1 of 2 checks passed, 64 compared" in text
    assert "missing here:/gone: it does not exist" in text
    assert "\x1b" not in text
    assert "and 2 more warnings" in text
    assert "back in 31 min of 1 h ✔ · data lost 5 h 33 min of 4 h ✖" in text
    assert text.count("no answer") == 1
    assert lines[-1].endswith(f"drtool report {RUN}")


def test_one_cause_is_told_once_with_every_place() -> None:
    failures = [Failure("Unavailable", "no answer", where, "wait", "all of it") for where in ("a / store", "b / store", "b / store")]
    lines = failures_lines([*failures, Failure("Unavailable", "no answer", "c / store", "wait")])
    assert lines[0].split() == ["failed", "a", SEPARATOR.strip(), "store", "no", "answer"]
    assert lines[1].strip() == f"also: b{SEPARATOR}store"
    assert sum("no answer" in line for line in lines) == 2


def test_a_report_step_by_step() -> None:
    text = "\n".join(report_lines(report(), code=3, steps=True))
    assert "(2 retries)" in text
    assert "not run" in text
    assert "s1 did not succeed" in text


def test_a_history() -> None:
    assert RUN in history_lines((report(),))[1]
    assert history_lines(()) == ["No run is known here.  next: drtool status"], "a run may be the wrong thing to do"


def test_points_show_where_they_lie() -> None:
    held = Hold("H", "nextcloud", "homelab", "audit", NOW, NOW + timedelta(days=30), POINT)
    point = RecoveryPoint(POINT, "nextcloud", "homelab", RUN, INSTANT, False, 2048, 3, 1, "d", "m", NOW)
    text = "\n".join(points_lines((PointView(point, ("near", "offsite"), ("near",), (held,)),)))
    assert POINT in text
    assert "near offsite" in text
    assert "partial ✖, verified in near ✔, held until 2026-12-23 14:02:11 UTC: audit" in text
    assert "drtool run" in points_lines(())[0]
    theirs = PointView(replace(point, standing="another_machine", machine="nas"), ("near",))
    (line,) = points_lines((), (theirs, theirs))
    assert line.endswith("2 points lie here that another machine of this name made (new state directory?).  next: drtool adopt")
    strange = PointView(replace(point, standing="stranger"), ("near",))
    assert "1 point lies here that nobody of ours sealed" in points_lines((), (strange,))[0]
    assert "audit" in "\n".join(holds_lines((held,)))
    assert holds_lines(()) == ["Nothing is held."]


def test_a_manifest_shows_its_members() -> None:
    manifest = Manifest(
        POINT,
        "nextcloud",
        "homelab",
        RUN,
        INSTANT,
        NOW,
        False,
        (member(),),
        (MissingMember("billing", "no answer"),),
        versions={"drtool": "0.1"},
    )
    text = "\n".join(manifest_lines(manifest))
    assert "partial ✖" in text
    assert "1200 files" in text
    assert "missing billing: no answer" in text
    assert "written with drtool 0.1" in text


def test_what_exists_and_what_is_well() -> None:
    lines = (
        InventoryLine("here:/home", "here", "documents", "protected", sets=("documents", "all")),
        InventoryLine("here:/srv", "here", "", "unprotected", "ext4", new=True),
        InventoryLine("here:/tmp", "here", "", "excluded", "can be made again", until=datetime(2027, 6, 1, tzinfo=UTC)),
        InventoryLine("", "pi", "documents", "problem", "no answer", ("documents",)),
    )
    text = "\n".join(inventory_lines(Ledger(lines)))
    assert "✖  pi" in text
    assert "protected by documents, all" in text
    assert "✖  here:/srv   unprotected, new" in text
    assert "- here:/tmp excluded until 2027-06-01 can be made again" in " ".join(text.split())
    assert "4 workloads: 1 protected, 1 excluded, 1 unprotected, 1 problem, 1 new since the last look" in text
    assert "here:/home" not in "\n".join(inventory_lines(Ledger(lines), only_new=True))
    hostile = InventoryLine("here:/\x1b[2J\n", "here", "", "unprotected", "\u202e")
    assert inventory_lines(Ledger((hostile,), ("\x07",))) == [
        "✖  here:/\\x1b[2J\\x0a  unprotected  \\u202e",
        "1 workload: 1 unprotected",
        "  \\x07",
    ]
    findings = (Finding("near", True, "reachable"), Finding("offsite", False, "no key", "create it"), Finding("here", None, "old restic"))
    text = "\n".join(findings_lines(findings))
    assert "next: create it" in text
    assert "3 questions asked: 1 problem ✖" in text


def test_an_entry_looks_like_ls() -> None:
    line = entry_line(Entry("/home/a\nb", "file", 42, 0o640, "2026-11-23T11:15:00Z"))
    assert line.startswith("-rw-r-----")
    assert line.endswith("42  2026-11-23T11:15:00  /home/a\\x0ab")


def event(kind: EventKind, elapsed: float, **data: Any) -> Event:  # noqa: ANN401
    return Event(kind, RUN, NOW, elapsed, "d/store/here:/home", data)


def test_progress_shows_rate_and_time_left_against_the_objective() -> None:
    progress = ProgressDisplay(live=False, quiet=True)
    progress.against(restore_plan())
    progress(event(EventKind.STEP_STARTED, 0.0))
    assert progress.lane_lines(30.0)[0].split() == ["30s", "d/store/here:/home"]
    progress(event(EventKind.PROGRESS, 60.0, done_bytes=60 * 2**20, total_bytes=600 * 2**20))
    lane, clock = progress.lane_lines(60.0)
    assert lane.split("  ")[1:] == ["10%", "█░░░░░░░░░", "1.0 MiB/s", "~9 min left", "60.0 MiB of 600.0 MiB", "d/store/here:/home"]
    progress(event(EventKind.PROGRESS, 60.5, done_bytes=601 * 2**20, total_bytes=602 * 2**20))
    assert progress.lane_lines(60.5)[0].split()[:2] == ["99%", "█████████░"], "nothing is whole before it is"
    progress(event(EventKind.PROGRESS, 60.7, done_bytes=700 * 2**20, total_bytes=600 * 2**20))
    assert progress.lane_lines(60.7)[0].split()[:2] == ["100%", "██████████"]
    progress(event(EventKind.PROGRESS, 60.8, done_bytes=7 * 2**20, total_bytes=0))
    assert progress.lane_lines(60.8)[0].split()[0] == "117.9", "of how much nobody knows"
    assert clock == "1 min since the start of 1 h ✔"
    progress(event(EventKind.STEP_ENDED, 61.0, seconds=61.0, result={"kind": "stored"}))
    assert progress.lane_lines(4000.0) == ["1 h 6 min since the start of 1 h ✖"]


def test_no_lane_is_drawn_between_where_a_line_goes_and_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes are drawn again by a thread: one drawn after the place of a finished step was measured would never be wiped off."""
    for name, value in (("TTY_COMPATIBLE", "1"), ("TTY_INTERACTIVE", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    drawn: list[bool] = []
    threads: list[threading.Thread] = []

    class Between(RenderHook):
        def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
            if threading.current_thread() is threading.main_thread() and not drawn:
                drawing = threading.Thread(target=refresh)
                drawing.start()
                drawing.join(0.5)
                drawn.append(not drawing.is_alive())
                threads.append(drawing)
            return renderables

    with ProgressDisplay(live=True) as progress:
        assert progress._display is not None
        refresh, console = progress._display.refresh, progress._display.console
        progress(event(EventKind.STEP_STARTED, 0.0))
        console.push_render_hook(Between())
        progress(event(EventKind.STEP_ENDED, 1.0, seconds=1.0))
        console.pop_render_hook()
        for each in threads:
            each.join()
    assert drawn == [False]


def test_progress_by_parts_shows_their_rate_and_time_left_and_a_phase_without_a_number_only_its_name() -> None:
    progress = ProgressDisplay(live=False, quiet=True)
    progress(event(EventKind.STEP_STARTED, 0.0))
    progress(event(EventKind.PROGRESS, 5.0, phase="load indexes"))
    assert progress.lane_lines(7.0)[0].split("  ")[-3:] == ["7s", "load indexes", "d/store/here:/home"]
    progress(event(EventKind.PROGRESS, 10.0, done_parts=2, total_parts=10, phase="packs"))
    assert progress.lane_lines(10.0)[0].split("  ")[1:] == ["20%", "██░░░░░░░░", "", "10s", "2 of 10 packs", "d/store/here:/home"], (
        "no rate yet"
    )
    progress(event(EventKind.PROGRESS, 14.0, done_parts=4, total_parts=10, phase="packs"))
    lane = progress.lane_lines(14.0)[0].split("  ")[1:]
    assert lane == ["40%", "████░░░░░░", "0.5/s", "~12 s left", "4 of 10 packs", "d/store/here:/home"]
    progress(event(EventKind.PROGRESS, 15.0, done_parts=0, total_parts=3, phase="indexes \x1b[2J"))
    assert progress.lane_lines(15.0)[0].split("  ")[1:] == ["0%", "░░░░░░░░░░", "", "15s", "0 of 3 indexes \\x1b[2J", "d/store/here:/home"]


def test_without_a_terminal_a_finished_step_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay(live=False) as progress:
        progress(event(EventKind.STEP_STARTED, 0.0))
        progress(event(EventKind.PROGRESS, 1.0, done_bytes=1))
        progress(event(EventKind.STEP_RETRIED, 1.0, what="no answer"))
        progress(event(EventKind.STEP_ENDED, 2.0, seconds=2.0, result={"passed": False}))
        progress(event(EventKind.STEP_ENDED, 2.0, not_run="told to stop"))
        progress(event(EventKind.STEP_ENDED, 2.0, seconds=2.0, failure={"what": "broken\x1b"}))
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "  d/store/here:/home: no answer; trying again",
        "  ✖ d/store/here:/home  2.0 s",
        "  ! d/store/here:/home: not run: told to stop",
        "  ✖ d/store/here:/home  2.0 s  broken\\x1b",
    ]


def test_what_is_named_by_a_digest_is_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    name = f"sweep/near/unsealed/{'1aa62c03' * 8}"
    with ProgressDisplay(live=False) as progress:
        progress(Event(EventKind.STEP_STARTED, RUN, NOW, 0.0, name, {}))
        assert progress.lane_lines(9.0)[0].split()[-1] == "sweep/near/unsealed/1aa62c03…"
        progress(Event(EventKind.STEP_ENDED, RUN, NOW, 2.0, name, {"seconds": 2.0, "result": {}}))
    assert capsys.readouterr().err == "  ✔ sweep/near/unsealed/1aa62c03…  2.0 s\n"
    assert with_short_digests("a" * 65 + "\x1b") == "a" * 65 + "\\x1b"


@pytest.mark.parametrize(
    ("remedy", "told"),
    [
        ("drtool doctor near", ""),
        ("check the network and the server, then: drtool doctor near", "check the network and the server"),
        ("drtool init near", "drtool init near"),
        ("look at it; drtool doctor near, or call somebody", "look at it, or call somebody"),
    ],
)
def test_doctor_does_not_send_back_to_itself(remedy: str, told: str) -> None:
    lines = findings_lines((Finding("near", False, "does not answer", remedy),))
    assert [line.strip() for line in lines[1:-1]] == ([f"next: {told}"] if told else [])


@pytest.mark.parametrize(("unheld", "words"), [(1, "1 file of 7 B of it is not in"), (2, "2 files of 7 B of it are not in")])
def test_what_is_kept_aside_is_counted_in_whole_sentences(unheld: int, words: str) -> None:
    aside = Leftover("here", "kept", "/srv/web.before-01JD", RUN, "home", target="/srv/web")
    thing = KeptThing(aside, 60.0, files=2, bytes=7, unheld_files=unheld, unheld_bytes=7, point=POINT)
    assert any(words in line for line in kept_lines([thing]))
