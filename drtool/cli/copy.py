from __future__ import annotations

import click

from drtool.cli.options import LongVerb
from drtool.cli.session import open_session


@click.command("copy", cls=LongVerb)
@click.argument("sets", nargs=-1, metavar="[SET]...")
@click.pass_context
def command(context: click.Context, sets: tuple[str, ...]) -> int:
    """Bring the copies of SETs (all when none is named) up to date."""
    session = open_session(context)
    app = session.app()
    return session.carry_out(lambda: app.copy(sets))
