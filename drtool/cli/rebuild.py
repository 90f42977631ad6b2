from __future__ import annotations

import click

from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("rebuild", cls=Verb)
@click.pass_context
def command(context: click.Context) -> int:
    """Rebuild the local cache from the repositories: nothing else is kept on this machine."""
    session = open_session(context)
    app = session.app()
    return session.carry_out(app.rebuild)
