from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import LongVerb
from drtool.cli.report_files import ReportFile, files_of, keep_apart, leaves_reports
from drtool.cli.session import open_session


@click.command("drill", cls=LongVerb)
@click.argument("names", nargs=-1, metavar="[DRILL|SET]...")
@click.option("--due", is_flag=True, help="Only the drills whose schedule asks for it now.")
@click.pass_context
@leaves_reports
def command(context: click.Context, names: tuple[str, ...], due: bool, reports: tuple[ReportFile, ...]) -> int:  # noqa: FBT001 - click's shape
    """Restore into a sandbox, ask the checks, release, and record the evidence.

    The same steps as a real restore, timed from the declaration to the last check that passed. A timer calls `drtool drill --due`;
    when several drills are due each has its own report, and a file of --report bears the drill's name.
    """
    session = open_session(context)
    app = session.app()
    keep_apart(app, reports)
    if due:
        session.progress.wait_for_work()
        chosen = app.due_drills(names)
        codes = {
            session.carry_out(lambda name=name: app.drill_due(name), reports=files_of(reports, name, among=len(chosen)), former=app.history)  # type: ignore[misc]
            for name in chosen
        }
        return exits.joined(codes)
    return session.carry_out(lambda: app.drill(names), reports=reports, former=app.history)
