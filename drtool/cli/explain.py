from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.render.words import printable
from drtool.cli.session import open_session


@click.command("explain", cls=Verb)
@click.argument("name", metavar="SET")
@click.pass_context
def command(context: click.Context, name: str) -> int:
    """Say in words what will happen to SET and when (the next five times), and what is kept and why."""
    session = open_session(context)
    lines = session.app().explain(name)
    session.answer("explanation", lines, lambda: [printable(line) for line in lines])
    return exits.SUCCEEDED
