from __future__ import annotations

import click

from drtool.cli.options import Verb
from drtool.cli.report_files import ReportFile, leaves_reports
from drtool.cli.session import open_session


@click.command("drill", cls=Verb)
@click.argument("names", nargs=-1, metavar="[DRILL|SET]...")
@click.pass_context
@leaves_reports
def command(context: click.Context, names: tuple[str, ...], reports: tuple[ReportFile, ...]) -> int:
    """Restore into a sandbox, ask the checks, release, and record the evidence.

    The same steps as a real restore, timed from the declaration to the last check that passed.
    """
    session = open_session(context)
    app = session.app()
    return session.carry_out(lambda: app.drill(names), reports=reports, former=app.history)
