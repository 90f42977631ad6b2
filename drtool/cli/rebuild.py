from __future__ import annotations

import click

from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("rebuild", cls=Verb)
@click.option("--accept", metavar="REPOSITORY", help="What is missing there is missed no longer: somebody changed it deliberately.")
@click.pass_context
def command(context: click.Context, accept: str | None) -> int:
    """Rebuild the local cache from the repositories; what this machine knew to be in them is still compared."""
    session = open_session(context)
    app = session.app()
    return session.carry_out(lambda: app.rebuild(accept=accept))
