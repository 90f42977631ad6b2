from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("status", cls=Verb)
@click.option("--check", is_flag=True, help="Exit 1 when a set needs attention (for monitoring).")
@click.option("--refresh", is_flag=True, help="Ask the repositories again instead of the cache.")
@click.pass_context
def command(context: click.Context, check: bool, refresh: bool) -> int:  # noqa: FBT001 - click's shape
    """Show what is protected, how old it is, when it was last proven, and what to type next."""
    from drtool.cli.render.status import status_lines  # noqa: PLC0415

    session = open_session(context)
    view = session.app().status(refresh=refresh)
    session.answer("status", view, lambda: status_lines(view.sets, as_of=view.as_of, now=view.now, readings=view.readings))
    return exits.NEEDS_ATTENTION if check and any(entry.attention for entry in view.sets) else exits.SUCCEEDED
