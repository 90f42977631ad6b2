from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.ids import whole_id
from drtool.cli.options import LookVerb
from drtool.cli.session import open_session


@click.command("show", cls=LookVerb)
@click.argument("name", metavar="POINT|RUN")
@click.pass_context
def command(context: click.Context, name: str) -> int:
    """Show what a recovery point holds, or the report of a run."""
    from drtool.cli.render.listings import manifest_lines  # noqa: PLC0415
    from drtool.cli.render.report import report_lines  # noqa: PLC0415
    from drtool.model.report import Report  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    shown = app.show(whole_id(app, name))
    if isinstance(shown, Report):
        session.answer("report", shown, lambda: report_lines(shown, code=exits.of_report(shown), steps=True))
    else:
        session.answer("manifest", shown, lambda: manifest_lines(shown))
    return exits.SUCCEEDED
