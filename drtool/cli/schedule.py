from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING

import click

from drtool.cli import exits, screen
from drtool.cli.options import VerbGroup
from drtool.cli.questions import go_on
from drtool.cli.render.words import printable
from drtool.cli.session import Invocation, open_session
from drtool.cli.types import Seconds
from drtool.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from drtool.app.scheduling import TimerWish
    from drtool.model.timer import SchedulePlan

_MINUTE = 60


def _often(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the option that says how often the timers ask."""
    words = "How often it is asked what is due: 1m to 1h; else as installed."
    return click.option("--every", type=Seconds(), metavar="5m", help=words)(function)


def _wishes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options that say which timers are meant."""
    for option in (
        click.option("--directory", metavar="DIRECTORY", help="The files lie there, and systemd is told nothing."),
        click.option("--user", is_flag=True, help="Timers of this user, not of the system."),
        click.option("--cron", is_flag=True, help="A file for /etc/cron.d instead of units of systemd."),
    ):
        function = option(function)
    return function


@click.group("schedule", cls=VerbGroup)
def command() -> None:
    """Let this machine call drtool by itself: timers of systemd, or cron.

    When something is done stands in the policy; the timers only ask every few minutes what is due.
    """


@command.command("print")
@_wishes
@_often
@click.pass_context
def print_files(context: click.Context, cron: bool, user: bool, directory: str | None, every: float | None) -> int:  # noqa: FBT001 - click's shape
    """Print the files and change nothing."""
    session = open_session(context)
    files = session.app().timer_files(_wish(session, cron=cron, user=user, directory=directory, every=every))
    session.answer(
        "timers", files, lambda: [line for file in files for line in (f"# {file.name}", *file.text.splitlines(), "")], to_copy=True
    )
    return exits.SUCCEEDED


@command.command("install")
@_wishes
@_often
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
def install(context: click.Context, cron: bool, user: bool, directory: str | None, every: float | None, yes: bool) -> int:  # noqa: FBT001
    """Write the files, start the timers; shows what changes and asks. Again, it changes only what is not so."""
    return _change(open_session(context), cron=cron, user=user, directory=directory, every=every, yes=yes, remove=False)


@command.command("remove")
@_wishes
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
def remove(context: click.Context, cron: bool, user: bool, directory: str | None, yes: bool) -> int:  # noqa: FBT001 - click's shape
    """Stop the timers and remove their files."""
    return _change(open_session(context), cron=cron, user=user, directory=directory, every=None, yes=yes, remove=True)


@command.command("status")
@_wishes
@_often
@click.pass_context
def status(context: click.Context, cron: bool, user: bool, directory: str | None, every: float | None) -> int:  # noqa: FBT001
    """Compare what is installed with what has to be; ends 1 where that differs."""
    session = open_session(context)
    plan = session.app().plan_schedule(_wish(session, cron=cron, user=user, directory=directory, every=every))
    words = ["install", *("--cron",) * cron, *("--user",) * user, *(("--directory", directory) if directory else ())]
    if plan.hindrance and not cron:
        words = ["print" if user else "install", "--cron"]
    words += [] if every is None else ["--every", f"{every / _MINUTE:.0f}m"]
    session.answer("timers", plan.changes, lambda: _standing(plan, words))
    return exits.SUCCEEDED if plan.is_idle and not plan.hindrance else exits.NEEDS_ATTENTION


@command.command("failed", hidden=True)
@click.argument("unit")
@click.pass_context
def failed(context: click.Context, unit: str) -> int:
    """Tell whoever the policy names that a unit failed; called by systemd."""
    session = open_session(context)
    untold = session.app().tell_of_unit(unit)
    screen.words(untold)
    return exits.FAILED if untold else exits.SUCCEEDED


def _change(session: Invocation, *, cron: bool, user: bool, directory: str | None, every: float | None, yes: bool, remove: bool) -> int:
    app = session.app()
    wish = _wish(session, cron=cron, user=user, directory=directory, every=every)
    plan = app.plan_schedule(wish, install=not remove, remove=remove)
    hindered = [plan.hindrance] if plan.hindrance and not remove else []
    if plan.is_idle:
        session.answer("timers", plan.changes, lambda: ["nothing to change", *_others(plan)])
        screen.words(hindered)
        return exits.FAILED if hindered else exits.SUCCEEDED
    if not yes:
        screen.words([*_lines(plan, whole=True), *hindered])
        refusal = Refused("nobody is there to ask", hint="look at the changes above, and add --yes", safe="nothing was changed")
        if not go_on("Do this?", refusal=refusal):
            screen.words(["Nothing was changed."])
            return exits.FAILED
    else:
        screen.words(_going(plan))
    untold = app.schedule(plan)
    session.answer("timers", plan.changes, lambda: [*_lines(plan), *_others(plan)])
    screen.words(printable(each) for each in (*untold, *hindered))
    return exits.FAILED if untold or hindered else exits.SUCCEEDED


def _wish(session: Invocation, *, cron: bool, user: bool, directory: str | None, every: float | None) -> TimerWish:
    from drtool.app.opening import policy_paths  # noqa: PLC0415
    from drtool.app.scheduling import TimerWish  # noqa: PLC0415
    from drtool.planning.timers import STEPS  # noqa: PLC0415

    if every is not None and every not in STEPS:
        steps = ", ".join(f"{step // _MINUTE}m" for step in STEPS)
        raise click.UsageError(f"--every must divide an hour: {steps}")
    if cron and user:
        raise click.UsageError("a user has no folder of cron: print the lines (drtool schedule print --cron) and add them by `crontab -e`")
    return TimerWish(cron, user, directory or "", None if every is None else int(every), policy_paths(session.options.policy))


def _standing(plan: SchedulePlan, words: list[str]) -> list[str]:
    """Say how what is installed differs from what has to be, and what to type next: never what would have drtool called twice."""
    if plan.others and not plan.is_installed:
        return [*_others(plan), "", f"next: {shlex.join(('drtool', 'schedule', 'status', *plan.others[0].options))}"]
    hindered = [plan.hindrance] if plan.hindrance else []
    if plan.is_idle:
        return [*_lines(plan), *(hindered or ["as it has to be"]), *_others(plan)]
    return [*_lines(plan), *hindered, *_others(plan), "", f"next: {shlex.join(('drtool', 'schedule', *words))}"]


def _others(plan: SchedulePlan) -> list[str]:
    """Name the timers of other kinds that call with the same policy, and how they go."""
    return [f"{printable(each.path)} is installed: {shlex.join(('drtool', 'schedule', 'remove', *each.options))}" for each in plan.others]


def _going(plan: SchedulePlan) -> list[str]:
    """Return the lines that go, below the file that each stood in: a person may have written some of them, and nothing else keeps them."""
    lines = []
    for change in plan.changes:
        compared = list(difflib.unified_diff(change.before.splitlines(), change.after.splitlines(), lineterm="", n=0))[2:]
        gone = [f"    {printable(line)}" for line in compared if line.startswith("-")]
        lines += [f"{printable(change.path)} loses:", *gone] if gone else []
    return lines


def _lines(plan: SchedulePlan, *, whole: bool = False) -> list[str]:
    """Say file by file what changes, and which timers nothing wakes; `whole`: line by line, too."""
    lines = []
    for change in plan.changes:
        of = f"  (until now it calls with {printable(change.of)})" if change.of else ""
        lines.append(f"{change.change.value:6}  {printable(change.path)}{of}")
        if whole and change.change.value != "same":
            compared = difflib.unified_diff(change.before.splitlines(), change.after.splitlines(), lineterm="", n=1)
            lines += [f"    {printable(line)}" for line in list(compared)[2:]]
    return [*lines, *(f"start   {printable(name)}: it is there, and nothing wakes it" for name in plan.asleep)]
