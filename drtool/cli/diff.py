from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.ids import whole_point
from drtool.cli.options import LookVerb
from drtool.cli.session import open_session


@click.command("diff", cls=LookVerb)
@click.argument("older", metavar="POINT")
@click.argument("newer", metavar="POINT")
@click.pass_context
def command(context: click.Context, older: str, newer: str) -> int:
    """Show what changed between two recovery points."""
    from drtool.cli.render.listings import plain_lines  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    lines = app.diff(whole_point(app, older), whole_point(app, newer))
    session.answer("differences", lines, lambda: plain_lines(lines) or ["nothing changed"])
    return exits.SUCCEEDED
