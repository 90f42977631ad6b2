from __future__ import annotations

import click

from drtool.cli import exits, screen
from drtool.cli.ids import whole_point
from drtool.cli.options import LookVerb
from drtool.cli.session import open_session


@click.command("ls", cls=LookVerb)
@click.argument("point", metavar="POINT")
@click.argument("path", default="", metavar="[PATH]")
@click.option("--workload", metavar="WORKLOAD", help="Only inside this workload.")
@click.pass_context
def command(context: click.Context, point: str, path: str, workload: str | None) -> int:
    """List the files inside POINT, below PATH."""
    from drtool.cli.render.listings import entry_line  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    files = app.list_files(whole_point(app, point), path, workload)
    if session.options.json:
        session.answer("entries", tuple(files), list, unlisted=files.unlisted)
    else:
        session.note(files.unlisted)
        screen.data(entry_line(entry) for entry in files)
    return exits.SUCCEEDED
