from __future__ import annotations

import click

from drtool.cli.options import LongVerb
from drtool.cli.session import open_session


@click.command("prune", cls=LongVerb)
@click.argument("repositories", nargs=-1, metavar="[REPOSITORY]...")
@click.pass_context
def command(context: click.Context, repositories: tuple[str, ...]) -> int:
    """Free the space in the repositories (all when none is named) that nothing claims any more."""
    session = open_session(context)
    app = session.app()
    return session.carry_out(lambda: app.prune(repositories))
