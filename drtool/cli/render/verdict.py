"""What a run amounted to, in plain words: what every form of a report begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.cli.render.words import counted, long_duration
from drtool.model.negative_control import is_hollow
from drtool.model.outcome import Outcome
from drtool.model.quarantine import COMPARE, stops_forgetting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from drtool.model.negative_control import Controlled
    from drtool.model.report import CheckReport, Failure, ObjectiveReport, Report, SetReport, StepReport

RECOVERIES: Final = frozenset({"restore", "drill"})
UNTIL_SWEPT: Final = "drtool sweep --kept"
_KEPT: Final = ".before-"
_NO_RECOVERY: Final = {
    Outcome.REFUSED: "was not restored: it was refused",
    Outcome.INTERRUPTED: "is not back: the {verb} was interrupted",
    Outcome.FAILED: "did not come back",
}
_NO_POINT: Final = {
    Outcome.PARTIAL: "was protected only in part",
    Outcome.REFUSED: "was not protected: the {verb} was refused",
    Outcome.INTERRUPTED: "was not protected: the {verb} was interrupted",
    Outcome.FAILED: "was not protected",
    Outcome.DATA_WRONG: "was not protected: its data is wrong",
}


def outcome_words(outcome: Outcome) -> str:
    """Spell an outcome for people."""
    return outcome.value.replace("_", " ")


def back_but(report: Report) -> str:
    """Return what is to be said first where all that was to be put in place is, and something was left out or undone; empty elsewhere."""
    if report.verb != "restore" or report.outcome is not Outcome.PARTIAL:
        return ""
    if report.restored != "all":
        return _back_without(report)
    unasked = report.checks.not_asked
    back = f"what was asked for is back ({_how_much(report)})" if report.asked == "part" else "everything is back"
    if not unasked:
        return f"{back}; not all else that the policy says was done"
    return f"{back}; {counted(unasked, 'check')} {'was' if unasked == 1 else 'were'} not asked"


def _how_much(report: Report) -> str:
    """Spell how much of the points was asked for: `1 of 3 workloads`."""
    if any(entry.only_paths for entry in report.sets):
        return "single paths"
    asked = sum(entry.workloads for entry in report.sets)
    return f"{asked} of {counted(sum(entry.workloads_in_point for entry in report.sets), 'workload')}"


def _back_without(report: Report) -> str:
    """Say what came back although something was left out when it was planned; empty where something else was amiss."""
    left_out = [each for entry in report.sets for each in entry.left_out]
    cutovers = [step for step in report.steps if step.action == "cutover"]
    if not left_out or not cutovers or any(step.outcome is not Outcome.SUCCEEDED for step in cutovers):
        return ""
    members = [step.result.get("member") for step in cutovers]
    forms = {artifact.get("form") for member in members if isinstance(member, dict) for artifact in member.get("artifacts", ())}
    back = "the files are back" if forms == {"tree"} else "the rest is back"
    first, *others = left_out
    more = f" (and {len(others)} more)" if others else ""
    return f"{back}; {first.workload}{more} {'were' if others else 'was'} left out: {first.why}"


def headline(report: Report) -> str:
    """Return the whole run in one sentence, names as they are."""
    if words := back_but(report):
        return f"{words[0].upper()}{words[1:]}."
    if len(report.sets) == 1 and report.sets[0].outcome is report.outcome:
        return f"{sentence(report.verb, report.sets[0])}."
    well = sum(entry.outcome is Outcome.SUCCEEDED for entry in report.sets)
    if report.sets and well < len(report.sets):
        came = "came back as promised" if report.verb in RECOVERIES else "are well"
        return f"{well} of {counted(len(report.sets), 'set')} {came}."
    if report.sets and report.outcome is Outcome.SUCCEEDED:
        whole = f"All {counted(len(report.sets), 'set')}"
        return f"{whole} came back as promised." if report.verb in RECOVERIES else f"{whole} are protected."
    return f"The {report.verb} {_ended(report.outcome)}."


def sentence(verb: str, entry: SetReport) -> str:
    """Return what became of one set, beginning with its name and without a full stop."""
    name = entry.set
    if verb not in RECOVERIES:
        point = "is protected by a new recovery point" if entry.point else f"is well: the {verb} succeeded"
        words = _NO_POINT.get(entry.outcome, point if entry.outcome is Outcome.SUCCEEDED else f"ended {outcome_words(entry.outcome)}")
        return f"{name} {words.format(verb=verb)}"
    if entry.outcome is Outcome.DATA_WRONG:
        wrong = sum(check.passed is False and not check.skipped for check in entry.checks)
        if wrong:
            return f"{name} came back wrong: {wrong} of {counted(len(entry.checks), 'check')} did not pass"
        return f"{name} did not come back whole: what is stored disagrees with its digests"
    if entry.outcome is Outcome.FAILED and _is_back(entry):
        return f"{name} came back, but is not proven{_why_unproven(entry)}"
    if entry.outcome in _NO_RECOVERY:
        return f"{name} {_NO_RECOVERY[entry.outcome].format(verb=verb)}"
    if entry.outcome is Outcome.PARTIAL:
        return f"{name} came back only in part"
    return f"{name} came back{_in_time(entry.objective)}"


def _why_unproven(entry: SetReport) -> str:
    if unasked := [check for check in entry.checks if check.passed is not True]:
        silent = all(check.skipped for check in unasked)
        what = f"{'was' if len(unasked) == 1 else 'were'} not asked" if silent else "did not pass"
        return f": {len(unasked)} of {counted(len(entry.checks), 'check')} {what}"
    if blind := dict.fromkeys(name for control in entry.controls for name in control.blind):
        return f": a fault was not seen by {', '.join(blind)}"
    return ": no fault could be injected into what a check looks at" if is_hollow(entry.controls) else ""


def unfinished(entry: SetReport) -> str:
    """Spell what a set without a recovery time is: its data is there and `not proven`, or it is `not back`."""
    return "not proven" if _is_back(entry) else "not back"


def _is_back(entry: SetReport) -> bool:
    return bool(entry.ladder) and all(rung.reached for rung in entry.ladder)


def _in_time(objective: ObjectiveReport | None) -> str:
    if objective is None or objective.rto_seconds is None:
        return ""
    words = f" in {long_duration(objective.rto_seconds)}"
    if objective.rto_objective_seconds is not None:
        than = "later than" if "rto" in objective.missed else "within"
        words += f", {than} the {long_duration(objective.rto_objective_seconds)} promised"
    if "rpo" in objective.missed:
        words += f", but with {long_duration(objective.rpo_seconds or 0)} of data lost"
    return words


def _ended(outcome: Outcome) -> str:
    return {
        Outcome.REFUSED: "was refused",
        Outcome.INTERRUPTED: "was interrupted",
        Outcome.PARTIAL: "succeeded only in part",
        Outcome.OBJECTIVE_MISSED: "missed its objective",
        Outcome.DATA_WRONG: "found wrong data",
    }.get(outcome, outcome_words(outcome))


def check_words(check: CheckReport) -> str:
    """Spell how a check was answered: `passed`, `failed` or `not asked`."""
    if check.skipped:
        return "not asked"
    return {True: "passed", False: "failed", None: "not asked"}[check.passed]


def advice(report: Report, entry: SetReport) -> tuple[str, str] | None:
    """Return what is still safe and what to type where an answer was wrong; None where no check failed."""
    if all(check.passed is not False or check.skipped for check in entry.checks):
        return None
    untouched = _untouched(report)
    verify = " ".join(("drtool verify", *entry.copies))
    return untouched, f"{verify} (tells whether the stored bytes are sound), drtool points {entry.set} (lists the others)"


def _untouched(report: Report) -> str:
    if report.verb == "drill":
        return "a drill touches nothing in service"
    if report.verb not in RECOVERIES:
        return "earlier points are untouched"
    handed = _handed_over(report)
    if not handed:
        return "nothing was overwritten: what was there is kept aside"
    replaced = f"of {', '.join(handed)} its program replaced what it had"
    if all(step.workload in handed for step in report.steps if step.action == "cutover"):
        return f"nothing else was touched: {replaced}"
    return f"{replaced}; else nothing was overwritten: what was there is kept aside"


def _handed_over(report: Report) -> tuple[str, ...]:
    """Name the streams that were handed to their programs in service, whatever these made of them."""
    begun = {(step.set, step.workload) for step in report.steps if step.action == "cutover" and step.outcome is not None}
    poured = [step for step in report.steps if step.action == "restore" and (step.set, step.workload) in begun]
    return tuple(dict.fromkeys(step.workload for step in poured if _is_stream_in_place(step.result)))


def _is_stream_in_place(fetched: Mapping[str, Any]) -> bool:
    member, landed = fetched.get("member"), fetched.get("landed")
    if not isinstance(member, dict) or not isinstance(landed, dict):
        return False
    return member.get("kind") == "stream" and landed.get("destination", {}).get("form") == "original"


def closing(report: Report) -> tuple[str, str]:
    """Return what is still safe and what to type next, for a run that did not simply succeed."""
    look = f"drtool report {report.run} shows every step"
    for entry in report.sets:
        if report.verb in RECOVERIES and (told := advice(report, entry)) is not None:
            return told
    if was_stopped(report) or ran_out_of_time(report):
        rest = f"drtool sweep removes what it left; {look}" if left_behind(report) else look
        again = "again" if was_stopped(report) else "with more time (--deadline)"
        return _untouched(report), f"the same command {again}; {rest}"
    names = " ".join(entry.set for entry in report.sets if entry.outcome is not Outcome.SUCCEEDED) or "SET"
    if report.verb not in RECOVERIES:
        shows = _to_look_at(report) or "drtool doctor (tells what stands in the way, and what to do about it)"
        return _untouched(report), f"{shows}; {look}"
    bad = [entry.outcome for entry in report.sets if entry.outcome is not Outcome.SUCCEEDED]
    if report.restored in ("part", "none") and bad and all(outcome is Outcome.REFUSED for outcome in bad):
        return _untouched(report), f"what was refused says above what it needs; {look}"
    hints = dict.fromkeys(each.hint for entry in report.sets for each in entry.left_out if each.hint)
    if hints and _back_without(report):
        return _untouched(report), f"{'; '.join(hints)}; {look}"
    if report.restored in ("part", "none"):
        return _untouched(report), f"drtool points {names} (an older point, or another copy, may hold it); {look}"
    if report.checks.not_asked:
        ask = "give each check that was not asked what it lacks, and drill again" if report.verb == "drill" else "ask those yourself"
        return _untouched(report), f"{ask}; {look}"
    if report.outcome is Outcome.OBJECTIVE_MISSED:
        return _untouched(report), f"drtool forecast {names} (tells what takes how long); {look}"
    return _untouched(report), look


def _to_look_at(report: Report) -> str:
    """Return what shows why nothing of a set is forgotten, where nothing else keeps a run from being a success; empty: it does."""
    lesser = [step.result for step in report.steps if step.outcome not in (None, Outcome.SUCCEEDED)]
    if report.failures or not lesser or not all(stops_forgetting(result) for result in lesser):
        return ""
    shown = (str(result["data"]["reason"]).rpartition(COMPARE) for result in lesser)
    return "; ".join(f"drtool {command}" if colon else "drtool status" for _why, colon, command in shown)


def was_stopped(report: Report) -> bool:
    """Tell whether a run was told to stop, or died, and nothing else was amiss."""
    return report.outcome is Outcome.INTERRUPTED


def ran_out_of_time(report: Report) -> bool:
    """Tell whether a restore or a drill met the deadline of the call, and nothing else was amiss."""
    failures = (*report.failures, *(step.failure for step in report.steps if step.failure is not None))
    late = (failure.kind == "TimedOut" and "the deadline" in failure.what for failure in failures)
    return report.verb in RECOVERIES and bool(failures) and all(late)


def left_behind(report: Report) -> tuple[str, ...]:
    """Say what a restore that was ended early leaves beside the places it was pouring for; nothing where all it poured is in service."""
    early = was_stopped(report) or ran_out_of_time(report) or report.signal_number or report.ended is None
    if report.verb != "restore" or not early:
        return ()
    served = {(step.set, step.workload) for step in report.steps if step.action == "cutover" and step.outcome is Outcome.SUCCEEDED}
    poured = [step for step in report.steps if step.action == "restore" and step.seconds + step.started_after_seconds > 0]
    names = tuple(dict.fromkeys(step.workload for step in poured if (step.set, step.workload) not in served))
    return tuple(f"{name}: what was restored until then is left in a staging folder: drtool sweep removes it" for name in names)


def detected_words(controls: Sequence[Controlled]) -> str:
    """Spell how many of the faults that could be injected were found: `detects 5 of 5 faults`."""
    injected = [control for control in controls if control.detected is not None]
    return f"detects {sum(control.detected is True for control in injected)} of {counted(len(injected), 'fault')}"


def control_words(control: Controlled) -> str:
    """Spell what became of one fault: `detected`, `not detected` or `not injected`."""
    return {True: "detected", False: "not detected", None: "not injected"}[control.detected]


def failures_of(report: Report, entry: SetReport) -> tuple[tuple[StepReport, Failure], ...]:
    """Return the steps of one set that failed, each with its failure."""
    return tuple((step, step.failure) for step in report.steps if step.set == entry.set and step.failure is not None)


def kept_aside(report: Report, entry: SetReport) -> tuple[str, ...]:
    """Return under which names the old data of a set is kept now; what lay inside something that was renamed later went with it.

    A drill keeps nothing aside: what one set of it exchanged of another goes with the sandbox.
    """
    kept: list[str] = []
    if report.verb == "drill":
        return ()
    for step in report.steps:
        if step.set == entry.set and step.result.get("kind") == "restored" and (aside := str(step.result.get("aside", ""))):
            replaced = aside.rpartition(_KEPT)[0]
            kept = [aside + name.removeprefix(replaced) if name.startswith(f"{replaced}/") else name for name in kept]
            kept.append(aside)
    return tuple(kept)


def ways_back(report: Report, *, remembered: bool = True) -> tuple[str, ...]:
    """Return how a restore is taken back: by one command (if it is `remembered`), by a person where the source cannot, or by both."""
    results = [step.result for step in report.steps if step.result.get("kind") == "restored" and step.result.get("aside")]
    undo = f"drtool restore --undo {report.run}"
    ways = {str(result.get("way_back") or undo) for result in results}
    return tuple(sorted(ways if remembered else ways - {undo}))


def other_failures(report: Report) -> tuple[Failure, ...]:
    """Return the failures that belong to no set, each once."""
    told = {failure for entry in report.sets for _step, failure in failures_of(report, entry)}
    known = (*report.failures, *(step.failure for step in report.steps if step.failure is not None))
    return tuple(failure for failure in dict.fromkeys(known) if failure not in told)
