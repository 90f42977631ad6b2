from __future__ import annotations

import click

from drtool.cli.options import LongVerb
from drtool.cli.session import open_session


@click.command("verify", cls=LongVerb)
@click.argument("repositories", nargs=-1, metavar="[REPOSITORY]...")
@click.option("--point", metavar="POINT", help="Only what this point needs, wherever it lies (restic 0.19 or newer).")
@click.pass_context
def command(context: click.Context, repositories: tuple[str, ...], point: str | None) -> int:
    """Read every byte of the repositories (all when none is named) against its digests, and record it."""
    session = open_session(context)
    app = session.app()
    return session.carry_out(lambda: app.verify(repositories, point=point))
