from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("inventory", cls=Verb)
@click.pass_context
def command(context: click.Context) -> int:
    """Show every workload the sets protect, and what stands in its way."""
    from drtool.cli.render.listings import inventory_lines  # noqa: PLC0415

    session = open_session(context)
    lines = session.app().inventory()
    session.answer("inventory", lines, lambda: inventory_lines(lines))
    return exits.FAILED if any(line.state == "problem" for line in lines) else exits.SUCCEEDED
