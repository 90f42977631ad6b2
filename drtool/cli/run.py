from __future__ import annotations

import click

from drtool.cli.options import LongVerb
from drtool.cli.report_files import ReportFile, keep_apart, leaves_reports
from drtool.cli.session import open_session


@click.command("run", cls=LongVerb)
@click.argument("sets", nargs=-1, metavar="[SET]...")
@click.option("--due", is_flag=True, help="Only what its schedule asks for now, and prune and verify when their time has come.")
@click.pass_context
@leaves_reports
def command(context: click.Context, sets: tuple[str, ...], due: bool, reports: tuple[ReportFile, ...]) -> int:  # noqa: FBT001 - click's shape
    """Protect SETs (all of them when none is named): snapshot, store, seal, release, copy off-site, forget.

    A timer calls `drtool run --due` every few minutes. When nothing is due that is success, and nothing is asked, said or written.
    """
    session = open_session(context)
    app = session.app()
    keep_apart(app, reports)
    if due:
        session.progress.wait_for_work()
    work = (lambda: app.run_due(sets)) if due else (lambda: app.run(sets))
    return session.carry_out(work, reports=reports, former=app.history)
