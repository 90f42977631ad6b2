"""Negative control: break on purpose what a drill restored, require red, and put it right."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from drtool.engine.actions.ask import as_restored, ask, question_of
from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.model import plan as actions
from drtool.model.command import Command
from drtool.model.errors import Conflict, Refused, WrongKey
from drtool.model.negative_control import IN_FILES, Controlled, Fault
from drtool.model.plan import Answer, Restored
from drtool.ports import Inspection, Question, Runner

_FLIP = """
set -eu; cp -a -- "$1" "$2"; byte=$(od -An -tu1 -N1 -j "$3" "$1")
printf "\\\\$(printf %03o $((byte ^ 255)))" | dd of="$1" bs=1 seek="$3" conv=notrunc status=none; touch -r "$2" -- "$1"
"""
_UNFLIP = 'set -eu; cat -- "$2" >"$1"; touch -r "$2" -- "$1"; rm -f -- "$2"'
_TAKE = 'set -eu; touch -r "$3" -- "$2.time"; mv -T -- "$1" "$2"'
_GIVE_BACK = 'set -eu; mv -T -- "$2" "$1"; touch -r "$2.time" -- "$3"; rm -f -- "$2.time"'


@dataclass(frozen=True, slots=True)
class AskedCheck:
    """A check, what it is asked of, and whether it was green."""

    action: actions.Ask
    restored: tuple[Restored, ...]
    green: bool = True

    @property
    def name(self) -> str:
        """How a report calls it."""
        return self.action.check.name + (f" of {self.action.check.of}" if self.action.check.of else "")


def break_on_purpose(work: Work, action: actions.Break) -> Controlled:
    """Inject the fault that the plan names, where the checks it names were green."""
    return control(work.adapters, action, _asked(work, action))


def control(adapters: Adapters, action: actions.Break, asked: tuple[AskedCheck, ...]) -> Controlled:
    """Inject one fault, ask, and put it right; Conflict when a check that went red stays red afterwards.

    Nothing is injected into what is red already: a red that was there before shows nothing.
    """
    if not all(each.green for each in asked):
        return Controlled(action.fault, None, "not every check was green before")
    if action.fault in IN_FILES:
        return _in_files(adapters, action, asked)
    if action.fault is Fault.OLDER_POINT:
        return _in_point(adapters, action, asked)
    if action.fault is Fault.WRONG_KEY:
        return _at_the_door(adapters, action)
    return _in_questions(adapters, action, asked)


def _in_files(adapters: Adapters, action: actions.Break, asked: tuple[AskedCheck, ...]) -> Controlled:
    restored = next(thing for each in asked for thing in each.restored if thing.workload == action.workload)
    with adapters.sources[restored.source].inspect(restored) as inspection:
        runner, sandbox = inspection.runner, inspection.sandbox
        victim = _victim(restored, inspection)
        if victim is None:
            return Controlled(action.fault, None, f"{action.workload} has no file to break")
        aside = posixpath.join(sandbox, f".drtool-control-{adapters.clock.fresh_id()}")
        broken = _flipped(runner, *victim, aside=aside) if action.fault is Fault.FLIPPED_BYTE else _taken(runner, victim[0], aside=aside)
        with broken:
            red = _red(adapters, asked, lambda question: question)
        _require_green(adapters, [each for each in asked if each.name in red])
    blind = () if red else tuple(each.name for each in asked)
    return Controlled(action.fault, bool(red), f"{action.fault} in {victim[0].removeprefix(sandbox)}", red, blind)


def _in_point(adapters: Adapters, action: actions.Break, asked: tuple[AskedCheck, ...]) -> Controlled:
    member = action.older
    if member is None:
        raise Conflict(f"no older point of {action.workload} was planned")

    def older(question: Question) -> Question:
        things = (replace(thing, member=member) if thing.workload == action.workload else thing for thing in question.restored)
        return replace(question, restored=tuple(things))

    red = _red(adapters, asked, older)
    _require_green(adapters, [each for each in asked if each.name in red])
    blind = () if red else tuple(each.name for each in asked)
    return Controlled(action.fault, bool(red), f"{action.workload} was held against an older point", red, blind)


def _in_questions(adapters: Adapters, action: actions.Break, asked: tuple[AskedCheck, ...]) -> Controlled:
    concerned = [each for each in asked if _spoilt(adapters, each, action.fault) is not None]
    if not concerned:
        return Controlled(action.fault, None, "no check of this set concerns it")
    red = _red(adapters, concerned, lambda question: adapters.checks[question.check.kind].spoil(question, action.fault) or question)
    _require_green(adapters, [each for each in concerned if each.name in red])
    blind = tuple(each.name for each in concerned if each.name not in red)
    return Controlled(action.fault, not blind, f"{action.fault} for {len(concerned)} of {len(asked)} checks", red, blind)


def _at_the_door(adapters: Adapters, action: actions.Break) -> Controlled:
    try:
        adapters.locked_out[action.repository].list()
    except WrongKey:
        return Controlled(action.fault, True, f"{action.repository} was tried with a password that is not its own", ("the key",))
    return Controlled(action.fault, False, f"{action.repository} opens with a password that is not its own", blind=("the key",))


def _spoilt(adapters: Adapters, asked: AskedCheck, fault: Fault) -> Question | None:
    with question_of(adapters, asked.action, asked.restored) as question:
        return adapters.checks[asked.action.check.kind].spoil(question, fault)


def _red(adapters: Adapters, asked: Iterable[AskedCheck], spoil: Callable[[Question], Question]) -> tuple[str, ...]:
    return tuple(each.name for each in asked if _is_red(ask(adapters, each.action, each.restored, spoil=spoil)))


def _is_red(answer: Answer) -> bool:
    return not answer.passed and not answer.skipped


def _require_green(adapters: Adapters, asked: Iterable[AskedCheck]) -> None:
    still = [each.name for each in asked if not ask(adapters, each.action, each.restored).passed]
    if still:
        raise Conflict(f"{', '.join(still)} stays red after the fault was put right, so its red proved nothing", hint="drill again")


def _victim(restored: Restored, inspection: Inspection) -> tuple[str, int] | None:
    """Return the smallest restored file whose content a census knows, and the offset of a byte in it.

    The path comes out of a manifest, and links out of what was restored: what they would lead to outside of the sandbox is production.
    """
    runner, root, sandbox = inspection.runner, inspection.root, inspection.sandbox
    if root is None:
        return None
    for artifact in restored.member.artifacts:
        if artifact.form != "tree":
            there = artifact.census.bytes and _is_file_in(runner, root, sandbox)
            return (root, artifact.census.bytes // 2) if there else None
        base = artifact.path.rstrip("/")
        for file in sorted(artifact.census.sample, key=lambda each: (each.bytes, each.path)):
            place = root.rstrip("/") + file.path[len(base) :]
            if file.bytes and _is_file_in(runner, place, sandbox):
                return place, file.bytes // 2
    return None


def _is_file_in(runner: Runner, path: str, place: str) -> bool:
    if not place or runner.run(Command(("test", "-f", path))).exit_code != 0:
        return False
    completed = runner.run(Command(("realpath", "-z", "-e", "--", path, place)))
    real, home, *_ = (*completed.standard_output.split(b"\0"), b"", b"")
    return completed.exit_code == 0 and real.startswith(home.rstrip(b"/") + b"/")


@contextlib.contextmanager
def _flipped(runner: Runner, path: str, offset: int, *, aside: str) -> Iterator[None]:
    _shell(runner, _FLIP, path, aside, str(offset))
    try:
        yield
    finally:
        _shell(runner, _UNFLIP, path, aside)


@contextlib.contextmanager
def _taken(runner: Runner, path: str, *, aside: str) -> Iterator[None]:
    _shell(runner, _TAKE, path, aside, posixpath.dirname(path))
    try:
        yield
    finally:
        _shell(runner, _GIVE_BACK, path, aside, posixpath.dirname(path))


def _shell(runner: Runner, script: str, *arguments: str) -> None:
    environment: Mapping[str, str] = {"LC_ALL": "C"}
    completed = runner.run(Command(("sh", "-c", script, "drtool", *arguments), environment=environment))
    if completed.exit_code != 0:
        raise Refused(f"the fault could not be injected or put right in {arguments[0]}: {completed.said(200)}", hint="drill again")


def _asked(work: Work, action: actions.Break) -> tuple[AskedCheck, ...]:
    asks = {step.id: step.action for step in work.plan.steps if isinstance(step.action, actions.Ask)}
    found = []
    for name in action.asks:
        answer = work.results.get(name)
        restored = tuple(as_restored(work.result(step)) for step in asks[name].cutovers.values())
        found.append(AskedCheck(asks[name], restored, green=not isinstance(answer, Answer) or answer.passed))
    return tuple(found)
