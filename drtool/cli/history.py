from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import LookVerb
from drtool.cli.session import open_session


@click.command("history", cls=LookVerb)
@click.pass_context
def command(context: click.Context) -> int:
    """List the runs this machine knows of."""
    from drtool.cli.render.report import history_lines  # noqa: PLC0415

    session = open_session(context)
    reports = session.journals().history()
    session.answer("history", reports, lambda: history_lines(reports))
    return exits.SUCCEEDED
