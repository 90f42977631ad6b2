from __future__ import annotations

import click

from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("sweep", cls=Verb)
@click.option("--kept", is_flag=True, help="Also remove what restores kept aside: the old data is gone then.")
@click.pass_context
def command(context: click.Context, kept: bool) -> int:  # noqa: FBT001 - click's shape
    """Release what ended runs left behind: staging, sandboxes, snapshots, data that was never sealed."""
    session = open_session(context)
    app = session.app()
    return session.carry_out(lambda: app.sweep(kept=kept))
