from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from drtool.catalog.storage import write_new
from drtool.cli import exits, screen
from drtool.cli.options import Verb, typed_again
from drtool.cli.render.folded import folded, folded_command
from drtool.cli.render.table import Row
from drtool.cli.render.words import printable
from drtool.cli.saying import say_as
from drtool.cli.session import Invocation, open_session
from drtool.model.errors import DrtoolError, Interrupted, PolicyError, Refused
from drtool.openness import opening_of
from drtool.policy.compose import compose
from drtool.policy.find import HERE, SYSTEM, find, holds_policy

if TYPE_CHECKING:
    from drtool.app.facade import App
    from drtool.model.answers import Answers
    from drtool.ports import Finding

_ANSWERS: Final = (
    ("--name", "NAME", "What the policy is called."),
    ("--path", "PATH", "A folder to protect; may be given several times."),
    ("--ssh", "DESTINATION", "The folders are on this machine: user@host, or a name of ssh_config."),
    ("--truenas", "URL", "Protect datasets of this TrueNAS: wss://HOST/api/current."),
    ("--truenas-user", "USER", "The user of the NAS that is drtool's own.  [drtool]"),
    ("--truenas-key", "REFERENCE", "Where the API key of that user is."),
    ("--truenas-ca", "PATH", "The certificate of the NAS, or of who signed it."),
    ("--dataset", "DATASET", "A dataset to protect; may be given several times."),
    ("--near", "FOLDER", "Where the near copy lies; or: nothing."),
    ("--near-key", "REFERENCE", "Where its key is: file:/path, env:NAME or credential:name."),
    ("--near-environment", "NAME=REFERENCE", "What its store wants to see; may be given several times."),
    ("--offsite", "ADDRESS", "Where the off-site copy lies, as restic has it; or: nothing."),
    ("--offsite-key", "REFERENCE", "Where its key is."),
    ("--offsite-environment", "NAME=REFERENCE", "What its store wants to see; may be given several times."),
    ("--seen-from", "ADDRESS", "How the machine of --ssh reaches a folder of this one: sftp:USER@HOST:PATH."),
    ("--rpo", "DURATION", "How much, in time, may be lost at most.  [24h]"),
    ("--rto", "DURATION", "How long it may take until everything is back.  [1h]"),
    ("--keep", "RULES", "Which points are kept.  [last: 3, daily: 14, weekly: 8, monthly: 12, verified: 2]"),
    ("--schedule", "CRON", "When it is backed up.  [twice within the RPO]"),
    ("--sandbox", "FOLDER", "Where a monthly drill restores to, on the machine of --ssh if there is one; or: nothing."),
)
_COMMAND: Final = re.compile(r" +next: (?:drtool|chmod|chown|mkdir|umount|mount|ssh|rm) ")
_SEVERAL: Final = frozenset({"--path", "--dataset", "--near-environment", "--offsite-environment"})


def _answers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb an option for every question."""
    for option, metavar, words in reversed(_ANSWERS):
        function = click.option(option, metavar=metavar, multiple=option in _SEVERAL, help=words)(function)
    return function


@click.command("new", cls=Verb)
@_answers
@click.option("--output", metavar="FILE", help="Write it there.  [policies/NAME.yaml]")
@click.option("--no-check", is_flag=True, help="Do not ask what `drtool doctor` asks.")
@click.option("--dry-run", "-n", is_flag=True, help="Print the policy and write nothing.")
@click.pass_context
def command(context: click.Context, /, output: str | None, no_check: bool, dry_run: bool, **given: Any) -> int:  # noqa: FBT001, ANN401
    """Write a first policy, with comments; asks at a terminal for what no option says.

    Nothing is written before the last answer, and never over anything. Secrets are not asked for, only where they are found. Of what it
    needs nothing is made yet: `drtool init` does that, keys included.
    """
    session = open_session(context)
    if session.options.policy is not None:
        raise click.UsageError("this verb reads no policy, it writes one: --output FILE says where")
    if not dry_run:
        _require_place(output)
    answers = _answered(session, {f"--{name.replace('_', '-')}": value for name, value in given.items() if value})
    path, text = output or os.path.join(HERE, f"{answers.name}.yaml"), compose(answers)
    said = {"path": path, "text": text, "is_written": not dry_run}
    if dry_run:
        session.answer("first-policy", said, lambda: [printable(line) for line in text.removesuffix("\n").split("\n")])
        return exits.SUCCEEDED
    _write(path, text)
    screen.words(folded(["", f"{printable(path)} is written.", *_told(answers)]))
    app = replace(session, options=replace(session.options, policy=path)).app()
    if _is_found(path):
        say_as(str)
    following = _next(session, path)
    findings = () if no_check else _examined(app)
    session.answer("first-policy", said, lambda: _lines(app, findings, following), findings=findings, next=following)
    return exits.SUCCEEDED


def _require_place(output: str | None) -> None:
    """Refuse a place where a policy lies already, or would not be read; nobody should answer for nothing."""
    folder = os.path.dirname(os.path.abspath(output or os.path.join(HERE, "new.yaml")))
    if output is not None and os.path.lexists(output):
        raise _taken(output)
    if os.path.realpath(folder) in _read_as_one() and holds_policy(Path(folder)):
        look = shlex.join(["drtool", "validate", "--policy", folder])
        raise Refused(
            f"{folder} holds a policy already, and all files of that folder are read as one",
            hint=f"look at it: {look}; or write another one elsewhere: drtool new --output FILE",
            safe="nothing was written",
        )
    opening = opening_of(os.path.join(folder, "new.yaml"))
    if opening is not None and opening.anybody:
        raise Refused(f"a policy there would not be read: {opening.words}", hint=opening.remedy, safe="nothing was written")


def _read_as_one() -> set[str]:
    """Return the folders, where they really lie, whose files are one policy for every verb that is not told another."""
    named = os.environ.get("DRTOOL_POLICY", "")
    return {os.path.realpath(folder) for folder in (HERE, SYSTEM, *([named] if os.path.isdir(named) else []))}


def _write(path: str, text: str) -> None:
    """Write the policy, whole or not at all."""
    try:
        write_new(os.path.abspath(path), text.encode())
    except (OSError, ValueError) as error:
        if os.path.lexists(path):
            raise _taken(path) from None
        words = getattr(error, "strerror", None) or str(error)
        hint = "name another file: --output FILE"
        raise Refused(f"{path} cannot be written: {words.lower()}", hint=hint, safe="nothing was written") from None


def _taken(path: str) -> Refused:
    return Refused(
        f"{path} is there already, and nothing is ever written over",
        hint=f"look at it: drtool validate --policy {shlex.quote(path)}; or write another: drtool new --output FILE",
        safe="it is as it was",
    )


def _answered(session: Invocation, given: dict[str, Any]) -> Answers:
    from drtool.app.opening import default_state_directory  # noqa: PLC0415 - heavy, and not needed for help
    from drtool.cli.first_policy import answered, problems  # noqa: PLC0415 - likewise
    from drtool.cli.questions import Asker, refusal  # noqa: PLC0415 - likewise

    asker = Asker(given, judge=problems, is_terminal=sys.stdin.isatty() and sys.stderr.isatty())
    state = session.options.state_directory or default_state_directory(os.environ)
    answers = answered(asker, private=_private(), sandbox=os.path.join(os.path.abspath(state), "sandbox"))
    if asker.missing:
        raise refusal(f"nobody is there to ask, and these are not answered: {', '.join(asker.missing)}")
    return answers


def _private() -> str:
    """Return the folder where keys lie unless somebody says otherwise."""
    if os.geteuid() == 0:
        return SYSTEM
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(home, "drtool")


def _told(answers: Answers) -> list[str]:
    """Say of a copy that it is none for the day when this place is lost."""
    shared = answers.offsite.shared_with if answers.offsite is not None else ""
    words = f"offsite is no off-site copy: it lies on one file system with {printable(shared)}. Until its disk is kept elsewhere"
    return [f"{words}, nothing is left when this place is lost."] if shared else []


def _examined(app: App) -> tuple[Finding, ...]:
    """Ask what `doctor` asks; the policy is written, whatever comes of it."""
    from drtool.cli.render.errors import error_lines  # noqa: PLC0415

    try:
        return app.doctor(())
    except Interrupted:
        raise
    except DrtoolError as error:
        screen.words(_folded_but_commands(error_lines(error)))
        return ()


def _lines(app: App, findings: tuple[Finding, ...], following: tuple[str, str, str]) -> list[str]:
    from drtool.cli.render.listings import findings_lines  # noqa: PLC0415
    from drtool.cli.validate import validated_lines  # noqa: PLC0415

    lines = validated_lines(app)
    if findings:
        lines += ["", "`drtool doctor` says, before anything is made:", *findings_lines(findings)]
    lines = [*_folded_but_commands(lines), "", "next:"]
    meanings = (_FIRST, _SECOND, _THEN[following[2].split()[2]])
    for command_line, meaning in zip(following, meanings, strict=True):
        lines += [*map(printable, folded_command(command_line, depth=2)), *folded([f"      {meaning}"])]
    return lines


def _folded_but_commands(lines: Iterable[str]) -> list[str]:
    """Break lines that are too long, but for remedies that begin with a command: half of one does something else where it is pasted."""
    return [part for line in lines for part in ([line] if _COMMAND.match(line) or isinstance(line, Row) else folded([line]))]


_FIRST: Final = "makes the repositories and their keys; keep what it prints elsewhere"
_SECOND: Final = "backs up for the first time"
_THEN: Final = {
    "install": "from then on by itself: shows the timers of this machine, and asks",
    "print": "from then on by itself: add these lines with `crontab -e`",
}


def _next(session: Invocation, path: str) -> tuple[str, str, str]:
    """Return what to type next, so that it is this policy that is meant, and timers of a kind that this machine has."""
    from drtool.app.scheduling import usual_words  # noqa: PLC0415 - heavy, and not needed for help

    named = [] if _is_found(path) else ["--policy", os.path.abspath(path)]
    same = [*named, *typed_again(session.options, "state_directory", "restic")]
    init, run, schedule = (shlex.join(["drtool", *words, *same]) for words in (("init",), ("run",), ("schedule", *usual_words())))
    return init, run, schedule


def _is_found(path: str) -> bool:
    """Tell whether a policy there is the one that is found where none is named."""
    try:
        return os.path.realpath(*find(None, os.environ)) in (
            os.path.realpath(path),
            os.path.realpath(os.path.dirname(os.path.abspath(path))),
        )
    except PolicyError:
        return False
