from __future__ import annotations

import click

from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("report", cls=Verb)
@click.argument("run", metavar="RUN")
@click.pass_context
def command(context: click.Context, run: str) -> int:
    """Print the report of RUN step by step, and exit as that run did."""
    session = open_session(context)
    return session.report(session.app().report(run), steps=True, as_data=True)
