from __future__ import annotations

import os
import sys
from datetime import datetime

import click

from drtool.cli import exits, screen
from drtool.cli.ids import whole_point
from drtool.cli.options import LookVerb, Options
from drtool.cli.session import open_session
from drtool.cli.types import Until

_WAIT_SECONDS = 120.0


@click.command("mount", cls=LookVerb)
@click.argument("point", metavar="POINT")
@click.argument("directory", required=False, metavar="[DIRECTORY]")
@click.option("--until", type=Until(), default="12h", show_default=True, metavar="4h|INSTANT", help="When it ends by itself.")
@click.option("--from", "repository", metavar="REPOSITORY", help="From this copy instead of the first.")
@click.option("--background", is_flag=True, help="Return when it is mounted; unmount it to end it.")
@click.pass_context
def command(
    context: click.Context,
    point: str,
    directory: str | None,
    until: datetime,
    repository: str | None,
    background: bool,  # noqa: FBT001 - click's shape
) -> int:
    """Show POINT, read-only, at DIRECTORY (without one, at a fresh one), until Ctrl-C.

    Only this point is shown, each snapshot below the name of its source. Needs FUSE; without it: drtool browse.
    """
    from drtool.cli.render.words import printable, stamp  # noqa: PLC0415
    from drtool.model.plan import Mount  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    point = whole_point(app, point)
    plan = app.plan_mount(point, directory, until=until, repository=repository)
    place = next(step.action.directory for step in plan.steps if isinstance(step.action, Mount))
    if background:
        _start_apart(session.options, point, directory, until=until, repository=repository, place=place)
        session.answer("mount", {"directory": place, "until": until}, lambda: [place])
        screen.words([f"It ends at {stamp(until)}, or by: fusermount -u {printable(place)}"])
        return exits.SUCCEEDED
    screen.words([f"{printable(point)} is shown at {printable(place)} until Ctrl-C, at most until {stamp(until)}."])
    report = app.mount(plan)
    ended = all(step.failure is None and not step.not_run for step in report.steps if step.action == "mount")
    return exits.SUCCEEDED if ended else session.report(report)


def _start_apart(options: Options, point: str, directory: str | None, *, until: datetime, repository: str | None, place: str) -> None:
    from drtool.engine.mount import is_mounted  # noqa: PLC0415
    from drtool.process import start_apart  # noqa: PLC0415

    given = {
        "--policy": options.policy,
        "--state-directory": options.state_directory,
        "--restic": options.restic,
        "--repository": options.repository,
        "--password-file": options.password_file,
        "--ssh-config": options.ssh_config,
        "--until": until.isoformat(),
        "--from": repository,
    }
    words = [text for name, value in given.items() if value is not None for text in (name, value)]
    argv = (sys.executable, "-m", "drtool.cli.main", "mount", "--quiet", *words, "--", point)
    named = (os.path.abspath(directory),) if directory is not None else ()
    start_apart((*argv, *named), ready=lambda: is_mounted(place), seconds=_WAIT_SECONDS)
