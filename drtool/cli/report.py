from __future__ import annotations

import click

from drtool.cli import exits, screen
from drtool.cli.ids import whole_run
from drtool.cli.options import LookVerb
from drtool.cli.render.forms import FORMS, report_text
from drtool.cli.session import open_session
from drtool.model.errors import Refused


@click.command("report", cls=LookVerb)
@click.argument("run", metavar="[RUN|last]", default="last")
@click.option("--format", "form", type=click.Choice(FORMS), help="How it is written; text unless --json asks otherwise.")
@click.option("--output", metavar="FILE", help="Write it there instead of printing it.")
@click.pass_context
def command(context: click.Context, run: str, form: str | None, output: str | None) -> int:
    """Print the report of a run (of the `last` one unless said otherwise) step by step, and exit as that run did."""
    session = open_session(context)
    app = session.journals()
    report = app.report(whole_run(app, run))
    code = exits.of_report(report)
    form = form or ("json" if session.options.json else "text")
    text = report_text(form, report, code=code, former=app.history)
    if output is None:
        screen.data([text.removesuffix("\n")])
        return code
    from drtool.cli.report_files import ReportFile, keep_apart, write  # noqa: PLC0415 - only a file needs it

    keep_apart(app, (ReportFile(form, output),))
    try:
        write(form, output, text)
    except OSError as error:
        raise Refused(
            f"the report could not be written to {output}: {error.strerror}",
            hint="name another file",
            safe="the run and its journal are as they were",
        ) from None
    return code
