from __future__ import annotations

import shlex
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from drtool.cli import exits, screen
from drtool.cli.ids import whole_point
from drtool.cli.options import LookVerb, typed_again
from drtool.cli.session import Invocation, open_session
from drtool.cli.types import Until

if TYPE_CHECKING:
    from drtool.model.plan import Mount

_WAIT_SECONDS = 120.0
_HANDED_ON = ("policy", "state_directory", "restic", "deadline", "repository", "password_file", "ssh_config", "machine")


@click.command("mount", cls=LookVerb)
@click.argument("point", metavar="POINT")
@click.argument("directory", required=False, metavar="[DIRECTORY]")
@click.option("--until", type=Until(), default="12h", show_default=True, metavar="4h|INSTANT", help="When it ends by itself.")
@click.option("--from", "copy", metavar="REPOSITORY", help="From this copy instead of the first.")
@click.option("--background", is_flag=True, help="Return when it is mounted; unmount it to end it.")
@click.pass_context
def command(
    context: click.Context,
    point: str,
    directory: str | None,
    until: datetime,
    copy: str | None,
    background: bool,  # noqa: FBT001 - click's shape
) -> int:
    """Show POINT, read-only, at DIRECTORY (without one, at a fresh one), until Ctrl-C.

    Only this point is shown, each snapshot below the name of its source. Needs FUSE; without it: drtool browse.
    """
    from drtool.engine.mount import once_mounted  # noqa: PLC0415
    from drtool.model.plan import Mount  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    plan = app.plan_mount(whole_point(app, point), directory, until=until, repository=copy)
    shown = next(step.action for step in plan.steps if isinstance(step.action, Mount))
    if background:
        return _in_background(session, shown, given=directory)
    with once_mounted(shown.directory, lambda: _tell(shown)):
        report = app.mount(plan)
    ended = all(step.failure is None and not step.not_run for step in report.steps if step.action == "mount")
    return exits.SUCCEEDED if ended else session.report(report)


def _tell(shown: Mount) -> None:
    from drtool.cli.render.words import printable, stamp  # noqa: PLC0415

    place = printable(shown.directory)
    screen.words([f"{printable(shown.point)} is shown at {place} until Ctrl-C, at most until {stamp(shown.expires)}."])


def _in_background(session: Invocation, shown: Mount, *, given: str | None) -> int:
    """Let a program of its own show it, by the same options; what that says of a failure is said as it is."""
    from drtool.cli.render.words import printable, stamp  # noqa: PLC0415
    from drtool.engine.mount import is_mounted  # noqa: PLC0415
    from drtool.process import EndedEarly, start_apart  # noqa: PLC0415

    words = [*typed_again(session.options, *_HANDED_ON), "--until", shown.expires.isoformat(), "--from", shown.repository]
    words += ["--json"] if session.options.json else []
    argv = (sys.executable, "-m", "drtool.cli.main", "mount", "--quiet", *words, "--", shown.point)
    place = (shown.directory,) if given is not None else ()
    try:
        start_apart((*argv, *place), ready=lambda: is_mounted(shown.directory), seconds=_WAIT_SECONDS)
    except EndedEarly as ended:
        screen.data(ended.output.splitlines())
        screen.words([printable(line) for line in ended.words.splitlines()])
        return ended.exit_code or exits.FAILED
    session.answer("mount", {"directory": shown.directory, "until": shown.expires}, lambda: [shown.directory])
    screen.words([f"It ends at {stamp(shown.expires)}, or by: fusermount -u {printable(shlex.quote(shown.directory))}"])
    return exits.SUCCEEDED
