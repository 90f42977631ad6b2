"""An error for the person at 3 a.m.: what failed, where, what is safe, what to type, whether trying again is harmless."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from drtool.cli import exits
from drtool.cli.render.words import printable
from drtool.model.errors import DrtoolError, PolicyError
from drtool.model.report import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

_LABELS: Final = {
    "Refused": "refused",
    "Interrupted": "interrupted",
    "Corrupt": "data wrong",
    "PolicyError": "policy",
    "Bug": "bug",
}
_LABEL_WIDTH: Final = 8
_ENDS_IN_COMMAND: Final = re.compile(
    r"(?:^|[:;,(] |\b(?:and|by|or|then|type|with) )(?:drtool|restic|systemctl|mount|umount|ssh\S*|chmod|chown|mkdir|rm) [^:;,]*$"
)
SEPARATOR: Final = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "


_WAITING_HELPS: Final = frozenset({"Unavailable", "TimedOut", "Locked", "NotNow", "Interrupted"})


def again_words(failure: Failure) -> str:
    """Say whether to try again; empty where only what is told to do next, or another state of things, brings another end."""
    if not failure.again_is_harmless:
        return "Do not simply try again: look first."
    return "Trying again is harmless." if failure.kind in _WAITING_HELPS else ""


def failure_lines(failure: Failure, *, code: int | None = None) -> list[str]:
    """Return the block of one failure; `code` is told at its end when the program ends with it."""
    label = _LABELS.get(failure.kind, "failed")
    indent = " " * _LABEL_WIDTH
    head = f"{label}  ".ljust(_LABEL_WIDTH)
    place = _place(failure.where)
    lines = [printable(line) for line in failure.traceback.rstrip().splitlines()]
    lines.append(f"{head}{place}    {printable(failure.what)}" if place else f"{head}{printable(failure.what)}")
    if failure.safe:
        lines.append(f"{indent}safe: {printable(failure.safe)}")
    again = again_words(failure)
    last = f"next: {_sentence(printable(failure.hint))}  {again}".rstrip() if failure.hint else again
    exit_code = "" if code is None else f"exit {code}"
    last = f"{last}        {exit_code}".strip()
    return [*lines, f"{indent}{last}"] if last else lines


def error_lines(error: DrtoolError, *, ends: bool = True) -> list[str]:
    """Return the block of an error; one that `ends` the program tells its exit code, too."""
    code = exits.of_error(error)
    if isinstance(error, PolicyError):
        return _policy_lines(error, code)
    return failure_lines(Failure.of(error), code=code if ends else None)


def failures_lines(failures: Sequence[Failure]) -> list[str]:
    """Return the blocks of several failures: each told once, with every place that it struck."""
    places: dict[Failure, list[str]] = {}
    for failure in dict.fromkeys(failures):
        places.setdefault(replace(failure, where=""), []).append(failure.where)
    lines: list[str] = []
    for failure, (first, *others) in places.items():
        head, *rest = failure_lines(replace(failure, where=first))
        also = [f"{' ' * _LABEL_WIDTH}also: {', '.join(map(_place, others))}"] if others and not failure.traceback else []
        lines += [head, *also, *rest]
    return lines


def _policy_lines(error: PolicyError, code: int) -> list[str]:
    lines = []
    for problem in error.problems:
        field = f"{problem.field}: " if problem.field else ""
        lines.append(f"{printable(str(problem.place))}: {printable(field + problem.message)}")
        if problem.hint:
            lines.append(f"        {printable(problem.hint)}")
    lines.append(f"policy  {printable(error.what)}")
    hint = printable(error.hint) or "correct the lines above and type `drtool validate`"
    lines.append(f"        next: {_sentence(hint)}  Nothing was changed.        exit {code}")
    return lines


def _place(where: str) -> str:
    return SEPARATOR.join(part.strip() for part in printable(where).split(" / ") if part.strip())


def _sentence(text: str) -> str:
    """Return it with a full stop, but never behind a command: whoever copies that types the stop, too."""
    return text if text.endswith((".", "!", "?", "`")) or _ENDS_IN_COMMAND.search(text) else f"{text}."
